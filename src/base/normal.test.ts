import { expect, test } from 'vitest'
import { normalCdf, normalQuantile } from './normal.ts'

test.each([
  [0.5, 0],
  [0.975, 1.959963985],
  [0.99, 2.326347874],
  [0.001, -3.090232306],
  [1e-6, -4.753424309],
])('normal quantile of %d is %d', (p, table) => {
  expect(normalQuantile(p)).toBeCloseTo(table, 7)
})

test('the share below a quantile is where the quantile was asked for', () => {
  for (const p of [1e-9, 1e-3, 0.2, 0.5, 0.77, 0.999, 1 - 1e-9]) {
    expect(Math.abs(normalCdf(normalQuantile(p)) - p)).toBeLessThan(1e-15 + 2e-9 * p)
  }
})
