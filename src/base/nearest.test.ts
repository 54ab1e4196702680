import { describe, expect, it } from 'vitest'
import { didYouMean, editDistance, nearestOf } from './nearest.ts'

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

  it('suggests what a slip of the fingers explains, and nothing else', () => {
    const known = ['seed', 'sampler', 'sampling-steps', 'eta']
    expect(nearestOf('samplingsteps', known)).toBe('sampling-steps')
    expect(nearestOf('smaplng-stesp', known)).toBe('sampling-steps')
    expect(nearestOf('eat', known)).toBe('eta')
    for (const other of ['verbose', 'x', 'banana', 'learning-rate', '']) expect(nearestOf(other, known)).toBeUndefined()
    expect(didYouMean('sede', known)).toBe("; did you mean 'seed'?")
    expect(didYouMean('banana', known)).toBe('')
  })
})
