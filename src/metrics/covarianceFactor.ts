/**
 * A factor L of a covariance, C = L L^T, that keeps directions of small spread: by Cholesky's decomposition with diagonal pivoting, whose errors
 * are relative to each feature's own deviation (Demmel 1989), where a symmetric square root knows a deviation to 1e-8 of the largest one only.
 * A covariance in float64 has itself lost slanting directions below 1e-8; where the features are at hand, the factor is made of them.
 */
import { contrastsOf } from './contrasts.ts'
import { pivotedTriangle } from './gradedSingular.ts'
import { columnSquares, symmetricEigen } from './matrix.ts'
import type { Rows } from './rows.ts'

/** L [d,rank], row-major, columns of falling length. */
export interface CovarianceFactor {
  readonly rank: number
  readonly data: Float64Array
}

/** A pivot below this share of its feature's variance has lost 4 digits and more to the features before it. */
const FEW_DIGITS = 1e-4

/** What rounding may leave, relative to what was summed, after sums over so many images and dimensions. */
export const roundingShare = (count: number, dimensions: number): number =>
  4 * Math.max(count, dimensions, 8) * Number.EPSILON

/** What is known of a Gaussian: mean [d], covariance [d,d], and how many images they were estimated from (null: unknown). */
export interface Gaussian {
  readonly mean: Float64Array
  readonly covariance: Float64Array
  readonly count: number | null
}

/**
 * Factor of a covariance. A feature whose variance may be the rounding of its mean counts as constant.
 * @returns null if it is not positive semidefinite; `digits`: smallest share of a feature's variance that a column of L explains, 0 if some
 * feature has none
 */
export function choleskyFactor({ mean, covariance, count }: Gaussian): {
  factor: CovarianceFactor
  digits: number
} | null {
  const d = mean.length
  const rest = covariance.slice()
  const share = roundingShare(count ?? 0, d)
  const variances = mean.map((_, j) => covariance[j * d + j])
  const cuts = mean.map((value, j) => Math.max(share * Math.abs(variances[j]), (share * value) ** 2))
  const columns: Float64Array[] = []
  let digits = 1
  for (;;) {
    let pivot = -1
    for (let j = 0; j < d; j++) {
      const value = rest[j * d + j]
      if (value > cuts[j] && (pivot < 0 || value > rest[pivot * d + pivot])) pivot = j
    }
    if (pivot < 0) break
    digits = Math.min(digits, rest[pivot * d + pivot] / variances[pivot])
    columns.push(eliminate(rest, d, pivot))
  }
  if (beyond(rest, cuts.map(Math.sqrt), d)) return null
  const dependent = variances.reduce((sum, value) => sum + Number(value > 0), 0) > columns.length
  return { factor: factorOf(columns, d), digits: dependent ? 0 : digits }
}

/** Whether a number of a matrix [d,d] is larger than rounding. */
function beyond(rest: Float64Array, roots: Float64Array, d: number): boolean {
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d; j++) if (Math.abs(rest[i * d + j]) > roots[i] * roots[j]) return true
  }
  return false
}

/** Takes what goes with feature `pivot` out of the rest of a covariance. @returns its column of L */
function eliminate(rest: Float64Array, d: number, pivot: number): Float64Array {
  const deviation = Math.sqrt(rest[pivot * d + pivot])
  const column = rest.slice(pivot * d, (pivot + 1) * d)
  for (let j = 0; j < d; j++) column[j] /= deviation
  for (let i = 0; i < d; i++) {
    const [factor, at] = [column[i], i * d]
    if (factor === 0) continue
    for (let j = 0; j < d; j++) rest[at + j] -= factor * column[j]
  }
  for (let j = 0; j < d; j++) {
    rest[pivot * d + j] = 0
    rest[j * d + pivot] = 0
  }
  return column
}

/** Factor of a covariance; eigenvalues that are negative count as 0. */
export function factorOfCovariance(gaussian: Gaussian): CovarianceFactor {
  const cholesky = choleskyFactor(gaussian)
  if (cholesky) return cholesky.factor
  const d = gaussian.mean.length
  const { values, vectors } = symmetricEigen(gaussian.covariance, d)
  const least = roundingShare(0, d) * Math.max(...values)
  const kept = [...values.keys()].filter((k) => values[k] > least).sort((a, b) => values[b] - values[a])
  return factorOf(
    kept.map((k) => gaussian.mean.map((_, j) => vectors[j * d + k] * Math.sqrt(values[k]))),
    d,
  )
}

/** Factor of the covariance of these rows, made of the rows themselves where what was estimated of them has lost digits, or is null. */
export function factorOfRows(rows: Rows, gaussian: Gaussian | null): CovarianceFactor {
  const { count, dimensions: d } = rows
  const cholesky = gaussian && choleskyFactor(gaussian)
  if (cholesky && cholesky.digits >= FEW_DIGITS) return cholesky.factor
  const z = contrastsOf(rows)
  const cut = roundingShare(count, d)
  const noise = columnSquares(z, d).map((square) => cut * Math.sqrt(square))
  const { rank, data: triangle, order } = pivotedTriangle(z, count - 1, d, noise)
  const data = new Float64Array(d * rank)
  for (let k = 0; k < rank; k++) {
    for (let j = 0; j < d; j++) data[order[j] * rank + k] = triangle[k * d + j] / Math.sqrt(count - 1)
  }
  return { rank, data }
}

function factorOf(columns: readonly Float64Array[], d: number): CovarianceFactor {
  const rank = columns.length
  const data = new Float64Array(d * rank)
  columns.forEach((column, k) => {
    for (let j = 0; j < d; j++) data[j * rank + k] = column[j]
  })
  return { rank, data }
}
