/** What a first look says of the shape of F. */
import { describe, expect, test } from 'vitest'
import { shapeAbout } from './explore.ts'

const grid = Array.from({ length: 9 }, (_, i) => Math.log(0.01) + (i * Math.log(1000)) / 8)

describe.each([0, 0.1])('gradients with errors of %f of themselves', (error) => {
  const told = (value: (x: number) => number) =>
    grid.slice(1).map((right, j) => {
      const over = right - grid[j]
      const mean = (value(right) - value(grid[j])) / over
      return { at: right - over / 2, over, mean, standardError: Math.abs(error * mean) }
    })

  test.each([0.05, 0.4, 3])('of a parabola in s with its least at lambda = %f', (least) => {
    expect(
      shapeAbout(
        told((x) => (Math.exp(-x) * least - 1) ** 2),
        Math.log(least),
      ),
    ).toBe('scale')
  })

  test.each([0.05, 0.4, 3])('of a parabola in log lambda with its least at %f', (least) => {
    expect(
      shapeAbout(
        told((x) => (x - Math.log(least)) ** 2),
        Math.log(least),
      ),
    ).toBe('log')
  })

  test('least beyond the range', () => {
    expect(
      shapeAbout(
        told((x) => (Math.exp(-x) / 200 - 1) ** 2),
        grid[0],
      ),
    ).toBe('scale')
  })
})
