/** What is believed and what is not: the known example of a weighted estimate that is confidently wrong, and each rule by itself. */
import { describe, expect, test } from 'vitest'
import { gaussianPaths } from '../estimators/gaussianPaths.fixture.ts'
import { PathPool } from '../estimators/pool.ts'
import { tiltGradient } from '../estimators/poolGradients.ts'
import type { GradientEvidence } from './belief.ts'
import { freshEvidence, mayDecide, resolves, resolvesBoundary, trusted } from './belief.ts'
import { bootstrapInterval } from './bootstrap.ts'
import type { Estimated } from './estimated.ts'

const estimate = (mean: number, standardError: number, count = 400, effectiveSampleSize = count): Estimated => ({
  mean,
  standardError,
  count,
  effectiveSampleSize,
  paretoK: null,
})
const fresh = (lambda: number, mean: number, standardError = 0.1, count = 400) =>
  freshEvidence(lambda, 'score-function', estimate(mean, standardError, count), 0.05)
const pooled = (lambda: number, mean: number, count: number, effective: number): GradientEvidence => ({
  lambda,
  source: 'pool',
  estimate: estimate(mean, 0.1, count, effective),
  interval: { low: mean - 0.2, high: mean + 0.2 },
})

describe('base samples weighted to lambda = .5, where slope = goal = 1 and the gradient is -8', () => {
  const problem = { slope: 1, goal: 1 }
  const evidenceOf = (count: number, seed: number) => {
    const pool = PathPool.of([gaussianPaths(problem, 0, { count, seed })])
    return { pool, gradient: tiltGradient(pool, 2) }
  }

  test.each([
    [5, 2000, 0.63, 0.15],
    [32, 1000, -0.69, 0.3],
    [256, 300, -3.65, 0.6],
    [4096, 40, -6.98, 1.2],
  ])('%d of them average over %d runs to %d, in lambda', (count, runs, published, margin) => {
    let mean = 0
    // d/dlambda = d/dlog lambda / lambda
    for (let seed = 0; seed < runs; seed++) mean += evidenceOf(count, 100 + seed).gradient.estimate.mean / 0.5 / runs
    expect(Math.abs(mean - published)).toBeLessThan(margin)
  })

  test('4096 of them never decide, whatever effective sample size and Pareto k say', () => {
    const passing = Array.from({ length: 40 }, (_, seed) => evidenceOf(4096, 100 + seed)).filter(({ gradient }) => {
      const { effectiveSampleSize, paretoK } = gradient.estimate
      const evidence = { lambda: 0.5, source: 'pool' as const, ...gradient, interval: { low: -9, high: -1 } }
      expect(mayDecide(evidence)).toMatchObject({ believed: false })
      return effectiveSampleSize >= 200 && paretoK !== null && paretoK < 0.7
    })
    // .28 of runs pass the usual thresholds: that is why they do not count
    expect(passing.length).toBeGreaterThan(4)
    const { pool, gradient } = passing[0]
    const interval = bootstrapInterval(gradient.statistic, pool.paths.clusters, { seed: 1, replicates: 99 })
    const evidence = { lambda: 0.5, source: 'pool' as const, estimate: gradient.estimate, interval }
    const value = fresh(1, 0)
    expect(resolves({ low: evidence, value, high: fresh(1.2, 1) }, 3)).toMatchObject({
      believed: false,
      reason: expect.stringContaining('draw fresh paths there'),
    })
  })
})

describe('may decide', () => {
  test.each([
    ['fresh, 400 paths', fresh(1, -1), true],
    ['paired, 30 paths', freshEvidence(1, 'paired-differences', estimate(-1, 0.1, 30), 0.05), true],
    ['fresh, 29 paths', fresh(1, -1, 0.1, 29), false],
    ['a pool that is nearly fresh', pooled(1, -1, 1000, 800), true],
    ['a pool of 999 paths', pooled(1, -1, 999, 999), false],
    ['a pool of .79', pooled(1, -1, 2000, 1580), false],
    ['16 populations of particles', freshEvidence(1, 'smc', estimate(-1, 0.1, 16), 0.05), true],
    ['15 populations', freshEvidence(1, 'smc', estimate(-1, 0.1, 15), 0.05), false],
    [
      'populations of which few count',
      freshEvidence(1, 'smc', { ...estimate(-1, 0.1, 16), effectiveSampleSize: 7.9 }, 0.05),
      false,
    ],
    ['a standard error of NaN', fresh(1, -1, Number.NaN), false],
    ['an effective sample size of NaN', pooled(1, -1, 2000, Number.NaN), false],
  ])('%s', (_, evidence, believed) => {
    const verdict = mayDecide(evidence)
    expect(verdict.believed).toBe(believed)
    expect(verdict.reason === null).toBe(believed)
  })

  test("the interval of fresh paths is Student's, at the error that is asked for", () => {
    const { low, high } = freshEvidence(1, 'paired-differences', estimate(-1, 0.1, 31), 0.05).interval
    expect(low).toBeCloseTo(-1 - 0.1 * 2.0423, 4)
    expect(high).toBeCloseTo(-1 + 0.1 * 2.0423, 4)
    expect(freshEvidence(1, 'smc', estimate(-1, 0.1, 31), 0.01).interval.high).toBeCloseTo(-1 + 0.1 * 2.75, 4)
  })
})

describe('an interval is resolved', () => {
  const low = fresh(0.8, -1)
  const value = fresh(1, 0.01)
  const high = fresh(1.3, 1)

  test('where F falls to one end and rises to the other, within the tolerance', () => {
    expect(resolves({ low, value, high }, 2)).toEqual({ believed: true, reason: null })
  })

  test.each([
    ['the low end is open', { low: fresh(0.8, -0.1), value, high }, /low end, lambda = 0.8, is open/],
    ['the low end has the wrong sign', { low: fresh(0.8, 1), value, high }, /low end/],
    ['the high end is open', { low, value, high: fresh(1.3, 0.15) }, /high end, lambda = 1.3, is open/],
    ['too wide', { low: fresh(0.5, -1), value, high }, /wider than the tolerance of 2/],
    ['the value comes from a thin pool', { low, value: pooled(1, 0, 5000, 300), high }, /draw fresh paths there/],
  ])('not where %s', (_, evidence, reason) => {
    expect(resolves(evidence, 2)).toMatchObject({ believed: false, reason: expect.stringMatching(reason) })
  })

  test('refuses ends out of order', () => {
    expect(() => resolves({ low: high, value, high: low }, 2)).toThrow(
      expect.objectContaining({ code: 'belief.order' }),
    )
  })
})

test('the optimum lies at an end of the range where F still falls towards it', () => {
  expect(resolvesBoundary('low', fresh(0.01, 1)).believed).toBe(true)
  expect(resolvesBoundary('low', fresh(0.01, -1)).believed).toBe(false)
  expect(resolvesBoundary('high', fresh(10, -1)).believed).toBe(true)
  expect(resolvesBoundary('high', fresh(10, -0.1)).reason).toMatch(/is open/)
  expect(resolvesBoundary('high', pooled(10, -1, 100, 100)).believed).toBe(false)
})

test('the curve is trusted from an effective share of one half', () => {
  expect(trusted({ effectiveSampleSize: 50, count: 100 })).toBe(true)
  expect(trusted({ effectiveSampleSize: 49.9, count: 100 })).toBe(false)
  expect(trusted({ effectiveSampleSize: Number.NaN, count: 100 })).toBe(false)
})
