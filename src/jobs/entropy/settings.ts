/**
 * The settings of an entropy strength job: one schema with a description and a help group per key, from which config files are checked and
 * the command line's flags are made.
 */

import { z } from 'zod'
import { didYouMean, inputError, MOST } from '../../base/index.ts'
import type { Sampler, SamplerName } from '../../diffusion/index.ts'
import {
  NOISE_FAMILIES,
  ownersOf,
  SAMPLERS,
  SHIPPED_MODELS,
  samplerNamed,
  samplerSettings,
} from '../../diffusion/index.ts'
import { MODULE_TIMEOUT } from '../../rewards/index.ts'
import type { Settings, SettingsLayer } from '../../runs/index.ts'
import { resolveSettings } from '../../runs/index.ts'
import type { EntropySettings, EntropyTarget } from '../../tuners/index.ts'
import { checkEntropySettings, ENTROPY_DEFAULTS } from '../../tuners/index.ts'

import { evaluateSchema, sampleSchema } from '../modelConfigs.ts'
import { ENTROPY_PRESETS } from '../presets.ts'
import { pixelRange, scheduleSchema } from '../schedule/settings.ts'

/** Where a setting stands in the help, in this order. */
export const ENTROPY_GROUPS = ['What is tuned', 'Sampling', 'Data and model', 'Estimating', 'Running'] as const
type EntropyGroup = (typeof ENTROPY_GROUPS)[number]

const said = (group: EntropyGroup, description: string) => ({ group, description })
const count = (most: number) => z.int().min(1).max(most)

/** What a reward may be, in the help of both. */
const REWARD_WORDS =
  "terms joined by '+', each [number*]NAME[:argument][@features|@judge], or FILE.onnx[:output], or FILE.js"

/** Every setting. */
export const entropySchema = z.strictObject({
  preset: z.string().meta(said('What is tuned', `a set of defaults: ${Object.keys(ENTROPY_PRESETS).join(', ')}`)),
  reward: z
    .string()
    .min(1)
    .meta(said('What is tuned', `the reward that is chased (r2): ${REWARD_WORDS}`)),
  judge: z
    .string()
    .min(1)
    .meta(said('What is tuned', 'the reward that notices over-optimisation (r1), which lambda is chosen by')),
  target: z
    .enum(['auto', 'guided', 'tilt', 'penalty'])
    .meta(
      said(
        'What is tuned',
        'what lambda is best for: the guided sampler as it runs, the tilted distribution itself, or the penalty problem at gamma; auto: guided where reward and model have derivatives, else tilt',
      ),
    ),
  gamma: z.number().positive().nullable().meta(said('What is tuned', 'target penalty: the penalty constant')),
  lambdaRange: z
    .tuple([z.number(), z.number()])
    .meta(said('What is tuned', 'where lambda, the entropy strength, is looked for')),
  tolerance: z
    .number()
    .gt(1)
    .meta(said('What is tuned', 'widest interval of lambda that counts as resolved, high over low')),

  ...samplingSettings(),

  model: z
    .string()
    .min(1)
    .meta(
      said(
        'Data and model',
        `the pretrained model: ${SHIPPED_MODELS.join(' or ')} (come with the project), a model folder, a run folder, or an ONNX file (target tilt, as it has no derivative)`,
      ),
    ),
  scheduler: scheduleSchema.shape.scheduler,
  weightsPrefix: scheduleSchema.shape.weightsPrefix,
  timeScale: scheduleSchema.shape.timeScale,
  size: sampleSchema.shape.size,
  data: z
    .string()
    .min(1)
    .nullable()
    .meta(
      said(
        'Data and model',
        "images like the model's, for typicality and to tell whether they are digits: 'digits' (embedded), or a path; none: no data",
      ),
    ),
  features: z
    .string()
    .min(1)
    .meta(
      said(
        'Data and model',
        "the network called @features, which diversity is measured in: 'digits', 'pixels', an ONNX file, 'none', or 'auto' (digits where the data are digits, else pixels)",
      ),
    ),
  featuresOutput: evaluateSchema.shape.featuresOutput,
  featuresRange: evaluateSchema.shape.featuresRange,
  judgeNetwork: z
    .enum(['auto', 'digits', 'none'])
    .meta(said('Data and model', 'the network called @judge; auto: digits where the data are digits, else none')),
  rewardRange: pixelRange().meta(
    said('Data and model', 'pixel range that rewards of ONNX and JS files take; none: not stated'),
  ),

  estimator: z
    .enum(['auto', 'importance', 'paths', 'score-function', 'paired-differences', 'smc'])
    .meta(said('Estimating', 'how gradients in lambda are found; auto: what has the smallest standard error')),
  through: z
    .enum(['network', 'reward'])
    .meta(said('Estimating', 'what guidance is differentiated through; reward: a cheaper proposal, for target tilt')),
  minimumAlphaBar: z
    .number()
    .min(0)
    .lt(1)
    .meta(said('Estimating', 'steps are guided only where signal^2 is above this')),
  maxEvaluations: count(MOST.evaluations).meta(
    said('Estimating', 'most network evaluations for finding and confirming lambda; the curve comes on top'),
  ),
  explorePaths: count(MOST.images).meta(said('Estimating', 'images at each lambda of the first look over the range')),
  curvePoints: count(MOST.entries).meta(said('Estimating', 'values of lambda on the trade-off curve')),
  curvePaths: count(MOST.images).meta(said('Estimating', 'images at each of them')),
  particles: count(MOST.images).meta(said('Estimating', 'smc: particles of one repetition')),
  gridImages: count(MOST.entries).meta(said('Estimating', 'images of each sample grid')),

  chunk: scheduleSchema.shape.chunk,
  device: scheduleSchema.shape.device,
  rewardTimeout: sampleSchema.shape.rewardTimeout,
  seed: scheduleSchema.shape.seed,
  checkpointSeconds: z.number().min(0).meta(said('Running', 'seconds between checkpoints')),
})

