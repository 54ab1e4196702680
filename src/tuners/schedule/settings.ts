/** Everything that decides a schedule learning job apart from its data and networks: plain data, as config files hold it, each setting declared once. */
import { z } from 'zod'
import { MOST } from '../../base/index.ts'
import { ESTIMATOR_NAMES } from '../../bilevel/index.ts'
import type {
  FamilySchedule,
  NoiseFamilyName,
  NoiseSchedule,
  SamplerName,
  SamplerSettings,
  StepListName,
} from '../../diffusion/index.ts'
import {
  checkFree,
  FREE_CHOICES,
  flowSchedule,
  LEARNED_FAMILIES,
  learnedFamily,
  NOISE_FAMILIES,
  needsSolver,
  noiseSchedule,
  SAMPLER_NAMES,
  SAMPLING_FAMILY_NAMES,
  STEP_LIST_NAMES,
  samplerNamed,
  samplerSettings,
  TRAINING_TARGETS,
  usualClippedNoise,
} from '../../diffusion/index.ts'
import { guidanceScaleSetting, guides } from '../classGuidance.ts'
import { checkDeclared, defaultsOf, refused, setting, valuesOf } from '../declared.ts'
import { checkObjective, objectiveShape } from './objectives/settings.ts'

/** What is learned: one schedule for training and sampling, the sampling schedule alone, or one for each. */
export type LearnMode = 'tied' | 'sampling' | 'both'

const MODES = ['tied', 'sampling', 'both'] as const satisfies readonly LearnMode[]

export type { SamplingFamilyName } from '../../diffusion/index.ts'

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
  /** w of classifier-free guidance, which the schedule is learned for; null or 1: none. */
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
  gamma: setting(positive(), { group: TUNING, description: 'tied, both: penalty constant', default: 1e3 }),
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

