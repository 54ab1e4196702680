/**
 * Inception score, exp(E_x KL(p(y|x) || p(y))) (Salimans et al., "Improved techniques for training GANs", 2016), with any classifier. Between 1
 * (all images alike to it) and the number of classes. Depends on the number of images and of splits, so both go with the number.
 */
import { inputError } from '../base/index.ts'
import type { Features } from './rows.ts'
import { rowsOf } from './rows.ts'

export interface InceptionScore {
  /** Mean of the splits' scores. */
  readonly value: number
  /** Standard deviation of the splits' scores (n - 1); null with one split. */
  readonly standardDeviation: number | null
  readonly splits: number
  readonly count: number
}

/**
 * @param probabilities [n, classes], rows that sum to 1
 * @param splits consecutive parts of the images, scored on their own, default 1
 * @throws `metrics.splits` unless 1 <= splits <= n; `metrics.probabilities` on a negative entry or a row that does not sum to 1
 */
export function inceptionScore(probabilities: Features, splits = 1): InceptionScore {
  const { count, dimensions: classes, data } = rowsOf(probabilities)
  if (!Number.isInteger(splits) || splits < 1 || splits > count) {
    throw inputError('metrics.splits', `splits must be an integer from 1 to the ${count} images, got ${splits}`)
  }
  for (let i = 0; i < count; i++) {
    const row = data.subarray(i * classes, (i + 1) * classes)
    const sum = row.reduce((total, p) => total + p, 0)
    if (row.some((p) => p < 0) || Math.abs(sum - 1) > 1e-3) {
      throw inputError(
        'metrics.probabilities',
        `probabilities must be >= 0 and sum to 1, image ${i} sums to ${sum}; apply softmax to the logits`,
      )
    }
  }
  const scores = Array.from({ length: splits }, (_, s) => {
    const [first, end] = [Math.floor((s * count) / splits), Math.floor(((s + 1) * count) / splits)]
    return splitScore(data.subarray(first * classes, end * classes), classes)
  })
  const value = scores.reduce((sum, score) => sum + score, 0) / splits
  const squares = scores.reduce((sum, score) => sum + (score - value) ** 2, 0)
  return { value, standardDeviation: splits > 1 ? Math.sqrt(squares / (splits - 1)) : null, splits, count }
}

/** exp of (entropy of the mean - mean of the entropies), the same as the mean divergence. */
function splitScore(data: Float64Array, classes: number): number {
  const n = data.length / classes
  const marginal = new Float64Array(classes)
  data.forEach((p, i) => {
    marginal[i % classes] += p / n
  })
  const negativeEntropy = (values: Float64Array) => values.reduce((sum, p) => (p > 0 ? sum + p * Math.log(p) : sum), 0)
  return Math.exp(negativeEntropy(data) / n - negativeEntropy(marginal))
}
