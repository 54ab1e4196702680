/** One measured figure: what was timed, how often, and the floating point operations of one run. */
import type { Timing } from './timing.ts'

export interface Figure {
  readonly what: string
  readonly timing: Timing
  /** Floating point operations of its convolutions and matrix products; null where it has hardly any (work on the host). */
  readonly operations: number | null
  /** Images that one run makes, where it makes images. */
  readonly images?: number
}
