/** Everything that decides a schedule learning job apart from its data and networks: plain data, as config files hold it, each setting declared once. */
import { z } from 'zod'
import { MOST } from '../../../base/index.ts'
import { ESTIMATOR_NAMES, HYPERGRADIENTS, PENALTY_DEFAULTS } from '../../../bilevel/index.ts'
import type { NoiseFamilyName } from '../../../diffusion/index.ts'
import {
  FREE_CHOICES,
  NOISE_FAMILIES,
  SAMPLER_NAMES,
  SAMPLING_FAMILY_NAMES,
  STEP_LIST_NAMES,
  TRAINING_TARGETS,
} from '../../../diffusion/index.ts'
import { guidanceScaleSetting } from '../../classGuidance.ts'
import { defaultsOf, setting, valuesOf } from '../../declared.ts'
import { objectiveShape } from '../objectives/settings.ts'

/** What is learned: one schedule for training and sampling, the sampling schedule alone, or one for each. */
export type LearnMode = 'tied' | 'sampling' | 'both'

const MODES = ['tied', 'sampling', 'both'] as const satisfies readonly LearnMode[]

const NOISE_FAMILY_NAMES = Object.keys(NOISE_FAMILIES) as NoiseFamilyName[]

const count = (most: number) => z.int().min(1).max(most)
const fromZero = (most: number) => z.int().min(0).max(most)
const positive = () => z.number().positive()

const LEARNED = 'What is learned'
const startsAt = (what: string) =>
  setting(z.number().nullable(), {
    group: LEARNED,
    description: `training schedule of a model trained here: ${what}; none: the family's own`,
    default: null,
  })

/** Parameters of the training schedule before anything is learned, within the family's box; null: the family's default. */
const trainingShape = {
  start: startsAt('start'),
  end: startsAt('end'),
  tau: startsAt('tau, the power (cosine) or temperature (sigmoid)'),
  epsilon: startsAt('epsilon, the offset'),
}

/** Where tuning starts, in the words of the setting: of the best of many, or where it is told. */
export const START_NAMES = ['auto', 'given', ...STEP_LIST_NAMES] as const
export type StartName = (typeof START_NAMES)[number]

/** What is learned. Where free levels start: docs/decisions/013-start-from-the-best-of-many.md. */
export const learnedShape = {
  learn: setting(z.enum(MODES), {
    group: LEARNED,
    description:
      'tied: one schedule for training and sampling; sampling: the sampling schedule alone; both (experimental): one for each',
    default: 'sampling',
  }),
  trainingFamily: setting(z.enum(NOISE_FAMILY_NAMES), {
    group: LEARNED,
    description: 'family of the training schedule',
    default: 'cosine',
  }),
  /** Where the training schedule starts; for models trained here. */
  training: z.strictObject(trainingShape),
  samplingFamily: setting(z.enum(SAMPLING_FAMILY_NAMES), {
    group: LEARNED,
    description:
      "what is learned of the sampling schedule: a family's parameters, free levels, levels and told times, one exponent of the model's own levels, or what free says",
    default: 'levels',
  }),
  /**
   * What of the sampling schedule is free, for `samplingFamily` free; null for the other families. All but levels and times are numbers of the
   * exponential sampler.
   */
  free: setting(z.array(z.enum(FREE_CHOICES)).min(1).max(FREE_CHOICES.length).readonly().nullable(), {
    group: LEARNED,
    description:
      "what is free in the sampling schedule, by name, in the place of a family's parameters; all but levels and times are of sampler exponential; none: what the family says",
    default: null,
    rule: `one or more of ${FREE_CHOICES.join(', ')}, or null`,
  }),
  /**
   * Where the sampling schedule starts: `auto`, the best of every step list and of a grid of lists between two ends; a step list; or `given`, the
   * schedule that comes beside the settings. Families that cannot start anywhere start at the model's own levels, on the trailing list.
   */
  start: setting(z.enum(START_NAMES), {
    group: LEARNED,
    description: 'where the sampling schedule starts: auto, the best of many; or a step list by name',
    default: 'auto',
  }),
  /** Of the best places to start at, how many are tuned: in rounds, after each of which the better half goes on. */
  starts: setting(count(16), {
    group: LEARNED,
    description: 'with start auto: how many starts are tuned, in rounds, of which the better half goes on',
    default: 4,
  }),
  sampler: setting(z.enum(SAMPLER_NAMES), {
    group: LEARNED,
    description: 'sampler the schedule is for',
    default: 'dpm-solver++',
  }),
  /** N, the number of steps the user will sample with. */
  samplingSteps: setting(count(MOST.timesteps), {
    group: LEARNED,
    description: 'steps the schedule is for',
    default: 10,
  }),
  /** Further numbers of steps, a schedule each, learned in the same run. */
  moreSteps: setting(z.array(count(MOST.timesteps)).max(MOST.entries).readonly(), {
    group: LEARNED,
    description: 'further numbers of steps, each with a schedule of its own',
    default: [],
    rule: 'a list of numbers of steps',
  }),
  clip: setting(z.tuple([z.number(), z.number()]).readonly().nullable(), {
    group: LEARNED,
    description: 'range the predicted image is clipped to at each step; none: unclipped',
    default: [-1, 1],
    rule: 'two numbers, low and high, or null',
  }),
  clippedNoise: setting(z.enum(['keep', 'recompute']), {
    group: LEARNED,
    description: "the predicted noise after clipping: kept (as diffusers' pipelines do) or recomputed",
    default: 'keep',
  }),
  /** DDIM's eta while learning and in the learned row. */
  eta: setting(z.number().min(0).max(1), {
    group: LEARNED,
    description: 'DDIM: 0 deterministic to 1 ancestral',
    default: 0,
  }),
  /** w of classifier-free guidance, which the schedule is learned for, and where free guidance starts; null, or 1 where it is not free: none. */
  guidanceScale: guidanceScaleSetting(LEARNED),
  /** Class of all images that are generated; null: the classes in turn. */
  class: setting(z.union([fromZero(MOST.classes), z.literal('unconditional')]).nullable(), {
    group: LEARNED,
    description:
      "class of all generated images, of a model that takes one, or 'unconditional'; none: the classes in turn",
    default: null,
    rule: "a class from 0, 'unconditional', or null",
  }),
}

