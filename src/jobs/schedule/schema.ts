/**
 * The settings of a schedule learning job: one schema with a description and a help group per key, from which config files are checked and
 * the command line's flags are made.
 */
import { z } from 'zod'
import { MOST } from '../../base/index.ts'
import { SHIPPED_MODELS } from '../../diffusion/files/index.ts'
import type { Settings } from '../../runs/index.ts'
import {
  defaultsOf,
  learnedShape,
  objectiveShape,
  ownTrainingShape,
  rowsShape,
  setting,
  trainedOnShape,
  tuningShape,
} from '../../tuners/index.ts'
import { DATA_WORDS, dataShape } from '../opening/dataSettings.ts'
import { FILE_SETTINGS } from '../opening/fileSource.ts'
import { describingShape } from '../opening/modelSettings.ts'
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
export const DEFAULTS = defaultsOf(scheduleSchema.shape)

/** What was before there was a choice. */
export const EARLIER: Settings = {
  ...defaultsOf(objectiveShape),
  ...defaultsOf(trainedOnShape),
  ...defaultsOf(dataShape),
  ...defaultsOf(describingShape),
  ...defaultsOf(measuringShape),
  free: null,
  prediction: null,
  hypergradient: 'penalty',
  weightsPrefix: null,
  timeScale: null,
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
