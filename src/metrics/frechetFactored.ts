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
import { columnSquares, multiply, rowProducts } from './matrix.ts'
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
  const z = contrastsOf(rows)
  const squares = columnSquares(z, d)
  const values = singularValues(productTriangle(z, squares, factor, roundingShare(n, d)))
  return { trace: sum(squares) / (n - 1), rootTrace: sum(values) / Math.sqrt(n - 1) }
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
  const transposed = new Float64Array(generated.data.length)
  for (let j = 0; j < d; j++) {
    for (let k = 0; k < generated.rank; k++) transposed[k * d + j] = generated.data[j * generated.rank + k]
  }
  return sum(singularValues(productTriangle(transposed, columnSquares(transposed, d), factor, roundingShare(count, d))))
}

/** Traces for feature rows, with their derivative. */
export function factoredGradient(rows: Rows, factor: CovarianceFactor): FactoredGradient {
  const { count: n, dimensions: d } = rows
  const z = contrastsOf(rows)
  const squares = columnSquares(z, d)
  const { values, vectors } = singularRows(productTriangle(z, squares, factor, roundingShare(n, d)))
  const k = values.length
  const f = rowProducts(factor.data, vectors, d, k, factor.rank)
  const scaled = multiply(z, f, n - 1, d, k)
  for (let at = 0; at < scaled.length; at += k) for (let j = 0; j < k; j++) scaled[at + j] /= values[j]
  const pulled = rowProducts(scaled, f, n - 1, d, k)
  const root = Math.sqrt(n - 1)
  const dContrasts = pulled.map((value, i) => (2 * (z[i] / root - value)) / root)
  const possible = Math.min(n - 1, factor.rank)
  return {
    trace: sum(squares) / (n - 1),
    rootTrace: sum(values) / root,
    dRows: fromContrasts(dContrasts, n, d),
    possible,
    dropped: possible - k,
  }
}

/** Triangle of A = Z L [n,rank] without what rounding made of it; `squares` of Z's columns. */
function productTriangle(
  z: Float64Array,
  squares: Float64Array,
  { data, rank }: CovarianceFactor,
  share: number,
): PivotedTriangle {
  const d = squares.length
  const n = z.length / d
  const noise = new Float64Array(rank)
  for (let l = 0; l < d; l++) {
    const rounding = share * Math.sqrt(squares[l])
    for (let j = 0; j < rank; j++) noise[j] += rounding * Math.abs(data[l * rank + j])
  }
  return pivotedTriangle(multiply(z, data, n, d, rank), n, rank, noise)
}

function sum(values: ArrayLike<number>): number {
  let total = 0
  for (let i = 0; i < values.length; i++) total += values[i]
  return total
}
