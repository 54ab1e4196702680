/** Quantiles of the symmetric beta distribution Beta(a, a), a < 1: what spaces "beta" sigmas (arXiv 2407.12173, a = .6). */

/** The x in [0, 1] below which Beta(a, a) has probability q; to about 1e-15. */
export function betaQuantile(q: number, a: number): number {
  if (q > 0.5) return 1 - betaQuantile(1 - q, a)
  if (q <= 0) return 0
  const half = lowerIntegral(0.5, a)
  let [low, high] = [0, 0.5]
  for (let i = 0; i < 200 && low < high; i++) {
    const middle = (low + high) / 2
    if (middle === low || middle === high) break
    if (lowerIntegral(middle, a) / (2 * half) < q) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** int_0^x t^(a-1) (1-t)^(a-1) dt for x <= 1/2: x^a sum_n (1-a)_n / (n! (a+n)) x^n. */
function lowerIntegral(x: number, a: number): number {
  let sum = 0
  let term = 1
  for (let n = 0; n < 80; n++) {
    sum += term / (a + n)
    term *= ((1 - a + n) / (n + 1)) * x
  }
  return x ** a * sum
}
