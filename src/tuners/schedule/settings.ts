/** Everything that decides a schedule learning job apart from its data and networks: plain data, as config files hold it. */
import { inputError } from '../../base/index.ts'
import type { EstimatorName } from '../../bilevel/index.ts'
import { ESTIMATOR_NAMES } from '../../bilevel/index.ts'
import type {
  FamilySchedule,
  NoiseFamilyName,
  SamplerName,
  SamplerSettings,
  SamplingFamilyName,
  StepListName,
} from '../../diffusion/index.ts'
import { learnedFamily, noiseSchedule, STEP_LISTS, samplerSettings, usualClippedNoise } from '../../diffusion/index.ts'

/** What is learned: one schedule for training and sampling, the sampling schedule alone, or one for each. */
export type LearnMode = 'tied' | 'sampling' | 'both'

const MODES: readonly LearnMode[] = ['tied', 'sampling', 'both']

export type { SamplingFamilyName } from '../../diffusion/index.ts'

/** Parameters of the training schedule before anything is learned, within the family's box; null: the family's default. */
export interface TrainingParameters {
  readonly start: number | null
  readonly end: number | null
  readonly tau: number | null
  readonly epsilon: number | null
}

export interface LearnSettings {
  readonly learn: LearnMode
  readonly trainingFamily: NoiseFamilyName
  /** Where the training schedule starts; for models trained here. */
  readonly training: TrainingParameters
  readonly samplingFamily: SamplingFamilyName
  /** Step list whose times, and levels there, the sampling schedule starts from; every reader of exported files finds the trailing ones. */
  readonly stepList: StepListName
  /**
   * Where free levels may start: alphaBar^power of the model's own levels on the step list. With more than one, the start is the one whose
   * samples are nearest to the tuning images, and what trying them cost is part of tuning. Other families start at the model's own.
   */
  readonly startPowers: readonly number[]
  readonly sampler: SamplerName
  /** N, the number of steps the user will sample with. */
  readonly samplingSteps: number
  readonly clip: readonly [number, number] | null
  readonly clippedNoise: 'keep' | 'recompute'
  /** DDIM's eta while learning and in the learned row. */
  readonly eta: number
  /** T of a model trained here. */
  readonly timesteps: number
  /** Training steps before tuning; the default side trains on by what tuning costs. */
  readonly trainSteps: number
  /** Images per training step. */
  readonly batch: number
  readonly learningRate: number
  /** Training steps over which the learning rate rises in a line; constant after them, so that any moment is a fair stop. */
  readonly warmUpSteps: number
  /** Largest decay of the moving average of the weights. */
  readonly emaDecay: number
  /** Tuning iterations, one step of the upper variables each. */
  readonly iterations: number
  /** Generated images per tuning iteration. */
  readonly tuningSamples: number
  readonly estimator: EstimatorName
  /** Perturbation of estimators without derivatives, in units of each parameter's scale. */
  readonly delta: number
  /** Last sampling steps that carry gradient. */
  readonly through: number | 'all'
  /** First step of the upper variables in units of their scales; falls in a line to 0 over the iterations. */
  readonly upperRate: number
  /** True: new start noise every iteration. */
  readonly freshSamples: boolean
  /** Penalty constant of `tied` and `both`. */
  readonly gamma: number
  /** K and J of the penalty method; `z` false leaves out z. Experimental, so left out unless asked for; `both` needs it. */
  readonly lowerSteps: number
  readonly twinSteps: number
  readonly z: boolean
  /** Images per candidate in the search for the best default. */
  readonly candidateSamples: number
  /** Images per sampling seed in the final rows. */
  readonly evaluationSamples: number
  readonly samplingSeeds: readonly number[]
  /** Images per program run while sampling. */
  readonly chunk: number
  readonly seed: number
}

/** Defaults chosen by measurement; for the start of free levels: docs/decisions/002-free-levels-from-the-best-power.md. */
export const LEARN_DEFAULTS: LearnSettings = {
  learn: 'sampling',
  trainingFamily: 'cosine',
  training: { start: null, end: null, tau: null, epsilon: null },
  samplingFamily: 'levels',
  stepList: 'trailing',
  startPowers: [1, 1.3, 1.6, 2],
  sampler: 'dpm-solver++',
  samplingSteps: 10,
  clip: [-1, 1],
  clippedNoise: 'keep',
  eta: 0,
  timesteps: 1000,
  trainSteps: 2000,
  batch: 64,
  learningRate: 3e-3,
  warmUpSteps: 100,
  emaDecay: 0.995,
  iterations: 10,
  tuningSamples: 192,
  estimator: 'backpropagation',
  delta: 0.5,
  through: 'all',
  upperRate: 0.6,
  freshSamples: true,
  gamma: 1e3,
  lowerSteps: 10,
  twinSteps: 10,
  z: false,
  candidateSamples: 256,
  evaluationSamples: 1000,
  samplingSeeds: [11, 12, 13],
  chunk: 64,
  seed: 0,
}

/** Settings of which some are given. */
export type GivenSettings = Partial<Omit<LearnSettings, 'training'>> & {
  readonly training?: Partial<TrainingParameters>
}

