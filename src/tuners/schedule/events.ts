/** What a schedule learning job reports while it runs. */
import type { TuningProgress } from '../../bilevel/index.ts'
import type { Phase } from './checkpoint.ts'
import type { ObjectiveName } from './objectives/names.ts'
import type { StartTrial, TuningRecord } from './result.ts'

/** Something happened: a training step, a start of tuning tried, a tuning iteration, a default tried, a row measured. */
export type LearnEvent =
  | { readonly kind: 'step'; readonly phase: 'train' | 'continue'; readonly step: number; readonly loss: number }
  | ({ readonly kind: 'trial'; readonly steps: number; readonly objective: ObjectiveName } & StartTrial)
  | ({
      readonly kind: 'iteration'
      /** The number of steps that it is for. */
      readonly steps: number
      /** The start that it goes on from; null where nothing is searched. */
      readonly start: string | null
      readonly evaluations: number
      readonly objective: ObjectiveName
    } & TuningRecord)
  | {
      readonly kind: 'decision'
      readonly steps: number
      readonly objective: ObjectiveName
      readonly kept: 'learned' | 'start'
      /** Of the objective, best default minus learned. */
      readonly difference: number
      readonly standardError: number | null
      readonly images: number
    }
  | {
      readonly kind: 'candidate'
      readonly sampler: string
      readonly stepList: string
      readonly steps: number
      readonly objective: ObjectiveName
      readonly value: number
      readonly samples: number
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
