/** What a schedule learning job reports while it runs. */
import type { TuningProgress } from '../../bilevel/index.ts'
import type { Phase } from './checkpoint.ts'
import type { ObjectiveName } from './objectives/names.ts'
import type { StartTrial, TuningRecord } from './result.ts'

/** Something happened: a training step, a start of tuning tried, a tuning iteration, a default tried, a row measured. */
export type LearnEvent =
  | { readonly kind: 'step'; readonly phase: 'train' | 'continue'; readonly step: number; readonly loss: number }
  | ({ readonly kind: 'trial'; readonly objective: ObjectiveName } & StartTrial)
  | ({ readonly kind: 'iteration'; readonly evaluations: number; readonly objective: ObjectiveName } & TuningRecord)
  | {
      readonly kind: 'candidate'
      readonly sampler: string
      readonly stepList: string
      readonly steps: number
      readonly objective: ObjectiveName
      readonly value: number
    }
  | {
      readonly kind: 'row'
      readonly label: string
      readonly steps: number
      readonly objective: ObjectiveName
      /** Null without data. */
      readonly fid: number | null
      /** Of the objective, where it is not fid. */
      readonly value?: number
      readonly recognised: number | null
    }

/** Progress of the whole job. */
export type LearnProgress = TuningProgress<Phase>
