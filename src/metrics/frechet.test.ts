import { describe, expect, test } from 'vitest'
import type { Tensor } from '../base/index.ts'
import { randomStream, tensor } from '../base/index.ts'
import { frechetDistance, frechetGradient } from './frechet.ts'
import type { FrechetReference } from './frechetReference.ts'
import { referenceFromStatistics, referenceMoments } from './frechetReference.ts'
import { gold, randomFeatures, rowsTensor } from './gold.fixture.ts'
import { multiply, rowProducts } from './matrix.ts'
import { momentsOf } from './moments.ts'

describe('value', () => {
  test.each(gold.sets.map((set) => ({ ...set, n: set.fake.length, d: set.fake[0].length })))(
    'gold: $n images of $d features',
    ({ real, fake, fid }) => {
      const reference = referenceMoments(rowsTensor(real))
      const { value } = frechetDistance(rowsTensor(fake), reference)
      expect(Math.abs(value / fid - 1)).toBeLessThan(1e-6)
      const fromMoments = frechetDistance(momentsOf(rowsTensor(fake)), reference)
      expect(Math.abs(fromMoments.value / fid - 1)).toBeLessThan(1e-6)
    },
  )

  test('Gaussians whose covariances commute: |m1 - m2|^2 + sum (sqrt a - sqrt b)^2', () => {
    const d = 5
    const [a, b] = [
      [0, 1, 4, 9, 0.01],
      [2, 1, 0, 16, 0.04],
    ]
    const q = rotation(d)
    const covariance = (values: number[]) => rowProducts(scaleColumns(q, values), q, d, d, d)
    const mean = Float64Array.of(1, -2, 0, 0.5, 3)
    const count = 100
    const scatter = covariance(a).map((value) => value * (count - 1))
    const reference = referenceFromStatistics(new Float64Array(d), covariance(b))
    const result = frechetDistance({ count, dimensions: d, mean, scatter }, reference)
    const shift = mean.reduce((sum, value) => sum + value * value, 0)
    const spread = a.reduce((sum, value, i) => sum + (Math.sqrt(value) - Math.sqrt(b[i])) ** 2, 0)
    expect(result.meanTerm).toBeCloseTo(shift, 12)
    expect(result.value).toBeCloseTo(shift + spread, 6)
  })

  test('is symmetric, and 0 for a set with itself', () => {
    const [x, y] = [randomFeatures(40, 6, 1), randomFeatures(50, 6, 2)]
    expect(frechetDistance(x, referenceMoments(y)).value).toBeCloseTo(frechetDistance(y, referenceMoments(x)).value, 9)
    expect(Math.abs(frechetDistance(x, referenceMoments(x)).value)).toBeLessThan(1e-9)
  })

  test('fewer images than dimensions: the Gram form, the full form and a warning', () => {
    const [x, y] = [randomFeatures(7, 20, 3), randomFeatures(60, 20, 4)]
    const gram = frechetDistance(x, referenceMoments(y))
    expect(gram.value).toBeCloseTo(frechetDistance(momentsOf(x), referenceMoments(y)).value, 6)
    expect(gram.warning).toMatch(/7 generated images for 20 feature dimensions/)
    expect(frechetDistance(y, referenceMoments(x)).warning).toMatch(/7 reference images/)
    expect(frechetDistance(y, referenceMoments(y)).warning).toBeNull()
  })

  test('reports the eigenvalues that rounding made negative', () => {
    const d = 3
    const count = 50
    const mean = new Float64Array(d)
    const scatter = Float64Array.of(1, 0, 0, 0, -1e-3, 0, 0, 0, 1).map((value) => value * (count - 1))
    const unit = referenceFromStatistics(mean, Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1))
    const { clipped } = frechetDistance({ count, dimensions: d, mean, scatter }, unit)
    expect(clipped.count).toBe(1)
    expect(clipped.share).toBeCloseTo(1e-3 / 2.001, 12)
  })
})

