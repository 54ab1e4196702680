import { describe, expect, it } from 'vitest'
import { editDistance, nearestOf } from './nearest.ts'

describe('nearestOf', () => {
  it('counts edits', () => {
    const cases = [
      ['kitten', 'sitting', 3],
      ['abcd', 'abdc', 1],
      ['', 'abc', 3],
      ['seed', 'seed', 0],
      ['ca', 'abc', 3],
    ] as const
    for (const [a, b, distance] of cases) {
      expect(editDistance(a, b)).toBe(distance)
      expect(editDistance(b, a)).toBe(distance)
    }
    expect(nearestOf('sampeler', ['seed', 'sampler', 'sampling'])).toBe('sampler')
    expect(nearestOf('x', [])).toBeUndefined()
  })
})
