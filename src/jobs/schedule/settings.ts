/**
 * The settings of a schedule learning job: one schema with a description and a help group per key, from which config files are checked and
 * the command line's flags are made.
 */

import { z } from 'zod'
import { didYouMean, inputError, MOST } from '../../base/index.ts'
import type { NoiseFamilyName } from '../../diffusion/index.ts'
import {
  NOISE_FAMILIES,
  SAMPLER_NAMES,
  SAMPLING_FAMILY_NAMES,
  SHIPPED_MODELS,
  STEP_LISTS,
} from '../../diffusion/index.ts'
import type { Settings, SettingsLayer } from '../../runs/index.ts'
import { resolveSettings } from '../../runs/index.ts'
import type { LearnSettings } from '../../tuners/index.ts'
import { checkLearnSettings, followingSettings, LEARN_DEFAULTS } from '../../tuners/index.ts'
import { PRESETS } from '../presets.ts'

/** Where a setting stands in the help, in this order. */
export const SETTING_GROUPS = [
  'What is learned',
  'Data and model',
  'Training',
  'Tuning',
  'Measuring',
  'Running',
] as const
export type SettingGroup = (typeof SETTING_GROUPS)[number]

const said = (group: SettingGroup, description: string) => ({ group, description })
const count = (most: number) => z.int().min(1).max(most)
const fromZero = (most: number) => z.int().min(0).max(most)
const seed = () => fromZero(Number.MAX_SAFE_INTEGER)
const pair = () => z.tuple([z.number(), z.number()])
/** A pixel range; the other way round it would turn images into their negatives. */
export const pixelRange = () =>
  pair()
    .refine(([low, high]) => low < high, {
      error: ({ input }) => `must be two numbers low,high with low < high, got ${String(input)}`,
    })
    .nullable()
const noiseFamilies = Object.keys(NOISE_FAMILIES) as NoiseFamilyName[]

const networkSchema = z.strictObject({
  kind: z
    .enum(['unet', 'shuffle'])
    .meta(said('Data and model', "unet: diffusers' UNet2DModel; shuffle: the bilevel paper's UNet")),
  channels: z
    .array(count(MOST.channels))
    .min(1)
    .max(MOST.levels)
    .meta(said('Data and model', 'channels of each level, finest first (shuffle: multiples of the first)')),
  layersPerBlock: count(MOST.layersPerBlock).nullable().meta(said('Data and model', 'unet: residual blocks a level')),
  groups: count(MOST.channels).nullable().meta(said('Data and model', 'unet: groups of the group norms')),
  attentionLevels: z
    .array(fromZero(MOST.levels))
    .max(MOST.levels)
    .nullable()
    .meta(said('Data and model', 'unet: levels with attention (0 finest) and in the middle; none: nowhere')),
})

const startsAt = (what: string) =>
  z
    .number()
    .nullable()
    .meta(said('What is learned', `training schedule of a model trained here: ${what}; none: the family's own`))

const trainingSchema = z.strictObject({
  start: startsAt('start'),
  end: startsAt('end'),
  tau: startsAt('tau, the power (cosine) or temperature (sigmoid)'),
  epsilon: startsAt('epsilon, the offset'),
})

