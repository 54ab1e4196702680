/**
 * Importance weights in log space: normalised by logsumexp with the maximum taken out, so that no reward is too large to weigh, and
 * judged by their absolute effective sample size and the shape of their tail.
 *
 * Effective sample size: see src/base/logWeights.ts. Pareto k-hat: see paretoTail.ts.
 */
import { effectiveSampleSize, inputError, logSumExp } from '../../../base/index.ts'
import { paretoTail } from './paretoTail.ts'

/** Weights of n paths, normalised. */
export interface Weights {
  /** [n], sum 1. */
  readonly weights: Float64Array
  /** [n], their logarithms: logsumexp 0. */
  readonly logWeights: Float64Array
  /** Logarithm of the mean of the weights before they were normalised: log Z where Z is the mean of the ratio. */
  readonly logMean: number
  /** Absolute, 1..n. */
  readonly effectiveSampleSize: number
  /** Shape of the weights' upper tail: above .7 a mean is not to be relied on. Null where all weights are the same or too few. */
  readonly paretoK: number | null
}

/**
 * Normalises weights given by their logarithms, known up to a constant or not.
 * @throws `weights.values` on an empty list, a NaN, +Infinity, or where all are -Infinity
 */
export function normalisedWeights(logRatios: ArrayLike<number>): Weights {
  const n = logRatios.length
  const total = logSumExp(logRatios)
  if (!Number.isFinite(total) || Array.prototype.some.call(logRatios, Number.isNaN)) {
    throw inputError(
      'weights.values',
      `log weights must be numbers below infinity, not all of them minus infinity; got ${n} whose logsumexp is ${total}. Check the reward for NaN and infinite values`,
    )
  }
  const logWeights = Float64Array.from(logRatios, (value) => value - total)
  const weights = logWeights.map(Math.exp)
  return {
    weights,
    logWeights,
    logMean: total - Math.log(n),
    effectiveSampleSize: effectiveSampleSize(weights),
    paretoK: paretoTail(weights),
  }
}
