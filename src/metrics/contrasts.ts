/**
 * Orthonormal contrasts of n rows: the n - 1 rows that a Householder reflection of (1, ..., 1)/sqrt(n) onto the first axis makes of them. Their
 * scatter is that of the rows about the mean, without a row too many: centred rows are always linearly dependent. The first row is taken off
 * before, so that where all rows are equal there is exactly 0, and a large mean costs no digits.
 */
import type { Rows } from './rows.ts'

/** z_i = x_i - x_0 - s/(n + sqrt n), s = sum_i (x_i - x_0), i = 1..n-1: [n-1,d] with z^T z = sum_i (x_i - m)(x_i - m)^T. */
export function contrastsOf({ count: n, dimensions: d, data }: Rows): Float64Array {
  const z = new Float64Array((n - 1) * d)
  const sum = new Float64Array(d)
  for (let i = 1; i < n; i++) {
    for (let j = 0; j < d; j++) {
      const difference = data[i * d + j] - data[j]
      z[(i - 1) * d + j] = difference
      sum[j] += difference
    }
  }
  const share = 1 / (n + Math.sqrt(n))
  for (let i = 0; i < n - 1; i++) for (let j = 0; j < d; j++) z[i * d + j] -= share * sum[j]
  return z
}

/** The reflection of contrasts [n-1,d] back: rows [n,d] that sum to 0; the derivative in x of what has the derivative g in the contrasts. */
export function fromContrasts(g: Float64Array, n: number, d: number): Float64Array {
  const rows = new Float64Array(n * d)
  const sum = new Float64Array(d)
  for (let i = 0; i < n - 1; i++) for (let j = 0; j < d; j++) sum[j] += g[i * d + j]
  const share = 1 / (n + Math.sqrt(n))
  for (let j = 0; j < d; j++) rows[j] = -sum[j] / Math.sqrt(n)
  for (let i = 1; i < n; i++) for (let j = 0; j < d; j++) rows[i * d + j] = g[(i - 1) * d + j] - share * sum[j]
  return rows
}
