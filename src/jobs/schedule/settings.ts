/**
 * The settings of a schedule learning job: one schema with a description and a help group per key, from which config files are checked and
 * the command line's flags are made.
 */

import { z } from 'zod'
import { BilevelError, didYouMean, inputError, MOST } from '../../base/index.ts'
import { SHIPPED_MODELS } from '../../diffusion/files/index.ts'
import type { FreeName, ToldTimes } from '../../diffusion/index.ts'
import { FREE_CHOICES, FREE_NAMES, learnedFamily, SAMPLER_NAMES } from '../../diffusion/index.ts'
import { REWARD_NAMES } from '../../rewards/index.ts'
import type { Settings, SettingsLayer } from '../../runs/index.ts'
import { resolveSettings } from '../../runs/index.ts'
import type { LearnSettings } from '../../tuners/index.ts'
import {
  checkLearnSettings,
  defaultsOf,
  followingSettings,
  learnedShape,
  learnSettingsAmong,
  objectiveShape,
  ownTrainingShape,
  rowsShape,
  START_NAMES,
  samplerFor,
  setting,
  tuningShape,
} from '../../tuners/index.ts'
import type { WantedClass } from '../opening/classChoice.ts'
import { DATA_WORDS, dataShape } from '../opening/dataSettings.ts'
import type { SaidOfModel } from '../opening/derivativeProbe.ts'
import {
  derivativeMissingOf,
  featuresDerivativeMissing,
  rewardDerivativeMissingOf,
} from '../opening/derivativeProbe.ts'
import { FILE_SETTINGS } from '../opening/fileSource.ts'
import { isModelFile } from '../opening/modelFile.ts'
import { DESCRIBING, describingShape } from '../opening/modelSettings.ts'
import { requireOnnxReward } from '../opening/rewardReading.ts'
import {
  checkpointingSetting,
  classType,
  measuringShape,
  modelShape,
  REWARD_WORDS,
  rewardReadingShape,
  rewardTimeoutSetting,
  runningShape,
  seedSetting,
} from '../opening/settings.ts'
import { PRESETS } from './presets.ts'

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

const count = (most: number) => z.int().min(1).max(most)
const fromZero = (most: number) => z.int().min(0).max(most)

const networkSchema = z.strictObject({
  kind: setting(z.enum(['unet', 'shuffle']), {
    group: 'Data and model',
    description: "unet: diffusers' UNet2DModel; shuffle: the bilevel paper's UNet",
    default: 'unet',
  }),
  channels: setting(z.array(count(MOST.channels)).min(1).max(MOST.levels), {
    group: 'Data and model',
    description: 'channels of each level, finest first (shuffle: multiples of the first)',
    default: [16, 32, 64],
  }),
  layersPerBlock: setting(count(MOST.layersPerBlock).nullable(), {
    group: 'Data and model',
    description: 'unet: residual blocks a level',
    default: 1,
  }),
  groups: setting(count(MOST.channels).nullable(), {
    group: 'Data and model',
    description: 'unet: groups of the group norms',
    default: 8,
  }),
  attentionLevels: setting(z.array(fromZero(MOST.levels)).max(MOST.levels).nullable(), {
    group: 'Data and model',
    description: 'unet: levels with attention (0 finest) and in the middle; none: nowhere',
    default: null,
  }),
})

/** `start`, the numbers of steps and the class are read as users give them. */
const { start: _start, samplingSteps: _steps, moreSteps: _more, class: _class, ...ownLearnedShape } = learnedShape
const stepCount = () => count(MOST.timesteps)

