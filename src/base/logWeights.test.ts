/** Weights by their logarithms against sums by hand. */
import { expect, test } from 'vitest'
import { effectiveSampleSize, logSumExp, weightsOf } from './logWeights.ts'

test('logsumexp, without overflow', () => {
  expect(logSumExp(Float64Array.of(1000, 1000))).toBeCloseTo(1000 + Math.log(2), 12)
  expect(logSumExp(Float64Array.of(Number.NEGATIVE_INFINITY))).toBe(Number.NEGATIVE_INFINITY)
  expect(logSumExp([])).toBe(Number.NEGATIVE_INFINITY)
})

test('effective sample size, of weights and of their logarithms', () => {
  expect(effectiveSampleSize([2, 2, 2, 2])).toBe(4)
  expect(effectiveSampleSize([0, 5, 0])).toBe(1)
  expect(effectiveSampleSize(weightsOf(Float64Array.of(-800, -800, -800)))).toBeCloseTo(3, 10)
  expect(effectiveSampleSize(weightsOf(Float64Array.of(0, Math.log(3))))).toBeCloseTo(16 / 10, 12)
})

test('weights sum to 1, however far their logarithms are from 0', () => {
  const weights = weightsOf([-1e5, -1e5 + Math.log(3), Number.NEGATIVE_INFINITY])
  expect([...weights].map((value) => Number(value.toFixed(9)))).toEqual([0.25, 0.75, 0])
})
