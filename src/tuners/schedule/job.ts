/** What all phases of a schedule learning job share: the subject, the settings, the networks that measure, and the way to report. */
import { internalError } from '../../base/index.ts'
import type { NoiseSchedule, ScheduleFamily, TrainingSchedule } from '../../diffusion/index.ts'
import { checkFamily, Trainer } from '../../diffusion/index.ts'
import type { EvaluationReference } from '../../metrics/index.ts'
import { evaluationReference } from '../../metrics/index.ts'
import type { LearningRate } from '../../nn/index.ts'
import { adamw, learningRate } from '../../nn/index.ts'
import type { Reward } from '../../rewards/index.ts'
import { checkParts, checkTimeDerivative } from './checkJob.ts'
import { teacherOf } from './objectives/open.ts'
import type { LearnOptions } from './options.ts'
import type { TuningReferences } from './references.ts'
import { imagesOfSplit, tuningReferences } from './references.ts'
import { familyFrom } from './search/startPool.ts'
import { checkLearnSettings, trainedOn, weightingOf } from './settings/index.ts'
import { conditionOf, denoises, targetOf, trainedHere, trainingScheduleOf, withTarget } from './subject.ts'

/** An opened job. */
export interface Job extends LearnOptions, TuningReferences {
  readonly reward: Reward | null
  /** The schedule before anything is learned. */
  readonly schedule: NoiseSchedule
  /** What a network is trained on here before anything is learned: that, or a density of log-SNR told in its times. */
  readonly trainedOn: TrainingSchedule
  /** What is learned of the sampling schedule, from the model's own levels; tied: of both. */
  readonly family: ScheduleFamily
  readonly rate: LearningRate
  /** The held-out split in both networks; null without data. */
  readonly heldOut: EvaluationReference | null
  /** Class of generated image `item`: the one that is asked for, or the classes in turn; undefined: unconditional. */
  readonly condition?: (item: number) => number
  /** Null for models that are not trained here. */
  readonly trainer: Trainer | null
}

/**
 * Checks everything that can be checked before anything is trained.
 * @throws `learn.*`, `training.*`, `times.integerOnly`, `times.derivative`, `steps.count` and `metrics.*` on parts that do not fit together
 */
export async function checkLearning(
  options: LearnOptions,
): Promise<Pick<Job, 'schedule' | 'family'> & { readonly condition: Job['condition'] | null }> {
  const { subject, data, settings } = options
  checkLearnSettings(settings)
  checkParts(options)
  const schedule = trainingScheduleOf(subject, settings)
  const family = familyFrom(settings, schedule, denoises(subject).times, options.startPoint?.sampling)
  checkFamily(family, denoises(subject))
  if (settings.objective !== 'fid') teacherOf({ settings, schedule }, denoises(subject))
  checkTimeDerivative(options, family)
  const condition = await conditionOf(subject, data ?? { name: 'no data', classes: [] }, settings)
  return { schedule, family, condition: condition ?? null }
}

/** Opens the trainer, and what images are compared with. @throws as `checkLearning` */
export async function openJob(options: LearnOptions): Promise<Job> {
  const { subject, data, features, judge, settings, device, reward = null } = options
  const { schedule, family, condition } = await checkLearning(options)
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
    trainedOn: trainedOn(settings, schedule),
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
            weighting: weightingOf(settings),
            optimizer: adamw({ weightDecay: 0 }),
            batch: settings.batch,
            seed: settings.seed,
            ...(device && { device }),
          })
        : null,
  }
}
