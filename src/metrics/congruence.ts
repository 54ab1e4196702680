/**
 * L^T C L of a symmetric C, half of it computed and a zero of a triangular L never: for thousands of dimensions, where plain products take most of a minute.
 * Sums run over parts of rows that stay in the cache, eight of them side by side.
 */
import type { CovarianceFactor } from './covarianceFactor.ts'

/** Numbers of a row that are summed before the next rows. */
const PART = 512
/** Rows of the right side that are taken with all of the left one. */
const ROWS = 64

/** @param c symmetric [d,d], row-major @param factor L [d,rank] @returns [rank,rank], symmetric to the last bit */
export function congruence(c: Float64Array, d: number, { rank, data }: CovarianceFactor): Float64Array {
  const order = inTriangle(data, d, rank)
  const transposed = new Float64Array(rank * d)
  const ordered = new Float64Array(d * d)
  for (let i = 0; i < d; i++) {
    const [from, row] = [order[i] * rank, order[i] * d]
    for (let k = 0; k < rank; k++) transposed[k * d + i] = data[from + k]
    for (let j = 0; j < d; j++) ordered[i * d + j] = c[row + order[j]]
  }
  const starts = Int32Array.from({ length: rank }, (_, k) => startOf(transposed, k * d, d))
  const half = new Float64Array(rank * d)
  // L^T C: from where the row of L^T begins.
  addRowProducts({ a: transposed, b: ordered, out: half, n: rank, m: d, d, start: (i) => starts[i], last: () => d })
  const whole = new Float64Array(rank * rank)
  // (L^T C) L up to the diagonal: from where the column of L begins.
  addRowProducts({
    ...{ a: half, b: transposed, out: whole, n: rank, m: rank, d },
    start: (_, j) => starts[j],
    last: (i) => i + 1,
  })
  for (let i = 0; i < rank; i++) for (let j = 0; j < i; j++) whole[j * rank + i] = whole[i * rank + j]
  return whole
}

/** Rows of L, those with the fewest numbers before their last zeros first: of a pivoted triangle the order of its pivots. */
function inTriangle(data: Float64Array, d: number, rank: number): Int32Array {
  const widths = Int32Array.from({ length: d }, (_, j) => {
    let width = rank
    while (width > 0 && data[j * rank + width - 1] === 0) width--
    return width
  })
  return Int32Array.from(widths.keys()).sort((a, b) => widths[a] - widths[b] || a - b)
}

/** Zeros that a row begins with. */
function startOf(a: Float64Array, at: number, d: number): number {
  let start = 0
  while (start < d && a[at + start] === 0) start++
  return start
}

/** Products of rows of a [n,d] with rows of b [m,d], added to out [n,m]. */
interface RowProducts {
  readonly a: Float64Array
  readonly b: Float64Array
  readonly out: Float64Array
  readonly n: number
  readonly m: number
  readonly d: number
  /** Before which a product is 0, of a row of a and one of b; no smaller for later rows of either. */
  start(i: number, j: number): number
  /** Rows of b from which on nobody asks for the product, of a row of a; no smaller for later ones. */
  last(i: number): number
}

function addRowProducts({ a, b, out, n, m, d, start, last }: RowProducts): void {
  for (let from = 0; from < d; from += PART) {
    const to = Math.min(d, from + PART)
    for (let top = 0; top < m; top += ROWS) {
      const bottom = Math.min(m, top + ROWS)
      for (let i = 0; i < n; i += 2) {
        const two = i + 1 < n
        const end = Math.min(bottom, last(two ? i + 1 : i))
        for (let j = top; j < end; j += 4) {
          const begin = Math.max(from, start(i, j))
          if (begin >= to) continue
          if (two && j + 3 < m) eight(a, b, out, i * d, j * d, begin, to, d, i * m + j, m)
          else ragged(a, b, out, i, j, Math.min(n, i + 2), Math.min(m, j + 4), begin, to, d, m)
        }
      }
    }
  }
}

/** Two rows with four. */
function eight(
  a: Float64Array,
  b: Float64Array,
  out: Float64Array,
  rowA: number,
  rowB: number,
  begin: number,
  to: number,
  d: number,
  at: number,
  m: number,
): void {
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let t0 = 0
  let t1 = 0
  let t2 = 0
  let t3 = 0
  const [nextA, b1, b2, b3] = [rowA + d, rowB + d, rowB + 2 * d, rowB + 3 * d]
  for (let l = begin; l < to; l++) {
    const x = a[rowA + l]
    const y = a[nextA + l]
    const v0 = b[rowB + l]
    const v1 = b[b1 + l]
    const v2 = b[b2 + l]
    const v3 = b[b3 + l]
    s0 += x * v0
    s1 += x * v1
    s2 += x * v2
    s3 += x * v3
    t0 += y * v0
    t1 += y * v1
    t2 += y * v2
    t3 += y * v3
  }
  out[at] += s0
  out[at + 1] += s1
  out[at + 2] += s2
  out[at + 3] += s3
  out[at + m] += t0
  out[at + m + 1] += t1
  out[at + m + 2] += t2
  out[at + m + 3] += t3
}

/** What is left at the edges. */
function ragged(
  a: Float64Array,
  b: Float64Array,
  out: Float64Array,
  i: number,
  j: number,
  endI: number,
  endJ: number,
  begin: number,
  to: number,
  d: number,
  m: number,
): void {
  for (let row = i; row < endI; row++) {
    for (let column = j; column < endJ; column++) {
      let sum = 0
      for (let l = begin; l < to; l++) sum += a[row * d + l] * b[column * d + l]
      out[row * m + column] += sum
    }
  }
}
