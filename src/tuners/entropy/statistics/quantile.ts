/** Quantiles of Student's t at any level, for intervals that share an error among several looks at the data. */
import { normalQuantile } from '../../../base/index.ts'

/**
 * Half-width, in standard errors, of a two-sided interval for a mean that misses with probability `alpha`: Student's quantile by its
 * expansion about the normal's (Abramowitz and Stegun 26.7.5). Infinity below 2 degrees of freedom.
 */
export function studentReach(alpha: number, degrees: number): number {
  if (!(degrees >= 2)) return Number.POSITIVE_INFINITY
  const z = normalQuantile(1 - alpha / 2)
  const terms = [
    z,
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
    (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92160,
  ]
  return terms.reduce((sum, term, power) => sum + term / degrees ** power, 0)
}
