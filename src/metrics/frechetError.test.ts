import { describe, expect, test } from 'vitest'
import { randomStream, tensor } from '../base/index.ts'
import { frechetDistance } from './frechet.ts'
import { frechetStandardError } from './frechetError.ts'
import { referenceMoments } from './frechetReference.ts'

const DIMENSIONS = 3
const normal = (count: number, item: number, shift: number) =>
  tensor(
    'float64',
    [count, DIMENSIONS],
    randomStream({ seed: 4, purpose: 'frechet-error', item })
      .normal(new Float64Array(count * DIMENSIONS))
      .map((value) => value + shift),
  )

describe('jackknife standard error', () => {
  test('is the spread of the distance over independent sets', () => {
    const reference = referenceMoments(normal(20_000, 0, 0))
    const sets = Array.from({ length: 200 }, (_, i) => normal(240, i + 1, 0.7))
    const values = sets.map((set) => frechetDistance(set, reference).value)
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
    const errors = sets.map((set) => frechetStandardError(set, reference) ?? Number.NaN)
    const typical = Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length)
    expect(typical / spread).toBeGreaterThan(0.85)
    expect(typical / spread).toBeLessThan(1.2)
  })

  test('is unknown for a handful of images', () => {
    expect(frechetStandardError(normal(15, 1, 0), referenceMoments(normal(50, 2, 0)))).toBeNull()
  })
})