/** Every setting. */
export const scheduleSchema = z.strictObject({
  preset: z.string().meta(said('What is learned', `a set of defaults: ${Object.keys(PRESETS).join(', ')}`)),
  learn: z
    .enum(['tied', 'sampling', 'both'])
    .meta(
      said(
        'What is learned',
        'tied: one schedule for training and sampling; sampling: the sampling schedule alone; both (experimental): one for each',
      ),
    ),
  trainingFamily: z.enum(noiseFamilies).meta(said('What is learned', 'family of the training schedule')),
  training: trainingSchema,
  samplingFamily: z
    .enum(SAMPLING_FAMILY_NAMES)
    .meta(
      said(
        'What is learned',
        "what is learned of the sampling schedule: a family's parameters, free levels, levels and told times, or one exponent of the model's own levels",
      ),
    ),
  stepList: z.enum(STEP_LISTS).meta(said('What is learned', 'step list that the sampling schedule starts from')),
  startPowers: z
    .array(z.number().positive())
    .min(1)
    .max(MOST.entries)
    .meta(
      said(
        'What is learned',
        "free levels start at the model's own alphaBar to one of these powers: the best one on the tuning images",
      ),
    ),
  sampler: z.enum(SAMPLER_NAMES).meta(said('What is learned', 'sampler the schedule is for')),
  samplingSteps: count(MOST.timesteps).meta(said('What is learned', 'steps the schedule is for')),
  clip: pair()
    .nullable()
    .meta(said('What is learned', 'range the predicted image is clipped to at each step; none: unclipped')),
  clippedNoise: z
    .enum(['keep', 'recompute'])
    .meta(
      said('What is learned', "the predicted noise after clipping: kept (as diffusers' pipelines do) or recomputed"),
    ),
  eta: z.number().min(0).max(1).meta(said('What is learned', 'DDIM: 0 deterministic to 1 ancestral')),

  data: z
    .string()
    .min(1)
    .meta(
      said(
        'Data and model',
        "'digits' (embedded), or a path: IDX file, folder of MNIST's files, folder of PNG or JPEG images",
      ),
    ),
  size: count(MOST.side)
    .nullable()
    .meta(said('Data and model', "side of the images in pixels; none: the model's, or as the images are")),
  classConditional: z.boolean().meta(said('Data and model', 'train the network with the classes of the data')),
  model: z
    .string()
    .min(1, "must not be empty; 'none', or leave it out, for none")
    .nullable()
    .meta(
      said(
        'Data and model',
        `a trained model: ${SHIPPED_MODELS.join(' or ')} (come with the project), a model folder, a run folder or an ONNX file; none: train one`,
      ),
    ),
  scheduler: z
    .string()
    .min(1, "must not be empty; 'none', or leave it out, for none")
    .nullable()
    .meta(
      said(
        'Data and model',
        'training schedule of a model that comes without one (an ONNX file, a network saved alone), or in place of its own: a diffusers scheduler_config.json, or {"betas": [...]}',
      ),
    ),
  weightsPrefix: z
    .string()
    .min(1)
    .nullable()
    .meta(
      said(
        'Data and model',
        "what stands before the names of a model folder's tensors and is taken off: 'module.' (DistributedDataParallel), '_orig_mod.' (torch.compile), 'unet.' (Lightning)",
      ),
    ),
  timeScale: z
    .number()
    .positive()
    .meta(said('Data and model', 'an ONNX model is told this times the timestep (1/T for one that takes a fraction)')),
  network: networkSchema,
  features: z
    .string()
    .min(1)
    .meta(
      said(
        'Data and model',
        "what distances are measured in: 'digits', 'pixels', an ONNX file, or 'auto' (digits where the data are digits, else pixels)",
      ),
    ),
  featuresOutput: z
    .string()
    .min(1, "must not be empty; 'none', or leave it out, for none")
    .nullable()
    .meta(said('Data and model', 'output of an ONNX feature network, where it has several')),
  featuresRange: pixelRange().meta(
    said(
      'Data and model',
      'pixel range of ONNX feature networks; none: the one their classifier is right with most often',
    ),
  ),
  judge: z
    .string()
    .min(1)
    .meta(
      said('Data and model', "the network that judges: 'digits', an ONNX classifier with logits, 'none', or 'auto'"),
    ),

  timesteps: count(MOST.timesteps).meta(said('Training', 'T of a model trained here')),
  trainSteps: fromZero(MOST.steps).meta(said('Training', 'training steps before tuning')),
  batch: count(MOST.batch).meta(said('Training', 'images a training step')),
  learningRate: z.number().positive().meta(said('Training', 'learning rate, constant after the warm-up')),
  warmUpSteps: fromZero(MOST.steps).meta(said('Training', 'training steps over which the learning rate rises')),
  emaDecay: z.number().min(0).lt(1).meta(said('Training', 'largest decay of the moving average of the weights')),

  iterations: fromZero(MOST.steps).meta(said('Tuning', 'tuning iterations')),
  tuningSamples: count(MOST.images).meta(said('Tuning', 'images generated a tuning iteration')),
  estimator: z
    .enum(['backpropagation', 'two-point', 'one-point', 'coordinate'])
    .meta(
      said(
        'Tuning',
        'how the gradient of the distance is found; all but backpropagation need no derivative of the networks',
      ),
    ),
  delta: z
    .number()
    .positive()
    .meta(said('Tuning', "perturbation of estimators without derivatives, in units of each parameter's scale")),
  through: z
    .union([count(MOST.timesteps), z.literal('all')])
    .meta(said('Tuning', 'last sampling steps that carry gradient')),
  upperRate: z.number().positive().meta(said('Tuning', 'first step of the schedule, in units of its scales')),
  freshSamples: z.boolean().meta(said('Tuning', 'new start noise at every iteration')),
  gamma: z.number().positive().meta(said('Tuning', 'tied, both: penalty constant')),
  lowerSteps: fromZero(MOST.steps).meta(said('Tuning', 'tied, both: training steps an iteration before the twins')),
  twinSteps: fromZero(MOST.steps).meta(said('Tuning', 'tied, both: steps of the twins y and z an iteration')),
  z: z
    .boolean()
    .meta(said('Tuning', 'tied, both (experimental): train z, the twin that feels the upper objective; both needs it')),

  candidateSamples: count(MOST.images).meta(
    said('Measuring', 'images for each default in the search for the best one'),
  ),
  evaluationSamples: count(MOST.images).meta(said('Measuring', 'images a sampling seed in the final rows')),
  samplingSeeds: z.array(seed()).min(1).max(MOST.seeds).meta(said('Measuring', 'sampling seeds of the final rows')),

  chunk: count(MOST.batch).meta(said('Running', 'images a program run while sampling')),
  device: z
    .enum(['auto', 'cpu', 'webgpu', 'cuda'])
    .transform((device) => (device === 'auto' ? 'cpu' : device))
    .meta(said('Running', 'where programs run; auto: cpu, the one device that is always there')),
  seed: seed().meta(said('Running', 'seed of everything random')),
  checkpointSeconds: z.number().min(0).meta(said('Running', 'seconds between checkpoints while training')),
})

