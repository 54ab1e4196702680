/**
 * The driver of every bilevel problem: its steps from the start or a checkpoint to the end, with hooks for events, checkpoints, progress
 * and a stop. A problem brings what is its own; a run folder, a page or a worker hang on the hooks.
 */
import { inputError } from '../base/index.ts'
import { expectedCost, problemCost } from './cost.ts'
import type { Hooks, TuningProgress } from './hooks.ts'
import type { TuningEvent } from './penalty.ts'
import { tune } from './penalty.ts'
import type { BilevelProblem } from './problem.ts'
import { blockNames } from './problem.ts'
import type { PenaltySettings } from './settings.ts'
import type { PenaltyState } from './state.ts'
import { penaltyInit } from './state.ts'

/** Of a problem with blocks B and lower states S. A checkpoint is the state: plain numbers, typed arrays, and S. */
export type DriveHooks<B extends string, S> = Hooks<
  PenaltyState<B, S>,
  TuningEvent<B, S>,
  TuningProgress<TuningEvent<B, S>['kind']>
>

/**
 * Tunes a problem to its end.
 * @param iterations steps of q, all told
 * @returns the last state; equal inputs, or a state on the way to go on from, give the same bits
 * @throws as `checkProblem` and `checkSettings`; `bilevel.from` on a state of another problem; `bilevel.diverged`; `interrupted` through
 *   `signal`; what the problem throws
 * @example await drive(problem, settings, 15, { onCheckpoint: save, signal })
 */
export async function drive<B extends string, S, Batch>(
  problem: BilevelProblem<B, S, Batch>,
  settings: PenaltySettings,
  iterations: number,
  { from, signal, onEvent, onCheckpoint, onProgress }: DriveHooks<B, S> = {},
): Promise<PenaltyState<B, S>> {
  const start = penaltyInit(problem, settings)
  if (from) checkFits(problem, from, start)
  const cost = problemCost(problem)
  let state = from ?? start
  for await (const event of tune(problem, settings, iterations, state, signal)) {
    state = event.state
    await onEvent?.(event)
    await onCheckpoint?.(state)
    const total = expectedCost(cost, settings, iterations, state)
    onProgress?.({ phase: event.kind, ...shareOf(state, iterations, total), detail: detailOf(event, iterations) })
  }
  return state
}

/** In network evaluations; where there are none (a closed form), in iterations. */
function shareOf(
  { iteration, evaluations }: Pick<PenaltyState<string, unknown>, 'iteration' | 'evaluations'>,
  iterations: number,
  total: number,
) {
  return total > 0 ? { done: evaluations, total } : { done: iteration, total: iterations }
}

function detailOf<B extends string, S>(event: TuningEvent<B, S>, iterations: number): string {
  if (event.kind === 'warm-up') return `lower step ${event.state.trained?.steps}, loss ${event.loss?.toPrecision(4)}`
  const { iteration, value } = event.report
  return `iteration ${iteration} of ${iterations}${value === null ? '' : `, upper objective ${value.toPrecision(4)}`}`
}

/** @throws `bilevel.from` */
function checkFits<B extends string, S, Batch>(
  { blocks, lower }: BilevelProblem<B, S, Batch>,
  from: PenaltyState<B, S>,
  start: PenaltyState<B, S>,
): void {
  const refuse = (rule: string, came: string) =>
    inputError(
      'bilevel.from',
      `a state to go on from must be of the same problem: ${rule}, ${came}; start anew without it`,
    )
  for (const block of blockNames(blocks)) {
    const [size, came] = [start.upper[block].length, from.upper[block]?.length]
    if (came !== size) throw refuse(`block '${block}' has ${size} parameters`, `got ${came ?? 'none'}`)
  }
  if ((from.trained === null) !== (start.trained === null)) {
    throw refuse(`its lower problem is ${lower.kind}`, `the state ${from.trained ? 'is' : 'is not'} of a trained one`)
  }
}
