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
  const left = variances.slice()
  const open = new Uint8Array(d).fill(1)
  const columns: Float64Array[] = []
  let digits = 1
  for (;;) {
    let pivot = -1
    for (let j = 0; j < d; j++) {
      if (open[j] && left[j] > cuts[j] && (pivot < 0 || left[j] > left[pivot])) pivot = j
    }
    const waiting = columns.length % AT_ONCE
    if (pivot < 0) {
      eliminate(rest, d, columns.slice(columns.length - waiting), open)
      break
    }
    digits = Math.min(digits, left[pivot] / variances[pivot])
    const column = columnOf(rest, d, pivot, columns.slice(columns.length - waiting), open, left[pivot])
    columns.push(column)
    open[pivot] = 0
    for (let j = 0; j < d; j++) left[j] -= column[j] * column[j]
    if (waiting + 1 === AT_ONCE) eliminate(rest, d, columns.slice(-AT_ONCE), open)
  }
  for (let j = 0; j < d; j++) rest[j * d + j] = left[j]
  if (beyond(rest, cuts.map(Math.sqrt), open)) return null
  const dependent = variances.reduce((sum, value) => sum + Number(value > 0), 0) > columns.length
  return { factor: factorOf(columns, d), digits: dependent ? 0 : digits }
}

/** Columns that are taken out of the rest together: it does not fit the cache, and is gone through an eighth as often. */
const AT_ONCE = 8

/** Whether a number of what is left, its upper half, is larger than rounding. */
function beyond(rest: Float64Array, roots: Float64Array, open: Uint8Array): boolean {
  const d = roots.length
  for (let i = 0; i < d; i++) {
    if (!open[i]) continue
    for (let j = i; j < d; j++) if (open[j] && Math.abs(rest[i * d + j]) > roots[i] * roots[j]) return true
  }
  return false
}

/** The column of L of feature `pivot`: what is left of its covariances, without columns that wait to be taken out, by its deviation. */
function columnOf(
  rest: Float64Array,
  d: number,
  pivot: number,
  waiting: readonly Float64Array[],
  open: Uint8Array,
  variance: number,
): Float64Array {
  const column = new Float64Array(d)
  for (let j = 0; j < d; j++) if (open[j]) column[j] = j < pivot ? rest[j * d + pivot] : rest[pivot * d + j]
  for (const other of waiting) {
    const factor = other[pivot]
    for (let j = 0; j < d; j++) column[j] -= factor * other[j]
  }
  const deviation = Math.sqrt(variance)
  for (let j = 0; j < d; j++) column[j] = open[j] ? column[j] / deviation : 0
  column[pivot] = variance / deviation
  return column
}

/** Takes columns out of the upper half of what is left of a covariance, one after the other. */
function eliminate(rest: Float64Array, d: number, columns: readonly Float64Array[], open: Uint8Array): void {
  const none = new Float64Array(d)
  const [c0, c1, c2, c3, c4, c5, c6, c7] = Array.from({ length: AT_ONCE }, (_, i) => columns[i] ?? none)
  for (let i = 0; i < d; i++) {
    if (!open[i]) continue
    const at = i * d
    const [f0, f1, f2, f3, f4, f5, f6, f7] = [c0[i], c1[i], c2[i], c3[i], c4[i], c5[i], c6[i], c7[i]]
    for (let j = i + 1; j < d; j++) {
      rest[at + j] =
        rest[at + j] -
        f0 * c0[j] -
        f1 * c1[j] -
        f2 * c2[j] -
        f3 * c3[j] -
        f4 * c4[j] -
        f5 * c5[j] -
        f6 * c6[j] -
        f7 * c7[j]
    }
  }
}

/** Factor of a covariance that is not positive semidefinite: eigenvalues that are negative count as 0. */
export function factorOfEigen(gaussian: Gaussian): CovarianceFactor {
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
