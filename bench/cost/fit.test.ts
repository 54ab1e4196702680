/** Fits against lines that are known. */
import { expect, test } from 'vitest'
import { fitLine } from './fit.ts'

const rows = [
  [1, 3e9, 2e7],
  [1, 9e9, 4e7],
  [1, 2e10, 1e7],
  [1, 1e9, 9e7],
  [1, 5e9, 5e7],
]

test('points on a line give the line', () => {
  const { coefficients, rSquared, meanRelativeError } = fitLine(
    rows,
    rows.map(([one, operations, elements]) => 2e6 * one + 1.25 * operations + 30 * elements),
  )
  expect(coefficients[0] / 2e6).toBeCloseTo(1, 6)
  expect(coefficients[1]).toBeCloseTo(1.25, 9)
  expect(coefficients[2]).toBeCloseTo(30, 7)
  expect(rSquared).toBeCloseTo(1, 12)
  expect(meanRelativeError).toBeLessThan(1e-9)
})

test('no coefficient below 0: the column is left out and the rest fitted without it', () => {
  const y = rows.map(([, operations, elements]) => 2 * operations - 5 * elements)
  const { coefficients, meanRelativeError } = fitLine(rows, y)
  expect(coefficients.every((value) => value >= 0)).toBe(true)
  expect(coefficients[2]).toBe(0)
  expect(meanRelativeError).toBeGreaterThan(0.01)
})
