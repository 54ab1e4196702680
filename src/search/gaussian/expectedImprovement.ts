/** Expected improvement (Mockus 1978; Jones, Schonlau, Welch 1998), as its logarithm: far from anything good it is 0 in float64, and its logarithm is not. */
import type { Prediction } from './process.ts'

const LOG_ROOT_2PI = Math.log(Math.sqrt(2 * Math.PI))

/** Below it the tail's expansion, with two terms of it, is exact to two parts in a thousand. */
const TAIL = -6

/** erfc(x), x >= 0, relative error below 1.2e-7 up to where it matters here: the continued fraction of Abramowitz and Stegun 7.1.14, the series 7.1.6 below 2. */
function complementaryError(x: number): number {
  if (x < 2) {
    let term = x
    let sum = x
    for (let k = 1; k < 60; k++) {
      term *= (2 * x * x) / (2 * k + 1)
      sum += term
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
  }
  let fraction = 0
  for (let k = 40; k >= 1; k--) fraction = k / 2 / (x + fraction)
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction)
}

/** Normal distribution function. */
export const normalBelow = (z: number): number =>
  z < 0 ? complementaryError(-z / Math.SQRT2) / 2 : 1 - complementaryError(z / Math.SQRT2) / 2

/** log E max(0, best - f) for f normal. -Infinity where nothing can be gained. */
export function logExpectedImprovement({ mean, deviation }: Prediction, best: number): number {
  if (!(deviation > 0)) return best > mean ? Math.log(best - mean) : Number.NEGATIVE_INFINITY
  const z = (best - mean) / deviation
  const logDensity = -LOG_ROOT_2PI - (z * z) / 2
  if (z < TAIL) return Math.log(deviation) + logDensity - 2 * Math.log(-z) + Math.log1p(-3 / z ** 2 + 15 / z ** 4)
  return Math.log(deviation) + Math.log(z * normalBelow(z) + Math.exp(logDensity))
}

/**
 * The same for values with noise (augmented expected improvement, Huang, Allen, Notz, Zeng 2006): times 1 - noise / sqrt(deviation^2 + noise^2), the part of a further
 * value that would still be news. Without it a search stays where it has been: what noise leaves open there looks like something to gain.
 */
export function logAugmentedImprovement(at: Prediction, best: number, noise: number): number {
  const gain = logExpectedImprovement(at, best)
  return noise > 0 ? gain + Math.log(1 - noise / Math.hypot(at.deviation, noise)) : gain
}