const TRAINING = 'Training'
/** The default side trains on by what tuning costs. The learning rate is constant after the warm-up, so that any moment is a fair stop. */
export const ownTrainingShape = {
  timesteps: setting(count(MOST.timesteps), {
    group: TRAINING,
    description: 'T of a model trained here',
    default: 1000,
  }),
  /** What it is trained to predict; null: the noise, or what the model that is trained on predicts. */
  prediction: setting(z.enum(TRAINING_TARGETS).nullable(), {
    group: TRAINING,
    description:
      'what a model trained here predicts: noise, sample (the clean image), velocity (v), or flow (noise - image, on a straight path); none: noise',
    default: null,
  }),
  trainSteps: setting(fromZero(MOST.steps), {
    group: TRAINING,
    description: 'training steps before tuning',
    default: 2000,
  }),
  batch: setting(count(MOST.batch), { group: TRAINING, description: 'images a training step', default: 64 }),
  learningRate: setting(positive(), {
    group: TRAINING,
    description: 'learning rate, constant after the warm-up',
    default: 3e-3,
  }),
  warmUpSteps: setting(fromZero(MOST.steps), {
    group: TRAINING,
    description: 'training steps over which the learning rate rises',
    default: 100,
  }),
  emaDecay: setting(z.number().min(0).lt(1), {
    group: TRAINING,
    description: 'largest decay of the moving average of the weights',
    default: 0.995,
  }),
}

