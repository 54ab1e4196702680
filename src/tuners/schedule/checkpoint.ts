/** Where a schedule learning job stands: all that it needs to go on to the same numbers. */
import type { PenaltyState } from '../../bilevel/index.ts'
import type { TrainedState, TrainingState } from '../../diffusion/index.ts'
import type { DefaultCandidate, TuningRecord } from './result.ts'
import type { MeasuredRow } from './rows.ts'
import type { SearchState } from './search/state.ts'

/** The phases, in order. */
export const PHASES = ['train', 'tune', 'continue', 'measure'] as const
export type Phase = (typeof PHASES)[number]

/** A tuning state of any of the modes. */
export type TuningState = PenaltyState<string, TrainingState | null>

/** Where one number of steps stands. */
export interface StepsCheckpoint {
  /** The defaults, ranked at the network before tuning; null: not yet, or nothing starts there. */
  readonly defaults: readonly DefaultCandidate[] | null
  /** Of a frozen network; null: not begun. */
  readonly search: SearchState | null
  /** Of a network that is trained for its schedule. */
  readonly tuning: TuningState | null
  readonly history: readonly TuningRecord[]
  /** The defaults, ranked at the default side's network. */
  readonly candidates: readonly DefaultCandidate[] | null
  /** Finished rows by label. */
  readonly rows: Readonly<Record<string, MeasuredRow>>
}

export interface LearnCheckpoint {
  readonly phase: Phase
  /** The run both sides share, up to the first tuning iteration; null for a pretrained model. */
  readonly shared: TrainedState | null
  /** By number of steps. */
  readonly steps: Readonly<Record<string, StepsCheckpoint>>
  /** The default side, trained on. */
  readonly continued: TrainedState | null
  /** Seconds spent by phase. */
  readonly seconds: Readonly<Record<Phase, number>>
}

/** Nothing done yet for a number of steps. */
export const STEPS_START: StepsCheckpoint = {
  defaults: null,
  search: null,
  tuning: null,
  history: [],
  candidates: null,
  rows: {},
}

/** Nothing done yet. */
export const LEARN_START: LearnCheckpoint = {
  phase: 'train',
  shared: null,
  steps: {},
  continued: null,
  seconds: { train: 0, tune: 0, continue: 0, measure: 0 },
}

export const isBefore = (a: Phase, b: Phase): boolean => PHASES.indexOf(a) < PHASES.indexOf(b)
