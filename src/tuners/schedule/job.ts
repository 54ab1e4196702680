/** What all phases of a schedule learning job share: the subject, the settings, the networks that measure, and the way to report. */
import { inputError, internalError, sizeOf, tensor } from '../../base/index.ts'
import type { Hooks } from '../../bilevel/index.ts'
import type { Dataset, Split } from '../../data/index.ts'
import type { NoiseSchedule, ScheduleFamily } from '../../diffusion/index.ts'
import { checkFamily, Trainer } from '../../diffusion/index.ts'
import type { EvaluationReference, FeatureNetwork, FrechetReference } from '../../metrics/index.ts'
import { evaluationReference, referenceMoments } from '../../metrics/index.ts'
import type { LearningRate } from '../../nn/index.ts'
import { adamw, learningRate } from '../../nn/index.ts'
import type { Reward } from '../../rewards/index.ts'
import type { Device } from '../../runtime/index.ts'
import type { LearnCheckpoint } from './checkpoint.ts'
import type { LearnEvent, LearnProgress } from './events.ts'
import { checkObjectiveParts, teacherOf, withoutDerivative } from './objectives/open.ts'
import type { StartPoint } from './search/startPool.ts'
import { familyFrom } from './search/startPool.ts'
import type { LearnSettings } from './settings/index.ts'
import { checkLearnSettings, givenParameters } from './settings/index.ts'
import type { Subject } from './subject.ts'
import {
  conditionOf,
  denoises,
  hasDerivativeInTime,
  isDifferentiable,
  targetOf,
  trainedHere,
  trainingScheduleOf,
  withTarget,
} from './subject.ts'

/**
 * What a checkpoint holds stays as it is until the next call is over: copy what is kept longer.
 */
export interface LearnOptions extends Hooks<LearnCheckpoint, LearnEvent, LearnProgress> {
  readonly subject: Subject
  /** Null: none, with an objective that needs none; then rows have no Fréchet distance. */
  readonly data: Dataset | null
  /** Measures the distance to the data, and with `teacherSpace` features that to the teacher; null: none. */
  readonly features: FeatureNetwork | null
  /** A different network that judges the result; null: none. */
  readonly judge: FeatureNetwork | null
  /** What objective reward maximises. It stays open. */
  readonly reward?: Reward | null
  /** With setting start `given`: the schedule that tuning starts from, of as many steps as are learned for. */
  readonly startPoint?: StartPoint | null
  readonly settings: LearnSettings
  readonly device?: Device
}

/** An opened job. */
export interface Job extends LearnOptions {
  readonly reward: Reward | null
  /** The schedule before anything is learned. */
  readonly schedule: NoiseSchedule
  /** What is learned of the sampling schedule, from the model's own levels; tied: of both. */
  readonly family: ScheduleFamily
  readonly rate: LearningRate
  /** Moments of the tuning split in the feature network; null without data. */
  readonly tuningReference: FrechetReference | null
  /**
   * Moments of images that steer no schedule and decide what is kept: every fourth of the tuning split, where the rest are enough, and the training
   * split's; null where they are too few, or there are no data.
   */
  readonly decisionReference: FrechetReference | null
  /** The held-out split in both networks; null without data. */
  readonly heldOut: EvaluationReference | null
  /** Class of generated image `item`: the one that is asked for, or the classes in turn; undefined: unconditional. */
  readonly condition?: (item: number) => number
  /** Null for models that are not trained here. */
  readonly trainer: Trainer | null
}

/**
 * Checks everything that can be checked before anything is trained, and opens the trainer.
 * @throws `learn.*`, `training.*`, `times.integerOnly`, `times.derivative`, `steps.count` and `metrics.*` on parts that do not fit together
 */