const TUNING = 'Tuning'
export const tuningShape = {
  /** One step of the upper variables each. */
  iterations: setting(fromZero(MOST.steps), { group: TUNING, description: 'tuning iterations', default: 10 }),
  tuningSamples: setting(count(MOST.images), {
    group: TUNING,
    description: 'images generated a tuning iteration',
    default: 192,
  }),
  estimator: setting(z.enum(ESTIMATOR_NAMES), {
    group: TUNING,
    description:
      'how the gradient of the distance is found; all but backpropagation need no derivative of the networks',
    default: 'backpropagation',
  }),
  delta: setting(positive(), {
    group: TUNING,
    description: "perturbation of estimators without derivatives, in units of each parameter's scale",
    default: 0.5,
  }),
  through: setting(z.union([count(MOST.timesteps), z.literal('all')]), {
    group: TUNING,
    description: 'last sampling steps that carry gradient',
    default: 'all',
    rule: "'all' or a whole number from 1",
  }),
  /** Falls in a line to 0 over the iterations. */
  upperRate: setting(positive(), {
    group: TUNING,
    description: 'first step of the schedule, in units of its scales',
    default: 0.6,
  }),
  freshSamples: setting(z.boolean(), {
    group: TUNING,
    description: 'new start noise at every iteration',
    default: true,
  }),
  gamma: setting(z.union([positive(), z.literal('auto')]), {
    group: TUNING,
    description: `tied, both: penalty constant; auto: with which the pull on z is ${100 * PENALTY_DEFAULTS.pullShare} % of the loss gradient (a number with a larger pull is refused)`,
    default: 'auto',
    rule: "'auto' or a number above 0",
  }),
  hypergradient: setting(z.enum(HYPERGRADIENTS), {
    group: TUNING,
    description:
      'tied, both (experimental): how the training schedule is differentiated: penalty (y and z), implicit (a damped linear system), unrolled (the steps that remain); what is below two standard errors does not move',
    default: 'penalty',
  }),
  /** K and J of the penalty method; `z` false leaves out z. Experimental, so left out unless asked for; `both` needs it. */
  lowerSteps: setting(fromZero(MOST.steps), {
    group: TUNING,
    description: 'tied, both: training steps an iteration before the twins',
    default: 10,
  }),
  twinSteps: setting(fromZero(MOST.steps), {
    group: TUNING,
    description: 'tied, both: steps of the twins y and z an iteration',
    default: 10,
  }),
  z: setting(z.boolean(), {
    group: TUNING,
    description: 'tied, both (experimental): train z, the twin that feels the upper objective; both needs it',
    default: false,
  }),
}

const MEASURING = 'Measuring'
const seed = () => fromZero(Number.MAX_SAFE_INTEGER)
export const rowsShape = {
  candidateSamples: setting(count(MOST.images), {
    group: MEASURING,
    description: 'images for each default in the search for the best one',
    default: 256,
  }),
  evaluationSamples: setting(count(MOST.images), {
    group: MEASURING,
    description: 'images a sampling seed in the final rows',
    default: 1000,
  }),
  /** Most that the model can do: the row is of the first sampling seed alone. */
  ceilingSteps: setting(count(MOST.timesteps).nullable(), {
    group: MEASURING,
    description: 'steps of DDPM in the row of what the model can do at most, one sampling seed; none: no such row',
    default: null,
  }),
  /** At other numbers of steps too: half and twice as many on the first sampling seed, and five times as many on all seeds, not the first alone. */
  otherSteps: setting(z.boolean(), {
    group: MEASURING,
    description: 'rows at half and twice the steps too, and at five times the steps on every sampling seed',
    default: true,
  }),
  samplingSeeds: setting(z.array(seed()).min(1).max(MOST.seeds).readonly(), {
    group: MEASURING,
    description: 'sampling seeds of the final rows',
    default: [11, 12, 13],
    rule: 'at least one seed, whole numbers from 0',
  }),
}

const RUNNING = 'Running'
export const drawingShape = {
  chunk: setting(count(MOST.batch), {
    group: RUNNING,
    description: 'images a program run while sampling',
    default: 64,
  }),
  seed: setting(seed(), { group: RUNNING, description: 'seed of everything random', default: 0 }),
}

export const learnShape = {
  ...learnedShape,
  ...objectiveShape,
  ...ownTrainingShape,
  ...tuningShape,
  ...rowsShape,
  ...drawingShape,
}

export type LearnSettings = Readonly<z.output<z.ZodObject<typeof learnShape>>>

/** Parameters of the training schedule before anything is learned, within the family's box; null: the family's default. */
export type TrainingParameters = LearnSettings['training']

/** Defaults chosen by measurement. */
export const LEARN_DEFAULTS: LearnSettings = defaultsOf(learnShape)

/** The part of some settings that learning reads. */
export const learnSettingsAmong = (settings: LearnSettings): LearnSettings => valuesOf(learnShape, settings)

/** Settings of which some are given. */
export type GivenSettings = Partial<Omit<LearnSettings, 'training'>> & {
  readonly training?: Partial<TrainingParameters>
}
