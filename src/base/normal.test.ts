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

test('the share below a quantile is where the quantile was asked for, to the stated relative error of 1.2e-9', () => {
  for (const p of [1e-9, 1e-3, 0.2, 0.5, 0.77, 0.999, 1 - 1e-9]) {
    const x = normalQuantile(p)
    const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
    expect(Math.abs(normalCdf(x) - p)).toBeLessThan(1e-15 + 1.2e-9 * Math.abs(x) * density)
  }
})
