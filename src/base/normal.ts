/** The standard normal distribution: the error function, the distribution function and its inverse. */

/** The error function, 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x. Series with positive terms only (Abramowitz and Stegun 7.1.6): no cancellation; beyond 6 the result is 1 in float64. */
export function erfOf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x)
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

/** Share of the standard normal below x, to 1e-16. */
export const normalCdf = (x: number): number => (1 + erfOf(x * Math.SQRT1_2)) / 2

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