export async function openJob(options: LearnOptions): Promise<Job> {
  const { subject, data, features, judge, settings, device, reward = null } = options
  checkLearnSettings(settings)
  checkParts(options)
  const schedule = trainingScheduleOf(subject, settings)
  const family = familyFrom(settings, schedule, denoises(subject).times, options.startPoint?.sampling)
  checkFamily(family, denoises(subject))
  if (settings.objective !== 'fid') teacherOf({ settings, schedule }, denoises(subject))
  checkTimeDerivative(options, family)
  const condition = await conditionOf(subject, data ?? { name: 'no data', classes: [] }, settings)
  const trained = trainedHere(subject)
  const heldOut =
    data && features && (await evaluationReference(imagesOfSplit(data.splits.heldOut), { features, judge }))
  const trainSplit = data?.splits.train
  if (trained && !trainSplit) throw internalError('a network was to be trained without data')
  return {
    ...options,
    reward,
    subject: withTarget(subject, settings),
    schedule,
    family,
    rate: learningRate({ kind: 'constant', rate: settings.learningRate, warmUpSteps: settings.warmUpSteps }),
    ...(data && features
      ? await tuningReferences(data, features, settings.learn === 'sampling')
      : { tuningReference: null, decisionReference: null }),
    heldOut,
    ...(condition && { condition }),
    trainer:
      trained && trainSplit
        ? await Trainer.create({
            network: trained.network,
            data: trainSplit,
            timesteps: settings.timesteps,
            prediction: targetOf(subject, settings),
            optimizer: adamw({ weightDecay: 0 }),
            batch: settings.batch,
            seed: settings.seed,
            ...(device && { device }),
          })
        : null,
  }
}

/** One in so many images of the tuning split steers nothing. */
const HELD_BACK = 4
/** Images of the training split that decide, at most: what a reference of few images is off by is the same at every sampling seed. */
const MOST_DECIDING = 4000

/** Moments of the tuning split, less what of it is held back, and of what decides. */
async function tuningReferences(
  { splits: { tuning, train } }: Dataset,
  features: FeatureNetwork,
  decides: boolean,
): Promise<Pick<Job, 'tuningReference' | 'decisionReference'>> {
  const all = await features.features(imagesOfSplit(tuning))
  if (!decides) return { tuningReference: referenceMoments(all), decisionReference: null }
  const { dimensions } = features
  const part = (wanted: (row: number) => boolean): Float64Array => {
    const rows = Array.from({ length: tuning.count }, (_, row) => row).filter(wanted)
    const values = new Float64Array(rows.length * dimensions)
    for (const [i, row] of rows.entries()) {
      values.set(all.data.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions)
    }
    return values
  }
  const moments = (values: Float64Array) =>
    referenceMoments(tensor('float64', [values.length / dimensions, dimensions], values))
  const most = Math.min(train.count, MOST_DECIDING)
  const images = train.images.subarray(0, most * sizeOf(train.shape))
  const trained = most > 0 ? await features.features(imagesOfSplit({ ...train, count: most, images })) : null
  const heldBack = part((row) => row % HELD_BACK === 0)
  if (heldBack.length <= dimensions * dimensions) {
    const decisionReference = trained && most > dimensions ? referenceMoments(trained) : null
    return { tuningReference: referenceMoments(all), decisionReference }
  }
  return {
    tuningReference: moments(part((row) => row % HELD_BACK !== 0)),
    decisionReference: moments(Float64Array.from([...heldBack, ...(trained?.data ?? [])])),
  }
}

/** A split as one batch of images [n, c, h, w]. */
export function imagesOfSplit({ images, count, shape }: Split) {
  return tensor('float32', [count, ...shape], images)
}