/** Every setting. */
export const scheduleSchema = z.strictObject({
  preset: setting(z.string(), {
    group: 'What is learned',
    description: `a set of defaults: ${Object.keys(PRESETS).join(', ')}`,
    default: 'quick',
  }),
  ...ownLearnedShape,
  samplingSteps: setting(
    z.union([stepCount(), z.array(stepCount()).min(1).max(MOST.entries)], {
      error: `must be a number of steps from 1 to ${MOST.timesteps}, or a list of them`,
    }),
    {
      group: 'What is learned',
      description: 'steps the schedule is for; of several, one schedule each',
      default: 10,
      rule: 'a number of steps, or a list of them',
    },
  ),
  class: setting(classType(), {
    group: 'What is learned',
    description:
      "class of all generated images, of a model that takes one, by number or by its name in the model or the data, or 'unconditional'; none: the classes in turn",
    default: null,
  }),
  start: setting(z.string().min(1), {
    group: 'What is learned',
    description:
      'where the sampling schedule starts: auto, the best of many; a step list by name; or a file: sigmas or times as text or JSON, a scheduler, a learned schedule',
    default: 'auto',
  }),
  ...objectiveShape,
  reward: setting(z.string().min(1, "must not be empty; 'none', or leave it out, for none").nullable(), {
    group: 'What is learned',
    description: `objective reward: the reward whose mean is maximised: ${REWARD_WORDS}`,
    default: null,
  }),

  data: setting(z.string().min(1).nullable(), {
    group: 'Data and model',
    description: `${DATA_WORDS}; none: no data, for objectives that need none (a given model learned by objective teacher in pixels has none unless they are given)`,
    default: 'digits',
  }),
  size: setting(count(MOST.side).nullable(), {
    group: 'Data and model',
    description: "side of the images in pixels; none: the model's, or as the images are",
    default: null,
  }),
  ...dataShape,
  classConditional: setting(z.boolean(), {
    group: 'Data and model',
    description: 'train the network with the classes of the data',
    default: false,
  }),
  model: setting(z.string().min(1, "must not be empty; 'none', or leave it out, for none").nullable(), {
    group: 'Data and model',
    description: `a trained model: ${SHIPPED_MODELS.join(' or ')} (come with the project), a model folder, a run folder or an ONNX file; none: train one`,
    default: null,
  }),
  ...modelShape,
  network: networkSchema,
  ...measuringShape,
  ...rewardReadingShape,

  ...ownTrainingShape,
  ...tuningShape,
  ...rowsShape,

  ...runningShape,
  gradientCheckpointing: checkpointingSetting,
  rewardTimeout: rewardTimeoutSetting,
  seed: seedSetting,
  checkpointSeconds: setting(z.number().min(0), {
    group: 'Running',
    description: 'seconds between checkpoints while training',
    default: 30,
  }),
})

export type ScheduleConfig = z.output<typeof scheduleSchema>

/** What holds where nothing else says so. */
const DEFAULTS = defaultsOf(scheduleSchema.shape)

/** What was before there was a choice. */
export const EARLIER: Settings = {
  ...defaultsOf(objectiveShape),
  ...defaultsOf(dataShape),
  ...defaultsOf(describingShape),
  gradientCheckpointing: 'auto',
  guidanceScale: null,
  class: null,
  judgeAccuracy: 0,
  onBadReward: 'stop',
  rewardMeanStd: null,
  rewardResize: null,
}

/** Settings of earlier releases, and what to use in their place. */
export const REPLACED = {
  stepList: 'give the list to start (--start NAME), which is auto by default: the best of all lists',
  startPowers: 'leave it out: start auto (--start auto, the default) tries more starts than those',
} as const

/** Settings that a resumed run may have others of: what does not change the result, and iterations and sampling seeds, which a run that is over goes on with. */
export const MAY_CHANGE = ['checkpointSeconds', 'rewardTimeout', 'iterations', 'samplingSeeds'] as const

/** Settings that say where something lies: a resumed run may find the same elsewhere. */
export const PLACES = ['data', 'model', 'scheduler', 'features', 'judge', 'reward', 'start', ...FILE_SETTINGS] as const

/**
 * Settings from layers (config file, environment, flags; later ones win) over the preset they name.
 * @throws `config.preset`, `config.unknownKey`, `config.invalid`, `learn.settings`, `schedule.box`, `config.network`
 */
