/** Where a search stands: plain data, as a checkpoint holds it. */
import type { PenaltyState } from '../../../bilevel/index.ts'
import type { Decision, StartTrial, TuningRecord } from '../result.ts'

/** Where one start stands. */
export interface StartRun {
  /** By the name of its trial. */
  readonly start: string
  readonly tuning: PenaltyState<string, null>
  readonly history: readonly TuningRecord[]
  /** Whether others were better, so that it does not go on. */
  readonly out: boolean
}

/** Where a search stands. */
export interface SearchState {
  /** Starts that were screened, the best first; of a single start, that one. */
  readonly trials: readonly StartTrial[] | null
  readonly runs: readonly StartRun[]
  readonly decision: Decision | null
  /** Network evaluations of all of it. */
  readonly evaluations: number
}

export const SEARCH_START: SearchState = { trials: null, runs: [], decision: null, evaluations: 0 }
