/**
 * The little dense linear algebra that metrics need, on row-major float64 arrays. The symmetric eigendecomposition is
 * ml-matrix's (Householder tridiagonalisation and QL).
 */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix'

/** a [n,k] times b [k,m]. Four terms at a time, added in the order of k: a sum that stays in its register. */
export function multiply(a: Float64Array, b: Float64Array, n: number, k: number, m: number): Float64Array {
  const out = new Float64Array(n * m)
  for (let i = 0; i < n; i++) {
    const to = i * m
    let l = 0
    for (; l + 3 < k; l += 4) {
      const [f0, f1, f2, f3] = [a[i * k + l], a[i * k + l + 1], a[i * k + l + 2], a[i * k + l + 3]]
      const [at0, at1, at2, at3] = [l * m, (l + 1) * m, (l + 2) * m, (l + 3) * m]
      for (let j = 0; j < m; j++) {
        out[to + j] = out[to + j] + f0 * b[at0 + j] + f1 * b[at1 + j] + f2 * b[at2 + j] + f3 * b[at3 + j]
      }
    }
    for (; l < k; l++) for (let j = 0; j < m; j++) out[to + j] += a[i * k + l] * b[l * m + j]
  }
  return out
}

/** a^T a of a [n,d]: [d,d]. Four rows at a time, added in their order. */
export function columnGram(a: Float64Array, n: number, d: number): Float64Array {
  const out = new Float64Array(d * d)
  let i = 0
  for (; i + 3 < n; i += 4) {
    const [at0, at1, at2, at3] = [i * d, (i + 1) * d, (i + 2) * d, (i + 3) * d]
    for (let j = 0; j < d; j++) {
      const [f0, f1, f2, f3] = [a[at0 + j], a[at1 + j], a[at2 + j], a[at3 + j]]
      const to = j * d
      for (let l = j; l < d; l++) {
        out[to + l] = out[to + l] + f0 * a[at0 + l] + f1 * a[at1 + l] + f2 * a[at2 + l] + f3 * a[at3 + l]
      }
    }
  }
  for (; i < n; i++) {
    for (let j = 0; j < d; j++) for (let l = j; l < d; l++) out[j * d + l] += a[i * d + j] * a[i * d + l]
  }
  return mirror(out, d)
}

/** Sum of squares of each column of a [n,d]. */
export function columnSquares(a: Float64Array, d: number): Float64Array {
  const squares = new Float64Array(d)
  for (let at = 0; at < a.length; at += d) for (let j = 0; j < d; j++) squares[j] += a[at + j] * a[at + j]
  return squares
}

/** a b^T of a [n,d], b [m,d]: [n,m]. Four rows of b at a time. */
export function rowProducts(a: Float64Array, b: Float64Array, n: number, m: number, d: number): Float64Array {
  const out = new Float64Array(n * m)
  for (let i = 0; i < n; i++) {
    const from = i * d
    let j = 0
    for (; j + 3 < m; j += 4) {
      const [at0, at1, at2, at3] = [j * d, (j + 1) * d, (j + 2) * d, (j + 3) * d]
      let [s0, s1, s2, s3] = [0, 0, 0, 0]
      for (let l = 0; l < d; l++) {
        const factor = a[from + l]
        s0 += factor * b[at0 + l]
        s1 += factor * b[at1 + l]
        s2 += factor * b[at2 + l]
        s3 += factor * b[at3 + l]
      }
      out[i * m + j] = s0
      out[i * m + j + 1] = s1
      out[i * m + j + 2] = s2
      out[i * m + j + 3] = s3
    }
    for (; j < m; j++) {
      let sum = 0
      for (let l = 0; l < d; l++) sum += a[from + l] * b[j * d + l]
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

/**
 * 1/tr(a^-1) of the first `count` rows and columns of a symmetric matrix [d,d]: the smallest eigenvalue is this at least, and `count` times this at
 * most. 0 where the matrix is not positive definite. By Cholesky's decomposition a = L L^T, tr(a^-1) = |L^-1|^2.
 */
export function smallestEigenvalueBound(a: Float64Array, d: number, count = d): number {
  const lower = new Float64Array(count * count)
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * d + j]
      for (let l = 0; l < j; l++) sum -= lower[i * count + l] * lower[j * count + l]
      if (j < i) lower[i * count + j] = sum / lower[j * count + j]
      else if (sum > 0) lower[i * count + i] = Math.sqrt(sum)
      else return 0
    }
  }
  let trace = 0
  // Row i of the inverse takes the place of row i of L: later rows need only that.
  for (let i = 0; i < count; i++) {
    const diagonal = 1 / lower[i * count + i]
    const row = new Float64Array(i + 1)
    for (let l = 0; l < i; l++) {
      const factor = -lower[i * count + l] * diagonal
      for (let j = 0; j <= l; j++) row[j] += factor * lower[l * count + j]
    }
    row[i] = diagonal
    lower.set(row, i * count)
    for (const value of row) trace += value * value
  }
  return 1 / trace
}

/** Eigenvalues (ascending) and eigenvectors (column j belongs to value j, row-major) of a symmetric matrix [d,d]. */
export interface SymmetricEigen {
  readonly values: Float64Array
  readonly vectors: Float64Array
}

/** Numbers whose fourth powers are beyond float64 are taken in this unit, a power of 2; all others in 1. */
export function unitOf(a: Float64Array): number {
  let largest = 0
  for (const value of a) largest = Math.max(largest, Math.abs(value))
  if (largest === 0 || (largest > 1e-70 && largest < 1e70)) return 1
  return 2 ** Math.min(1000, Math.max(-1000, Math.floor(Math.log2(largest))))
}

/** Eigendecomposition of a symmetric matrix; it is symmetrised first, so that rounding does not matter. */
export function symmetricEigen(a: Float64Array, d: number): SymmetricEigen {
  const unit = unitOf(a)
  const symmetric = new Matrix(d, d)
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d; j++) symmetric.set(i, j, (a[i * d + j] / unit + a[j * d + i] / unit) / 2)
  }
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(symmetric, { assumeSymmetric: true })
  const vectors = Float64Array.from({ length: d * d }, (_, i) => eigenvectorMatrix.get(Math.floor(i / d), i % d))
  return { values: Float64Array.from(realEigenvalues, (value) => value * unit), vectors }
}

/** V diag(f(lambda)) V^T. */
export function spectralFunction({ values, vectors }: SymmetricEigen, f: (value: number) => number): Float64Array {
  const d = values.length
  const scaled = new Float64Array(d * d)
  for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) scaled[i * d + j] = vectors[i * d + j] * f(values[j])
  return rowProducts(scaled, vectors, d, d, d)
}
