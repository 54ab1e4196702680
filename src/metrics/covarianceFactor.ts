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

/**
 * Factor of a covariance [d,d].
 * @param count images it was estimated from; null: unknown
 * @returns null if it is not positive semidefinite; `digits`: smallest share of a feature's variance that a column of L explains
 */
export function choleskyFactor(
  covariance: Float64Array,
  d: number,
  count: number | null,
): { factor: CovarianceFactor; digits: number } | null {
  const rest = covariance.slice()
  const variances = Float64Array.from({ length: d }, (_, j) => covariance[j * d + j])
  const cut = roundingShare(count ?? 0, d)
  const columns: Float64Array[] = []
  let digits = 1
  for (;;) {
    let pivot = -1
    for (let j = 0; j < d; j++) {
      const value = rest[j * d + j]
      if (value > cut * variances[j] && (pivot < 0 || value > rest[pivot * d + pivot])) pivot = j
    }
    if (pivot < 0) break
    digits = Math.min(digits, rest[pivot * d + pivot] / variances[pivot])
    columns.push(eliminate(rest, d, pivot))
  }
  const deviations = variances.map((value) => Math.sqrt(Math.abs(value)))
  const beyondRounding = rest.some(
    (value, i) => Math.abs(value) > cut * deviations[Math.floor(i / d)] * deviations[i % d],
  )
  if (beyondRounding) return null
  const dependent = variances.reduce((sum, value) => sum + Number(value > 0), 0) > columns.length
  return { factor: factorOf(columns, d), digits: dependent ? 0 : digits }
}

/** Takes what goes with feature `pivot` out of the rest of a covariance. @returns its column of L */
function eliminate(rest: Float64Array, d: number, pivot: number): Float64Array {
  const deviation = Math.sqrt(rest[pivot * d + pivot])
  const column = Float64Array.from({ length: d }, (_, j) => rest[pivot * d + j] / deviation)
  for (let i = 0; i < d; i++) {
    if (column[i] === 0) continue
    for (let j = 0; j < d; j++) rest[i * d + j] -= column[i] * column[j]
  }
  for (let j = 0; j < d; j++) {
    rest[pivot * d + j] = 0
    rest[j * d + pivot] = 0
  }
  return column
}

/** Factor of a covariance [d,d]; eigenvalues that are negative count as 0. */
export function factorOfCovariance(covariance: Float64Array, d: number, count: number | null): CovarianceFactor {
  const cholesky = choleskyFactor(covariance, d, count)
  if (cholesky) return cholesky.factor
  const { values, vectors } = symmetricEigen(covariance, d)
  const least = roundingShare(0, d) * Math.max(...values)
  const kept = [...values.keys()].filter((k) => values[k] > least).sort((a, b) => values[b] - values[a])
  const columns = kept.map((k) => Float64Array.from({ length: d }, (_, j) => vectors[j * d + k] * Math.sqrt(values[k])))
  return factorOf(columns, d)
}

/** Factor of the covariance [d,d] of these rows, of the rows themselves where the covariance has lost digits. */
export function factorOfRows(rows: Rows, covariance: Float64Array): CovarianceFactor {
  const { count, dimensions: d } = rows
  const cholesky = choleskyFactor(covariance, d, count)
  if (cholesky && cholesky.digits >= FEW_DIGITS) return cholesky.factor
  const z = contrastsOf(rows)
  const cut = roundingShare(count, d)
  const triangle = pivotedTriangle(
    z,
    count - 1,
    d,
    columnSquares(z, d).map((square) => cut * Math.sqrt(square)),
  )
  const columns = Array.from({ length: triangle.rank }, (_, k) => {
    const column = new Float64Array(d)
    triangle.order.forEach((feature, j) => {
      column[feature] = triangle.data[k * d + j] / Math.sqrt(count - 1)
    })
    return column
  })
  return factorOf(columns, d)
}

function factorOf(columns: readonly Float64Array[], d: number): CovarianceFactor {
  const rank = columns.length
  const data = new Float64Array(d * rank)
  columns.forEach((column, k) => {
    for (let j = 0; j < d; j++) data[j * rank + k] = column[j]
  })
  return { rank, data }
}
