/** Eigenvalues alone, against closed forms and against the decomposition with vectors; the distance that is made of them against the exact one. */
import { describe, expect, test } from 'vitest'
import { frechetDistance } from './frechet.ts'
import { largeFrechetDistance } from './frechetLarge.ts'
import { referenceFromStatistics, referenceMoments } from './frechetReference.ts'
import { randomFeatures } from './gold.fixture.ts'
import { columnGram, symmetricEigen } from './matrix.ts'
import { momentsOf } from './moments.ts'
import type { Features } from './rows.ts'
import { symmetricValues } from './symmetricValues.ts'

describe('eigenvalues alone', () => {
  test('of the second difference: 2 - 2 cos(pi k / (n + 1))', () => {
    const n = 37
    const a = new Float64Array(n * n)
    for (let i = 0; i < n; i++) {
      a[i * n + i] = 2
      if (i > 0) a[i * n + i - 1] = a[(i - 1) * n + i] = -1
    }
    const before = a.slice()
    const values = symmetricValues(a, n)
    for (let k = 1; k <= n; k++) expect(values[k - 1]).toBeCloseTo(2 - 2 * Math.cos((Math.PI * k) / (n + 1)), 12)
    expect(a).toEqual(before)
  })

  test.each([1, 2, 3, 40])('of a full matrix of %i, as with vectors', (d) => {
    const rows = randomFeatures(d + 3, d, 5)
    const gram = columnGram(Float64Array.from(rows.data), d + 3, d)
    // Below 0 too.
    for (let i = 0; i < d; i++) gram[i * d + i] -= 2
    const wanted = symmetricEigen(gram, d).values.toSorted()
    for (const [i, value] of symmetricValues(gram, d).entries()) expect(value).toBeCloseTo(wanted[i], 9)
  })

  test('equal ones, zeros, and a matrix of rank 1', () => {
    expect([...symmetricValues(Float64Array.of(3, 0, 0, 0, 3, 0, 0, 0, 3), 3)]).toEqual([3, 3, 3])
    expect([...symmetricValues(new Float64Array(16), 4)]).toEqual([0, 0, 0, 0])
    expect([...symmetricValues(new Float64Array(0), 0)]).toEqual([])
    const one = symmetricValues(new Float64Array(25).fill(2), 5)
    for (const value of one.slice(0, 4)) expect(value).toBeCloseTo(0, 12)
    expect(one[4]).toBeCloseTo(10, 12)
  })
})

describe('the distance of many dimensions', () => {
  test('is the exact one where both sides vary in all of them', () => {
    const [a, b] = [randomFeatures(90, 24, 1), randomFeatures(70, 24, 2)]
    const [x, y] = [referenceMoments(a), referenceMoments(b)]
    expect(largeFrechetDistance(x, y).value).toBeCloseTo(frechetDistance(a, y).value, 9)
    expect(largeFrechetDistance(x, y).value).toBeCloseTo(largeFrechetDistance(y, x).value, 9)
  })

  test('of fewer images than dimensions too, with the words for it', () => {
    const [a, b] = [randomFeatures(10, 24, 3), randomFeatures(70, 24, 4)]
    const [x, y] = [referenceMoments(a), referenceMoments(b)]
    const wanted = frechetDistance(a, y)
    for (const got of [largeFrechetDistance(x, y), largeFrechetDistance(y, x)]) {
      expect(got.value).toBeCloseTo(wanted.value, 6)
      expect(got.warning).toMatch(/10 (generated|reference) images for 24 feature dimensions/)
    }
  })

  test('of a covariance with negative directions, as in float32: by the other side, and where both have some by eigenvectors', () => {
    const d = 12
    const bent = (features: Features) => {
      const { mean, covariance } = referenceMoments(features)
      const rounded = Float64Array.from(covariance, (value, i) => Math.fround(value) - (i % (d + 1) === 0 ? 1e-7 : 0))
      return referenceFromStatistics(mean, rounded)
    }
    const [few, others] = [bent(randomFeatures(6, d, 5)), bent(randomFeatures(7, d, 6))]
    const whole = referenceMoments(randomFeatures(40, d, 7))
    expect([few.triangle, others.triangle]).toEqual([null, null])
    for (const [x, y] of [
      [few, whole],
      [whole, few],
      [few, others],
    ]) {
      const asMoments = { count: 50, dimensions: d, mean: x.mean, scatter: x.covariance.map((value) => 49 * value) }
      expect(largeFrechetDistance(x, y).value).toBeCloseTo(frechetDistance(asMoments, y).value, 5)
    }
    expect(largeFrechetDistance(few, whole).value).toBeCloseTo(largeFrechetDistance(whole, few).value, 12)
  })

  test('is what frechetDistance takes above 512 dimensions: of features against their own moments, shifted, the shift', () => {
    const [n, d] = [530, 520]
    const features = randomFeatures(n, d, 8)
    const { mean, covariance } = referenceMoments(momentsOf(features))
    const shifted = referenceFromStatistics(
      mean.map((value) => value + 0.5),
      covariance,
    )
    const distance = frechetDistance(features, shifted)
    expect(distance).toMatchObject({ count: n, dimensions: d, warning: null })
    expect(distance.value).toBeCloseTo(0.25 * d, 8)
    expect(distance).toEqual(largeFrechetDistance(referenceMoments(momentsOf(features)), shifted))
  })

  test('of diagonal covariances: sum (m1 - m2)^2 + (s1 - s2)^2', () => {
    const diagonal = (...s: number[]) => Float64Array.of(s[0] ** 2, 0, 0, 0, s[1] ** 2, 0, 0, 0, s[2] ** 2)
    const a = referenceFromStatistics(Float64Array.of(1, 2, 3), diagonal(1, 0.5, 0))
    const b = referenceFromStatistics(Float64Array.of(1, 0, 3), diagonal(3, 0.25, 2))
    const { value, meanTerm, warning } = largeFrechetDistance(a, b)
    expect([meanTerm, warning]).toEqual([4, null])
    expect(value).toBeCloseTo(4 + 4 + 0.0625 + 4, 12)
  })
})
