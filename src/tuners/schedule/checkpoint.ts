/** Where a schedule learning job stands: all that it needs to go on to the same numbers. */
import type { PenaltyState } from '../../bilevel/index.ts'
import type { TrainedState, TrainingState } from '../../diffusion/index.ts'
import type { DefaultCandidate, StartTrial, TuningRecord } from './result.ts'
import type { MeasuredRow } from './rows.ts'

/** The phases, in order. */
export const PHASES = ['train', 'tune', 'continue', 'measure'] as const
export type Phase = (typeof PHASES)[number]

/** A tuning state of any of the modes. */
export type TuningState = PenaltyState<string, TrainingState | null>

export interface LearnCheckpoint {
  readonly phase: Phase
  /** The run both sides share, up to the first tuning iteration; null for a pretrained model. */
  readonly shared: TrainedState | null
  /** Starts that were tried; null: not yet. */
  readonly starts: readonly StartTrial[] | null
  readonly tuning: TuningState | null
  readonly history: readonly TuningRecord[]
  /** The default side, trained on. */
  readonly continued: TrainedState | null
  readonly candidates: readonly DefaultCandidate[] | null
  /** Finished rows by label. */
  readonly rows: Readonly<Record<string, MeasuredRow>>
  /** Seconds spent by phase. */
  readonly seconds: Readonly<Record<Phase, number>>
}

/** Nothing done yet. */
export const LEARN_START: LearnCheckpoint = {
  phase: 'train',
  shared: null,
  starts: null,
  tuning: null,
  history: [],
  continued: null,
  candidates: null,
  rows: {},
  seconds: { train: 0, tune: 0, continue: 0, measure: 0 },
}
