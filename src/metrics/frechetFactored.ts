/**
 * The trace term of the Fréchet distance from factors of both covariances, which keeps directions of small spread to their own last digits:
 *
 *     tr (C1^(1/2) C2 C1^(1/2))^(1/2) = |A|_* / sqrt(n-1),    A = Z L,  C1 = Z^T Z/(n-1),  C2 = L L^T
 *
 * (|A|_*: sum of the singular values). With A = U S V^T its derivative in Z is U V^T L^T = Z F S^(-1) F^T, F = L V. Eigenvalues of products of the
 * covariances are the squares of these values: where both sides deviate by 1/300 of their largest deviation the eigenvalue is 1e-10 of the
 * largest, and at 1e-4 it is rounding.
 *
 * Where A has fewer singular values than it could have, |A|_* has a kink: d|A|_* = tr(V U^T dA) + |P dA Q|_*, P and Q the projections on what U
 * and V leave. The derivative that is given leaves the second term out. It is the mean of the derivatives from both sides, the limit of central
 * differences, and the smallest of all subgradients.
 */
import { contrastsOf, fromContrasts } from './contrasts.ts'
import type { CovarianceFactor } from './covarianceFactor.ts'
import { choleskyFactor, roundingShare } from './covarianceFactor.ts'
import type { PivotedTriangle } from './gradedSingular.ts'
import { pivotedTriangle, singularRows, singularValues } from './gradedSingular.ts'
import { columnSquares, multiply, rowProducts, unitOf } from './matrix.ts'
import type { Rows } from './rows.ts'

/** tr C1 and the trace term tr (C1^(1/2) C2 C1^(1/2))^(1/2). */
export interface FactoredTrace {
  readonly trace: number
  readonly rootTrace: number
}

/** The same with the derivative. */
export interface FactoredGradient extends FactoredTrace {
  /** Of tr C1 - 2 times the trace term, in the features [n,d]; its rows sum to 0. */
  readonly dRows: Float64Array
  /** Singular values that A could have. */
  readonly possible: number
  /** How many of them are 0, or rounding. */
  readonly dropped: number
}

/** Traces for feature rows. */
export function factoredTrace(rows: Rows, factor: CovarianceFactor): FactoredTrace {
  const { count: n, dimensions: d } = rows
  const z = inUnits(contrastsOf(rows))
  const l = inUnits(factor.data)
  const squares = columnSquares(z.data, d)
  const values = singularValues(productTriangle(z.data, squares, l.data, roundingShare(n, d)))
  return tracesOf(squares, values, n, z.unit, l.unit)
}

/** Trace term for a covariance estimated from `count` images; null if it is not positive semidefinite. */
export function factoredCovarianceTrace(
  covariance: Float64Array,
  count: number,
  d: number,
  factor: CovarianceFactor,
): number | null {
  const generated = choleskyFactor(covariance, d, count)?.factor
  if (!generated) return null
  const { rank } = generated
  const z = inUnits(
    Float64Array.from({ length: rank * d }, (_, i) => generated.data[(i % d) * rank + Math.floor(i / d)]),
  )
  const l = inUnits(factor.data)
  const triangle = productTriangle(z.data, columnSquares(z.data, d), l.data, roundingShare(count, d))
  return sum(singularValues(triangle)) * z.unit * l.unit
}

/** Traces for feature rows, with their derivative. */
export function factoredGradient(rows: Rows, factor: CovarianceFactor): FactoredGradient {
  const { count: n, dimensions: d } = rows
  const z = inUnits(contrastsOf(rows))
  const l = inUnits(factor.data)
  const squares = columnSquares(z.data, d)
  const { values, vectors } = singularRows(productTriangle(z.data, squares, l.data, roundingShare(n, d)))
  const k = values.length
  const f = rowProducts(l.data, vectors, d, k, factor.rank)
  const left = multiply(z.data, f, n - 1, d, k)
  for (let at = 0; at < left.length; at += k) for (let j = 0; j < k; j++) left[at + j] /= values[j]
  const pulled = rowProducts(left, f, n - 1, d, k)
  const root = Math.sqrt(n - 1)
  const dContrasts = pulled.map((value, i) => (2 * ((z.data[i] * z.unit) / root - value * l.unit)) / root)
  const possible = Math.min(n - 1, factor.rank)
  return {
    ...tracesOf(squares, values, n, z.unit, l.unit),
    dRows: fromContrasts(dContrasts, n, d),
    possible,
    dropped: possible - k,
  }
}

/** Numbers in a unit in which their fourth powers can be computed with; the unit is 1 for all but absurd ones. */
function inUnits(a: Float64Array): { data: Float64Array; unit: number } {
  const unit = unitOf(a)
  return { data: unit === 1 ? a : a.map((value) => value / unit), unit }
}

function tracesOf(squares: Float64Array, values: ArrayLike<number>, n: number, zUnit: number, lUnit: number) {
  return {
    trace: (sum(squares) / (n - 1)) * zUnit * zUnit,
    rootTrace: (sum(values) / Math.sqrt(n - 1)) * zUnit * lUnit,
  }
}

/** Triangle of A = Z L [n,rank] without what rounding made of it; `squares` of Z's columns. */
function productTriangle(z: Float64Array, squares: Float64Array, factor: Float64Array, share: number): PivotedTriangle {
  const d = squares.length
  const n = z.length / d
  const rank = factor.length / d
  const noise = new Float64Array(rank)
  for (let l = 0; l < d; l++) {
    const rounding = share * Math.sqrt(squares[l])
    for (let j = 0; j < rank; j++) noise[j] += rounding * Math.abs(factor[l * rank + j])
  }
  return pivotedTriangle(multiply(z, factor, n, d, rank), n, rank, noise)
}

function sum(values: ArrayLike<number>): number {
  let total = 0
  for (let i = 0; i < values.length; i++) total += values[i]
  return total
}
