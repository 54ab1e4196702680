/** What all phases of a schedule learning job share: the subject, the settings, the networks that measure, and the way to report. */
import { inputError, tensor } from '../../base/index.ts'
import type { Hooks } from '../../bilevel/index.ts'
import type { Dataset, Split } from '../../data/index.ts'
import type { NoiseSchedule, ScheduleFamily } from '../../diffusion/index.ts'
import { checkFamily, Trainer } from '../../diffusion/index.ts'
import type { EvaluationReference, FeatureNetwork, FrechetReference } from '../../metrics/index.ts'
import { evaluationReference, referenceMoments } from '../../metrics/index.ts'
import type { LearningRate } from '../../nn/index.ts'
import { adamw, learningRate } from '../../nn/index.ts'
import type { Device } from '../../runtime/index.ts'
import type { LearnCheckpoint } from './checkpoint.ts'
import type { LearnEvent, LearnProgress } from './events.ts'
import type { LearnSettings } from './settings.ts'
import { checkLearnSettings, givenParameters } from './settings.ts'
import { familyFrom } from './start.ts'
import type { Subject } from './subject.ts'
import {
  classesOf,
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
  readonly data: Dataset
  /** Measures the distance that is minimised. */
  readonly features: FeatureNetwork
  /** A different network that judges the result; null: none. */
  readonly judge: FeatureNetwork | null
  readonly settings: LearnSettings
  readonly device?: Device
}

/** An opened job. */
export interface Job extends LearnOptions {
  /** The schedule before anything is learned. */
  readonly schedule: NoiseSchedule
  /** What is learned of the sampling schedule, from the model's own levels; tied: of both. */
  readonly family: ScheduleFamily
  readonly rate: LearningRate
  /** Moments of the tuning split in the feature network. */
  readonly tuningReference: FrechetReference
  /** The held-out split in both networks. */
  readonly heldOut: EvaluationReference
  /** Class of generated image `item`: the classes in turn; undefined: unconditional. */
  readonly condition?: (item: number) => number
  /** Null for models that are not trained here. */
  readonly trainer: Trainer | null
}

/**
 * Checks everything that can be checked before anything is trained, and opens the trainer.
 * @throws `learn.*`, `training.*`, `times.integerOnly`, `times.derivative`, `steps.count` and `metrics.*` on parts that do not fit together
 */
export async function openJob(options: LearnOptions): Promise<Job> {
  const { subject, data, features, judge, settings, device } = options
  checkLearnSettings(settings)
  checkParts(options)
  const schedule = trainingScheduleOf(subject, settings)
  const family = familyFrom(settings, schedule, 1, denoises(subject).times)
  checkFamily(family, denoises(subject))
  checkTimeDerivative(options, family)
  const classes = await classesOf(subject, data)
  const trained = trainedHere(subject)
  const heldOut = await evaluationReference(imagesOfSplit(data.splits.heldOut), { features, judge })
  return {
    ...options,
    subject: withTarget(subject, settings),
    schedule,
    family,
    rate: learningRate({ kind: 'constant', rate: settings.learningRate, warmUpSteps: settings.warmUpSteps }),
    tuningReference: referenceMoments(await features.features(imagesOfSplit(data.splits.tuning))),
    heldOut: { ...heldOut, rows: null },
    ...(classes !== undefined && { condition: (item: number) => item % classes }),
    trainer: trained
      ? await Trainer.create({
          network: trained.network,
          data: data.splits.train,
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

/** A split as one batch of images [n, c, h, w]. */
export function imagesOfSplit({ images, count, shape }: Split) {
  return tensor('float32', [count, ...shape], images)
}

function checkParts({ subject, data, features, judge, settings }: LearnOptions): void {
  const trained = trainedHere(subject) !== null
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
  const model = { name: 'the model', imageShape: denoises(subject).imageShape }
  const derivative = isDifferentiable(subject) && features.vjp !== undefined
  if (settings.estimator === 'backpropagation' && !derivative) {
    const what = isDifferentiable(subject) ? `feature network ${features.name}` : 'this model'
    throw inputError(
      'learn.estimator',
      `backpropagation needs a derivative, which ${what} does not have; use two-point, one-point or coordinate`,
    )
  }
  for (const { name, imageShape } of [model, features, ...(judge ? [judge] : [])]) {
    if (imageShape.join() === data.shape.join()) continue
    throw inputError(
      'learn.imageShape',
      `images are [${data.shape}], but ${name} takes [${imageShape}]; choose another size or other features`,
    )
  }
  for (const name of ['tuningSamples', 'candidateSamples', 'evaluationSamples'] as const) {
    if (settings[name] > features.dimensions) continue
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

/** @throws `times.derivative` where told times are to be learned by a derivative that the model does not have */
function checkTimeDerivative({ subject, settings }: LearnOptions, { freeTimes, kind }: ScheduleFamily): void {
  if (!freeTimes || settings.estimator !== 'backpropagation' || hasDerivativeInTime(subject)) return
  throw inputError(
    'times.derivative',
    `backpropagation to free told times (family ${kind}) needs the model's derivative in the told time, which this model does not have; give it ` +
      '(timeVjp of functionDenoiser), learn levels, or use two-point, one-point or coordinate',
  )
}
