/** Diversity of weighted images: mean distance of pairs in feature space, with a standard error over images. */
import type { MeanAndStandardError } from '../../../metrics/index.ts'

/**
 * sum_{i<j} w_i w_j |f_i - f_j| / sum_{i<j} w_i w_j of rows [n, d], n >= 2; equal weights give the mean pairwise distance. Its error by the
 * jackknife. O(n^2 d). Null for fewer than 3 rows, or where one weight has all.
 */
export function weightedSpread(rows: Float32Array, weights: Float64Array): MeanAndStandardError | null {
  const n = weights.length
  const d = rows.length / n
  if (n < 3) return null
  const distances = new Float64Array(n)
  const pairs = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      let square = 0
      for (let l = 0; l < d; l++) square += (rows[i * d + l] - rows[j * d + l]) ** 2
      const both = weights[i] * weights[j]
      const far = both * Math.sqrt(square)
      distances[i] += far
      distances[j] += far
      pairs[i] += both
      pairs[j] += both
    }
  }
  const total = distances.reduce((sum, value) => sum + value, 0) / 2
  const pairTotal = pairs.reduce((sum, value) => sum + value, 0) / 2
  if (!(pairTotal > 0)) return null
  const left = distances.map((value, i) => (total - value) / (pairTotal - pairs[i]))
  if (!left.every(Number.isFinite)) return null
  const middle = left.reduce((sum, value) => sum + value, 0) / n
  const squares = left.reduce((sum, value) => sum + (value - middle) ** 2, 0)
  return { mean: total / pairTotal, standardError: Math.sqrt(((n - 1) / n) * squares), count: n }
}
