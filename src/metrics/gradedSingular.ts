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

/** Singular values, to the last digits of the largest one: the library's, in a third of the time of vectors. */
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
function orthogonalise(data: Float64Array, count: number, columns: number): Float64Array {
  const rows = Array.from({ length: count }, (_, i) => data.subarray(i * columns, (i + 1) * columns))
  const tolerance = (8 + Math.sqrt(columns)) * Number.EPSILON
  const squares = new Float64Array(count)
  // Of row i and the row that is next to be rotated with it: their product, and its size.
  const told = new Float64Array(2)
  for (let sweep = 0, rotated = true; rotated && sweep < MOST_SWEEPS; sweep++) {
    rotated = false
    for (let i = 0; i < count; i++) squares[i] = squareOf(rows[i])
    for (let i = 0; i + 1 < count; i++) {
      multiplyRows(rows[i], rows[i + 1], told)
      for (let j = i + 1; j < count; j++) {
        const [product, size] = told
        const next = rows[Math.min(j + 1, count - 1)]
        if (Math.abs(product) <= tolerance * size) {
          multiplyRows(rows[i], next, told)
          continue
        }
        rotated = true
        const zeta = (squares[j] - squares[i]) / (2 * product)
        const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta))
        rotate(rows[i], rows[j], tangent, next, told)
        squares[i] -= tangent * product
        squares[j] += tangent * product
      }
    }
  }
  return squares.map((_, i) => Math.sqrt(squareOf(rows[i])))
}

function squareOf(x: Float64Array): number {
  let sum = 0
  for (let l = 0; l < x.length; l++) sum += x[l] * x[l]
  return sum
}

/** Scalar product of two rows, and the sum of its terms' magnitudes, into `told`. */
function multiplyRows(x: Float64Array, y: Float64Array, told: Float64Array): void {
  let product = 0
  let size = 0
  for (let l = 0; l < x.length; l++) {
    const term = x[l] * y[l]
    product += term
    size += Math.abs(term)
  }
  told[0] = product
  told[1] = size
}

/**
 * Rotates x and y. What `multiplyRows` would say of the new x and the row after is found on the way; two columns at a time, since one sum would
 * wait for itself.
 */
function rotate(x: Float64Array, y: Float64Array, tangent: number, after: Float64Array, told: Float64Array): void {
  const cosine = 1 / Math.sqrt(1 + tangent * tangent)
  const sine = cosine * tangent
  let even = 0
  let odd = 0
  let evenSize = 0
  let oddSize = 0
  let l = 0
  for (; l + 1 < x.length; l += 2) {
    const x0 = x[l]
    const x1 = x[l + 1]
    const y0 = y[l]
    const y1 = y[l + 1]
    const turned0 = cosine * x0 - sine * y0
    const turned1 = cosine * x1 - sine * y1
    x[l] = turned0
    x[l + 1] = turned1
    y[l] = sine * x0 + cosine * y0
    y[l + 1] = sine * x1 + cosine * y1
    const term0 = turned0 * after[l]
    const term1 = turned1 * after[l + 1]
    even += term0
    odd += term1
    evenSize += Math.abs(term0)
    oddSize += Math.abs(term1)
  }
  if (l < x.length) {
    const turned = cosine * x[l] - sine * y[l]
    y[l] = sine * x[l] + cosine * y[l]
    x[l] = turned
    even += turned * after[l]
    evenSize += Math.abs(turned * after[l])
  }
  told[0] = even + odd
  told[1] = evenSize + oddSize
}