/**
 * Defaults that follow from other settings: the noise of a clipped image is what the sampler makes of it, DDPM's that of the clipped image; a schedule learned for both levels is of one
 * family, and without z, with which it got worse in three of five seeds (docs/results/schedule-digits16); a training schedule of its
 * own is learned through z alone.
 */
export function followingSettings({
  learn,
  trainingFamily,
  sampler,
}: Pick<LearnSettings, 'learn' | 'trainingFamily' | 'sampler'>): Partial<LearnSettings> {
  return {
    clippedNoise: usualClippedNoise(sampler),
    ...(learn === 'tied' && { samplingFamily: trainingFamily }),
    ...(learn === 'both' && { z: true }),
  }
}

/**
 * Settings with the rest at the defaults, and at what follows from those given: `tied` learns the training family.
 * @throws as `checkLearnSettings`
 * @example learnSettings({ learn: 'tied', trainingFamily: 'sigmoid', training: { tau: 0.8 } }).samplingFamily // 'sigmoid'
 */
export function learnSettings(given: GivenSettings = {}): LearnSettings {
  const { learn = LEARN_DEFAULTS.learn, trainingFamily = LEARN_DEFAULTS.trainingFamily } = given
  const { sampler = LEARN_DEFAULTS.sampler } = given
  const settings: LearnSettings = {
    ...LEARN_DEFAULTS,
    ...followingSettings({ learn, trainingFamily, sampler }),
    ...given,
    training: { ...LEARN_DEFAULTS.training, ...given.training },
  }
  checkLearnSettings(settings)
  return settings
}

/** The parameters that are given, by name. */
export function givenParameters({ training }: Pick<LearnSettings, 'training'>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(training).filter(([, value]) => value !== null))
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

/** The powers to try before tuning; a single one: nothing to try. Without a derivative the model's own levels are the start. */
export function startingPowers({ learn, samplingFamily, startPowers }: LearnSettings): readonly number[] {
  return learn === 'sampling' && learnedFamily(samplingFamily).startsAtPowers ? startPowers : [1]
}

/** Settings of the sampler that is learned for. */
export function learnedSampler({ sampler, clip, clippedNoise, eta }: LearnSettings): SamplerSettings {
  return samplerSettings({ sampler, clip, clippedNoise, eta })
}

const SAMPLES = ['tuningSamples', 'candidateSamples', 'evaluationSamples'] as const
const WHOLE = ['timesteps', 'batch', 'samplingSteps', 'chunk', ...SAMPLES] as const
const FROM_ZERO = ['trainSteps', 'warmUpSteps', 'iterations', 'lowerSteps', 'twinSteps', 'seed'] as const
const POSITIVE = ['learningRate', 'upperRate', 'delta', 'gamma'] as const

/** @throws `learn.settings` naming the first setting that is outside its range; `schedule.*` and `sampler.*` by their own rules */
export function checkLearnSettings(settings: LearnSettings): void {
  const refuse = (name: keyof LearnSettings, rule: string) => {
    throw inputError('learn.settings', `${name} must be ${rule}, got ${JSON.stringify(settings[name])}`)
  }
  if (!MODES.includes(settings.learn)) refuse('learn', `one of ${MODES.join(', ')}`)
  if (!STEP_LISTS.includes(settings.stepList)) refuse('stepList', `one of ${STEP_LISTS.join(', ')}`)
  if (!ESTIMATOR_NAMES.includes(settings.estimator)) refuse('estimator', `one of ${ESTIMATOR_NAMES.join(', ')}`)
  for (const name of WHOLE) {
    if (!(Number.isInteger(settings[name]) && settings[name] >= 1)) refuse(name, 'a whole number from 1')
  }
  for (const name of FROM_ZERO) {
    if (!(Number.isInteger(settings[name]) && settings[name] >= 0)) refuse(name, 'a whole number from 0')
  }
  if (settings.samplingSteps > settings.timesteps) {
    refuse('samplingSteps', `at most the ${settings.timesteps} timesteps`)
  }
  for (const name of POSITIVE) if (!(settings[name] > 0 && Number.isFinite(settings[name]))) refuse(name, 'above 0')
  const { through, samplingSeeds, startPowers, learn, z, twinSteps } = settings
  if (through !== 'all' && !(Number.isInteger(through) && through >= 1))
    refuse('through', "'all' or a whole number from 1")
  const seeds = samplingSeeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0)
  const powers = startPowers.every((power) => power > 0 && Number.isFinite(power))
  if (startPowers.length === 0 || !powers) refuse('startPowers', 'at least one number above 0')
  if (samplingSeeds.length === 0 || !seeds) refuse('samplingSeeds', 'at least one seed, whole numbers from 0')
  if (learn === 'both' && !z) refuse('z', 'true: the training schedule of its own is learned through z alone')
  if (learn !== 'sampling' && z && twinSteps < 1) refuse('twinSteps', 'at least 1 where there is a z')
  if (!(settings.emaDecay >= 0 && settings.emaDecay < 1)) refuse('emaDecay', 'in [0, 1)')
  if (settings.learn === 'tied' && settings.samplingFamily !== settings.trainingFamily) {
    refuse('samplingFamily', `the training family (${settings.trainingFamily}) where one schedule is learned for both`)
  }
  learnedSampler(settings)
  startingSchedule(settings)
}
