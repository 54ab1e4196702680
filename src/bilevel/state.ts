/** The state of a tuning run: all that a checkpoint must hold. */
import type { AdamState } from './adam.ts'
import { adamInit } from './adam.ts'
import type { EstimatorState } from './estimators/estimator.ts'
import { ESTIMATOR_START } from './estimators/estimator.ts'
import type { BilevelProblem, Upper } from './problem.ts'
import { blockNames, checkProblem } from './problem.ts'
import type { PenaltySettings } from './settings.ts'
import { checkSettings } from './settings.ts'
import type { TrainedState } from './twins.ts'
import { trainedStart } from './twins.ts'

/** One state for each place where an estimator is at work: one-point's last value belongs to one place. */
export interface EstimatorStates {
  /** df/dq of blocks that enter both levels. */
  readonly shared: EstimatorState
  /** df/dq of blocks that enter f alone. */
  readonly upperOnly: EstimatorState
  /** df/dtheta at z. */
  readonly weights: EstimatorState
}

/** Everything a run carries on: plain numbers and typed arrays, and the lower problem's own S. */
export interface PenaltyState<B extends string, S> {
  /** Steps q has made. */
  readonly iteration: number
  readonly upper: Upper<B>
  readonly adam: Readonly<Record<B, AdamState>>
  /** Null unless the lower problem is trained. */
  readonly trained: TrainedState<S> | null
  /** gamma of the last iteration: the offset is proportional to 1/gamma. Null before the first. */
  readonly gamma: number | null
  readonly estimators: EstimatorStates
  /** Minibatches drawn, sample keys used, network evaluations spent so far. */
  readonly draws: number
  readonly samples: number
  readonly evaluations: number
}

/** The state before any step. @throws as `checkProblem` and `checkSettings` */
export function penaltyInit<B extends string, S, Batch>(
  problem: BilevelProblem<B, S, Batch>,
  settings: PenaltySettings,
): PenaltyState<B, S> {
  checkProblem(problem)
  checkSettings(problem, settings)
  const names = blockNames(problem.blocks)
  return {
    iteration: 0,
    upper: record(names, (name) => problem.blocks[name].initial.slice()),
    adam: record(names, (name) => adamInit(problem.blocks[name].initial.length)),
    trained: problem.lower.kind === 'trained' ? trainedStart(problem.lower) : null,
    gamma: null,
    estimators: { shared: ESTIMATOR_START, upperOnly: ESTIMATOR_START, weights: ESTIMATOR_START },
    draws: 0,
    samples: 0,
    evaluations: 0,
  }
}

/** A record with a value for each name. */
export function record<B extends string, V>(names: readonly B[], of: (name: B) => V): Record<B, V> {
  return Object.fromEntries(names.map((name) => [name, of(name)])) as Record<B, V>
}
