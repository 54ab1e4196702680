import fc from 'fast-check'
import { expect, test } from 'vitest'
import { boxWithOrder, clipToBox } from './projection.ts'

test('clips to the box', () => {
  const at = clipToBox(Float64Array.of(-1, 0.3, 9), Float64Array.of(0, 0, 0), Float64Array.of(1, 1, 2))
  expect([...at]).toEqual([0, 0.3, 2])
})

test('the ordered projection is the nearest feasible point, by brute force', () => {
  const low = Float64Array.of(0, 0.3)
  const high = Float64Array.of(0.8, 1)
  const margin = 0.1
  const value = fc.double({ min: -2, max: 3, noNaN: true })
  const size = fc.double({ min: 0.05, max: 2, noNaN: true })
  fc.assert(
    fc.property(value, value, size, size, (v0, v1, s0, s1) => {
      const scale = Float64Array.of(s0, s1)
      const distance = (a: number, b: number) => ((a - v0) / s0) ** 2 + ((b - v1) / s1) ** 2
      const [a, b] = boxWithOrder({ low, high, scale }, [{ below: 0, above: 1, margin }])(Float64Array.of(v0, v1))
      expect(a).toBeGreaterThanOrEqual(low[0])
      expect(b).toBeLessThanOrEqual(high[1])
      expect(b - a).toBeGreaterThanOrEqual(margin - 1e-12)
      let best = Number.POSITIVE_INFINITY
      for (let i = 0; i <= 80; i++) {
        const x = i / 100
        for (let y = Math.max(low[1], x + margin); y <= high[1] + 1e-9; y += 0.01) best = Math.min(best, distance(x, y))
      }
      expect(distance(a, b)).toBeLessThanOrEqual(best + 1e-9)
    }),
    { numRuns: 60, seed: 3 },
  )
})
