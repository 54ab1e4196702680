/**
 * The trace term of the Fréchet distance from factors of both covariances, which keeps directions of small spread to their own last digits:
 *
 *     tr (C1^(1/2) C2 C1^(1/2))^(1/2) = |A|_*,    A = L1^T L2,  C1 = L1 L1^T,  C2 = L2 L2^T
 *
 * (|A|_*: sum of the singular values). With A = U S V^T its derivative in C1 is G/2, G = F S^(-1) F^T, F = L2 V. Eigenvalues of products of the
 * covariances are the squares of these values: where both sides deviate by 1/300 of their largest deviation the eigenvalue is 1e-10 of the
 * largest, and at 1e-4 it is rounding.
 *
 * Where A has fewer singular values than it could have, |A|_* has a kink in the centred rows X, B = X L2: d|B|_* = tr(V U^T dB) + |P dB Q|_*, P and
 * Q the projections on what U and V leave. The derivative that is given leaves the second term out. It is the mean of the derivatives from both
 * sides, the limit of central differences, and the smallest of all subgradients.
 */
import { contrastsOf, fromContrasts } from './contrasts.ts'
import type { CovarianceFactor } from './covarianceFactor.ts'
import { roundingShare } from './covarianceFactor.ts'
import type { PivotedTriangle } from './gradedSingular.ts'
import { pivotedTriangle, singularRows, singularValues } from './gradedSingular.ts'
import { multiply, rowProducts, unitOf } from './matrix.ts'
import type { Rows } from './rows.ts'

/** The trace term of two factors, and what its derivative is made of. */
export interface FactoredTrace {
  readonly rootTrace: number
  /** Of A without what is rounding in it. */
  readonly triangle: PivotedTriangle
  /** What A is in. */
  readonly unit: number
}

/** Trace term of factors of d features; `count` of the images behind the generated one. */
export function factoredTrace(one: CovarianceFactor, two: CovarianceFactor, d: number, count: number): FactoredTrace {
  const [l1, l2] = [inUnits(one.data), inUnits(two.data)]
  const transposed = new Float64Array(l1.data.length)
  const noise = new Float64Array(two.rank)
  for (let j = 0; j < d; j++) {
    let square = 0
    for (let k = 0; k < one.rank; k++) {
      const value = l1.data[j * one.rank + k]
      transposed[k * d + j] = value
      square += value * value
    }
    const rounding = roundingShare(count, d) * Math.sqrt(square)
    for (let k = 0; k < two.rank; k++) noise[k] += rounding * Math.abs(l2.data[j * two.rank + k])
  }
  const a = multiply(transposed, l2.data, one.rank, d, two.rank)
  const triangle = pivotedTriangle(a, one.rank, two.rank, noise)
  const unit = l1.unit * l2.unit
  return { rootTrace: singularValues(triangle).reduce((sum, value) => sum + value, 0) * unit, triangle, unit }
}

/** Derivative of tr C1 - 2 times the trace term in the feature rows [n,d], 2 (z - z G)/(n-1) in contrasts; its rows sum to 0. */
export function factoredDerivative(rows: Rows, two: CovarianceFactor, { triangle, unit }: FactoredTrace): Float64Array {
  const { count: n, dimensions: d } = rows
  const { values, vectors } = singularRows(triangle)
  const k = values.length
  const z = contrastsOf(rows)
  const f = rowProducts(two.data, vectors, d, k, two.rank)
  const left = multiply(z, f, n - 1, d, k)
  for (let at = 0; at < left.length; at += k) for (let j = 0; j < k; j++) left[at + j] /= values[j] * unit
  const pulled = rowProducts(left, f, n - 1, d, k)
  for (let i = 0; i < z.length; i++) pulled[i] = (2 * (z[i] - pulled[i])) / (n - 1)
  return fromContrasts(pulled, n, d)
}

/** Numbers in a unit in which their fourth powers can be computed with; the unit is 1 for all but absurd ones. */
function inUnits(a: Float64Array): { data: Float64Array; unit: number } {
  const unit = unitOf(a)
  return { data: unit === 1 ? a : a.map((value) => value / unit), unit }
}
