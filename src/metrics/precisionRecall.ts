/**
 * Improved precision and recall (Kynkäänniemi, Karras, Laine, Lehtinen, Aila, 2019): each set's manifold is the union of balls around its
 * rows that reach to the k-th nearest other row. Precision: share of generated rows inside the real manifold; recall: share of
 * real rows inside the generated one.
 */
import { inputError } from '../base/index.ts'
import type { Features, Rows } from './rows.ts'
import { rowPair } from './rows.ts'

/** As published. */
export const NEIGHBOURS = 3
/** Images that the published neighbours need on each side. */
export const LEAST_FOR_NEIGHBOURS = NEIGHBOURS + 1

export interface PrecisionRecall {
  readonly precision: number
  readonly recall: number
  readonly k: number
}

/**
 * @param generated [n,d], n > k
 * @param real      [m,d], m > k
 * @param k         neighbours, default `NEIGHBOURS`
 * @throws `metrics.neighbours` unless k is a positive integer; `metrics.tooFewImages` unless more than k rows in each set
 */
export function precisionRecall(generated: Features, real: Features, k = NEIGHBOURS): PrecisionRecall {
  if (!Number.isInteger(k) || k < 1) {
    throw inputError('metrics.neighbours', `the number of neighbours must be a positive integer, got ${k}`)
  }
  const [fake, truth] = rowPair(generated, real, k + 1)
  return { precision: shareInside(fake, truth, k), recall: shareInside(truth, fake, k), k }
}

function shareInside(points: Rows, manifold: Rows, k: number): number {
  const radii = squaredRadii(manifold, k)
  let inside = 0
  for (let i = 0; i < points.count; i++) {
    for (let j = 0; j < manifold.count; j++) {
      if (squaredDistance(points, i, manifold, j) <= radii[j]) {
        inside++
        break
      }
    }
  }
  return inside / points.count
}

/** Squared distance of each row to its k-th nearest other row. */
function squaredRadii(rows: Rows, k: number): Float64Array {
  // The k smallest of each row so far, ascending.
  const nearest = new Float64Array(rows.count * k).fill(Number.POSITIVE_INFINITY)
  for (let i = 0; i < rows.count; i++) {
    for (let j = i + 1; j < rows.count; j++) {
      const distance = squaredDistance(rows, i, rows, j)
      insert(nearest, i * k, k, distance)
      insert(nearest, j * k, k, distance)
    }
  }
  return Float64Array.from({ length: rows.count }, (_, i) => nearest[i * k + k - 1])
}

/** Into `k` ascending values from `first` on, of which the largest falls out. */
function insert(values: Float64Array, first: number, k: number, value: number): void {
  let at = first + k - 1
  if (value >= values[at]) return
  for (; at > first && values[at - 1] > value; at--) values[at] = values[at - 1]
  values[at] = value
}

function squaredDistance(a: Rows, i: number, b: Rows, j: number): number {
  const d = a.dimensions
  const [fromA, fromB] = [i * d, j * d]
  let sum = 0
  for (let l = 0; l < d; l++) {
    const difference = a.data[fromA + l] - b.data[fromB + l]
    sum += difference * difference
  }
  return sum
}