const learnShape = {
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

/**
 * Defaults that follow from other settings: the noise of a clipped image is what the sampler makes of it, DDPM's and a flow's that of the clipped image; a schedule learned for both levels is of one
 * family, and without z, with which it got worse in three of five seeds (docs/results/schedule-digits16); a training schedule of its
 * own is learned through z alone.
 */
export function followingSettings({
  learn,
  trainingFamily,
  sampler,
  free = null,
  prediction = null,
}: Pick<LearnSettings, 'learn' | 'trainingFamily' | 'sampler'> &
  Partial<Pick<LearnSettings, 'free' | 'prediction'>>): Partial<LearnSettings> {
  return {
    clippedNoise: prediction === 'flow' ? 'recompute' : usualClippedNoise(sampler),
    ...(learn === 'tied' && { samplingFamily: trainingFamily }),
    ...(free && { samplingFamily: 'free' as const }),
    ...(learn === 'both' && { z: true }),
  }
}

/** The sampler of what is free, where nobody says another; null: any. */
export const samplerFor = (free: readonly string[] | null): SamplerName | null =>
  needsSolver(free ?? []) ? 'exponential' : null

/**
 * Settings with the rest at the defaults, and at what follows from those given: `tied` learns the training family.
 * @throws as `checkLearnSettings`
 * @example learnSettings({ learn: 'tied', trainingFamily: 'sigmoid', training: { tau: 0.8 } }).samplingFamily // 'sigmoid'
 */
export function learnSettings(given: GivenSettings = {}): LearnSettings {
  const { learn = LEARN_DEFAULTS.learn, trainingFamily = LEARN_DEFAULTS.trainingFamily } = given
  const { free = null, prediction = null } = given
  const { sampler = samplerFor(free) ?? LEARN_DEFAULTS.sampler } = given
  const settings: LearnSettings = {
    ...LEARN_DEFAULTS,
    sampler,
    ...followingSettings({ learn, trainingFamily, sampler, free, prediction }),
    ...given,
    training: { ...LEARN_DEFAULTS.training, ...given.training },
  }
  checkLearnSettings(settings)
  return settings
}

/** The parameters that are given, by name. */
export function givenParameters({ training }: Pick<LearnSettings, 'training'>): Readonly<Record<string, number>> {
  const given = Object.entries(training).filter((entry): entry is [string, number] => entry[1] !== null)
  return Object.fromEntries(given)
}

/**
 * The training schedule before anything is learned.
 * @throws `schedule.family`; `schedule.box` on a parameter outside the family's box or that the family lacks
 */
export function startingSchedule({
  trainingFamily: family,
  timesteps,
  training,
}: Pick<LearnSettings, 'trainingFamily' | 'timesteps' | 'training'>): FamilySchedule {
  return noiseSchedule({ family, timesteps, ...givenParameters({ training }) })
}

/** The schedule that a model trained here is trained with before anything is learned: `startingSchedule`, or a flow's. @throws as that */
export const trainingStart = (settings: LearnSettings): NoiseSchedule =>
  settings.prediction === 'flow' ? flowSchedule(settings.timesteps) : startingSchedule(settings)

/** Whether where tuning starts is a choice: of the families that may start anywhere, where nobody made it. */
export const choosesStart = ({ learn, samplingFamily, start }: LearnSettings): boolean =>
  learn === 'sampling' && start === 'auto' && learnedFamily(samplingFamily).startsAnywhere

/** The step list that the sampling schedule starts from where nothing else is chosen. */
export const startingList = ({ start }: Pick<LearnSettings, 'start'>): StepListName =>
  start === 'auto' || start === 'given' ? 'trailing' : start

/** Every number of steps that a schedule is learned for, the first one first. */
export const stepNumbers = ({ samplingSteps, moreSteps }: Pick<LearnSettings, 'samplingSteps' | 'moreSteps'>) => [
  samplingSteps,
  ...moreSteps,
]

/** The settings for one number of steps. */
export const settingsAt = (settings: LearnSettings, steps: number): LearnSettings => ({
  ...settings,
  samplingSteps: steps,
  moreSteps: [],
  // The model's own, whatever the number of steps: measured once.
  ceilingSteps: steps === settings.samplingSteps ? settings.ceilingSteps : null,
})

/** Settings of the sampler that is learned for. */
export function learnedSampler({ sampler, clip, clippedNoise, eta }: LearnSettings): SamplerSettings {
  return samplerSettings({ sampler, clip, clippedNoise, eta })
}

/** @throws `learn.settings` naming the first setting that is not what it may be; `learn.free`; `schedule.*` and `sampler.*` by their own rules */
export function checkLearnSettings(settings: LearnSettings): void {
  const refuse = (name: keyof LearnSettings, rule: string) => {
    throw refused('learn.settings', name, rule, settings[name])
  }
  // The family knows what its parameters may be.
  const { training: _, ...shape } = learnShape
  checkDeclared(shape, settings, 'learn.settings')
  const { learn, z: hasZ, twinSteps, samplingSteps, timesteps } = settings
  if (samplingSteps > timesteps) refuse('samplingSteps', `at most the ${timesteps} timesteps`)
  const all = stepNumbers(settings)
  const beyond = all.find((steps) => steps > timesteps)
  if (beyond !== undefined || new Set(all).size < all.length) {
    refuse('moreSteps', `numbers of steps up to the ${timesteps} timesteps, each once beside ${samplingSteps}`)
  }
  if (learn !== 'sampling' && all.length > 1) {
    refuse('moreSteps', 'none: a network that is trained for its schedule is trained for one number of steps')
  }
  if (learn === 'both' && !hasZ) refuse('z', 'true: the training schedule of its own is learned through z alone')
  if (learn !== 'sampling' && hasZ && twinSteps < 1) refuse('twinSteps', 'at least 1 where there is a z')
  if (learn === 'tied' && settings.samplingFamily !== settings.trainingFamily) {
    refuse('samplingFamily', `the training family (${settings.trainingFamily}) where one schedule is learned for both`)
  }
  if (learn !== 'sampling' && guides(settings)) {
    refuse('guidanceScale', `none or 1 with learn ${learn}, which trains the network without guidance`)
  }
  if (guides(settings) && settings.class === 'unconditional') {
    refuse('class', `a class or none (the classes in turn) with guidanceScale ${settings.guidanceScale}`)
  }
  if (settings.prediction === 'flow') checkFlow(settings)
  checkGivenStart(settings, refuse)
  checkFreedom(settings)
  checkObjective(settings)
  learnedSampler(settings)
  startingSchedule(settings)
}

/** @throws `learn.settings` on a training schedule, which a flow has none of */
function checkFlow(settings: LearnSettings): void {
  const { learn, trainingFamily, timesteps } = settings
  const [given] = Object.entries(givenParameters(settings))
  const why = 'with prediction flow, whose levels are sigma = t/T'
  if (learn !== 'sampling') throw refused('learn.settings', 'learn', `sampling ${why}`, learn)
  if (given) throw refused('learn.settings', `training.${given[0]}`, `left out ${why}`, given[1])
  if (timesteps >= MOST.timesteps)
    throw refused('learn.settings', 'timesteps', `below ${MOST.timesteps} ${why}`, timesteps)
  if (trainingFamily === LEARN_DEFAULTS.trainingFamily) return
  throw refused('learn.settings', 'trainingFamily', `left out ${why}`, trainingFamily)
}

/** A schedule that comes beside the settings has its own number of steps, and only free numbers can start there. */
function checkGivenStart(settings: LearnSettings, refuse: (name: keyof LearnSettings, rule: string) => void): void {
  const { learn, samplingFamily, start, moreSteps } = settings
  if (start !== 'given') return
  if (moreSteps.length > 0) refuse('moreSteps', 'none where the start is given: it has one number of steps')
  if (learn === 'sampling' && learnedFamily(samplingFamily).startsAnywhere) return
  const free = LEARNED_FAMILIES.filter(({ startsAnywhere }) => startsAnywhere).map(({ name }) => name)
  refuse(
    'start',
    `auto or a step list with family ${samplingFamily}: a given schedule is a start of ${free.join(', ')}`,
  )
}

/** @throws `learn.settings`, `learn.free` on what is free and does not go with family, sampler, clip or steps */
function checkFreedom(settings: LearnSettings): void {
  const { samplingFamily, free, sampler, clip } = settings
  if ((samplingFamily === 'free') !== (free !== null)) {
    const rule = free
      ? 'free, where what is free is given by name (free)'
      : 'one whose parameters say what is free, or free must name what is (levels,times)'
    throw refused('learn.settings', 'samplingFamily', rule, samplingFamily)
  }
  if (!free) return
  for (const steps of stepNumbers(settings)) checkFree(free, steps)
  if (needsSolver(free) && !samplerNamed(sampler).solverNumbers) {
    const rule = `${samplerFor(free)} with ${free.filter((name) => needsSolver([name])).join(', ')} free`
    throw refused('learn.settings', 'sampler', rule, sampler)
  }
  if (free.includes('clip') && (clip === null || clip[0] !== -clip[1])) {
    throw refused('learn.settings', 'clip', 'a range [-r, r] where clip is free: its bounds start there', clip)
  }
}
