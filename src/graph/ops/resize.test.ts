import { describe, expect, test } from 'vitest'
import type { Shape } from '../../base/index.ts'
import { float32 } from '../../base/index.ts'
import { evaluateTensors } from '../evaluate.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { constant, input } from '../symbolic.ts'
import { upsampleBilinear, upsampleNearest } from './resize.ts'
import { resize } from './resizeOperator.ts'

const numbers = (values: number[], shape: Shape) => constant(float32(values, shape))
const valuesOf = (value: SymbolicTensor) => [...evaluateTensors([value])[0].data]

test('upsampleNearest repeats rows and columns', () => {
  const y = upsampleNearest(numbers([1, 2, 3, 4], [1, 1, 2, 2]), [2, 3])
  expect(valuesOf(y)).toEqual([1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4])
})

describe('upsampleBilinear', () => {
  test('by two: quarters between neighbours, edges repeated', () => {
    const y = upsampleBilinear(numbers([0, 4, 8, 20], [1, 1, 2, 2]), 2)
    expect(valuesOf(y)).toEqual([0, 1, 3, 4, 2, 3.5, 6.5, 8, 6, 8.5, 13.5, 16, 8, 11, 17, 20])
  })

  test('a straight line stays straight inside, whatever the factor', () => {
    const line = Array.from({ length: 6 }, (_, i) => 2 + 3 * i)
    const y = valuesOf(upsampleBilinear(numbers(line, [1, 1, 1, 6]), [1, 4]))
    const inside = y.map((value, i) => ({ value, x: (i + 0.5) / 4 - 0.5 })).filter(({ x }) => x >= 0 && x <= 5)
    expect(inside.length).toBe(20)
    for (const { value, x } of inside) expect(value).toBeCloseTo(2 + 3 * x, 12)
  })
})

describe('resize', () => {
  const x = numbers([1, 2, 3, 4], [1, 1, 1, 4])

  test('the coordinate rules differ where they should', () => {
    const to = (coordinates: 'half_pixel' | 'asymmetric' | 'align_corners') =>
      valuesOf(resize(x, { sizes: [1, 1, 1, 7], mode: 'linear', coordinates }))
    expect(to('align_corners')).toEqual([1, 1.5, 2, 2.5, 3, 3.5, 4])
    to('asymmetric').forEach((value, i) => {
      expect(value).toBeCloseTo(1 + Math.min((i * 4) / 7, 3), 6)
    })
    to('half_pixel').forEach((value, i) => {
      expect(value).toBeCloseTo(1 + Math.min(Math.max(((i + 0.5) * 4) / 7 - 0.5, 0), 3), 6)
    })
  })

  test('nearest rounds as told', () => {
    const to = (rounding: 'floor' | 'ceil' | 'round_prefer_floor' | 'round_prefer_ceil') =>
      valuesOf(resize(x, { scales: [1, 1, 1, 2], coordinates: 'asymmetric', rounding }))
    expect(to('floor')).toEqual([1, 1, 2, 2, 3, 3, 4, 4])
    expect(to('ceil')).toEqual([1, 2, 2, 3, 3, 4, 4, 4])
    expect(to('round_prefer_floor')).toEqual([1, 1, 2, 2, 3, 3, 4, 4])
    expect(to('round_prefer_ceil')).toEqual([1, 2, 2, 3, 3, 4, 4, 4])
  })

  test('what is not offered is said', () => {
    expect(() => resize(x, {})).toThrow(/give scales or sizes/)
    expect(() => resize(x, { scales: [2, 2] })).toThrow(/must be 4 positive numbers, one per axis/)
    expect(() => upsampleNearest(input('x', [1, 1, 4, 4]), 1.5)).toThrow(/the scale must be 2 integers of at least 1/)
    expect(() => upsampleBilinear(input('x', [4, 4]), 2)).toThrow(/\[batch, channels, ...spatial\]/)
  })
})
