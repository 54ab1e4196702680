/** Pools of paths against the Gaussian problem's own recursion, at scales that were not drawn, correlated and not. */
import { describe, expect, test, vi } from 'vitest'
import { clustersOf, standardErrorOf } from '../statistics/estimated.ts'
import type { GaussianProblem } from './gaussianPaths.fixture.ts'
import { gaussianPaths, guidedTruth, tiltTruth } from './gaussianPaths.fixture.ts'
import { PathPool } from './pool.ts'

/** Shifts depend on the path, `guided` and `tilt` differ. */
const CURVED: GaussianProblem = { slope: 1.3, goal: 0.8, curvature: 0.4 }
/** The same through DDIM eta 1, whose base is not N(0, 1). */
const SMALL: GaussianProblem = { slope: 0.7, goal: -0.4, curvature: 0.2, variance: 'small' }

const TARGETS = [
  { target: 'guided', truth: guidedTruth },
  { target: 'tilt', truth: tiltTruth },
] as const

describe.each([
  ['large variance', CURVED],
  ['eta 1', SMALL],
])('%s', (_, problem) => {
  const pool = PathPool.of(
    [0, 0.5, 0.9].map((scale, j) => gaussianPaths(problem, scale, { count: 20_000, seed: 5, first: 10_000 * j })),
  )

  test.each(TARGETS)('$target: r1, r2 and KL at scales not drawn', ({ target, truth }) => {
    for (const scale of [0.3, 0.7, 1.1]) {
      const exact = truth(problem, scale)
      const got = {
        upper: pool.mean(target, scale, 'upper'),
        lower: pool.mean(target, scale, 'lower'),
        kl: pool.kl(target, scale),
      }
      for (const [name, { mean, standardError }] of Object.entries(got)) {
        const expected = exact[name as 'upper' | 'lower' | 'kl']
        expect(Math.abs(mean - expected), `${name} at ${scale}`).toBeLessThan(3.5 * standardError)
        expect(standardError).toBeLessThan(0.02)
      }
    }
  })

  test('A - sB has mean 0 under q_s, and weights have mean 1', () => {
    for (const scale of [0, 0.4, 0.9]) {
      const score = pool.mean('guided', scale, ({ a, b }) => a.map((value, i) => value - scale * b[i]))
      expect(Math.abs(score.mean)).toBeLessThan(3.5 * score.standardError)
      expect(Math.abs(pool.guidedWeights(scale).logMean)).toBeLessThan(0.01)
    }
  })
})

test('guided and tilt are the same without curvature, at the large variance with a noised last step', () => {
  const problem = { slope: -0.6, goal: 0.5, alphaBars: [1e-13, 0.2, 0.7] }
  for (const scale of [0.5, 2]) {
    expect(guidedTruth(problem, scale).mean).toBeCloseTo(scale * problem.slope, 12)
    expect(guidedTruth(problem, scale).variance).toBeCloseTo(1, 12)
    expect(guidedTruth(problem, scale).upper).toBeCloseTo(tiltTruth(problem, scale).upper, 12)
  }
})

test('base samples alone make self-normalised importance sampling', () => {
  const base = gaussianPaths(CURVED, 0, { count: 500, seed: 2 })
  const weights = PathPool.of([base]).tiltWeights(0.8)
  const plain = base.lower.map((r2) => Math.exp(0.8 * r2))
  const total = plain.reduce((a, b) => a + b)
  plain.forEach((value, i) => {
    expect(weights.weights[i]).toBeCloseTo(value / total, 12)
  })
  expect(weights.logMean).toBeCloseTo(Math.log(total / 500), 12)
})

test('at the only scale drawn, guided weights are equal', () => {
  const pool = PathPool.of([gaussianPaths(CURVED, 0.7, { count: 100, seed: 2 })])
  expect(pool.guidedWeights(0.7).effectiveSampleSize).toBeCloseTo(100, 9)
  const { mean, standardError } = pool.mean('guided', 0.7, 'upper')
  const { upper } = pool.paths
  const plain = upper.reduce((a, b) => a + b) / 100
  const spread = Math.sqrt(upper.reduce((sum, value) => sum + (value - plain) ** 2, 0) / 99 / 100)
  expect(mean).toBeCloseTo(plain, 12)
  expect(standardError).toBeCloseTo(spread, 12)
})

