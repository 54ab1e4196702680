import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tensor } from '../base/index.ts'
import { randomFeatures, rowsTensor } from './gold.fixture.ts'
import { covarianceOf, mergeMoments, momentsOf } from './moments.ts'

test('mean and unbiased covariance of a set done by hand', () => {
  const moments = momentsOf(
    rowsTensor([
      [1, 2],
      [3, 2],
      [5, 8],
    ]),
  )
  expect([...moments.mean]).toEqual([3, 4])
  expect([...covarianceOf(moments)]).toEqual([4, 6, 6, 12])
})

test('shards of any size merge to the moments of the whole', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 19 }), fc.integer({ min: 1, max: 6 }), fc.nat(1000), (cut, d, seed) => {
      const n = 20
      const all = randomFeatures(n, d, seed)
      for (let i = 0; i < all.data.length; i++) all.data[i] += 1e4
      const part = (first: number, end: number) =>
        momentsOf(tensor('float64', [end - first, d], all.data.subarray(first * d, end * d)))
      const whole = momentsOf(all)
      const merged = mergeMoments(part(0, cut), part(cut, n))
      expect(merged.count).toBe(n)
      merged.mean.forEach((value, i) => {
        expect(value).toBeCloseTo(whole.mean[i], 8)
      })
      merged.scatter.forEach((value, i) => {
        expect(value).toBeCloseTo(whole.scatter[i], 6)
      })
    }),
  )
})

test('a covariance needs two rows', () => {
  expect(() => covarianceOf(momentsOf(randomFeatures(1, 3, 1)))).toThrow(/at least 2 images, got 1/)
})