export type ScheduleConfig = z.output<typeof scheduleSchema>

/** What holds where nothing else says so. */
const DEFAULTS: z.input<typeof scheduleSchema> = {
  ...LEARN_DEFAULTS,
  clip: LEARN_DEFAULTS.clip && [...LEARN_DEFAULTS.clip],
  startPowers: [...LEARN_DEFAULTS.startPowers],
  samplingSeeds: [...LEARN_DEFAULTS.samplingSeeds],
  preset: 'quick',
  data: 'digits',
  size: null,
  classConditional: false,
  model: null,
  scheduler: null,
  weightsPrefix: null,
  timeScale: 1,
  network: { kind: 'unet', channels: [16, 32, 64], layersPerBlock: 1, groups: 8, attentionLevels: null },
  features: 'auto',
  featuresOutput: null,
  featuresRange: null,
  judge: 'auto',
  device: 'auto',
  checkpointSeconds: 30,
}

/** Settings that do not change the result, so that a resumed run may have others. */
export const MAY_CHANGE = ['checkpointSeconds'] as const

/**
 * Settings from layers (config file, environment, flags; later ones win) over the preset they name.
 * @throws `config.preset`, `config.unknownKey`, `config.invalid`, `learn.settings`, `schedule.box`, `config.network`
 */
