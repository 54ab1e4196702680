/**
 * Statistics of weighted paths: a value and the influence of each path on it (the delta method), as functions of how often each path is
 * there, so that a bootstrap evaluates them again.
 */
import type { Linearised } from './estimated.ts'
import type { Weights } from './weights.ts'

/** A statistic of paths, given how often each is there ([n], or null: once). `influence` is that of one copy. */
export type Statistic = (copies: Float64Array | null) => Linearised

/** Self-normalised mean sum w f / sum w; influence w (f - mean). */
export function weightedMean(weights: Float64Array, values: Float64Array): Statistic {
  return (copies) => {
    const total = inner(weights, copies)
    const mean = inner(weights, copies, values) / total
    return { mean, influence: values.map((value, i) => (weights[i] / total) * (value - mean)) }
  }
}

/** factor times the weighted covariance; influence factor w [(x - mean x)(y - mean y) - covariance]. */
export function weightedCovariance(weights: Float64Array, x: Float64Array, y: Float64Array, factor: number): Statistic {
  return (copies) => {
    const total = inner(weights, copies)
    const meanX = inner(weights, copies, x) / total
    const meanY = inner(weights, copies, y) / total
    const products = x.map((value, i) => (value - meanX) * (y[i] - meanY))
    const mean = inner(weights, copies, products) / total
    const influence = products.map((value, i) => ((factor * weights[i]) / total) * (value - mean))
    return { mean: factor * mean, influence }
  }
}

/** log Z, Z the mean of the weights before they were normalised. */
export function logMeanOf({ weights, logMean }: Pick<Weights, 'weights' | 'logMean'>): Statistic {
  const share = 1 / weights.length
  return (copies) => {
    const total = inner(weights, copies)
    return { mean: logMean + Math.log(total), influence: weights.map((weight) => weight / total - share) }
  }
}

/** KL(p_h || p0) = s E[h] - log Z of the tilt by h, Z the mean of the weights before they were normalised. */
export function klOfTilt(
  s: number,
  { weights, logMean }: Pick<Weights, 'weights' | 'logMean'>,
  h: Float64Array,
): Statistic {
  const share = 1 / weights.length
  return (copies) => {
    const total = inner(weights, copies)
    const mean = inner(weights, copies, h) / total
    return {
      mean: s * mean - (logMean + Math.log(total)),
      influence: h.map((value, i) => (weights[i] / total) * (s * (value - mean) - 1) + share),
    }
  }
}

/** factor times (x - y). */
export function difference(x: Statistic, y: Statistic, factor: number): Statistic {
  return (copies) => {
    const one = x(copies)
    const other = y(copies)
    return {
      mean: factor * (one.mean - other.mean),
      influence: one.influence.map((value, i) => factor * (value - other.influence[i])),
    }
  }
}

/** sum copies w x, with 1 for what is not given. */
function inner(weights: Float64Array, copies: Float64Array | null, x?: Float64Array): number {
  let sum = 0
  for (let i = 0; i < weights.length; i++) {
    const weight = copies ? copies[i] * weights[i] : weights[i]
    sum += x ? weight * x[i] : weight
  }
  return sum
}
