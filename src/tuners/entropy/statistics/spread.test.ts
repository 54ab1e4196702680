/** Weighted diversity against the plain one, against repetition of rows, and its error against that of fresh samples. */
import { expect, test } from 'vitest'
import { randomStream } from '../../../base/index.ts'
import { weightedSpread } from './spread.ts'

const rowsOf = (count: number, seed: number) =>
  randomStream({ seed, purpose: 'test' }).normal(new Float32Array(count * 3))
const even = (count: number) => new Float64Array(count).fill(1 / count)

test.each([1, 2])('weight %i of one row counts in its pairs', (weight) => {
  const rows = rowsOf(12, 1)
  const weights = even(12).map((w, i) => (i === 4 ? weight * w : w))
  let [sum, total] = [0, 0]
  for (let i = 0; i < 12; i++) {
    for (let j = i + 1; j < 12; j++) {
      const times = i === 4 || j === 4 ? weight : 1
      sum += times * Math.hypot(...[0, 1, 2].map((l) => rows[3 * i + l] - rows[3 * j + l]))
      total += times
    }
  }
  expect(weightedSpread(rows, weights)?.mean).toBeCloseTo(sum / total, 6)
})

test('its error is that of repeated samples', () => {
  const repeated = Array.from({ length: 200 }, (_, seed) => weightedSpread(rowsOf(40, seed + 10), even(40)))
  const means = repeated.map((spread) => spread?.mean ?? Number.NaN)
  const middle = means.reduce((a, b) => a + b, 0) / 200
  const spread = Math.sqrt(means.reduce((sum, value) => sum + (value - middle) ** 2, 0) / 199)
  const told = repeated.reduce((sum, one) => sum + (one?.standardError ?? Number.NaN), 0) / 200
  expect(Math.abs(told / spread - 1)).toBeLessThan(0.15)
})

test('nothing can be said of two rows, or where one weight has all', () => {
  expect(weightedSpread(rowsOf(2, 1), even(2))).toBeNull()
  expect(weightedSpread(rowsOf(5, 1), Float64Array.from([0, 0, 1, 0, 0]))).toBeNull()
})