describe('standard errors', () => {
  // Items shared between scales: 200 of each batch's 300 are in the next one too.
  const poolOf = (seed: number) =>
    PathPool.of([0.3, 0.6, 1].map((scale, j) => gaussianPaths(CURVED, scale, { count: 300, seed, first: 100 * j })))

  test.each(TARGETS)('$target: z-scores have spread 1 though paths of an item are correlated', ({ target, truth }) => {
    const truths = [0.45, 0.8].map((scale) => truth(CURVED, scale))
    const scores = Array.from({ length: 150 }, (_, seed) => {
      const pool = poolOf(9000 + seed)
      return [0.45, 0.8].flatMap((scale, i) => {
        const lower = pool.mean(target, scale, 'lower')
        const kl = pool.kl(target, scale)
        return [(lower.mean - truths[i].lower) / lower.standardError, (kl.mean - truths[i].kl) / kl.standardError]
      })
    })
    for (const column of scores[0].keys()) {
      const spread = Math.sqrt(scores.reduce((sum, row) => sum + row[column] ** 2, 0) / scores.length)
      expect(spread).toBeGreaterThan(0.85)
      expect(spread).toBeLessThan(1.25)
    }
  })

  test('by hand: two items at both scales, three at one', () => {
    const clusters = clustersOf([7, 8, 7, 8, 1, 2, 3], [1, 1, 2, 2, 2, 2, 2])
    expect(clusters.strata.map((stratum) => stratum.length).sort()).toEqual([2, 3])
    const influence = Float64Array.of(1, 2, 0.5, 1, 3, 0, -3)
    // pairs: 1.5 and 3, (n/(n-1)) sum of squares about the mean = 2 * 1.125; singles: 3, 0, -3: 1.5 * 18
    expect(standardErrorOf(influence, clusters)).toBeCloseTo(Math.sqrt(2.25 + 27), 12)
  })
})

test('near keeps the scales that bear on s', () => {
  const pool = PathPool.of([0, 0.5, 1, 2, 4].map((scale) => gaussianPaths(CURVED, scale, { count: 50, seed: 1 })))
  expect(pool.near(1.5).scales).toEqual([1, 2])
  expect(pool.near(1).scales).toEqual([0.5, 1, 2])
  expect(pool.near(9).scales).toEqual([4])
  expect(pool.near(1.5, 2).scales).toEqual([0.5, 1, 2, 4])
})

test('more paths change the weights that were kept', () => {
  const pool = PathPool.of([gaussianPaths(CURVED, 0.5, { count: 50, seed: 1 })])
  const before = pool.mean('guided', 0.6, 'upper')
  pool.add(gaussianPaths(CURVED, 0.7, { count: 50, seed: 1 }))
  expect(pool.mean('guided', 0.6, 'upper').count).toBe(100)
  expect(pool.mean('guided', 0.6, 'upper').mean).not.toBe(before.mean)
})

test('a whole curve of 5,000 paths and 50 scales puts the paths together once and weighs them once at each', () => {
  const pool = PathPool.of(
    [0.1, 0.2, 0.4, 0.6, 0.9].map((scale, j) =>
      gaussianPaths(CURVED, scale, { count: 1000, seed: 1, first: 1000 * j }),
    ),
  )
  const { paths } = pool
  const weighings = [vi.spyOn(pool, 'guidedWeights'), vi.spyOn(pool, 'tiltWeights')]
  for (let i = 0; i < 50; i++) {
    const scale = 0.1 + 0.02 * i
    for (const { target } of TARGETS) {
      pool.mean(target, scale, 'upper')
      pool.mean(target, scale, 'lower')
      pool.kl(target, scale)
    }
  }
  expect(pool.paths).toBe(paths)
  expect(weighings.reduce((sum, { mock }) => sum + mock.calls.length, 0)).toBe(50 * TARGETS.length)
})

describe('bad input', () => {
  const batch = gaussianPaths(CURVED, 0.5, { count: 3, seed: 1 })

  test.each([
    [{ ...batch, scale: -1 }, 'pool.batch'],
    [{ ...batch, upper: batch.upper.slice(1) }, 'pool.batch'],
    [{ ...batch, lower: Float64Array.of(1, Number.NaN, 2) }, 'pool.batch'],
    [{ ...batch, a: Float64Array.of(1, Number.POSITIVE_INFINITY, 2) }, 'pool.batch'],
    [{ ...batch, items: Int32Array.of(4, 5, 4) }, 'pool.duplicate'],
  ])('%#', (bad, code) => {
    expect(() => PathPool.of([bad])).toThrow(expect.objectContaining({ code }))
  })

  test('an item comes once at a scale; a refused batch leaves the pool as it was', () => {
    const pool = PathPool.of([batch])
    expect(() => pool.add({ ...batch, items: Int32Array.of(8, 9, 2) })).toThrow(
      expect.objectContaining({ code: 'pool.duplicate' }),
    )
    pool.add({ ...batch, items: Int32Array.of(7, 8, 9) })
    expect(pool.size).toBe(6)
  })

  test('no paths', () => {
    expect(() => new PathPool().paths).toThrow(expect.objectContaining({ code: 'pool.empty' }))
  })
})
