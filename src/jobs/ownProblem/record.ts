/** What a run of a user's own problem notes on its way. */
import type { Blocks, PenaltyReport, PenaltyState, TuningProgress, UpperGradient } from '../../bilevel/index.ts'
import { byParameter } from '../../bilevel/index.ts'

/** One iteration. Of problems with more parameters than `MOST_NAMED` the first ones; `result.json` has all of them at the end. */
export interface ProblemRecord {
  /** From 1. */
  readonly iteration: number
  /** Upper objective at the parameters before the step; null where it is not measured. */
  readonly value: number | null
  /** Lower objective at y; null unless the lower problem is trained. */
  readonly loss: number | null
  /** Penalty constant; null where the lower problem is frozen. */
  readonly gamma: number | null
  /** How far z's offset has converged, 1 being all the way; null without z. */
  readonly offsetConverged: number | null
  /** Before the step. */
  readonly parameters: Readonly<Record<string, number>>
  /** Of the penalty function over gamma (frozen: of the upper objective). */
  readonly gradient: Readonly<Record<string, number>>
  /** Network evaluations so far. */
  readonly evaluations: number
}

export type ProblemEvent =
  | { readonly kind: 'warm-up'; readonly step: number; readonly loss: number | null }
  | ({ readonly kind: 'iteration' } & ProblemRecord)

/** In network evaluations; where the problem has none, in iterations. */
export type ProblemProgress = TuningProgress<ProblemEvent['kind']>

/** Where a run stands. */
export interface ProblemCheckpoint<B extends string, S> {
  readonly state: PenaltyState<B, S>
  /** One record an iteration; those behind the state's own do not count. */
  readonly history: readonly ProblemRecord[]
}

/** Parameters that an event names. */
const MOST_NAMED = 100

/** The first parameters by name. */
export function named<B extends string>(blocks: Blocks<B>, values: UpperGradient<B>): Record<string, number> {
  return Object.fromEntries(Object.entries(byParameter(blocks, values)).slice(0, MOST_NAMED))
}

export function recordOf<B extends string>(
  blocks: Blocks<B>,
  report: PenaltyReport<B>,
  evaluations: number,
): ProblemRecord {
  return {
    iteration: report.iteration,
    value: report.value,
    loss: report.loss,
    gamma: report.gamma,
    offsetConverged: report.offset?.converged ?? null,
    parameters: named(blocks, report.upper),
    gradient: named(blocks, report.gradient),
    evaluations,
  }
}
