/** Means over sampling seeds with their standard errors, and paired differences: the form in which every metric is reported. */
import { inputError } from '../base/index.ts'

export interface MeanAndStandardError {
  readonly mean: number
  /** Standard deviation (n - 1) over sqrt(n); null for one value, which says nothing about spread. */
  readonly standardError: number | null
  readonly count: number
}

/** Mean and standard error of independent values, at least one. @throws `metrics.noValues` on an empty list */
export function meanAndStandardError(values: ArrayLike<number>): MeanAndStandardError {
  const list = Array.from(values)
  const count = list.length
  if (count === 0) throw inputError('metrics.noValues', 'a mean needs at least one value, got none; give one per seed')
  const mean = list.reduce((sum, value) => sum + value, 0) / count
  const squares = list.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, standardError: count > 1 ? Math.sqrt(squares / (count - 1) / count) : null, count }
}

/**
 * Mean and standard error of a_i - b_i, where i is the same seed in both: what the seeds have in common cancels.
 * @throws `metrics.pairs` if the lengths differ
 */
export function pairedDifference(a: ArrayLike<number>, b: ArrayLike<number>): MeanAndStandardError {
  if (a.length !== b.length) {
    throw inputError('metrics.pairs', `paired values need one per seed on both sides, got ${a.length} and ${b.length}`)
  }
  return meanAndStandardError(Array.from(a, (value, i) => value - b[i]))
}
