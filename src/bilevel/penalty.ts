/**
 * The first-order penalty method for generative bilevel problems (Xiao et al., ICML 2025, arXiv 2502.08808):
 *
 *     F_gamma(q) = min_p f(q, p) + gamma (g(q, p) - min_p' g(q, p'))
 *     grad F_gamma / gamma = df/dq(q, z) / gamma + dg/dq(q, z) - dg/dq(q, y)
 *
 * with y the minimiser of g(q, .) and z that of f(q, .)/gamma + g(q, .). Pure functions of a serialisable state: `penaltyInit`, then
 * `penaltyStep` again and again (`tune`: both, and the warm-up between; `drive`: with hooks); a run that is cut off goes on from its last state to the same bits.
 */
import { throwIfInterrupted } from '../base/index.ts'
import type { AdamState } from './adam.ts'
import { adamStep } from './adam.ts'
import type { HypergradientEstimate, SolveReport } from './hypergradient/estimate.ts'
import { resolvedBy } from './hypergradient/estimate.ts'
import { linearGradient } from './hypergradient/linear.ts'
import type { LowerSolutions } from './lowerSolutions.ts'
import { descend, solveLower } from './lowerSolutions.ts'
import type { OffsetReport } from './offset.ts'
import { penaltyGradient } from './penaltyGradient.ts'
import type { BilevelProblem, Upper, UpperGradient } from './problem.ts'
import { blockNames } from './problem.ts'
import { project } from './projection.ts'
import type { PenaltySettings } from './settings.ts'
import type { PenaltyState } from './state.ts'
import { penaltyInit, record } from './state.ts'

export interface PenaltyReport<B extends string> {
  /** From 1. */
  readonly iteration: number
  /** Null where the lower problem is frozen, and with `implicit` and `unrolled`. */
  readonly gamma: number | null
  /** q before this step: where all of this was seen. */
  readonly upper: Upper<B>
  /** f as the estimator of df/dq saw it; null if f does not depend on q directly, unless `reportValue` measures it. */
  readonly value: number | null
  /** g at y; null unless trained. */
  readonly loss: number | null
  /** grad F_gamma / gamma (frozen: df/dq; `implicit`, `unrolled`: dF/dq), before this step of q. */
  readonly gradient: Upper<B>
  /** Of the gradient; null where it is one estimate. */
  readonly standardError: Upper<B> | null
  /** Which parameters were moved: all where no standard error is known, else those whose gradient is told from 0. */
  readonly resolved: Readonly<Record<B, readonly boolean[]>>
  /** Its two parts: df/dq / gamma, and dg/dq(z) - dg/dq(y); of dF/dq: df/dq, and what comes through the weights. */
  readonly direct: UpperGradient<B>
  readonly indirect: UpperGradient<B>
  /** Standard error of `indirect`; null where it is one estimate. */
  readonly indirectError: UpperGradient<B> | null
  /** How the linear systems of `implicit` were solved; null with the other hypergradients. */
  readonly solve: SolveReport | null
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
  const found = await hypergradientOf(problem, settings, solved)
  const upper: Record<B, Float64Array> = { ...state.upper }
  const adam: Record<B, AdamState> = { ...state.adam }
  const names = blockNames(problem.blocks)
  const resolved = record(names, (name) =>
    resolvedBy(found.gradient[name], found.standardError?.[name], settings.resolvedAbove),
  )
  if (found.ready) {
    for (const name of names) {
      const block = problem.blocks[name]
      // What is not resolved neither moves nor leaves a trace in the moments.
      const seen = found.gradient[name].map((value, i) => (resolved[name][i] ? value : 0))
      const step = adamStep(seen, adam[name], block.scale, settings.adam)
      if (!resolved[name].includes(true)) continue
      adam[name] = step.state
      upper[name] = project(
        block,
        upper[name].map((value, i) => value + (resolved[name][i] ? step.displacement[i] : 0)),
      )
    }
  }

  const watched =
    settings.reportValue && problem.objective.blocks.length === 0 ? await deployedValue(problem, solved) : null

  // 4. the average of theta_y has been kept at every step of y
  const next: PenaltyState<B, S> = {
    ...found.state,
    evaluations: found.state.evaluations + (watched?.evaluations ?? 0),
    iteration: state.iteration + 1,
    upper,
    adam,
  }
  return {
    state: next,
    report: {
      iteration: next.iteration,
      gamma: solved.gamma,
      upper: state.upper,
      value: watched?.value ?? found.value,
      loss: solved.loss,
      gradient: found.gradient,
      standardError: found.standardError,
      resolved,
      direct: found.direct,
      indirect: found.indirect,
      indirectError: found.indirectError,
      solve: found.solve,
      moved: found.ready,
      offset: solved.offset,
      evaluations: next.evaluations - state.evaluations,
    },
  }
}

const hypergradientOf = <B extends string, S, Batch>(
  problem: BilevelProblem<B, S, Batch>,
  settings: PenaltySettings,
  solved: LowerSolutions<B, S, Batch>,
): Promise<HypergradientEstimate<B, S>> =>
  settings.hypergradient === 'penalty' || problem.lower.kind === 'frozen'
    ? penaltyGradient(problem, settings, solved)
    : linearGradient(problem, settings, solved)

/** The samples by which f is watched: the same throughout, so that its curve has no noise of theirs. */
const WATCHED_SAMPLES = 0

/** f at q and what is deployed, for the report alone. */
async function deployedValue<B extends string, S, Batch>(
  { objective, lower }: BilevelProblem<B, S, Batch>,
  { state, deployed }: LowerSolutions<B, S, Batch>,
): Promise<{ readonly value: number; readonly evaluations: number }> {
  const value = await objective.value(state.upper, await deployed(), WATCHED_SAMPLES)
  const settling = lower.kind === 'trained' ? (lower.cost.settle ?? 0) : 0
  return { value, evaluations: objective.cost.value + settling }
}

/** What `tune` yields: after every warm-up step, and after every step of q. */
export type TuningEvent<B extends string, S> =
  | { readonly kind: 'warm-up'; readonly state: PenaltyState<B, S>; readonly loss: number | null }
  | { readonly kind: 'iteration'; readonly state: PenaltyState<B, S>; readonly report: PenaltyReport<B> }

/**
 * A whole run as a loop of the caller's: warm-up, then `iterations` steps of q, from the start or from any state that was yielded.
 * (`drive` is the same with hooks.) `signal` stops it before a step, with an error `interrupted`.
 * @example for await (const { state } of tune(problem, settings, 15)) save(state)
 */
export async function* tune<B extends string, S, Batch>(
  problem: BilevelProblem<B, S, Batch>,
  settings: PenaltySettings,
  iterations: number,
  from: PenaltyState<B, S> = penaltyInit(problem, settings),
  signal?: AbortSignal,
): AsyncGenerator<TuningEvent<B, S>, void> {
  let state = from
  while (state.iteration === 0 && state.trained !== null && state.trained.steps < settings.warmUpSteps) {
    throwIfInterrupted(signal)
    const warmed = await descend(problem, settings, state, 1)
    state = warmed.state
    yield { kind: 'warm-up', state, loss: warmed.loss }
  }
  while (state.iteration < iterations) {
    throwIfInterrupted(signal)
    const stepped = await penaltyStep(problem, settings, state)
    state = stepped.state
    yield { kind: 'iteration', state, report: stepped.report }
  }
}
