/** Quantiles of Student's t at any level, for intervals that share an error among several looks at the data. */

/** Quantile of the standard normal, p in (0, 1): Acklam's rational approximation, relative error below 1.2e-9. */
export function normalQuantile(p: number): number {
  if (p > 0.5) return -normalQuantile(1 - p)
  const horner = (x: number, coefficients: readonly number[]) => coefficients.reduce((sum, c) => sum * x + c, 0)
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p))
    return horner(q, TAIL_TOP) / horner(q, TAIL_BOTTOM)
  }
  const q = p - 0.5
  return (horner(q * q, MIDDLE_TOP) * q) / horner(q * q, MIDDLE_BOTTOM)
}

const TAIL_TOP = [
  -7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734, 4.374664141464968,
  2.938163982698783,
]
const TAIL_BOTTOM = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1]
const MIDDLE_TOP = [
  -3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2, -3.066479806614716e1,
  2.506628277459239,
]
const MIDDLE_BOTTOM = [
  -5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1, 1,
]

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