describe('derivative in the features', () => {
  test.each([
    { n: 30, d: 5, m: 40 },
    { n: 30, d: 30, m: 80 },
    { n: 6, d: 12, m: 40 },
    { n: 8, d: 12, m: 9 },
  ])('central differences: $n images, $d features, $m reference images', ({ n, d, m }) => {
    const x = randomFeatures(n, d, 5)
    const reference = referenceMoments(randomFeatures(m, d, 6))
    const { value, dFeatures } = frechetGradient(x, reference)
    expect(value).toBe(frechetDistance(x, reference).value)
    const direction = randomStream({ seed: 7, purpose: 'direction' }).normal(new Float64Array(n * d))
    const analytic = dFeatures.data.reduce((sum, g, i) => sum + g * direction[i], 0)
    expect(Math.abs(analytic / alongDirection(x, direction, reference) - 1)).toBeLessThan(1e-6)
    for (const i of [0, d + 1, n * d - 1]) {
      const unit = new Float64Array(n * d)
      unit[i] = 1
      expect(dFeatures.data[i]).toBeCloseTo(alongDirection(x, unit, reference), 6)
    }
  })

  test('counts the directions it leaves out', () => {
    const reference = referenceMoments(randomFeatures(40, 4, 8))
    expect(frechetGradient(randomFeatures(20, 4, 9), reference).dropped).toBe(0)
    const flat = randomFeatures(20, 4, 9)
    for (let i = 0; i < 20; i++) flat.data[i * 4 + 2] = 1
    const { dropped, dFeatures, warning } = frechetGradient(flat, reference)
    expect(dropped).toBe(1)
    expect(warning).toMatch(/^along 1 of 4 directions in which the reference varies the generated features do not/)
    expect(frechetDistance(flat, reference).warning).toBeNull()
    expect(dFeatures.data.every(Number.isFinite)).toBe(true)
    // Four directions between five images are all that they can have: along all of them the distance is smooth.
    expect(frechetGradient(randomFeatures(5, 9, 9), referenceMoments(randomFeatures(40, 9, 8))).dropped).toBe(0)
  })

  test('a step against it lowers the distance', () => {
    const x = randomFeatures(64, 8, 10)
    const reference = referenceMoments(randomFeatures(200, 8, 11))
    const { value, dFeatures } = frechetGradient(x, reference)
    const moved = tensor(
      'float64',
      x.shape,
      x.data.map((v, i) => v - 0.5 * dFeatures.data[i]),
    )
    expect(frechetDistance(moved, reference).value).toBeLessThan(value)
  })
})

describe('errors', () => {
  const reference = referenceMoments(randomFeatures(10, 3, 1))
  test.each([
    ['one image', () => frechetDistance(randomFeatures(1, 3, 1), reference), /at least 2 images, got 1/],
    ['another network', () => frechetDistance(randomFeatures(5, 4, 1), reference), /same dimensions, got 4 and 3/],
    ['one reference image', () => referenceMoments(randomFeatures(1, 3, 1)), /at least 2 images, got 1/],
    ['NaN', () => frechetDistance(rowsTensor([[1], [Number.NaN]]), reference), /image 1 has NaN/],
    ['images', () => frechetDistance(tensor('float64', [2, 1, 2, 2], new Float64Array(8)), reference), /\[2,1,2,2\]/],
    ['sigma', () => referenceFromStatistics(new Float64Array(2), new Float64Array(3)), /got 2 and 3 numbers/],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(message)
  })
})

/** Derivative of the distance along a direction, by central differences with Richardson extrapolation. */
function alongDirection(x: Tensor<'float64'>, direction: Float64Array, reference: FrechetReference): number {
  const at = (h: number) =>
    frechetDistance(
      tensor(
        'float64',
        x.shape,
        x.data.map((value, i) => value + h * direction[i]),
      ),
      reference,
    ).value
  const difference = (h: number) => (at(h) - at(-h)) / (2 * h)
  return (4 * difference(5e-4) - difference(1e-3)) / 3
}

/** An orthogonal matrix: a product of plane rotations. */
function rotation(d: number): Float64Array {
  let q: Float64Array = Float64Array.from({ length: d * d }, (_, i) => Number(i % (d + 1) === 0))
  for (let i = 0; i + 1 < d; i++) {
    const [c, s] = [Math.cos(i + 0.3), Math.sin(i + 0.3)]
    const plane = Float64Array.from({ length: d * d }, (_, at) => Number(at % (d + 1) === 0))
    plane[i * d + i] = c
    plane[(i + 1) * d + i + 1] = c
    plane[i * d + i + 1] = -s
    plane[(i + 1) * d + i] = s
    q = multiply(q, plane, d, d, d)
  }
  return q
}

function scaleColumns(q: Float64Array, values: number[]): Float64Array {
  return q.map((value, i) => value * values[i % values.length])
}
