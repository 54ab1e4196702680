/** What an entropy strength job reports while it runs. */
import type { EntropyPhase } from './checkpoint.ts'
import type { CurvePoint, EntropyIteration } from './result.ts'

/** Something happened: a gradient was estimated, an interval tried, a point of the curve measured. */
export type EntropyEvent =
  | ({ readonly kind: 'iteration' } & EntropyIteration)
  | {
      readonly kind: 'interval'
      readonly low: number
      readonly value: number
      readonly high: number
      /** Whether fresh paths confirmed it. */
      readonly confirmed: boolean
      readonly evaluations: number
    }
  | ({ readonly kind: 'point' } & CurvePoint)

/** Progress in network evaluations, an estimate until lambda is confirmed: `done` rises to `total`. */
export interface EntropyProgress {
  readonly phase: EntropyPhase
  readonly done: number
  readonly total: number
  /** What is being done, in a few words. */
  readonly detail: string
}
