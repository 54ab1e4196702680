import { expect, test } from 'vitest'
import type { DataFromArraysOptions } from './fromArrays.ts'
import { dataFromArrays } from './fromArrays.ts'

const OPTIONS: DataFromArraysOptions = {
  name: 'points',
  imageShape: [1, 1, 2],
  tuning: [1, -40, 3, 4.5],
  heldOut: Float64Array.of(5, 6, 7, 8, 9, 10),
}

test('values are kept as they are, in any range', () => {
  const { shape, splits, classes, name } = dataFromArrays(OPTIONS)
  expect([name, shape, classes]).toEqual(['points', [1, 1, 2], []])
  expect(splits.tuning).toEqual({ shape: [1, 1, 2], count: 2, images: Float32Array.of(1, -40, 3, 4.5), labels: null })
  expect([splits.heldOut.count, splits.train.count]).toEqual([3, 0])
})

test('labels go with their images', () => {
  const labelled = (images: number[], labels: number[]) => ({ images, labels })
  const data = dataFromArrays({
    ...OPTIONS,
    classes: ['left', 'right'],
    train: labelled([0, 0], [1]),
    tuning: labelled([1, 2, 3, 4], [1, 0]),
    heldOut: labelled([5, 6, 7, 8], [0, 0]),
  })
  expect(data.classes).toEqual(['left', 'right'])
  expect(data.splits.tuning.labels).toEqual(Int32Array.of(1, 0))
  expect(data.splits.train).toMatchObject({ count: 1, labels: Int32Array.of(1) })
})

test('its hash is that of what it holds', () => {
  const hashOf = (options: Partial<DataFromArraysOptions>) =>
    dataFromArrays({ ...OPTIONS, ...options }).provenance.sha256
  const hash = hashOf({})
  expect(hashOf({ name: 'others', tuning: Float32Array.of(1, -40, 3, 4.5) })).toBe(hash)
  expect(hashOf({ tuning: [1, -40, 3, 4.25] })).not.toBe(hash)
  expect(hashOf({ tuning: OPTIONS.heldOut, heldOut: OPTIONS.tuning })).not.toBe(hash)
})

test.each<[Partial<DataFromArraysOptions>, RegExp]>([
  [{ imageShape: [2] }, /imageShape of data 'points' must be .*got \[2\]; a point of d numbers is \[1, 1, d\]/],
  [{ tuning: [1, 2, 3] }, /tuning of data 'points' must be whole images \[1,1,2\], 2 or more of them, got 3 numbers/],
  [{ heldOut: [1, 2] }, /heldOut .*2 or more of them, got 2 numbers/],
  [{ heldOut: [1, 2, 3, Number.NaN] }, /heldOut .*numbers that float32 holds, got NaN in image 1/],
  [{ tuning: [1e39, 2, 3, 4] }, /got 1e\+39 in image 0/],
  [{ classes: ['a'] }, /tuning .*a label per image, 0 to 0, 2 in all, got none/],
  [{ tuning: { images: [1, 2, 3, 4], labels: [0, 0] } }, /no labels where there are no classes.*got label 0/],
  [{ classes: ['a', 'b'], tuning: { images: [1, 2, 3, 4], labels: [0, 2] } }, /0 to 1, got label 2/],
  [{ classes: ['a', 'b'], tuning: { images: [1, 2, 3, 4], labels: [0] } }, /2 in all, got 1/],
])('%j is refused', (options, message) => {
  expect(() => dataFromArrays({ ...OPTIONS, ...options })).toThrow(
    expect.objectContaining({ code: 'data.arrays', kind: 'input', message: expect.stringMatching(message) }),
  )
})
