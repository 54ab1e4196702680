/**
 * Gradients of F = -E[r1] in log lambda from fresh paths, drawn at the scale in question (or just beside it). s = 1/lambda:
 *
 *     dF/dlog lambda = dE[r1]/dlog s = s Cov_{q_s}(r1, A - s B)
 *
 * Both estimators may decide (belief.ts). One needs paths at s alone; the other takes the same start and step noise at two scales and is
 * the better one where A varies much, as with a class reward.
 */
import { inputError } from '../../base/index.ts'
import type { Controlled } from './controlled.ts'
import { controlled } from './controlled.ts'
import type { Estimated } from './estimated.ts'
import type { PathBatch } from './pool.ts'

/**
 * s Cov_{q_s}(r1, g), g = A - sB, from fresh paths at s. Since q_s is normalised at every s, g and g^2 - B have mean 0 under it: both are
 * taken out by regression. Always: choosing the controls that give the smaller error on the same paths cost a seventh of the coverage
 * of 95 % intervals (.85 for .93 at 50 paths of the Gaussian problem), for little. The regression's bias is O(1/n).
 * @throws `gradient.paths` for scale 0, where lambda is infinite, or fewer than 10 paths
 */
export function scoreFunction(batch: PathBatch): Estimated {
  const { mean, standardError } = controlledScores(batch)
  const count = batch.upper.length
  return { mean, standardError, effectiveSampleSize: count, paretoK: null, count }
}

/**
 * The same as a value per path, for whatever combines several scales path by path: their mean is the gradient, and their spread over
 * sqrt(n) its standard error (nearly: the jackknife's).
 * @throws as `scoreFunction`
 */
export function scoreValues(batch: PathBatch): Float64Array {
  const { mean, influence } = controlledScores(batch)
  const count = influence.length
  const offset = influence.reduce((sum, value) => sum + value, 0) / count
  return influence.map((value) => mean + count * (value - offset))
}

function controlledScores({ scale, a, b, upper }: PathBatch): Controlled {
  const count = upper.length
  if (!(scale > 0 && count >= 10)) {
    throw inputError(
      'gradient.paths',
      `a score-function gradient needs a scale above 0 and at least 10 paths, got scale ${scale} and ${count} paths`,
    )
  }
  const mean = upper.reduce((sum, value) => sum + value, 0) / count
  const score = a.map((value, i) => value - scale * b[i])
  const products = score.map((value, i) => (scale * (upper[i] - mean) * value * count) / (count - 1))
  return controlled(products, [score, score.map((value, i) => value * value - b[i])])
}

/** A gradient by differences, and the scale it belongs to. */
export interface DifferenceGradient extends Estimated {
  /** sqrt(s_1 s_2): the middle in log lambda. */
  readonly scale: number
}

/**
 * (r1 at s_2 - r1 at s_1)/log(s_2/s_1), averaged over items drawn at both: dF/dlog lambda = dE[r1]/dlog s by central differences about
 * sqrt(s_1 s_2), for scales s(1 - h) and s(1 + h) in either order. Bias O(h^2): h^2/6 times the third derivative in log s, nearly.
 * @throws `gradient.pairs` for equal or non-positive scales, or items that are not the same ones
 */
export function pairedDifference(one: PathBatch, other: PathBatch): DifferenceGradient {
  const [weak, strong] = one.scale < other.scale ? [one, other] : [other, one]
  if (!(weak.scale > 0 && weak.scale < strong.scale)) {
    throw inputError(
      'gradient.pairs',
      `paired differences need two scales above 0, got ${one.scale} and ${other.scale}`,
    )
  }
  const partner = new Map(Array.from(strong.items, (item, i) => [item, strong.upper[i]]))
  const step = Math.log(strong.scale / weak.scale)
  const differences = weak.upper.map((value, i) => ((partner.get(weak.items[i]) ?? Number.NaN) - value) / step)
  const count = differences.length
  if (count < 2 || partner.size !== count || differences.some(Number.isNaN)) {
    throw inputError(
      'gradient.pairs',
      `paired differences need the same items, at least two, at both scales; got ${count} at ${weak.scale} and ${partner.size} at ${strong.scale}`,
    )
  }
  const { mean, standardError } = controlled(differences, [])
  return {
    mean,
    standardError,
    effectiveSampleSize: count,
    paretoK: null,
    count,
    scale: Math.sqrt(weak.scale * strong.scale),
  }
}
