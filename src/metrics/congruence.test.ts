/** L^T C L against plain products, of triangles in any order of their rows, of few columns and of full matrices, and beyond the edges of its parts. */
import { expect, test } from 'vitest'
import { congruence } from './congruence.ts'
import { choleskyFactor } from './covarianceFactor.ts'
import { randomFeatures } from './gold.fixture.ts'
import { columnGram, multiply } from './matrix.ts'

const squareOf = (d: number, seed: number, rows = d + 3): Float64Array =>
  columnGram(Float64Array.from(randomFeatures(rows, d, seed).data), rows, d)

/** By the definition. */
function plain(c: Float64Array, d: number, data: Float64Array, rank: number): Float64Array {
  const transposed = new Float64Array(rank * d)
  for (let j = 0; j < d; j++) for (let k = 0; k < rank; k++) transposed[k * d + j] = data[j * rank + k]
  return multiply(multiply(transposed, c, rank, d, d), data, rank, d, rank)
}

function expectSame(c: Float64Array, d: number, factor: { rank: number; data: Float64Array }): void {
  const [got, wanted] = [congruence(c, d, factor), plain(c, d, factor.data, factor.rank)]
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  expect(got.length).toBe(wanted.length)
  const furthest = got.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i])), 0)
  expect(furthest).toBeLessThanOrEqual(1e-13 * largest)
}

test.each([1, 2, 5, 71, 130])("of Cholesky's triangle in %i dimensions", (d) => {
  const { factor } = choleskyFactor({ mean: new Float64Array(d), covariance: squareOf(d, 1), count: null })!
  expect(factor.rank).toBe(d)
  expectSame(squareOf(d, 2), d, factor)
})

test('of a triangle of few columns, of a full matrix, and of none', () => {
  const d = 67
  const { factor } = choleskyFactor({ mean: new Float64Array(d), covariance: squareOf(d, 3, 21), count: 21 })!
  expect(factor.rank).toBe(21)
  expectSame(squareOf(d, 4), d, factor)
  expectSame(squareOf(d, 4), d, { rank: 9, data: Float64Array.from(randomFeatures(d, 9, 5).data) })
  expect(congruence(squareOf(d, 4), d, { rank: 0, data: new Float64Array(0) })).toEqual(new Float64Array(0))
})

test('of rows longer than what is summed at once', () => {
  const d = 1100
  const data = Float64Array.from({ length: 5 * d }, (_, i) => (i % 5 <= i / 5 / 150 ? Math.sin(i) : 0))
  const c = new Float64Array(d * d)
  for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) c[i * d + j] = 1 / (1 + Math.abs(i - j))
  expectSame(c, d, { rank: 5, data })
})
