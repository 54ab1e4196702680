/** How much an estimator tells per network evaluation: the figure by which estimators are chosen. */
import { inputError } from '../../base/index.ts'

export interface SignalToNoise {
  /** Mean gradient, one entry per coordinate. */
  readonly mean: Float64Array
  /** Unbiased variance of one estimate, per coordinate. */
  readonly variance: Float64Array
  /** |mean|^2 / sum of variances, of one estimate; |mean|^2 freed of the bias variance / n, so it can fall below 0. Infinity without noise. */
  readonly ratio: number
  /** `ratio` / network evaluations of one estimate: means of n estimates have n times the ratio, so equal budgets compare by this. */
  readonly perEvaluation: number
}

/**
 * Signal-to-noise of repeated gradient estimates.
 * @param estimates   n >= 2 vectors of one length, in comparable units (gradient times scale)
 * @param evaluations network evaluations of one estimate
 * @throws `bilevel.repeats` if there are fewer than two
 */
export function signalToNoise(estimates: readonly Float64Array[], evaluations: number): SignalToNoise {
  const n = estimates.length
  if (n < 2) throw inputError('bilevel.repeats', `a variance needs at least 2 estimates, got ${n}`)
  const sum = (f: (estimate: Float64Array) => number) => estimates.reduce((total, estimate) => total + f(estimate), 0)
  const mean = estimates[0].map((_, i) => sum((estimate) => estimate[i]) / n)
  const variance = mean.map((m, i) => sum((estimate) => (estimate[i] - m) ** 2) / (n - 1))
  const noise = variance.reduce((total, v) => total + v, 0)
  const signal = mean.reduce((total, m) => total + m * m, 0) - noise / n
  const ratio = noise === 0 ? Number.POSITIVE_INFINITY : signal / noise
  return { mean, variance, ratio, perEvaluation: ratio / evaluations }
}