function checkParts(options: LearnOptions): void {
  const { subject, data, features, judge, settings, reward = null } = options
  const trained = trainedHere(subject) !== null
  checkStartPoint(options)
  if (!trained && settings.learn !== 'sampling') {
    throw inputError(
      'learn.mode',
      `learn ${settings.learn} trains a network; a pretrained model can have its sampling schedule learned: learn sampling`,
    )
  }
  const [given] = Object.keys(givenParameters(settings))
  if (!trained && given) {
    throw inputError(
      'learn.training',
      `a model trained before has its training schedule, got training.${given} ${givenParameters(settings)[given]}; leave it out`,
    )
  }
  checkPrediction(subject, settings)
  if (trained && !data) {
    throw inputError('learn.data', 'a network is trained on data, got none; give data, or a model that is trained')
  }
  if (data && !features) {
    throw inputError(
      'learn.data',
      `with data (${data.name}) there must be features to compare images in, got none; give both or neither`,
    )
  }
  checkObjectiveParts({ settings, features, reward }, data !== null)
  const model = { name: 'the model', imageShape: denoises(subject).imageShape }
  const missing = isDifferentiable(subject) ? withoutDerivative({ settings, features, reward }) : 'this model'
  if (settings.teacherSoft !== null && settings.objective === 'teacher' && missing !== null) {
    throw inputError(
      'learn.objective',
      `teacherSoft moves the start noise by a derivative, which ${missing} does not have; leave it out`,
    )
  }
  if (settings.estimator === 'backpropagation' && missing !== null) {
    const what = missing
    throw inputError(
      'learn.estimator',
      `backpropagation needs a derivative, which ${what} does not have; use two-point, one-point or coordinate`,
    )
  }
  const shape = data?.shape ?? model.imageShape
  const rated = reward?.imageShape ? [{ name: `reward ${reward.name}`, imageShape: reward.imageShape }] : []
  for (const { name, imageShape } of [model, ...(features ? [features] : []), ...(judge ? [judge] : []), ...rated]) {
    if (imageShape.join() === shape.join()) continue
    throw inputError(
      'learn.imageShape',
      `images are [${shape}], but ${name} takes [${imageShape}]; choose another size or other features`,
    )
  }
  if (!data || !features) return
  for (const name of ['tuningSamples', 'candidateSamples', 'evaluationSamples'] as const) {
    if (settings[name] > features.dimensions) continue
    // A reward or a teacher is a mean over images.
    if (
      name === 'tuningSamples'
        ? settings.objective !== 'fid'
        : name === 'candidateSamples' && settings.objective === 'reward'
    )
      continue
    throw inputError(
      'learn.samples',
      `${name} must be more than the ${features.dimensions} features of ${features.name}, got ${settings[name]}; generate more images`,
    )
  }
}

/** @throws `learn.prediction` where a model that is there predicts something else than is asked for; `learn.mode` where it is a flow to be trained on */
function checkPrediction(subject: Subject, settings: LearnSettings): void {
  const { prediction } = settings
  const own = targetOf(subject, settings)
  if (prediction !== null && own !== prediction) {
    throw inputError(
      'learn.prediction',
      `prediction is what a model trained here predicts, got ${prediction} for a model that predicts ${own}; leave it out`,
    )
  }
  if (own !== 'flow' || settings.learn === 'sampling') return
  const rule = 'a flow has no training schedule to learn: its levels are sigma = t/T'
  throw inputError('learn.mode', `${rule}; got learn ${settings.learn}, use sampling`)
}

/** @throws `learn.start` where the start that the settings speak of is not there, or has other steps */
function checkStartPoint({ settings: { start, samplingSteps, timesteps }, startPoint = null }: LearnOptions): void {
  const refuse = (rule: string) => {
    throw inputError('learn.start', rule)
  }
  if (start === 'given' && !startPoint) {
    refuse('with start given, the schedule to start from (startPoint) comes beside the settings, got none; give it')
  }
  if (!startPoint) return
  if (start !== 'given') refuse(`the schedule ${startPoint.name} is for start given, got start ${start}; leave it out`)
  const { levels, timesteps: own } = startPoint.sampling
  if (levels.length === samplingSteps && own === timesteps) return
  const came = `${startPoint.name} has ${levels.length} steps of T = ${own}`
  refuse(`a start has the ${samplingSteps} steps that are learned for, of T = ${timesteps}, but ${came}; give another`)
}

/** @throws `times.derivative` where told times are to be learned by a derivative that the model does not have */
function checkTimeDerivative({ subject, settings }: LearnOptions, { freeTimes, kind }: ScheduleFamily): void {
  if (!freeTimes || settings.estimator !== 'backpropagation' || hasDerivativeInTime(subject)) return
  throw inputError(
    'times.derivative',
    `backpropagation to free told times (family ${kind}) needs the model's derivative in the told time, which this model does not have; give it ` +
      '(timeVjp of functionDenoiser), learn levels, or use two-point, one-point or coordinate',
  )
}