export function resolveScheduleConfig(layers: readonly SettingsLayer[]): ScheduleConfig {
  const given = (key: string) => layers.findLast(({ values }) => values[key] !== undefined)?.values[key]
  const preset = presetNamed(String(given('preset') ?? DEFAULTS.preset))
  const below = [
    { source: 'the defaults', values: DEFAULTS },
    { source: `preset ${given('preset') ?? DEFAULTS.preset}`, values: preset },
    { source: 'what else was given', values: consequences(preset, given) },
  ]
  const config = resolveSettings(scheduleSchema, [...below, ...layers], REPLACED)
  checkSteps(config)
  checkStart(config)
  checkLearnSettings(learnSettingsOf(config))
  checkNetwork(config)
  checkReward(config)
  requireOnnxReward(config, config.reward === null ? [] : [config.reward])
  checkData(config)
  return config
}

/** @throws `config.samplingSteps` on several numbers of steps that are not each there once, or of which only one can be learned for */
function checkSteps({ learn, ...config }: ScheduleConfig): void {
  const steps = stepsOf(config)
  const refuse = (rule: string) => {
    throw inputError('config.samplingSteps', `samplingSteps must ${rule}, got ${steps.join(',')}`)
  }
  if (new Set(steps).size < steps.length) refuse('name each number of steps once')
  if (learn !== 'sampling' && steps.length > 1) {
    refuse(`be one number with learn ${learn}, where a network is trained for its schedule`)
  }
}

/** @throws `config.start` on a file, or a misspelled list, for what starts at the model's own levels */
function checkStart({ learn, samplingFamily, start }: ScheduleConfig): void {
  if (START_NAMES.some((name) => name === start && name !== 'given')) return
  if (learn === 'sampling' && learnedFamily(samplingFamily).startsAnywhere) return
  const what = learn === 'sampling' ? `family ${samplingFamily}` : `learn ${learn}`
  throw inputError(
    'config.start',
    `start must be auto or the name of a step list with ${what}, which starts at the model's own levels, got ${start}; ` +
      'name a list, or say --sampling-family levels to start from a file',
  )
}

/** @throws `config.objective` where reward and objective do not go together */
function checkReward({ objective, reward }: ScheduleConfig): void {
  if (objective === 'reward' && reward === null) {
    throw inputError(
      'config.objective',
      `objective reward needs a reward to maximise, got none; give one: --reward ${REWARD_NAMES[1]}, or a file (built in: ${REWARD_NAMES.join(', ')})`,
    )
  }
  if (objective !== 'reward' && reward !== null) {
    throw inputError(
      'config.objective',
      `reward ${reward} is for objective reward, got objective ${objective}; leave it out, or say --objective reward`,
    )
  }
}

/** @throws `config.objective` where there are no data and something needs them */
function checkData({ data, objective, model, teacherSpace, features, judge }: ScheduleConfig): void {
  if (data !== null) return
  const refuse = (what: string, remedy: string) => {
    throw inputError('config.objective', `${what}, got data none; ${remedy}`)
  }
  if (objective === 'fid') {
    refuse('objective fid compares the images with data', 'give data, or use --objective teacher, which needs none')
  }
  if (model === null) refuse('a model is trained on data', 'give data, or a model that is trained (--model)')
  if (objective === 'teacher' && teacherSpace === 'features' && features === 'auto') {
    refuse(
      'which features tell images apart is found out by data',
      'name them (--features FILE.onnx), or compare in pixels',
    )
  }
  if (judge !== 'auto' && judge !== 'none') refuse(`judge ${judge} is asked about data`, 'give data, or no judge')
}

function presetNamed(name: string): Settings {
  if (Object.hasOwn(PRESETS, name)) return PRESETS[name as keyof typeof PRESETS]
  const known = Object.keys(PRESETS)
  throw inputError('config.preset', `a preset is one of ${known.join(', ')}, got '${name}'${didYouMean(name, known)}`)
}

/** An ONNX file: half of the images where nothing is learned by them, without rows of many steps, which take longer than all the rest. */
const FOREIGN_DEFAULTS = {
  candidateSamples: 128,
  evaluationSamples: 500,
  ceilingSteps: null,
  otherSteps: false,
} as const

