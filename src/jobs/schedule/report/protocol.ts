/** How the numbers were made, on what, with which settings, and how to use what was learned. */

import type { ExportedForms } from '../../../diffusion/files/index.ts'
import { scheduleName } from '../../../diffusion/files/index.ts'
import { samplerNamed } from '../../../diffusion/index.ts'
import type { Html } from '../../../report/index.ts'
import { count, html } from '../../../report/index.ts'
import { durationText } from '../../../runs/index.ts'
import type { ScheduleResult } from '../../../tuners/index.ts'
import { toldText } from '../../../tuners/index.ts'
import { checkingText } from '../../reporting/checkingText.ts'
import { classItems } from '../../reporting/classItems.ts'
import type { PythonNetwork, ReportContext } from '../../reporting/context.ts'
import { pythonCode } from '../../reporting/python.ts'
import { commands, sampleCommand } from '../../reporting/usage.ts'
import { judgeKnowledgeText } from './judgeKnowledge.ts'

export function protocolList(result: ScheduleResult, context: ReportContext): Html {
  const { peakMemoryMiB, versions } = context
  const { protocol, settings, networkEvaluations, seconds } = result
  const { learned, default: byDefault } = protocol.trainingSteps
  const seeds = protocol.samplingSeeds
  const trained = learned + byDefault > 0
  const items: [string, string][] = [
    ...(protocol.data === null
      ? ([['Data', 'none: rows have no distance to real images']] as [string, string][])
      : ([
          ['Data', protocol.data],
          [
            'Held-out images',
            `${count(protocol.heldOutImages)}, ${heldOutText(context)}; every row is measured on them`,
          ],
        ] as [string, string][])),
    ...(result.objective === 'fid' ? [] : [['Objective', objectiveText(result)] as [string, string]]),
    [
      'Generated images',
      `${count(protocol.samplesPerSeed)} for each sampling seed (${seeds.join(', ')}), the same seeds in every row`,
    ],
    ...classItems(context),
    [
      'Standard error',
      'standard deviation over sampling seeds / √seeds; gains are paired: differences of the same seed',
    ],
    [
      'Features',
      `${result.featureNetwork ?? 'none'}${result.judgeNetwork === null ? '; no judge' : `; judge ${result.judgeNetwork}${judgeKnowledgeText(context)}`}`,
    ],
    [
      'Training',
      trained
        ? `steps of ${protocol.batch} images: learned side ${count(learned)}, default side ${count(byDefault)}, one shared run`
        : 'none: the network is a pretrained one, the same on both sides',
    ],
    ...predictionItems(result, context),
    ...(context.trainedOn === undefined ? [] : [['Trained on', context.trainedOn] as [string, string]]),
    [
      'Tuning',
      `${startText(result)}${protocol.tuning.iterations} iterations of ${count(protocol.tuning.samples)} images${result.objective === 'fid' ? ' against the tuning split' : ''}, gradient by ${protocol.tuning.estimator}${averageText(result)}`,
    ],
    ['Best default', `chosen on ${protocol.bestDefaultChosenOn}, among all samplers and step lists`],
    [
      'Budget',
      `network evaluations: learned side ${count(networkEvaluations.learned)}, default side ${count(networkEvaluations.default)}; ${protocol.budget}${checkingText(context)}`,
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

/** What is known of whether the model has seen the images it is measured on. */
export function heldOutText({ heldOut }: Pick<ReportContext, 'heldOut'>): string {
  if (!heldOut) return 'seen by neither training nor tuning'
  const { known, leftOut } = heldOut
  const claim = known
    ? 'seen by neither training nor tuning'
    : 'not tuned on here; whether the model was trained on some of them is not known'
  const out = leftOut.heldOut + leftOut.tuning
  if (out === 0) return claim
  return `${claim} (left out, as the model has seen them: ${count(leftOut.heldOut)} held-out and ${count(leftOut.tuning)} tuning images)`
}

/** What was learned by, and where it is measured. */
function objectiveText({ objective, objectiveWords }: ScheduleResult): string {
  const where = 'rows are measured on start noise that steered nothing'
  if (objective === 'teacher') return `distance to a teacher, mean squared: ${objectiveWords}; ${where}`
  return `mean of reward ${objectiveWords}; ${where}`
}

function startText({ starts, tuned, objective }: ScheduleResult): string {
  const [best] = starts
  if (!best) return ''
  if (best.value === null) return `from ${best.name}; `
  const words = objective === 'fid' ? `FID ${best.value.toFixed(1)}` : toldText(objective, best.value)
  const rounds = tuned.length > 1 ? `, ${tuned.length} of them tuned in rounds, of which the better half went on` : ''
  return `${starts.length} starts tried (best before tuning: ${best.name}, ${words} on ${best.samples} images)${rounds}; then `
}

function clipText({ clip, clippedNoise }: ScheduleResult['protocol']): string {
  if (!clip) return 'none, in any row'
  const noise =
    clippedNoise === 'keep' ? 'the predicted noise is kept' : 'the noise is recomputed from the clipped x0Hat'
  return `to [${clip.join(', ')}] in every row; ${noise}; defaults of DDPM take the posterior mean of the clipped image, as diffusers does`
}

const samplerText = (settings: ScheduleResult['settings']): string =>
  `${samplerNamed(settings.sampler).words(settings)}${settings.noisyLastStep ? ', last step with noise' : ''}`

/**
 * How to sample with what was learned.
 * @param forms what diffusers can be told
 */
export function usage(result: ScheduleResult, context: ReportContext, forms: ExportedForms): Html {
  const { settings, samplingSteps: n } = result
  const { savedModel = true } = context
  const name = scheduleName({ schedule: result.schedule.sampling, settings, learnedFor: null })
  const folder = `model/schedules/${name}`
  return html`<p>${
    savedModel
      ? "The run folder holds the model in diffusers' layout. Samples with this page's schedule:"
      : "The network stays where it is; the run folder holds the schedule. Samples with this page's schedule:"
  }</p>
${commands(context, [sampleCommand(context, ['--schedule', name])])}
<dl class="files">
<dt><code>${folder}/sampling_schedule.json</code></dt><dd>the levels and told times of the table above, with the sampler's settings</dd>
<dt><code>${folder}/scheduler_config.json</code></dt><dd>${
    forms.plain
      ? html`the same for diffusers: <code>trained_betas</code> whose alphaBar at the told times are the learned levels, for the same weights and for ${n} steps only`
      : `not written: ${forms.reason}`
  }</dd>
${
  forms.steps &&
  html`<dt><code>${folder}/per_step/scheduler_config.json</code></dt><dd>the levels alone, ${n} timesteps in all, for a loop that tells the network its times beside the scheduler's</dd>
`
}${
  forms.ownClass &&
  html`<dt><code>${folder}/bilevel/</code></dt><dd><code>bilevel_scheduler.py</code>, a scheduler of diffusers that takes every number of this schedule in any pipeline, and its config</dd>
`
}<dt><code>${folder}/sigmas.txt</code>, <code>sigmas.json</code></dt><dd>the levels alone as ComfyUI and k-diffusion take them, 0 at the end; these tell the network their own time of each sigma</dd>
${savedModel && MODEL_PARTS}</dl>
${python(result, context, forms, folder)}`
}

/** Said where the network predicts something else than the noise. */
function predictionItems({ schedule }: ScheduleResult, { prediction = 'noise' }: ReportContext): [string, string][] {
  const flow = schedule.sampling.levels[0].path === 'flow'
  if (prediction === 'noise' && !flow) return []
  const velocity = flow ? 'noise - image (velocity of a flow)' : 'velocity, signal noise - noise level image'
  const what = { noise: 'the noise', sample: 'the clean image', velocity }[prediction]
  return [
    ['The network predicts', `${what}${flow ? '; levels x = (1 - sigma) image + sigma noise, told T sigma' : ''}`],
  ]
}

const MODEL_PARTS = html`<dt><code>model/scheduler/scheduler_config.json</code></dt><dd>the training schedule; a learned sampling schedule never overwrites it</dd>
<dt><code>model/unet/diffusion_pytorch_model.safetensors</code></dt><dd>the weights, in the layout of diffusers' <code>UNet2DModel</code> where the network is one</dd>
<dt><code>model/unet/model.onnx</code></dt><dd>one call of the network for any ONNX runtime; the sampling loop stays outside</dd>
`

function python(result: ScheduleResult, context: ReportContext, forms: ExportedForms, folder: string): Html | null {
  const { run, network = { kind: 'UNet2DModel' } } = context
  const [{ shape: imageShape }] = result.grids
  const { guidanceScale, class: asked } = context.config
  const wanted = context.class ?? (asked === 'unconditional' ? network.nullClass : undefined)
  const code = pythonCode({
    forms,
    network,
    imageShape,
    run,
    folder,
    ...(wanted !== undefined && { class: wanted }),
    ...(typeof guidanceScale === 'number' && { guidanceScale }),
  })
  if (code === null) {
    const why = network.kind === 'none' ? network.why : forms.reason
    return why === undefined || why === null ? null : html`<p class="soft">No Python is printed: ${why}.</p>`
  }
  const why =
    network.kind === 'onnx' && network.inRun
      ? 'In Python, from the same folder; diffusers has no class for this network and would build another one from its config, so its ONNX file is run:'
      : 'In Python, from the same folder:'
  return html`<p>${why}</p>
<pre><code class="python">${code}</code></pre>${network.kind === 'UNet2DModel' && inPipeline(network, forms)}`
}

function inPipeline({ classes }: PythonNetwork, { plain, steps, ownClass }: ExportedForms): Html | null {
  if (classes !== undefined) {
    return html`<p class="soft">No pipeline of diffusers for pixels passes class labels: hence the loop.</p>`
  }
  const printed = plain ? plain.timesteps === null && plain.pixelPipeline : !steps
  if (!printed && !ownClass) return null
  const which = printed ? html`this <code>scheduler</code>` : html`the scheduler of <code>bilevel/</code>`
  return html`<p class="soft">In a pipeline: <code>DDPMPipeline.from_pretrained(f"{run}/model")</code> with ${which} put in its place
(<code>pipeline.scheduler = scheduler</code>); <code>DDIMPipeline</code>, given it when it is made, would turn it into DDIM.</p>`
}

function averageText({ tuned, decision }: ScheduleResult): string {
  if (tuned.length === 0) return ''
  const kept = decision && `; kept or not: by ${count(decision.images)} images a side that steered nothing`
  return `; the last third of the iterates is averaged${kept ?? ''}`
}
