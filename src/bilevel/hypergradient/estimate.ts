/** What every hypergradient gives. */
import { failure } from '../../base/index.ts'
import type { Upper, UpperGradient } from '../problem.ts'
import type { PenaltyState } from '../state.ts'

/** How the linear systems of `implicit` were solved. */
export interface SolveReport {
  /** One a replicate. */
  readonly systems: number
  /** How many of them were left at a direction along which the damped Hessian of their minibatches is not positive: what was found before it is taken. */
  readonly indefinite: number
  /** The largest |b - A v| / |b| in the norm of the preconditioner: 0 solved, 1 nothing done or as far away again; conjugate gradients pass above 1 on the way. */
  readonly residual: number
}

export interface HypergradientEstimate<B extends string, S> {
  /** The run's state after the evaluations; q has not moved. */
  readonly state: PenaltyState<B, S>
  /** `penalty`: grad F_gamma / gamma of every block. `implicit`, `unrolled`: dF/dq. Frozen: df/dq. */
  readonly gradient: Upper<B>
  /** Of `gradient`; null where there is one estimate alone. `penalty`: of what comes through the lower problem, over minibatches. */
  readonly standardError: Upper<B> | null
  /** Its two parts: df/dq, and what comes through the lower problem. */
  readonly direct: UpperGradient<B>
  readonly indirect: UpperGradient<B>
  /** Of `indirect`. */
  readonly indirectError: UpperGradient<B> | null
  /** `implicit` alone. */
  readonly solve: SolveReport | null
  readonly value: number | null
  /** False while an estimator only primes. */
  readonly ready: boolean
}

/** Of several estimates of the same blocks, by parameter; no standard error of one. A block that is absent stays absent. */
export function meanAndError<B extends string>(
  names: readonly B[],
  all: readonly UpperGradient<B>[],
): { readonly mean: UpperGradient<B>; readonly standardError: UpperGradient<B> | null } {
  const n = all.length
  const mean: Partial<Record<B, Float64Array>> = {}
  const standardError: Partial<Record<B, Float64Array>> = {}
  for (const name of names) {
    const values = all.flatMap((one) => one[name] ?? [])
    if (values.length < n) continue
    const middle = values[0].map((_, i) => values.reduce((sum, one) => sum + one[i], 0) / n)
    mean[name] = middle
    standardError[name] = middle.map((m, i) =>
      Math.sqrt(values.reduce((sum, one) => sum + (one[i] - m) ** 2, 0) / (n - 1) / n),
    )
  }
  return { mean, standardError: n > 1 ? standardError : null }
}

/** @throws `bilevel.diverged` */
export function requireFinite(gradient: Upper<string>, iteration: number): void {
  const bad = Object.keys(gradient).find((name) => !gradient[name].every(Number.isFinite))
  if (bad === undefined) return
  const where = `got ${gradient[bad]} for '${bad}' at iteration ${iteration + 1}`
  const advice = 'if z ran away, raise gamma or lower the learning rate; else look at the upper objective'
  throw failure('bilevel.diverged', `the hypergradient must be finite, ${where}: ${advice}`)
}

/** Which parameters of a block have a gradient of at least so many standard errors; all where none is known. */
export const resolvedBy = (
  gradient: Float64Array,
  standardError: Float64Array | undefined,
  errors: number,
): boolean[] => Array.from(gradient, (value, i) => !standardError || Math.abs(value) >= errors * standardError[i])
