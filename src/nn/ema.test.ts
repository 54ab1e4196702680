import { expect, test } from 'vitest'
import { emaDecay, updateEma } from './ema.ts'

test('the decay grows from 2/11 to its largest value', () => {
  expect(emaDecay(1, 0.995)).toBeCloseTo(2 / 11, 15)
  expect(emaDecay(90, 0.995)).toBeCloseTo(0.91, 15)
  expect(emaDecay(5000, 0.995)).toBe(0.995)
})

test('the average of a constant stays, and one of a step approaches it geometrically', () => {
  const average = Float32Array.of(1, -2)
  updateEma(average, Float32Array.of(1, -2), 0.9)
  expect([...average]).toEqual([1, -2])
  const weights = Float32Array.of(3, 4)
  for (let k = 0; k < 12; k++) updateEma(average, weights, 0.8)
  expect(average[0]).toBeCloseTo(3 - 2 * 0.8 ** 12, 5)
  expect(average[1]).toBeCloseTo(4 - 6 * 0.8 ** 12, 5)
})

test('vectors of different lengths are refused', () => {
  expect(() => updateEma(new Float32Array(2), new Float32Array(3), 0.9)).toThrow(/one length, got 2 and 3/)
})
