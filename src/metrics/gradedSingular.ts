/**
 * Singular values and right singular vectors of a matrix whose columns may differ by many powers of ten, each value to its own last digits:
 * Householder QR with column pivoting, then one-sided Jacobi rotations of the rows of the triangle (Drmač and Veselić, "New fast and accurate
 * Jacobi SVD algorithm", 2008). The eigenvalues of a Gram matrix know a singular value to 1e-8 of the largest one only.
 */
import { Matrix, SingularValueDecomposition } from 'ml-matrix'
import { columnSquares } from './matrix.ts'

/** Upper trapezoidal T [rank,columns] with T^T T = P^T a^T a P: what a pivoted QR decomposition leaves of a [n,columns]. */
export interface PivotedTriangle {
  readonly rank: number
  readonly columns: number
  /** Row-major; column j is column `order[j]` of a. */
  readonly data: Float64Array
  readonly order: Int32Array
}

/** Right singular vectors (rows [k,columns], in the columns of a) and their values [k]. */
export interface SingularRows {
  readonly values: Float64Array
  readonly vectors: Float64Array
}

/** Sweeps over all pairs of rows; some 6 are used until rounding alone is left. */
const MOST_SWEEPS = 40

/**
 * Householder QR with column pivoting of a [n,columns], without Q.
 * @param noise what rounding makes of the length of each column of a: a column that is no longer than that without the part that lies along
 * the columns before it counts as 0
 */
export function pivotedTriangle(a: Float64Array, n: number, columns: number, noise: Float64Array): PivotedTriangle {
  const work = a.slice()
  const order = Int32Array.from({ length: columns }, (_, j) => j)
  const squares = columnSquares(work, columns)
  const most = Math.min(n, columns)
  let rank = 0
  for (; rank < most; rank++) {
    let pivot = -1
    for (let j = rank; j < columns; j++) {
      if (squares[j] > noise[order[j]] ** 2 && (pivot < 0 || squares[j] > squares[pivot])) pivot = j
    }
    if (pivot < 0) break
    for (let at = 0; at < work.length && pivot !== rank; at += columns) swap(work, at + rank, at + pivot)
    swap(order, rank, pivot)
    reflect(work, n, columns, rank, Math.sqrt(squares[pivot]), squares)
  }
  const data = work.slice(0, rank * columns)
  for (let i = 0; i < rank; i++) data.fill(0, i * columns, i * columns + i)
  return { rank, columns, data, order }
}

/** Singular values, to the last digits of the largest one. */
export function singularValues({ rank, columns, data }: PivotedTriangle): number[] {
  if (rank === 0) return []
  const tall = Matrix.from1DArray(rank, columns, data).transpose()
  return new SingularValueDecomposition(tall, { computeLeftSingularVectors: false, computeRightSingularVectors: false })
    .diagonal
}

/** Singular values, each to its own last digits, and right singular vectors. */
export function singularRows({ rank, columns, data, order }: PivotedTriangle): SingularRows {
  const rotated = data.slice()
  const values = orthogonalise(rotated, rank, columns)
  const vectors = new Float64Array(rank * columns)
  for (let i = 0; i < rank; i++) {
    for (let j = 0; j < columns; j++) vectors[i * columns + order[j]] = rotated[i * columns + j] / values[i]
  }
  return { values, vectors }
}

function swap(a: Float64Array | Int32Array, one: number, other: number): void {
  ;[a[one], a[other]] = [a[other], a[one]]
}

/**
 * Reflects rows k.. such that column k, `length` long from row k on, becomes 0 below row k (the reflector's own numbers stay there); columns
 * before k are left alone. `squares` become those of the columns below row k.
 */