/**
 * One without derivatives: one exponent of the best start's levels, found by differences on the same images throughout (new ones each time drown
 * them), in steps that reach twice the exponent in half the iterations. Measured: docs/results/foreign-mnist-ddpm.
 */
const WITHOUT_DERIVATIVE = { samplingFamily: 'level-power', starts: 1, freshSamples: false, upperRate: 2 } as const

/** Whether the derivative of an objective ends at a file. */
const isUnderived = (given: (key: string) => unknown): boolean => areUnderivedFeatures(given) || isUnderivedFile(given)

/** Whether the features are a file whose operators have no derivative, or are not all known here. */
function areUnderivedFeatures(given: (key: string) => unknown): boolean {
  const [features, output] = ['features', 'featuresOutput'].map(given)
  return (
    isModelFile(features) && featuresDerivativeMissing(features, typeof output === 'string' ? output : null) !== null
  )
}

/** Whether the model is a file that is tuned without derivatives: as it is asked for, or as it, its features or a reward in a file has none. */
function isUnderivedFile(given: (key: string) => unknown): boolean {
  const [model, reward, estimator = 'backpropagation'] = ['model', 'reward', 'estimator'].map(given)
  if (!isModelFile(model)) return false
  if (estimator !== 'backpropagation' || areUnderivedFeatures(given)) return true
  return isUnderivedReward(reward) || derivativeMissingOf(model, saidOf(given)) !== null
}

/** What cannot be read as a reward is refused with the rest. */
function isUnderivedReward(reward: unknown): boolean {
  if (typeof reward !== 'string') return false
  try {
    return rewardDerivativeMissingOf(reward) !== null
  } catch (error) {
    if (error instanceof BilevelError) return false
    throw error
  }
}

/** What is said of the model's form, as far as it is of the kinds that it should be. */
function saidOf(given: (key: string) => unknown): SaidOfModel {
  const input = given('input')
  const size = Number(given('size') ?? Number.NaN)
  const entries = DESCRIBING.map((key) => [key, given(key)] as const).filter(([, value]) => typeof value === 'string')
  return {
    ...Object.fromEntries(entries),
    input: Array.isArray(input) ? input.map(String) : typeof input === 'string' ? input.split(',') : null,
    size: Number.isInteger(size) ? size : null,
  }
}

/**
 * Defaults that follow from what was given. A model brings its own size; an ONNX file without a derivative is tuned by the estimator
 * without one, on the one exponent of its own levels; tuning starts at the levels of the training family, or is tied to it; DDPM's noise is
 * that of the clipped image.
 */
function consequences(preset: Settings, given: (key: string) => unknown): Settings {
  const model = given('model')
  // Not yet checked: what is no mode or family at all is refused with the rest.
  const learn = (given('learn') ?? DEFAULTS.learn) as LearnSettings['learn']
  const trainingFamily = (given('trainingFamily') ?? DEFAULTS.trainingFamily) as LearnSettings['trainingFamily']
  const free = namesAmong(given('free')) ?? freeByDefault(preset, given)
  const prediction = given('prediction') === 'flow' ? 'flow' : null
  const asked = given('sampler') ?? samplerFor(free) ?? preset.sampler
  const sampler = SAMPLER_NAMES.find((name) => name === asked) ?? DEFAULTS.sampler
  return {
    ...(typeof model === 'string' && { size: null }),
    ...(isUnderived(given) && { estimator: 'coordinate' }),
    ...(preset.samplingFamily === undefined && {
      samplingFamily: prediction === 'flow' || isModelFile(model) ? 'levels' : trainingFamily,
    }),
    ...(isModelFile(model) && FOREIGN_DEFAULTS),
    ...(isUnderivedFile(given) && WITHOUT_DERIVATIVE),
    ...followingSettings({ learn, trainingFamily, sampler, free, prediction }),
    ...(isBare(given) && BARE_DEFAULTS),
    ...(samplerFor(free) && { sampler }),
    ...(free && { free: [...free] }),
  }
}

