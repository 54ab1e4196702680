/**
 * The eigenvalues of a large symmetric matrix without its eigenvectors: Householder's reduction to three diagonals (2/3 d^3 products), then implicit QL (Golub and
 * Van Loan, "Matrix Computations", 8.3). A decomposition with vectors takes an order of magnitude longer at 2,048, the dimensions of Inception's features.
 */
import { internalError } from '../base/index.ts'

/** Ascending. @param a symmetric [d,d], row-major; it is left as it is */
export function symmetricValues(a: Float64Array, d: number): Float64Array {
  if (d === 0) return new Float64Array(0)
  const { diagonal, beside } = threeDiagonals(a.slice(), d)
  return implicitQl(diagonal, beside).sort()
}

interface ThreeDiagonals {
  readonly diagonal: Float64Array
  /** `beside[i]` stands between i and i + 1; the last one is 0. */
  readonly beside: Float64Array
}

/**
 * A <- H A H with H = I - beta v v^T, column by column: A - v w^T - w v^T. Of A the upper half alone is read, and used up; what a step takes out of it waits
 * for the next one, which goes through it anyway.
 */
function threeDiagonals(a: Float64Array, n: number): ThreeDiagonals {
  const diagonal = new Float64Array(n)
  const beside = new Float64Array(n)
  let [v, w, nextV, nextW] = Array.from({ length: 4 }, () => new Float64Array(n))
  for (let k = 0; k < n - 1; k++) {
    const row = k * n
    for (let j = k; j < n; j++) a[row + j] -= v[k] * w[j] + w[k] * v[j]
    diagonal[k] = a[row + k]
    // Row k is column k.
    nextV.fill(0, 0, k + 1)
    nextV.set(a.subarray(row + k + 1, row + n), k + 1)
    const norm = Math.sqrt(dot(nextV, nextV, k + 1, n))
    const below = nextV[k + 1] > 0 ? -norm : norm
    beside[k] = below
    if (norm > 0) nextV[k + 1] -= below
    nextW.fill(0)
    takenAndTimes(a, n, k + 1, v, w, nextV, nextW)
    const beta = norm > 0 ? 2 / dot(nextV, nextV, k + 1, n) : 0
    const half = (beta * beta * dot(nextW, nextV, k + 1, n)) / 2
    for (let i = k + 1; i < n; i++) nextW[i] = beta * nextW[i] - half * nextV[i]
    ;[v, w, nextV, nextW] = [nextV, nextW, v, w]
  }
  const last = n - 1
  diagonal[last] = a[last * n + last] - 2 * v[last] * w[last]
  return { diagonal, beside }
}

/** A <- A - v w^T - w v^T in the upper half from row and column `first` on, and the product of what it becomes with x, into y. */
function takenAndTimes(
  a: Float64Array,
  n: number,
  first: number,
  v: Float64Array,
  w: Float64Array,
  x: Float64Array,
  y: Float64Array,
): void {
  for (let i = first; i < n; i++) {
    const at = i * n
    const vi = v[i]
    const wi = w[i]
    const xi = x[i]
    const corner = a[at + i] - 2 * vi * wi
    a[at + i] = corner
    let even = corner * xi
    let odd = 0
    let j = i + 1
    for (; j + 1 < n; j += 2) {
      const a0 = a[at + j] - vi * w[j] - wi * v[j]
      const a1 = a[at + j + 1] - vi * w[j + 1] - wi * v[j + 1]
      a[at + j] = a0
      a[at + j + 1] = a1
      even += a0 * x[j]
      odd += a1 * x[j + 1]
      y[j] += a0 * xi
      y[j + 1] += a1 * xi
    }
    if (j < n) {
      const a0 = a[at + j] - vi * w[j] - wi * v[j]
      a[at + j] = a0
      even += a0 * x[j]
      y[j] += a0 * xi
    }
    y[i] += even + odd
  }
}

/** Four sums at a time. */
function dot(a: Float64Array, b: Float64Array, from: number, to: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  let i = from
  for (; i + 3 < to; i += 4) {
    s0 += a[i] * b[i]
    s1 += a[i + 1] * b[i + 1]
    s2 += a[i + 2] * b[i + 2]
    s3 += a[i + 3] * b[i + 3]
  }
  for (; i < to; i++) s0 += a[i] * b[i]
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
