/** The Fréchet distance where directions of small or no spread matter, against 60 digits; factors and singular values beneath it. */
import { describe, expect, test } from 'vitest'
import { float32, tensor } from '../base/index.ts'
import { contrastsOf, fromContrasts } from './contrasts.ts'
import { choleskyFactor, factorOfEigen, factorOfRows } from './covarianceFactor.ts'
import { frechetDistance, frechetGradient } from './frechet.ts'
import { referenceFromStatistics, referenceMoments } from './frechetReference.ts'
import { edges, randomFeatures, rowsTensor } from './gold.fixture.ts'
import { pivotedTriangle, singularRows, singularValues } from './gradedSingular.ts'
import { columnGram, multiply, rowProducts } from './matrix.ts'
import { centred, covarianceOf, momentsOf } from './moments.ts'

/** The rounding of one sum of features is 1e-10 of a slanting direction whose spread is 1e-6 of theirs. */
const toleranceOf = (name: string): number => (name.startsWith('ratio 1e-6, a slanting') ? 1e-9 : 1e-11)

describe.each(edges.frechet)('$name', ({ name, fake, real, axes, value, derivative, lost }) => {
  const reference = referenceMoments(rowsTensor(real))
  const gradient = frechetGradient(rowsTensor(fake), reference)

  test('value', () => {
    const far = (got: number) => Math.abs(got / value - 1)
    expect(frechetDistance(rowsTensor(fake), reference).value).toBe(gradient.value)
    expect(far(gradient.value)).toBeLessThan(1e-11)
    // Of covariances alone; those in float64 have lost slanting directions.
    const moments = referenceMoments(momentsOf(rowsTensor(real)))
    expect(far(frechetDistance(momentsOf(rowsTensor(fake)), moments).value)).toBeLessThan(1e-11)
  })

  test('derivative, along each axis to its own digits', () => {
    const { data } = gradient.dFeatures
    const d = axes.length
    for (const [at, axis] of axes.entries()) {
      const truth = derivative.map((row) => row.reduce((sum, v, l) => sum + v * axis[l], 0))
      const error = truth.map((v, i) => axis.reduce((sum, a, l) => sum + data[i * d + l] * a, 0) - v)
      // A direction that neither side has: rounding alone.
      const none = Math.hypot(...truth) < 1e-12
      expect(Math.hypot(...error), `axis ${at}`).toBeLessThan(none ? 1e-15 : toleranceOf(name) * Math.hypot(...truth))
    }
  })

  test('kinks', () => {
    expect(gradient.dropped).toBe(lost)
    if (lost > 0) expect(gradient.warning).toContain(`along ${lost} of `)
    else expect(gradient.warning ?? '').not.toContain('kink')
  })
})

describe('references without features', () => {
  const graded = [2, 1e-3, 1, 1e-6, 0]
  const features = (n: number, seed: number, mix: number) => {
    const { data } = randomFeatures(n, 5, seed)
    return tensor(
      'float64',
      [n, 5],
      data.map((v, i) => graded[i % 5] * (v + mix * data[i - (i % 5) + ((i + 1) % 5)])),
    )
  }

  test('features of small and of no spread keep their digits in a covariance', () => {
    const [x, real] = [features(30, 1, 0.4), features(40, 2, -0.3)]
    const whole = referenceMoments(real)
    const statistics = referenceFromStatistics(whole.mean, whole.covariance)
    const [truth, got] = [whole, statistics].map((reference) => frechetGradient(x, reference))
    expect(Math.abs(got.value / truth.value - 1)).toBeLessThan(1e-13)
    for (let j = 0; j < 5; j++) {
      const column = (of: typeof got) => of.dFeatures.data.filter((_, i) => i % 5 === j)
      const length = Math.hypot(...column(truth))
      const error = column(got).map((v, i) => v - column(truth)[i])
      expect(Math.hypot(...error)).toBeLessThan(1e-12 * length || Number.MIN_VALUE)
    }
    expect(got.dropped).toBe(0)
  })

  test('the features may change afterwards', () => {
    const real = features(40, 3, 0.2)
    const [x, before] = [features(30, 4, 0.1), referenceMoments(tensor('float64', real.shape, real.data.slice()))]
    const reference = referenceMoments(real)
    real.data.fill(7)
    expect(frechetGradient(x, reference)).toEqual(frechetGradient(x, before))
  })

  test('a covariance that is not positive semidefinite: its negative part counts as 0', () => {
    const covariance = Float64Array.of(4, 0, 0, 0, -1e-5, 0, 0, 0, 1)
    const reference = referenceFromStatistics(new Float64Array(3), covariance)
    const x = randomFeatures(20, 3, 5)
    const flat = referenceFromStatistics(new Float64Array(3), Float64Array.of(4, 0, 0, 0, 0, 0, 0, 0, 1))
    expect(frechetDistance(x, reference).value + 1e-5).toBeCloseTo(frechetDistance(x, flat).value, 13)
  })
})