/**
 * What is free where nobody says: everything that a step has but the earlier predictions, which are too many numbers for ten iterations; by a teacher levels and
 * told times, as the other numbers come nearer to it and farther from the data. Measured: docs/results/solver. Null where what was given says otherwise: another mode, family or sampler, or no derivative.
 */
function freeByDefault(preset: Settings, given: (key: string) => unknown): readonly FreeName[] | null {
  const said = ['free', 'samplingFamily', 'sampler', 'clippedNoise', 'eta'].some((key) => given(key) !== undefined)
  const estimator = given('estimator') ?? DEFAULTS.estimator
  if (said || isUnderived(given) || preset.samplingFamily === undefined || estimator !== 'backpropagation') return null
  if ((given('learn') ?? DEFAULTS.learn) !== 'sampling') return null
  const words = given('samplingSteps') ?? preset.samplingSteps ?? DEFAULTS.samplingSteps
  const fewest = Math.min(...(String(words).match(/\d+/g) ?? []).map(Number))
  const clip = given('clip') === undefined ? DEFAULTS.clip : given('clip')
  if (!(fewest >= 3)) return null
  return freeOf(given('objective') === 'teacher', String(clip) === String(DEFAULTS.clip))
}

const freeOf = (taught: boolean, clips: boolean): readonly FreeName[] =>
  FREE_NAMES.filter((name) =>
    taught ? name === 'levels' || name === 'times' : name !== 'history' && (clips || name !== 'clip'),
  )

/**
 * The settings at the network that is there: one that can be told whole numbers only has no free told times, unless they were asked for, which is
 * refused.
 */
export function forTimes(config: ScheduleConfig, told: ToldTimes): ScheduleConfig {
  const { free, objective } = config
  const isDefault = [true, false].some((clips) => freeOf(objective === 'teacher', clips).join() === free?.join())
  return told === 'integer' && isDefault && free ? { ...config, free: free.filter((name) => name !== 'times') } : config
}

/** The settings for a model of latents, which have no range to be clipped to. */
export function forLatents(config: ScheduleConfig): ScheduleConfig {
  const { free, clip } = config
  if (clip === null) return config
  return { ...config, clip: null, free: free?.filter((name) => name !== 'clip') ?? null }
}

/**
 * Without data: a mean over images needs fewer of them than a distance between sets does. The teacher samples each start in many steps, so that
 * fewer starts are most of the time that is saved.
 */
const BARE_DEFAULTS = { data: null, tuningSamples: 64, candidateSamples: 48, evaluationSamples: 96 } as const

/** Whether there are no data unless they are given: a model that is there is taught by itself. */
const isBare = (given: (key: string) => unknown): boolean =>
  given('objective') === 'teacher' &&
  (given('data') === undefined || given('data') === null) &&
  typeof given('model') === 'string' &&
  given('teacherSpace') !== 'features'

/** What is free, of a list or the words of one; what is none is refused with the rest. */
function namesAmong(given: unknown): readonly FreeName[] | null {
  const words = Array.isArray(given) ? given : typeof given === 'string' ? given.split(/[^a-z]+/) : []
  const names = FREE_CHOICES.filter((name) => words.includes(name))
  return names.length > 0 ? names : null
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

/**
 * The part of the settings that the learning itself reads.
 * @param wanted the class by number; before names are known one stands for the first
 */
export function learnSettingsOf(
  config: ScheduleConfig,
  wanted: WantedClass = isName(config.class) ? 0 : config.class,
): LearnSettings {
  const [samplingSteps, ...moreSteps] = stepsOf(config)
  const start: LearnSettings['start'] = START_NAMES.find((name) => name === config.start) ?? 'given'
  return learnSettingsAmong({ ...config, samplingSteps, moreSteps, start, class: wanted })
}

const isName = (asked: ScheduleConfig['class']): asked is string =>
  typeof asked === 'string' && asked !== 'unconditional'

/** The numbers of steps, the first one first. */
export const stepsOf = ({ samplingSteps }: Pick<ScheduleConfig, 'samplingSteps'>): readonly number[] =>
  typeof samplingSteps === 'number' ? [samplingSteps] : samplingSteps
