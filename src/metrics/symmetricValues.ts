/**
 * The eigenvalues of a large symmetric matrix without its eigenvectors: Householder's reduction to three diagonals (d^3 products), then implicit QL (Golub and
 * Van Loan, "Matrix Computations", 8.3). A decomposition with vectors takes an order of magnitude longer at 2,048, the dimensions of Inception's features.
 */
import { internalError } from '../base/index.ts'

/** Ascending. @param a symmetric [d,d], row-major; it is left as it is */
export function symmetricValues(a: Float64Array, d: number): Float64Array {
  const { diagonal, beside } = threeDiagonals(a.slice(), d)
  return implicitQl(diagonal, beside).sort()
}

interface ThreeDiagonals {
  readonly diagonal: Float64Array
  /** `beside[i]` stands between i and i + 1; the last one is 0. */
  readonly beside: Float64Array
}

/** A <- H A H with H = I - beta v v^T, column by column; A is used up. */
function threeDiagonals(a: Float64Array, n: number): ThreeDiagonals {
  const diagonal = new Float64Array(n)
  const beside = new Float64Array(n)
  for (let k = 0; k < n - 1; k++) {
    const size = n - k - 1
    diagonal[k] = a[k * n + k]
    // Row k is column k.
    const v = a.slice(k * n + k + 1, (k + 1) * n)
    const norm = Math.sqrt(dot(v, v, 0, 0, size))
    const below = v[0] > 0 ? -norm : norm
    beside[k] = below
    if (norm === 0) continue
    v[0] -= below
    const beta = 2 / dot(v, v, 0, 0, size)
    const w = new Float64Array(size)
    for (let i = 0; i < size; i++) w[i] = beta * dot(a, v, (k + 1 + i) * n + k + 1, 0, size)
    const half = (beta / 2) * dot(w, v, 0, 0, size)
    for (let i = 0; i < size; i++) w[i] -= half * v[i]
    for (let i = 0; i < size; i++) {
      const at = (k + 1 + i) * n + k + 1
      const [vi, wi] = [v[i], w[i]]
      for (let j = 0; j < size; j++) a[at + j] -= vi * w[j] + wi * v[j]
    }
  }
  diagonal[n - 1] = a[n * n - 1]
  return { diagonal, beside }
}

/** Four sums at a time. */
function dot(a: Float64Array, b: Float64Array, fromA: number, fromB: number, size: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  let i = 0
  for (; i + 3 < size; i += 4) {
    s0 += a[fromA + i] * b[fromB + i]
    s1 += a[fromA + i + 1] * b[fromB + i + 1]
    s2 += a[fromA + i + 2] * b[fromB + i + 2]
    s3 += a[fromA + i + 3] * b[fromB + i + 3]
  }
  for (; i < size; i++) s0 += a[fromA + i] * b[fromB + i]
  return s0 + s1 + s2 + s3
}

const MOST_SWEEPS = 100

/** Diagonalises; both arrays are used up. */
function implicitQl(d: Float64Array, e: Float64Array): Float64Array {
  const n = d.length
  for (let first = 0; first < n; first++) {
    for (let sweep = 0; ; sweep++) {
      let last = first
      while (last < n - 1 && Math.abs(e[last]) > Number.EPSILON * (Math.abs(d[last]) + Math.abs(d[last + 1]))) last++
      if (last === first) break
      if (sweep === MOST_SWEEPS) throw internalError('the eigenvalues of a symmetric matrix did not converge')
      qlSweep(d, e, first, last)
    }
  }
  return d
}

/** One implicit sweep from `last` down to `first`, with Wilkinson's shift. */
function qlSweep(d: Float64Array, e: Float64Array, first: number, last: number): void {
  let g = (d[first + 1] - d[first]) / (2 * e[first])
  const root = Math.hypot(g, 1)
  g = d[last] - d[first] + e[first] / (g + (g >= 0 ? root : -root))
  let [sine, cosine, shift] = [1, 1, 0]
  for (let i = last - 1; i >= first; i--) {
    const f = sine * e[i]
    const b = cosine * e[i]
    const r = Math.hypot(f, g)
    e[i + 1] = r
    if (r === 0) {
      d[i + 1] -= shift
      e[last] = 0
      return
    }
    sine = f / r
    cosine = g / r
    g = d[i + 1] - shift
    const t = (d[i] - g) * sine + 2 * cosine * b
    shift = sine * t
    d[i + 1] = g + shift
    g = cosine * t - b
  }
  d[first] -= shift
  e[first] = g
  e[last] = 0
}