test.each([1e-100, 1e-60, 1e60, 1e100])('features of %d: all goes with the unit', (unit) => {
  for (const [n, d] of [
    [20, 4],
    [5, 8],
  ]) {
    const [x, real] = [randomFeatures(n, d, 11), randomFeatures(30, d, 12)]
    const inUnit = ({ data, shape }: typeof x) =>
      tensor(
        'float64',
        shape,
        data.map((v) => v * unit),
      )
    const truth = frechetGradient(x, referenceMoments(real))
    const reference = referenceMoments(inUnit(real))
    const got = frechetGradient(inUnit(x), reference)
    expect(got.value / unit / unit / truth.value).toBeCloseTo(1, 12)
    expect(frechetDistance(inUnit(x), reference).value / unit / unit / truth.value).toBeCloseTo(1, 12)
    expect(frechetDistance(momentsOf(inUnit(x)), reference).value / unit / unit / truth.value).toBeCloseTo(1, 12)
    got.dFeatures.data.forEach((v, i) => {
      expect(v / unit).toBeCloseTo(truth.dFeatures.data[i], 12)
    })
  }
})

describe('float32 features', () => {
  test('are what they are in float64', () => {
    const real = referenceMoments(rowsTensor(edges.frechet[0].real))
    const x = Float32Array.from(edges.frechet[0].fake.flat(), (v, i) => (i % 4 === 2 ? 0.1 : v))
    const { dFeatures, dropped } = frechetGradient(float32(x, [9, 4]), real)
    expect(dropped).toBe(1)
    expect(dFeatures).toEqual(frechetGradient(tensor('float64', [9, 4], Float64Array.from(x)), real).dFeatures)
  })
})

describe('contrasts', () => {
  const [n, d] = [7, 3]
  const rows = { count: n, dimensions: d, data: randomFeatures(n, d, 6).data.map((v) => v + 1e3) }

  test('have the scatter of the rows, and are 0 of equal rows', () => {
    const z = contrastsOf(rows)
    const scatter = columnGram(centred(rows, momentsOf(tensor('float64', [n, d], rows.data)).mean), n, d)
    columnGram(z, n - 1, d).forEach((value, i) => {
      expect(value).toBeCloseTo(scatter[i], 9)
    })
    const equal = rows.data.map((_, i) => rows.data[i % d])
    expect(contrastsOf({ ...rows, data: equal }).every((value) => value === 0)).toBe(true)
  })

  test('are linear, with this transpose', () => {
    const g = randomFeatures(n - 1, d, 7).data
    const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i], 0)
    expect(dot(contrastsOf(rows), g)).toBeCloseTo(dot(rows.data, fromContrasts(g, n, d)), 8)
  })
})

