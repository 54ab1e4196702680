/** What is read of a schedule made elsewhere. */
import type { Prediction } from '../denoiser.ts'
import type { ClassPlan } from '../samplers/classPlan.ts'
import type { SamplerSettings } from '../samplers/settings.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import type { StepListName } from '../schedules/stepList.ts'
import type { ClassLevels, ClassRequest } from './classPlanOf.ts'

/** Names, where a sampler is chosen, the steps of the scheduler file's own class. */
export const OWN_SAMPLER = 'own'

/** A schedule made elsewhere. */
export interface ForeignScheduler {
  readonly schedule: NoiseSchedule
  readonly prediction: Prediction
  /** That the file does not say so: its class's default, or the usual one. */
  readonly assumedPrediction?: true
  readonly settings: SamplerSettings
  /** Its network gives a variance beside its prediction. */
  readonly learnedVariance: boolean
  /** The step list nearest to the times that it takes by itself. */
  readonly stepList: StepListName
  /** Those times themselves in N steps, noisiest first. @throws `steps.count` */
  timesOf(steps: number): readonly number[]
  /** Its levels and told times in N steps, where they are other than the training levels at `timesOf`; null: they are those. */
  readonly levelsOf: ((request: ClassRequest) => ClassLevels) | null
  /**
   * A run of its class by itself. @throws `scheduler.own` where its steps are not here, `steps.count` where the real class fails
   */
  planOf(request: ClassRequest): ClassPlan
  /** The class that it is read as; null: plain betas. */
  readonly className: string | null
  /** Fields that the samplers here treat otherwise, and what was assumed, each a sentence. */
  readonly notes: readonly string[]
}

/** How it samples by itself. */
export type OwnSampling = Omit<ForeignScheduler, 'schedule' | 'prediction' | 'assumedPrediction'>