export function resolveScheduleConfig(layers: readonly SettingsLayer[]): ScheduleConfig {
  const given = (key: string) => layers.findLast(({ values }) => values[key] !== undefined)?.values[key]
  const preset = presetNamed(String(given('preset') ?? DEFAULTS.preset))
  const config = resolveSettings(scheduleSchema, [
    { source: 'the defaults', values: DEFAULTS },
    { source: `preset ${given('preset') ?? DEFAULTS.preset}`, values: preset },
    { source: 'what else was given', values: consequences(preset, given) },
    ...layers,
  ])
  checkLearnSettings(learnSettingsOf(config))
  checkNetwork(config)
  return config
}

function presetNamed(name: string): Settings {
  if (Object.hasOwn(PRESETS, name)) return PRESETS[name as keyof typeof PRESETS]
  const known = Object.keys(PRESETS)
  throw inputError('config.preset', `a preset is one of ${known.join(', ')}, got '${name}'${didYouMean(name, known)}`)
}

/**
 * A model without derivatives: one exponent of its own levels, found by differences on the same images throughout (new ones each time drown
 * them), in steps that reach twice the exponent in half the iterations. Measured: docs/results/foreign-mnist-ddpm.
 */
const FOREIGN_DEFAULTS = { samplingFamily: 'level-power', freshSamples: false, upperRate: 2 } as const

/**
 * Defaults that follow from what was given. A model brings its own size; an ONNX file has no derivative, so it is tuned by the estimator
 * without one, on the one exponent of its own levels; tuning starts at the levels of the training family, or is tied to it; DDPM's noise is
 * that of the clipped image.
 */
function consequences(preset: Settings, given: (key: string) => unknown): Settings {
  const isFile = (path: unknown) => typeof path === 'string' && path.endsWith('.onnx')
  const model = given('model')
  // Not yet checked: what is no mode or family at all is refused with the rest.
  const learn = (given('learn') ?? DEFAULTS.learn) as LearnSettings['learn']
  const trainingFamily = (given('trainingFamily') ?? DEFAULTS.trainingFamily) as LearnSettings['trainingFamily']
  const sampler = (given('sampler') ?? preset.sampler ?? DEFAULTS.sampler) as LearnSettings['sampler']
  return {
    ...(typeof model === 'string' && { size: null }),
    ...((isFile(model) || isFile(given('features'))) && { estimator: 'coordinate' }),
    ...(preset.samplingFamily === undefined && { samplingFamily: trainingFamily }),
    ...(isFile(model) && FOREIGN_DEFAULTS),
    ...followingSettings({ learn, trainingFamily, sampler }),
  }
}

function checkNetwork({ network, classConditional, learn, model }: ScheduleConfig): void {
  const { kind, channels, layersPerBlock, groups, attentionLevels } = network
  if (kind === 'unet') {
    if (layersPerBlock !== null && groups !== null) return
    throw inputError('config.network', 'a unet needs network.layersPerBlock and network.groups')
  }
  const foreign = Object.entries({ layersPerBlock, groups, attentionLevels }).find(([, value]) => value !== null)
  if (foreign) throw inputError('config.network', `network.${foreign[0]} is for unet networks; leave it out`)
  if (channels.length < 2 || channels.some((width) => width % channels[0] !== 0)) {
    const rule = 'channels of two or more levels, all multiples of the first'
    throw inputError('config.network', `a shuffle network has ${rule}, got ${channels.join(', ')}`)
  }
  if (classConditional && (model === null || learn !== 'sampling')) {
    throw inputError('config.network', 'a shuffle network takes no classes; use network.kind unet for them')
  }
}

const LEARN_KEYS = Object.keys(LEARN_DEFAULTS) as (keyof LearnSettings)[]

/** The part of the settings that the learning itself reads. */
export function learnSettingsOf(config: ScheduleConfig): LearnSettings {
  const all: LearnSettings = config
  return Object.fromEntries(LEARN_KEYS.map((key) => [key, all[key]])) as unknown as LearnSettings
}
