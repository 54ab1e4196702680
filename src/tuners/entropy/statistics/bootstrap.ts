/**
 * Bootstrap-t intervals of statistics of paths (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 12.5): items are
 * drawn again within their strata, and each sample's error is measured in its own standard error, which follows the skewness that
 * weighted means have and a normal interval misses.
 */
import { inputError, normalQuantile, randomStream } from '../../../base/index.ts'
import type { Clusters } from './estimated.ts'
import { standardErrorOf } from './estimated.ts'
import type { Statistic } from './statistics.ts'

export interface Interval {
  readonly low: number
  readonly high: number
}

export interface BootstrapOptions {
  readonly seed: number
  /** Samples drawn; default 999. */
  readonly replicates?: number
  /** Coverage asked for, in (0, 1); default .95. */
  readonly level?: number
}

/** Interval of a statistic at the given level. @throws `bootstrap.settings` */
export function bootstrapInterval(statistic: Statistic, clusters: Clusters, options: BootstrapOptions): Interval {
  const { seed, replicates = 999, level = 0.95 } = options
  if (!(Number.isInteger(replicates) && replicates >= 99 && level > 0 && level < 1)) {
    throw inputError(
      'bootstrap.settings',
      `a bootstrap needs at least 99 replicates and a level between 0 and 1, got ${replicates} and ${level}`,
    )
  }
  const { mean, influence } = statistic(null)
  const standardError = standardErrorOf(influence, clusters)
  if (standardError === 0) return { low: mean, high: mean }
  const ratios = new Float64Array(replicates)
  for (let replicate = 0; replicate < replicates; replicate++) {
    const clusterCopies = redrawn(clusters, seed, replicate)
    const again = statistic(perPath(clusterCopies, clusters))
    ratios[replicate] = ratioOf(again.mean - mean, standardErrorOf(again.influence, clusters, clusterCopies))
  }
  ratios.sort()
  const rank = ((1 - level) / 2) * (replicates + 1)
  return {
    low: mean - ratios[Math.min(replicates - 1, Math.ceil(replicates - rank))] * standardError,
    high: mean - ratios[Math.max(0, Math.floor(rank) - 1)] * standardError,
  }
}

/**
 * What bootstrap-t comes to in large samples: the interval of a mean of independent values that misses with probability `alpha`, with its first
 * correction for skewness. T = (mean - mu)/error has quantiles z_p - skewness/(6 sqrt n) (2 z_p^2 + 1) to O(1/n) (Hall, "The Bootstrap and
 * Edgeworth Expansion", 1992, section 2.6).
 */
export function skewedInterval(values: Float64Array, alpha: number): Interval {
  const n = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1)
  if (squares === 0) return { low: mean, high: mean }
  const skewness = values.reduce((sum, value) => sum + (value - mean) ** 3, 0) / n / squares ** 1.5
  const quantile = (p: number) => {
    const z = normalQuantile(p)
    return z - (skewness / (6 * Math.sqrt(n))) * (2 * z * z + 1)
  }
  const error = Math.sqrt(squares / n)
  return { low: mean - quantile(1 - alpha / 2) * error, high: mean - quantile(alpha / 2) * error }
}

/** A sample whose weights have collapsed has no spread of its own: its difference is without bound. */
function ratioOf(difference: number, standardError: number): number {
  return difference === 0 ? 0 : difference / standardError
}

function perPath(clusterCopies: Float64Array, { clusterOf }: Clusters): Float64Array {
  const copies = new Float64Array(clusterOf.length)
  for (let path = 0; path < copies.length; path++) copies[path] = clusterCopies[clusterOf[path]]
  return copies
}

/** How often each cluster comes when as many as there are are drawn from each stratum, with replacement. */
function redrawn({ strata, count }: Clusters, seed: number, replicate: number): Float64Array {
  const stream = randomStream({ seed, purpose: 'entropy.bootstrap', step: replicate })
  const copies = new Float64Array(count)
  for (const stratum of strata) {
    for (let i = 0; i < stratum.length; i++) copies[stratum[stream.integer(stratum.length)]]++
  }
  return copies
}
