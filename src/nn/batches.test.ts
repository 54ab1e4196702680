import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { batches } from './batches.ts'

describe('batches', () => {
  it('lays permutations end to end, whatever the batch size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 70 }),
        fc.nat(1000),
        (count, batch, seed) => {
          const at = batches({ seed, batch, count })
          const steps = Math.ceil((3 * count) / batch)
          const all = Array.from({ length: steps }, (_, step) => [...at(step)]).flat()
          for (let epoch = 0; epoch < 3; epoch++) {
            const rows = all.slice(epoch * count, (epoch + 1) * count)
            expect(rows.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i))
          }
        },
      ),
    )
  })

  it('is a pure function of seed and step', () => {
    const at = batches({ seed: 5, batch: 7, count: 20 })
    const later = at(9)
    at(0)
    expect(at(9)).toEqual(later)
    expect(batches({ seed: 5, batch: 7, count: 20 })(9)).toEqual(later)
    expect(batches({ seed: 6, batch: 7, count: 20 })(9)).not.toEqual(later)
    expect(() => batches({ seed: 0, batch: 0, count: 4 })).toThrow(/batch must be a positive integer, got 0/)
  })
})
