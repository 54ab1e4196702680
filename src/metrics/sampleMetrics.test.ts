/** Kernel distance, precision and recall, inception score, diversity and reporting statistics, against gold and closed forms. */
import { describe, expect, test } from 'vitest'
import { tensor } from '../base/index.ts'
import { meanPairwiseDistance, vendiScore } from './diversity.ts'
import { edges, gold, randomFeatures, rowsTensor } from './gold.fixture.ts'
import { inceptionScore } from './inceptionScore.ts'
import { kernelDistance } from './kernelDistance.ts'
import { precisionRecall } from './precisionRecall.ts'
import { meanAndStandardError, pairedDifference } from './standardError.ts'

test.each(gold.sets)('gold kernel distance $kid', ({ real, fake, kid }) => {
  expect(Math.abs(kernelDistance(rowsTensor(fake), rowsTensor(real)) / kid - 1)).toBeLessThan(1e-6)
})

describe.each(edges.kernel)('kernel distance, $name', ({ fake, real, direction, value, along }) => {
  const at = (step: number) => {
    const moved = fake.map((row, i) => row.map((v, j) => v + step * direction[i][j]))
    return kernelDistance(rowsTensor(moved), rowsTensor(real))
  }

  test('to 60 digits', () => {
    expect(Math.abs(at(0) / value - 1)).toBeLessThan(1e-13)
  })

  test('differences of it are its derivative', () => {
    // A polynomial of degree 6 in the step: three central differences are exact. Features are rounded as they move, so steps are not small.
    const step = 0.25 * Math.abs(real[1][0] - real[0][0])
    const [once, twice, thrice] = [1, 2, 3].map((k) => (at(k * step) - at(-k * step)) / (2 * k * step))
    expect(Math.abs((1.5 * once - 0.6 * twice + 0.1 * thrice) / along - 1)).toBeLessThan(1e-7)
  })
})

test('the kernel distance is unbiased: pairs of small sets of one distribution average to 0 within its error', () => {
  const [sets, n, d] = [300, 6, 3]
  const all = randomFeatures(2 * sets * n, d, 1).data
  const part = (i: number) => tensor('float64', [n, d], all.subarray(i * n * d, (i + 1) * n * d))
  const values = Array.from({ length: sets }, (_, i) => kernelDistance(part(2 * i), part(2 * i + 1)))
  const { mean, standardError } = meanAndStandardError(values)
  expect(Math.abs(mean)).toBeLessThan(3 * Number(standardError))
  const spread = Number(standardError) * Math.sqrt(sets)
  expect(Math.abs(mean)).toBeLessThan(spread / 5)
})

test.each(gold.sets)('gold precision $precision and recall $recall', ({ real, fake, precision, recall, k }) => {
  expect(precisionRecall(rowsTensor(fake), rowsTensor(real), k)).toEqual({ precision, recall, k })
})

test('precision and recall see a dropped mode: generated rows are right but miss half of the truth', () => {
  const line = (start: number) => Array.from({ length: 10 }, (_, i) => [start + i])
  const [near, far] = [line(0), line(1000)]
  expect(precisionRecall(rowsTensor(near), rowsTensor([...near, ...far]), 2)).toEqual({
    precision: 1,
    recall: 0.5,
    k: 2,
  })
})

describe('inception score', () => {
  test('gold', () => {
    const { value, splits, count } = inceptionScore(rowsTensor(gold.inception.probs))
    expect(Math.abs(value / gold.inception.score - 1)).toBeLessThan(1e-6)
    expect([splits, count]).toEqual([1, 200])
  })

  test('certain and even: the number of classes; all alike: 1', () => {
    const oneHot = Array.from({ length: 12 }, (_, i) => [0, 1, 2, 3].map((c) => Number(c === i % 4)))
    expect(inceptionScore(rowsTensor(oneHot)).value).toBeCloseTo(4, 12)
    expect(inceptionScore(rowsTensor(oneHot), 3).value).toBeCloseTo(4, 12)
    expect(inceptionScore(rowsTensor(Array.from({ length: 5 }, () => [0.3, 0.7]))).value).toBeCloseTo(1, 12)
  })

  test('splits are scored on their own', () => {
    const rows = [
      ...Array.from({ length: 4 }, () => [1, 0]),
      ...Array.from({ length: 4 }, (_, i) => [i % 2, 1 - (i % 2)]),
    ]
    const { value, standardDeviation } = inceptionScore(rowsTensor(rows), 2)
    expect(value).toBeCloseTo(1.5, 12)
    expect(standardDeviation).toBeCloseTo(Math.SQRT1_2, 12)
  })

  test('refuses logits and impossible splits', () => {
    expect(() => inceptionScore(rowsTensor([[2, 3]]))).toThrow(/sum to 1, image 0 sums to 5/)
    expect(() => inceptionScore(rowsTensor([[1, 0]]), 2)).toThrow(/splits must be an integer from 1 to the 1 images/)
  })
})

describe('diversity', () => {
  test('mean pairwise distance of a triangle with sides 3, 4, 5', () => {
    expect(
      meanPairwiseDistance(
        rowsTensor([
          [0, 0],
          [3, 0],
          [0, 4],
        ]),
      ),
    ).toBe(4)
  })

  test('Vendi score: m orthogonal directions equally often give m, at any number of rows', () => {
    for (const repeats of [1, 2, 5]) {
      const rows = Array.from({ length: 3 * repeats }, (_, i) => [0, 1, 2, 3].map((c) => (c === i % 3 ? 1 + i : 0)))
      expect(vendiScore(rowsTensor(rows))).toBeCloseTo(3, 9)
    }
  })

  test('Vendi score of two rows at cosine c: entropy of (1 + c)/2, (1 - c)/2', () => {
    const c = 0.6
    const expected = Math.exp(-0.8 * Math.log(0.8) - 0.2 * Math.log(0.2))
    const two = rowsTensor([
      [2, 0, 0],
      [c, Math.sqrt(1 - c * c), 0],
    ])
    expect(vendiScore(two)).toBeCloseTo(expected, 12)
  })

  test('rows of length 0 are one more direction', () => {
    expect(
      vendiScore(
        rowsTensor([
          [0, 0],
          [1, 0],
        ]),
      ),
    ).toBeCloseTo(2, 12)
  })
})

describe('reporting', () => {
  test('mean and standard error by hand, and of a single value', () => {
    expect(meanAndStandardError([1, 2, 3, 4])).toEqual({ mean: 2.5, standardError: Math.sqrt(5 / 3 / 4), count: 4 })
    expect(meanAndStandardError([7])).toEqual({ mean: 7, standardError: null, count: 1 })
    expect(() => meanAndStandardError([])).toThrow(/at least one value/)
  })

  test('paired differences cancel what the seeds share', () => {
    const result = pairedDifference([10, 20, 30], [9, 19, 29])
    expect(result).toEqual({ mean: 1, standardError: 0, count: 3 })
    expect(() => pairedDifference([1], [1, 2])).toThrow(/got 1 and 2/)
  })
})
