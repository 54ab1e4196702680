import { expect, it } from 'vitest'
import type { Split } from './dataset.ts'
import { firstOf } from './firstOf.ts'

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
