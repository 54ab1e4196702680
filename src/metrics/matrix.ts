/**
 * The little dense linear algebra that metrics need, on row-major float64 arrays. The symmetric eigendecomposition is
 * ml-matrix's (Householder tridiagonalisation and QL).
 */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix'

/** a [n,k] times b [k,m]. */
export function multiply(a: Float64Array, b: Float64Array, n: number, k: number, m: number): Float64Array {
  const out = new Float64Array(n * m)
  for (let i = 0; i < n; i++) {
    const row = out.subarray(i * m, (i + 1) * m)
    for (let l = 0; l < k; l++) {
      const factor = a[i * k + l]
      const from = l * m
      for (let j = 0; j < m; j++) row[j] += factor * b[from + j]
    }
  }
  return out
}

/** a^T a of a [n,d]: [d,d]. */
export function columnGram(a: Float64Array, n: number, d: number): Float64Array {
  const out = new Float64Array(d * d)
  for (let i = 0; i < n; i++) {
    const row = a.subarray(i * d, (i + 1) * d)
    for (let j = 0; j < d; j++) {
      const factor = row[j]
      const to = j * d
      for (let l = j; l < d; l++) out[to + l] += factor * row[l]
    }
  }
  return mirror(out, d)
}

/** a b^T of a [n,d], b [m,d]: [n,m]. */
export function rowProducts(a: Float64Array, b: Float64Array, n: number, m: number, d: number): Float64Array {
  const out = new Float64Array(n * m)
  for (let i = 0; i < n; i++) {
    const x = a.subarray(i * d, (i + 1) * d)
    for (let j = 0; j < m; j++) {
      const from = j * d
      let sum = 0
      for (let l = 0; l < d; l++) sum += x[l] * b[from + l]
      out[i * m + j] = sum
    }
  }
  return out
}

/** Copies the upper triangle into the lower one, in place. */
function mirror(a: Float64Array, d: number): Float64Array {
  for (let i = 0; i < d; i++) for (let j = 0; j < i; j++) a[i * d + j] = a[j * d + i]
  return a
}

export function traceOf(a: Float64Array, d: number): number {
  let sum = 0
  for (let i = 0; i < d; i++) sum += a[i * d + i]
  return sum
}

/** Eigenvalues (ascending) and eigenvectors (column j belongs to value j, row-major) of a symmetric matrix [d,d]. */
export interface SymmetricEigen {
  readonly values: Float64Array
  readonly vectors: Float64Array
}

/** Eigendecomposition of a symmetric matrix; it is symmetrised first, so that rounding does not matter. */
export function symmetricEigen(a: Float64Array, d: number): SymmetricEigen {
  const symmetric = new Matrix(d, d)
  for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) symmetric.set(i, j, (a[i * d + j] + a[j * d + i]) / 2)
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(symmetric, { assumeSymmetric: true })
  const vectors = Float64Array.from({ length: d * d }, (_, i) => eigenvectorMatrix.get(Math.floor(i / d), i % d))
  return { values: Float64Array.from(realEigenvalues), vectors }
}

/** V diag(f(lambda)) V^T. */
export function spectralFunction({ values, vectors }: SymmetricEigen, f: (value: number) => number): Float64Array {
  const d = values.length
  const scaled = new Float64Array(d * d)
  for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) scaled[i * d + j] = vectors[i * d + j] * f(values[j])
  return rowProducts(scaled, vectors, d, d, d)
}
