import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { batches, firstOf } from './batches.ts'
import type { Split } from './dataset.ts'

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

  it('takes the beginning of a split', () => {
    const images = Float32Array.from({ length: 12 }, (_, i) => i / 12)
    const split: Split = { shape: [1, 2, 2], count: 3, images, labels: Int32Array.of(7, 8, 9) }
    expect(firstOf(split, 2)).toEqual({
      shape: [1, 2, 2],
      count: 2,
      images: images.slice(0, 8),
      labels: Int32Array.of(7, 8),
    })
    expect(firstOf({ ...split, labels: null }, 1)).toMatchObject({ images: images.slice(0, 4), labels: null })
    expect(() => firstOf(split, 4)).toThrow(/has 3 images, 4 are needed/)
  })
})
