/** What an entropy strength job reports while it runs. */
import type { TuningProgress } from '../../bilevel/index.ts'
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

/** Its total is an estimate until lambda is confirmed. */
export type EntropyProgress = TuningProgress<EntropyPhase>
