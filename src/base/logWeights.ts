/**
 * Weights by their logarithms, so that no reward is too large to weigh: sums are taken with the maximum out. Float64 throughout.
 *
 * Effective sample size: (sum w)^2 / sum w^2 (Kong, 1992).
 */

/** log sum exp(x_i), without overflow; -Infinity of nothing, or of nothing but -Infinity. */
export function logSumExp(logs: ArrayLike<number>): number {
  let top = Number.NEGATIVE_INFINITY
  for (let i = 0; i < logs.length; i++) if (logs[i] > top) top = logs[i]
  if (!Number.isFinite(top)) return top
  let sum = 0
  for (let i = 0; i < logs.length; i++) sum += Math.exp(logs[i] - top)
  return top + Math.log(sum)
}

/** exp(x_i - log sum exp(x)): the weights with sum 1. */
export function weightsOf(logs: ArrayLike<number>): Float64Array {
  const total = logSumExp(logs)
  return Float64Array.from(logs, (value) => Math.exp(value - total))
}

/** (sum w)^2 / sum w^2 of weights, normalised or not: 1 where one weight has all, n where all are equal. */
export function effectiveSampleSize(weights: ArrayLike<number>): number {
  let sum = 0
  let squares = 0
  for (let i = 0; i < weights.length; i++) {
    sum += weights[i]
    squares += weights[i] ** 2
  }
  return (sum * sum) / squares
}