/** Names of the samplers that are so. */
function namesOf(which: (sampler: Sampler) => boolean): SamplerName[] {
  return SAMPLERS.flatMap((sampler) => (which(sampler) ? [sampler.name] : []))
}

/** How the model is sampled; `steps` and `eta` follow from sampler and schedule where they are not given. */
function samplingSettings() {
  const { schedule, stepList, steps, eta, class: classSetting } = sampleSchema.shape
  return {
    schedule,
    sampler: z
      .enum(namesOf(({ ancestral }) => ancestral !== null))
      .meta(
        said(
          'Sampling',
          `sampler; a path needs noise, so no ${namesOf(({ ancestral }) => ancestral === null).join(' and no ')}`,
        ),
      ),
    steps,
    stepList,
    eta,
    variance: z.enum(['small', 'large']).meta(said('Sampling', "ddpm: variance of a step's noise")),
    class: classSetting,
  }
}

export type EntropyConfig = z.output<typeof entropySchema>

/** What holds where nothing else says so. */
const DEFAULTS: z.input<typeof entropySchema> = {
  ...ENTROPY_DEFAULTS,
  lambdaRange: [...ENTROPY_DEFAULTS.lambdaRange],
  preset: 'quick',
  reward: 'log-probability:3@features',
  judge: 'log-probability:3@judge + 5*typicality@features',
  target: 'auto',
  gamma: null,
  schedule: 'default',
  sampler: 'ddim',
  steps: 25,
  stepList: null,
  eta: 1,
  variance: 'small',
  class: 'unconditional',
  model: 'digits-16',
  scheduler: null,
  weightsPrefix: null,
  timeScale: 1,
  size: null,
  data: 'digits',
  features: 'auto',
  featuresOutput: null,
  featuresRange: null,
  judgeNetwork: 'auto',
  rewardRange: null,
  device: 'auto',
  rewardTimeout: MODULE_TIMEOUT,
  checkpointSeconds: 30,
}

/** Settings that do not change the result, so that a resumed run may have others. */
export const ENTROPY_MAY_CHANGE = ['checkpointSeconds', 'rewardTimeout'] as const

