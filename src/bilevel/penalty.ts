/**
 * The first-order penalty method for generative bilevel problems (Xiao et al., ICML 2025, arXiv 2502.08808):
 *
 *     F_gamma(q) = min_p f(q, p) + gamma (g(q, p) - min_p' g(q, p'))
 *     grad F_gamma / gamma = df/dq(q, z) / gamma + dg/dq(q, z) - dg/dq(q, y)
 *
 * with y the minimiser of g(q, .) and z that of f(q, .)/gamma + g(q, .). Pure functions of a serialisable state: `penaltyInit`, then
 * `penaltyStep` again and again (`tune`: both, and the warm-up between); a run that is cut off goes on from its last state to the same bits.
 */
import type { AdamState } from './adam.ts'
import { adamStep } from './adam.ts'
import { descend, solveLower } from './lowerSolutions.ts'
import type { OffsetReport } from './offset.ts'
import { penaltyGradient } from './penaltyGradient.ts'
import type { BilevelProblem, Upper, UpperGradient } from './problem.ts'
import { blockNames } from './problem.ts'
import { project } from './projection.ts'
import type { PenaltySettings } from './settings.ts'
import type { PenaltyState } from './state.ts'
import { penaltyInit } from './state.ts'

export interface PenaltyReport<B extends string> {
  /** From 1. */
  readonly iteration: number
  /** Null where the lower problem is frozen. */
  readonly gamma: number | null
  /** f as the estimator of df/dq saw it; null if f does not depend on q directly. */
  readonly value: number | null
  /** g at y; null unless trained. */
  readonly loss: number | null
  /** grad F_gamma / gamma (frozen: df/dq), before this step of q. */
  readonly gradient: Upper<B>
  /** Its two parts: df/dq / gamma, and dg/dq(z) - dg/dq(y). */
  readonly direct: UpperGradient<B>
  readonly indirect: UpperGradient<B>
  /** False if q did not move because an estimator was only primed. */
  readonly moved: boolean
  /** Null without z. */
  readonly offset: OffsetReport | null
  /** Network evaluations of this iteration. */
  readonly evaluations: number
}

/** One tuning iteration. `state` is left as it is. */
export async function penaltyStep<B extends string, S, Batch>(
  problem: BilevelProblem<B, S, Batch>,
  settings: PenaltySettings,
  state: PenaltyState<B, S>,
): Promise<{ readonly state: PenaltyState<B, S>; readonly report: PenaltyReport<B> }> {
  // 1. and 2. the lower solutions y and z, and the state that is deployed
  const solved = await solveLower(problem, settings, state)

  // 3. a projected step of q against grad F_gamma / gamma
  const found = await penaltyGradient(problem, settings, solved)
  const upper: Record<B, Float64Array> = { ...state.upper }
  const adam: Record<B, AdamState> = { ...state.adam }
  if (found.ready) {
    for (const name of blockNames(problem.blocks)) {
      const block = problem.blocks[name]
      const step = adamStep(found.gradient[name], adam[name], block.scale, settings.adam)
      adam[name] = step.state
      upper[name] = project(
        block,
        upper[name].map((value, i) => value + step.displacement[i]),
      )
    }
  }

  // 4. the average of theta_y has been kept at every step of y
  const next: PenaltyState<B, S> = { ...found.state, iteration: state.iteration + 1, upper, adam }
  return {
    state: next,
    report: {
      iteration: next.iteration,
      gamma: solved.gamma,
      value: found.value,
      loss: solved.loss,
      gradient: found.gradient,
      direct: found.direct,
      indirect: found.indirect,
      moved: found.ready,
      offset: solved.offset,
      evaluations: next.evaluations - state.evaluations,
    },
  }
}

/** What `tune` yields: after every warm-up step, and after every step of q. */
export type TuningEvent<B extends string, S> =
  | { readonly kind: 'warm-up'; readonly state: PenaltyState<B, S>; readonly loss: number | null }
  | { readonly kind: 'iteration'; readonly state: PenaltyState<B, S>; readonly report: PenaltyReport<B> }

/**
 * A whole run as a loop of the caller's: warm-up, then `iterations` steps of q, from the start or from any state that was yielded.
 * @example for await (const { state } of tune(problem, settings, 15)) save(state)
 */
export async function* tune<B extends string, S, Batch>(
  problem: BilevelProblem<B, S, Batch>,
  settings: PenaltySettings,
  iterations: number,
  from: PenaltyState<B, S> = penaltyInit(problem, settings),
): AsyncGenerator<TuningEvent<B, S>, void> {
  let state = from
  while (state.iteration === 0 && state.trained !== null && state.trained.steps < settings.warmUpSteps) {
    const warmed = await descend(problem, settings, state, 1)
    state = warmed.state
    yield { kind: 'warm-up', state, loss: warmed.loss }
  }
  while (state.iteration < iterations) {
    const stepped = await penaltyStep(problem, settings, state)
    state = stepped.state
    yield { kind: 'iteration', state, report: stepped.report }
  }
}
