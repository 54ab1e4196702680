/**
 * The score function of the guided chain, path by path. F = -E r1, s = 1/lambda:
 *
 *     dF/dlog lambda = s Cov_{q_s}(r1, A - sB)
 *
 * with A and B of paths drawn at s itself. Since q_s is normalised at every s, A - sB and (A - sB)^2 - B have mean 0 under it: known means,
 * which take their part of the spread out of whatever is made of the same items.
 */
import { itemValues } from '../statistics/estimated.ts'
import { weightedCovariance } from '../statistics/statistics.ts'
import type { PathBatch } from './pool.ts'

/** Each path's number in s Cov(r1, A - sB), [n]: their mean is the covariance, their spread its error. */
export function scoreValues({ scale, a, b, upper }: PathBatch): Float64Array {
  const n = upper.length
  const score = a.map((value, i) => value - scale * b[i])
  return itemValues(weightedCovariance(new Float64Array(n).fill(1 / n), upper, score, scale)(null), n)
}

/** Numbers of the items [n] whose expectation is 0, A - sB and (A - sB)^2 - B: an item's means over the batches, which hold the same items. */
export function scoreControls(batches: readonly PathBatch[]): Float64Array[] {
  const scores = batches.map(({ scale, a, b }) => a.map((value, i) => value - scale * b[i]))
  const squares = scores.map((score, j) => score.map((value, i) => value * value - batches[j].b[i]))
  return [scores, squares].map((rows) => {
    const means = new Float64Array(rows[0].length)
    for (const row of rows) for (let i = 0; i < means.length; i++) means[i] += row[i] / rows.length
    return means
  })
}
