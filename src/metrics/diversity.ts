/**
 * Diversity of a set of images in feature space, without a reference: mean pairwise distance, and the Vendi score (Friedman and Dieng, 2023),
 * the exponential of the entropy of the eigenvalues of the similarity matrix over n: the effective number of different images. The
 * similarity is the cosine of features.
 */
import { columnGram, rowProducts, symmetricEigen } from './matrix.ts'
import type { Features } from './rows.ts'
import { rowsOf } from './rows.ts'
import { symmetricValues } from './symmetricValues.ts'

/** Mean Euclidean distance over pairs of different rows [n,d], n >= 2. O(n^2 d). @throws `metrics.tooFewImages` */
export function meanPairwiseDistance(features: Features): number {
  const { count: n, dimensions: d, data } = rowsOf(features, 2)
  let total = 0
  for (let i = 0; i < n; i++) {
    const x = data.subarray(i * d, (i + 1) * d)
    let rowTotal = 0
    for (let j = i + 1; j < n; j++) {
      const from = j * d
      let square = 0
      for (let l = 0; l < d; l++) {
        const difference = x[l] - data[from + l]
        square += difference * difference
      }
      rowTotal += Math.sqrt(square)
    }
    total += rowTotal
  }
  return total / ((n * (n - 1)) / 2)
}

/** From here on eigenvectors, of which there is no need, would take long. */
const LARGE = 512

/**
 * Vendi score of rows [n,d], between 1 (all point the same way) and min(n, d). Rows of length 0 count as alike to each other and
 * unlike all others.
 */
export function vendiScore(features: Features): number {
  const { count: n, dimensions: d, data } = rowsOf(features)
  const unit = new Float64Array(n * d)
  let zeros = 0
  for (let i = 0; i < n; i++) {
    const row = data.subarray(i * d, (i + 1) * d)
    const length = Math.hypot(...row)
    if (length === 0) zeros++
    else
      unit.set(
        row.map((value) => value / length),
        i * d,
      )
  }
  const [similarity, size] = n < d ? [rowProducts(unit, unit, n, n, d), n] : [columnGram(unit, n, d), d]
  const values = size > LARGE ? symmetricValues(similarity, size) : symmetricEigen(similarity, size).values
  const shares = [...values.map((value) => value / n), zeros / n]
  return Math.exp(-shares.reduce((sum, share) => (share > 0 ? sum + share * Math.log(share) : sum), 0))
}