describe('factors of a covariance', () => {
  test.each([6, 3])('L L^T of %i images of 5 features', (n) => {
    const features = randomFeatures(n, 5, 8)
    const moments = momentsOf(features)
    const covariance = covarianceOf(moments)
    const gaussian = { mean: moments.mean, covariance, count: n }
    const rows = { count: n, dimensions: 5, data: features.data }
    for (const { rank, data } of [
      choleskyFactor(gaussian)!.factor,
      factorOfEigen(gaussian),
      factorOfRows(rows, gaussian),
      factorOfRows(rows, null),
    ]) {
      expect(rank).toBe(Math.min(n - 1, 5))
      rowProducts(data, data, 5, 5, rank).forEach((value, i) => {
        expect(value).toBeCloseTo(covariance[i], 12)
      })
    }
  })

  test('Cholesky refuses what has a negative eigenvalue', () => {
    const factorOf = (...covariance: number[]) =>
      choleskyFactor({ mean: new Float64Array(2), covariance: Float64Array.from(covariance), count: null })
    expect(factorOf(0, 1, 1, 0)).toBeNull()
    expect(factorOf(1, 2, 2, 1)).toBeNull()
    expect(factorOf(1, 1, 1, 1)?.factor.rank).toBe(1)
  })

  test('a feature that is constant has no variance for the rounding of its mean', () => {
    const { data } = randomFeatures(30, 3, 13)
    const features = tensor(
      'float64',
      [30, 3],
      data.map((v, i) => (i % 3 === 1 ? 0.1 : v)),
    )
    const moments = momentsOf(features)
    const covariance = covarianceOf(moments)
    expect(covariance[4]).toBeGreaterThan(0)
    expect(referenceMoments(features).factor.rank).toBe(2)
    expect(referenceMoments(moments).factor.rank).toBe(2)
    const reference = referenceMoments(randomFeatures(40, 3, 14))
    expect(frechetGradient(features, reference).dropped).toBe(1)
  })
})

describe('singular values', () => {
  test.each([
    { n: 9, d: 4 },
    { n: 4, d: 6 },
  ])('of a [$n,$d] matrix with columns of 1 to 1e-12 and less', ({ n, d }) => {
    const k = Math.min(n, d)
    const orthonormal = (rows: number, seed: number) =>
      singularRows(pivotedTriangle(randomFeatures(k, rows, seed).data, k, rows, new Float64Array(rows))).vectors
    const [u, v] = [orthonormal(n, 9), orthonormal(d, 10)]
    // Columns of falling length, so that small values keep their digits.
    const scaled = v.map((value, i) => value * 10 ** (-4 * (i % d)))
    const a = new Float64Array(n * d)
    for (let i = 0; i < n; i++)
      for (let j = 0; j < d; j++) for (let l = 0; l < k; l++) a[i * d + j] += u[l * n + i] * scaled[l * d + j]
    const triangle = pivotedTriangle(a, n, d, new Float64Array(d))
    const { values: got, vectors } = singularRows(triangle)
    // Exactly orthonormal rows, and A^T A = V^T S^2 V relative to each pair of columns.
    rowProducts(vectors, vectors, k, k, d).forEach((value, i) => {
      expect(value).toBeCloseTo(Number(i % (k + 1) === 0), 13)
    })
    const gram = columnGram(a, n, d)
    const rebuilt = columnGram(multiply(diagonal(got), vectors, k, k, d), k, d)
    gram.forEach((value, i) => {
      const size = Math.sqrt(gram[Math.floor(i / d) * (d + 1)] * gram[(i % d) * (d + 1)])
      expect(Math.abs(value - rebuilt[i])).toBeLessThan(1e-13 * size)
    })
    const sorted = (list: ArrayLike<number>) => Array.from(list).sort((x, y) => y - x)
    sorted(singularValues(triangle)).forEach((value, l) => {
      expect(Math.abs(value - sorted(got)[l])).toBeLessThan(1e-14 * Math.max(...got))
    })
  })

  test('what is within the noise of its column counts as none', () => {
    const a = Float64Array.of(1, 1, 0, 1, 1 + 1e-15, 0, 1, 1, 0)
    expect(pivotedTriangle(a, 3, 3, new Float64Array(3)).rank).toBe(2)
    const triangle = pivotedTriangle(a, 3, 3, new Float64Array(3).fill(1e-14))
    expect(triangle.rank).toBe(1)
    expect(singularRows(triangle).values[0]).toBeCloseTo(Math.sqrt(6), 13)
    expect(singularValues(pivotedTriangle(new Float64Array(9), 3, 3, new Float64Array(3)))).toEqual([])
  })
})

const diagonal = (values: Float64Array): Float64Array =>
  Float64Array.from({ length: values.length ** 2 }, (_, i) =>
    i % (values.length + 1) === 0 ? values[i % values.length] : 0,
  )
