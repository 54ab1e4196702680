/** A mean with control variates, where the answer is exact. */
import { expect, test } from 'vitest'
import { controlled } from './controlled.ts'

test('a mean with controls: exact where the values are linear in them', () => {
  const control = Float64Array.of(-2, 1, 3, 0.5)
  const other = Float64Array.of(1, -1, 0.3, 2)
  const values = control.map((value, i) => 7 + 2 * value - 3 * other[i])
  const { mean, standardError } = controlled(values, [control, other])
  expect(mean).toBeCloseTo(7, 10)
  expect(standardError).toBeCloseTo(0, 9)
})
