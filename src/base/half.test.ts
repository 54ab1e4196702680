import { expect, test } from 'vitest'
import { brainToFloat, floatToHalf, halfToFloat } from './half.ts'

test('every half-precision number keeps its bits', () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = halfToFloat(bits)
    // Any not-a-number is one.
    const wanted = Number.isNaN(value) ? 0x7e00 : bits
    if (floatToHalf(value) !== wanted) expect.fail(`${bits} is ${value} and comes back as ${floatToHalf(value)}`)
  }
})

test('what lies between two is rounded to the nearest, in the middle to the even one', () => {
  // A prime apart: all exponents, odd and even, in a tenth of a second.
  for (let bits = 0; bits < 0x7bff; bits += 13) {
    const [low, high] = [halfToFloat(bits), halfToFloat(bits + 1)]
    const middle = (low + high) / 2
    const third = (2 * low + high) / 3
    expect([floatToHalf(middle), floatToHalf(-middle)]).toEqual([bits + (bits & 1), 0x8000 | (bits + (bits & 1))])
    expect([floatToHalf(third), floatToHalf(low + high - third)]).toEqual([bits, bits + 1])
  }
})

test('known values', () => {
  const known: [number, number][] = [
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519.9, 0x7bff],
    [65520, 0x7c00],
    [1e300, 0x7c00],
    [Number.NEGATIVE_INFINITY, 0xfc00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [1e-300, 0x0000],
    [-0, 0x8000],
    [1 / 3, 0x3555],
  ]
  for (const [value, bits] of known) expect(floatToHalf(value)).toBe(bits)
  expect([brainToFloat(0x3f80), brainToFloat(0xc040), brainToFloat(0x7f80)]).toEqual([1, -3, Number.POSITIVE_INFINITY])
})
