/** Differences along a line: right where there is a derivative, none at kinks. */
import { expect, test } from 'vitest'
import { centralDerivative } from './differences.ts'

/** With the size of its only term. */
const along = (f: (t: number) => number) => (t: number) => ({ value: f(t), size: Math.abs(f(t)) })
const WRONG = 1000

test.each([
  ['a sine', (t: number) => Math.sin(3 * t + 1), 3 * Math.cos(1)],
  ['one that turns fast', (t: number) => Math.sin(2000 * t), 2000],
  ['a constant', () => 7, 0],
  ['an even function', (t: number) => t * t, 0],
  ['a kink beside the point', (t: number) => Math.abs(t - 3e-6) * 2, -2],
])('%s, whatever was given', (_, f, slope) => {
  for (const given of [slope, WRONG, Number.NaN]) {
    const found = centralDerivative(along(f), 1, given)
    expect(found).not.toBeNull()
    expect(Math.abs(found! - slope)).toBeLessThanOrEqual((given === slope ? 1e-4 : 1e-5) * Math.abs(slope) + 1e-9)
  }
})

test('a kink at the point with unlike slopes is none, nor is a jump, nor what is not finite', () => {
  const bend = (t: number) => (t > 0 ? Math.sqrt(t) : 0)
  expect(centralDerivative(along(bend), 1, WRONG)).toBeNull()
  expect(centralDerivative(along(Math.abs), 1, WRONG)).toBeNull()
  expect(
    centralDerivative(
      along((t) => 5 + Math.max(t, 0)),
      1,
      WRONG,
    ),
  ).toBeNull()
  expect(centralDerivative(along(Math.sign), 1, WRONG)).toBeNull()
  expect(
    centralDerivative(
      along((t) => (t < 0 ? Number.NaN : t)),
      1,
      1,
    ),
  ).toBeNull()
})
