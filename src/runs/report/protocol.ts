/** How the numbers were made, on what, with which settings, and how to use what was learned. */
import { scheduleName } from '../../diffusion/index.ts'
import type { ScheduleResult } from '../../tuners/index.ts'
import { isRecord } from '../json.ts'
import { durationText } from '../progress.ts'
import type { ReportContext } from './context.ts'
import { count } from './format.ts'
import type { Html } from './html.ts'
import { html } from './html.ts'

export function protocolList(result: ScheduleResult, { peakMemoryMiB, versions }: ReportContext): Html {
  const { protocol, settings, networkEvaluations, seconds } = result
  const { learned, default: byDefault } = protocol.trainingSteps
  const seeds = protocol.samplingSeeds
  const trained = learned + byDefault > 0
  const items: [string, string][] = [
    ['Data', protocol.data],
    [
      'Held-out images',
      `${count(protocol.heldOutImages)}, seen by neither training nor tuning; every row is measured on them`,
    ],
    [
      'Generated images',
      `${count(protocol.samplesPerSeed)} for each sampling seed (${seeds.join(', ')}), the same seeds in every row`,
    ],
    [
      'Standard error',
      'standard deviation over sampling seeds / √seeds; gains are paired: differences of the same seed',
    ],
    [
      'Features',
      `${result.featureNetwork}${result.judgeNetwork === null ? '; no judge' : `; judge ${result.judgeNetwork}`}`,
    ],
    [
      'Training',
      trained
        ? `steps of ${protocol.batch} images: learned side ${count(learned)}, default side ${count(byDefault)}, one shared run`
        : 'none: the network is a pretrained one, the same on both sides',
    ],
    [
      'Tuning',
      `${startText(result)}${protocol.tuning.iterations} iterations of ${count(protocol.tuning.samples)} images against the tuning split, gradient by ${protocol.tuning.estimator}`,
    ],
    ['Best default', `chosen on ${protocol.bestDefaultChosenOn}, among all samplers and step lists`],
    [
      'Budget',
      `network evaluations: learned side ${count(networkEvaluations.learned)}, default side ${count(networkEvaluations.default)}; ${protocol.budget}`,
    ],
    ['Clipping of x0Hat', clipText(protocol)],
    ['Sampler', samplerText(settings)],
    [
      'Time',
      `${durationText(seconds.total)}: training ${durationText(seconds.training)}, tuning ${durationText(seconds.tuning)}, evaluation ${durationText(seconds.evaluation)}`,
    ],
    ['Peak memory', peakMemoryMiB === null ? 'not measured' : `${count(peakMemoryMiB)} MiB`],
    [
      'Versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
  ]
  return html`<dl>${items.map(([term, text]) => html`<dt>${term}</dt><dd>${text}</dd>\n`)}</dl>`
}

function startText({ starts }: ScheduleResult): string {
  if (starts.length === 0) return ''
  const [best] = starts.toSorted((a, b) => a.fid - b.fid)
  const tried = starts.map(({ power, fid }) => `${power} (FID ${fid.toFixed(1)})`).join(', ')
  return `from the model's own levels as alphaBar^${best.power}, the best of ${tried}; then `
}

function clipText({ clip, clippedNoise }: ScheduleResult['protocol']): string {
  if (!clip) return 'none, in any row'
  const noise =
    clippedNoise === 'keep' ? 'the predicted noise is kept' : 'the noise is recomputed from the clipped x0Hat'
  return `to [${clip.join(', ')}] in every row; ${noise}; defaults of DDPM take the posterior mean of the clipped image, as diffusers does`
}

function samplerText({ sampler, eta, variance, noisyLastStep }: ScheduleResult['settings']): string {
  if (sampler === 'ddim') return `ddim, eta ${eta}`
  if (sampler === 'ddpm') return `ddpm, variance ${variance}${noisyLastStep ? ', last step with noise' : ''}`
  return 'dpm-solver++, second order multistep'
}

/** Settings with their paths, in order. */
export function settingsList({ config }: ReportContext): Html {
  return html`<div class="settings">${flattened(config, '').map(
    ([path, value]) => html`<div><code>${path}</code><code>${value}</code></div>\n`,
  )}</div>`
}

function flattened(value: unknown, path: string): [string, string][] {
  if (!isRecord(value) || Object.keys(value).length === 0)
    return [[path, typeof value === 'string' ? value : JSON.stringify(value)]]
  return Object.entries(value).flatMap(([key, item]) => flattened(item, path === '' ? key : `${path}.${key}`))
}

/** What the page needs to know of an export. */
export interface DiffusersUse {
  /** Timesteps that must be passed; null: the number of steps suffices. */
  readonly timesteps: readonly number[] | null
}

/**
 * How to sample with what was learned.
 * @param diffusers what diffusers must be told, or why it cannot read this schedule
 */
export function usage(result: ScheduleResult, context: ReportContext, diffusers: DiffusersUse | string): Html {
  const { settings, samplingSteps: n } = result
  const { run, savedModel = true } = context
  const folder = `model/schedules/${scheduleName({ schedule: result.schedule.sampling, settings, learnedFor: null })}`
  const subject = savedModel ? run : 'FILE.onnx'
  return html`<p>${
    savedModel
      ? "The run folder holds the model in diffusers' layout. Samples with this page's schedule:"
      : "The network stays where it is; the run folder holds the schedule. Samples with this page's schedule:"
  }</p>
<pre><code>bilevel sample ${subject} --schedule ${run}/${folder}/sampling_schedule.json</code></pre>
<dl class="files">
<dt><code>${folder}/sampling_schedule.json</code></dt><dd>the levels and told times of the table above, with the sampler's settings</dd>
<dt><code>${folder}/scheduler_config.json</code></dt><dd>${
    typeof diffusers === 'string'
      ? `not written: ${diffusers}`
      : html`the same for diffusers: <code>trained_betas</code> whose alphaBar at the told times are the learned levels, for the same weights and for ${n} steps only`
  }</dd>
${savedModel && MODEL_PARTS}</dl>
${typeof diffusers !== 'string' && savedModel && python(result, folder, diffusers)}`
}

const MODEL_PARTS = html`<dt><code>model/scheduler/scheduler_config.json</code></dt><dd>the training schedule; a learned sampling schedule never overwrites it</dd>
<dt><code>model/unet/diffusion_pytorch_model.safetensors</code></dt><dd>the weights, in the layout of diffusers' <code>UNet2DModel</code> where the network is one</dd>
<dt><code>model/unet/model.onnx</code></dt><dd>one call of the network for any ONNX runtime; the sampling loop stays outside</dd>
`

function python(
  { sampler, samplingSteps: n, settings }: ScheduleResult,
  folder: string,
  { timesteps }: DiffusersUse,
): Html {
  const name = sampler === 'ddim' ? 'DDIMScheduler' : 'DPMSolverMultistepScheduler'
  const told = timesteps ? `timesteps=[${timesteps.join(', ')}]` : String(n)
  const eta = settings.eta > 0 ? `, eta=${settings.eta}` : ''
  return html`<pre><code>import torch
from diffusers import UNet2DModel, ${name}

unet = UNet2DModel.from_pretrained("model/unet").eval()
scheduler = ${name}.from_pretrained("${folder}")
scheduler.set_timesteps(${told})
x = torch.randn(16, unet.config.in_channels, unet.config.sample_size, unet.config.sample_size)
with torch.no_grad():
    for t in scheduler.timesteps:
        x = scheduler.step(unet(x, t).sample, t, x${eta}).prev_sample</code></pre>`
}