function reflect(a: Float64Array, n: number, columns: number, k: number, length: number, squares: Float64Array): void {
  const top = k * columns
  const head = a[top + k]
  const diagonal = head > 0 ? -length : length
  a[top + k] = head - diagonal
  const w = new Float64Array(columns)
  let i = k
  for (; i + 3 < n; i += 4) {
    const [at0, at1, at2, at3] = [i * columns, (i + 1) * columns, (i + 2) * columns, (i + 3) * columns]
    const [v0, v1, v2, v3] = [a[at0 + k], a[at1 + k], a[at2 + k], a[at3 + k]]
    for (let j = k + 1; j < columns; j++) {
      w[j] += v0 * a[at0 + j] + v1 * a[at1 + j] + v2 * a[at2 + j] + v3 * a[at3 + j]
    }
  }
  for (; i < n; i++) for (let j = k + 1; j < columns; j++) w[j] += a[i * columns + k] * a[i * columns + j]
  // 2 / |v|^2
  const scale = 1 / (length * (length + Math.abs(head)))
  for (let j = k + 1; j < columns; j++) w[j] *= scale
  for (let j = k + 1; j < columns; j++) a[top + j] -= a[top + k] * w[j]
  a[top + k] = diagonal
  squares.fill(0)
  for (i = k + 1; i + 3 < n; i += 4) {
    const [at0, at1, at2, at3] = [i * columns, (i + 1) * columns, (i + 2) * columns, (i + 3) * columns]
    const [v0, v1, v2, v3] = [a[at0 + k], a[at1 + k], a[at2 + k], a[at3 + k]]
    for (let j = k + 1; j < columns; j++) {
      const x0 = a[at0 + j] - v0 * w[j]
      const x1 = a[at1 + j] - v1 * w[j]
      const x2 = a[at2 + j] - v2 * w[j]
      const x3 = a[at3 + j] - v3 * w[j]
      a[at0 + j] = x0
      a[at1 + j] = x1
      a[at2 + j] = x2
      a[at3 + j] = x3
      squares[j] += x0 * x0 + x1 * x1 + x2 * x2 + x3 * x3
    }
  }
  for (; i < n; i++) {
    for (let j = k + 1; j < columns; j++) {
      const x = a[i * columns + j] - a[i * columns + k] * w[j]
      a[i * columns + j] = x
      squares[j] += x * x
    }
  }
}

/**
 * Rotates rows pair by pair until all are orthogonal, in place: until each product is no more than the rounding of its own sum. To be small
 * beside the rows' lengths does not do: 1e-16 of a row in one that is 1e-12 as long.
 * @returns the lengths
 */
function orthogonalise(rows: Float64Array, count: number, columns: number): Float64Array {
  const tolerance = (8 + Math.sqrt(columns)) * Number.EPSILON
  const squares = new Float64Array(count)
  for (let sweep = 0, rotated = true; rotated && sweep < MOST_SWEEPS; sweep++) {
    rotated = false
    for (let i = 0; i < count; i++) squares[i] = squareOf(rows, i * columns, columns)
    for (let i = 0; i < count; i++) {
      for (let j = i + 1; j < count; j++) {
        const product = productOf(rows, i * columns, j * columns, columns, tolerance)
        if (product === 0) continue
        rotated = true
        const zeta = (squares[j] - squares[i]) / (2 * product)
        const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta))
        rotate(rows, i * columns, j * columns, columns, tangent)
        squares[i] -= tangent * product
        squares[j] += tangent * product
      }
    }
  }
  return squares.map((_, i) => Math.sqrt(squareOf(rows, i * columns, columns)))
}

function squareOf(a: Float64Array, at: number, length: number): number {
  let sum = 0
  for (let l = at; l < at + length; l++) sum += a[l] * a[l]
  return sum
}

/** Scalar product of two rows; 0 where it is within `tolerance` of the sum of its terms' magnitudes. */
function productOf(a: Float64Array, at: number, other: number, length: number, tolerance: number): number {
  let [s0, s1, size0, size1, l] = [0, 0, 0, 0, 0]
  for (; l + 1 < length; l += 2) {
    const term0 = a[at + l] * a[other + l]
    const term1 = a[at + l + 1] * a[other + l + 1]
    s0 += term0
    s1 += term1
    size0 += Math.abs(term0)
    size1 += Math.abs(term1)
  }
  if (l < length) {
    const term = a[at + l] * a[other + l]
    s0 += term
    size0 += Math.abs(term)
  }
  const product = s0 + s1
  return Math.abs(product) <= tolerance * (size0 + size1) ? 0 : product
}

function rotate(a: Float64Array, at: number, other: number, length: number, tangent: number): void {
  const cosine = 1 / Math.sqrt(1 + tangent * tangent)
  const sine = cosine * tangent
  for (let l = 0; l < length; l++) {
    const x = a[at + l]
    const y = a[other + l]
    a[at + l] = cosine * x - sine * y
    a[other + l] = sine * x + cosine * y
  }
}
