/**
 * Mergeable moments of feature rows: count, mean and scatter, the sum of outer products of deviations from the mean. Shards are
 * merged by the pairwise update of Chan, Golub and LeVeque (1983), which is exact; reduce shards in a fixed order for the same bytes.
 */
import { inputError } from '../base/index.ts'
import { columnGram } from './matrix.ts'
import type { Features, Rows } from './rows.ts'
import { rowsOf, sameDimensions } from './rows.ts'

/** Sufficient statistics of the Fréchet distance. */
export interface Moments {
  readonly count: number
  readonly dimensions: number
  /** [d] */
  readonly mean: Float64Array
  /** [d,d]: sum over rows of (x - mean)(x - mean)^T, row-major. */
  readonly scatter: Float64Array
}

/** Mean of rows, [d]. */
export function meanRow({ count, dimensions, data }: Rows): Float64Array {
  const mean = new Float64Array(dimensions)
  for (let i = 0; i < count; i++) for (let j = 0; j < dimensions; j++) mean[j] += data[i * dimensions + j]
  return mean.map((sum) => sum / count)
}

/** Rows minus their mean, [n,d]. */
export function centred({ dimensions: d, data }: Rows, mean: Float64Array): Float64Array {
  const out = new Float64Array(data.length)
  for (let at = 0; at < data.length; at += d) for (let j = 0; j < d; j++) out[at + j] = data[at + j] - mean[j]
  return out
}

/** Moments of feature rows [n,d], n >= 1. Two passes, so that a large mean costs no digits. */
export function momentsOf(features: Features): Moments {
  return momentsOfRows(rowsOf(features))
}

export function momentsOfRows(rows: Rows): Moments {
  const { count, dimensions } = rows
  const mean = meanRow(rows)
  return { count, dimensions, mean, scatter: columnGram(centred(rows, mean), count, dimensions) }
}

/** Moments of both sets of rows together. @throws `metrics.dimensions` if they are of different networks */
export function mergeMoments(a: Moments, b: Moments): Moments {
  sameDimensions(b.dimensions, a.dimensions)
  const count = a.count + b.count
  const d = a.dimensions
  const shift = b.mean.map((value, i) => value - a.mean[i])
  const mean = a.mean.map((value, i) => value + (shift[i] * b.count) / count)
  const weight = (a.count * b.count) / count
  const scatter = a.scatter.map((value, i) => value + b.scatter[i] + weight * shift[Math.floor(i / d)] * shift[i % d])
  return { count, dimensions: d, mean, scatter }
}

/** Unbiased covariance, scatter / (count - 1), [d,d]. @throws `metrics.tooFewImages` below 2 rows */
export function covarianceOf({ count, scatter }: Moments): Float64Array {
  if (count < 2) {
    throw inputError('metrics.tooFewImages', `a covariance needs at least 2 images, got ${count}; use more images`)
  }
  return scatter.map((value) => value / (count - 1))
}
