/** Quantiles against printed tables. */
import { expect, test } from 'vitest'
import { studentReach } from './quantile.ts'

test.each([
  [0.05, 4, 2.77645],
  [0.05, 9, 2.26216],
  [0.05, 29, 2.04523],
  [0.05, 299, 1.96793],
  [0.01, 30, 2.75],
  [0.001, 60, 3.4602],
])('at error %d and %d degrees of freedom the reach is %d', (alpha, degrees, table) => {
  expect(Math.abs(studentReach(alpha, degrees) / table - 1)).toBeLessThan(degrees < 9 ? 3e-3 : 1e-4)
})

test('two values say nothing about their spread', () => {
  expect(studentReach(0.05, 1)).toBe(Number.POSITIVE_INFINITY)
})
