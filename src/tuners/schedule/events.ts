/** What a schedule learning job reports while it runs. */
import type { TuningProgress } from '../../bilevel/index.ts'
import type { Phase } from './checkpoint.ts'
import type { StartTrial, TuningRecord } from './result.ts'

/** Something happened: a training step, a start of tuning tried, a tuning iteration, a default tried, a row measured. */
export type LearnEvent =
  | { readonly kind: 'step'; readonly phase: 'train' | 'continue'; readonly step: number; readonly loss: number }
  | ({ readonly kind: 'trial' } & StartTrial)
  | ({ readonly kind: 'iteration'; readonly evaluations: number } & TuningRecord)
  | {
      readonly kind: 'candidate'
      readonly sampler: string
      readonly stepList: string
      readonly steps: number
      readonly fid: number
    }
  | {
      readonly kind: 'row'
      readonly label: string
      readonly steps: number
      readonly fid: number
      readonly recognised: number | null
    }

/** Progress of the whole job. */
export type LearnProgress = TuningProgress<Phase>