/**
 * Settings from layers (config file, environment, flags; later ones win) over the preset they name.
 * @throws `config.preset`, `config.unknownKey`, `config.invalid`, `config.entropy`, `sampler.eta`, `entropy.*`
 */
export function resolveEntropyConfig(layers: readonly SettingsLayer[]): EntropyConfig {
  const given = (key: string) => layers.findLast(({ values }) => values[key] !== undefined)?.values[key]
  const name = String(given('preset') ?? DEFAULTS.preset)
  const config = resolveSettings(entropySchema, [
    { source: 'the defaults', values: DEFAULTS },
    { source: `preset ${name}`, values: presetNamed(name) },
    { source: 'what else was given', values: consequences(given) },
    ...layers,
  ])
  checkSampler(config)
  checkLambda(config)
  return config
}

function presetNamed(name: string): Settings {
  if (Object.hasOwn(ENTROPY_PRESETS, name)) return ENTROPY_PRESETS[name as keyof typeof ENTROPY_PRESETS]
  const known = Object.keys(ENTROPY_PRESETS)
  throw inputError('config.preset', `a preset is one of ${known.join(', ')}, got '${name}'${didYouMean(name, known)}`)
}

/** A saved schedule brings its number of steps; eta is DDIM's; gamma asks for the penalty problem. */
function consequences(given: (key: string) => unknown): Settings {
  const schedule = given('schedule')
  const isSaved =
    typeof schedule === 'string' && schedule !== 'default' && !Object.hasOwn(NOISE_FAMILIES, schedule.split(':')[0])
  const gamma = given('gamma')
  return {
    ...(isSaved && { steps: null }),
    ...(SAMPLERS.some(({ name, takes }) => name === given('sampler') && !takes.includes('eta')) && { eta: null }),
    ...(gamma !== undefined && gamma !== null && gamma !== 'none' && { target: 'penalty' }),
  }
}

/** @throws `sampler.eta`, `config.entropy` where a path would have no noise */
function checkSampler({ sampler, eta, variance }: EntropyConfig): void {
  samplerSettings({ sampler, ...(eta !== null && { eta }), variance })
  const { takes } = samplerNamed(sampler)
  if (takes.includes('eta') && eta === 0) {
    throw inputError(
      'config.entropy',
      'guided paths need noise at each step: eta must be above 0, or sampler ddpm, got eta 0',
    )
  }
  if (!takes.includes('variance') && variance === 'large') {
    throw inputError(
      'config.entropy',
      `variance is a setting of ${ownersOf('variance')}, got large with ${sampler}; leave it out`,
    )
  }
}

/** @throws `config.entropy` where keys contradict each other, `entropy.*` */
function checkLambda(config: EntropyConfig): void {
  const { target, gamma } = config
  if (target === 'penalty' && gamma === null) {
    throw inputError('config.entropy', 'target penalty is a problem for each gamma; give one, such as --gamma 10')
  }
  if (target !== 'penalty' && gamma !== null) {
    throw inputError('config.entropy', `gamma belongs to target penalty, got gamma ${gamma} with target ${target}`)
  }
  const targets: readonly EntropyTarget[] = target === 'auto' ? ['guided', 'tilt'] : [target]
  const faults = targets.map((one) => faultOf(() => checkEntropySettings(entropySettingsOf(config, one))))
  if (faults.every((fault) => fault !== null)) throw faults[0]
}

function faultOf(check: () => void): unknown {
  try {
    check()
    return null
  } catch (error) {
    return error
  }
}

const ENTROPY_KEYS = Object.keys(ENTROPY_DEFAULTS) as (keyof EntropySettings)[]

/** The part of the settings that the tuning itself reads, for a target. */
export function entropySettingsOf(config: EntropyConfig, target: EntropyTarget): EntropySettings {
  const all: Readonly<Record<keyof EntropySettings, unknown>> = config
  const settings = Object.fromEntries(ENTROPY_KEYS.map((key) => [key, all[key]])) as unknown as EntropySettings
  return { ...settings, target, gamma: config.gamma ?? ENTROPY_DEFAULTS.gamma }
}
