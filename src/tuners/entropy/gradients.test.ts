/** Gradients against the slope of the Gaussian problem's closed form, fresh and from pools; coverage of what they claim. */
import { describe, expect, test } from 'vitest'
import { controlled } from './controlled.ts'
import type { Estimated } from './estimated.ts'
import type { GaussianProblem } from './gaussianPaths.fixture.ts'
import { gaussianPaths, guidedTruth, penaltyTruth, slopeOf, tiltTruth } from './gaussianPaths.fixture.ts'
import { pairedDifference, scoreFunction, scoreValues } from './gradients.ts'
import { PathPool } from './pool.ts'
import { guidedGradient, penaltyGradient, tiltGradient } from './poolGradients.ts'
import { studentReach } from './quantile.ts'

const CURVED: GaussianProblem = { slope: 1.3, goal: 0.8, curvature: 0.4 }
const PLAIN: GaussianProblem = { slope: 0.6, goal: 0.9 }

function expectNear({ mean, standardError }: Estimated, truth: number, most: number): void {
  expect(Math.abs(mean - truth)).toBeLessThan(3.5 * standardError)
  expect(standardError).toBeLessThan(most)
}

/** Share of seeds whose Student interval holds the truth. */
function coverage(seeds: number, truth: number, estimate: (seed: number) => Estimated): number {
  const hits = Array.from({ length: seeds }, (_, seed) => estimate(seed)).filter(
    ({ mean, standardError, count }) => Math.abs(mean - truth) < studentReach(0.05, count - 1) * standardError,
  )
  return hits.length / seeds
}

describe('score function', () => {
  test.each([0.3, 0.9, 1.6])('scale %d', (scale) => {
    expectNear(
      scoreFunction(gaussianPaths(CURVED, scale, { count: 20_000, seed: 3 })),
      slopeOf(guidedTruth, CURVED, scale),
      0.03,
    )
  })

  test.each([{ count: 50 }, { count: 200 }])('95 % intervals from $count paths cover: .93 measured', ({ count }) => {
    for (const scale of [0.6, 1.2]) {
      const covered = coverage(250, slopeOf(guidedTruth, CURVED, scale), (seed) =>
        scoreFunction(gaussianPaths(CURVED, scale, { count, seed: 1000 + seed })),
      )
      expect(covered).toBeGreaterThan(0.89)
    }
  })

  test('the control variates lower the error of the plain covariance', () => {
    const { scale, a, b, upper } = gaussianPaths(CURVED, 0.5, { count: 4000, seed: 3 })
    const mean = upper.reduce((sum, value) => sum + value, 0) / upper.length
    const plain = controlled(
      upper.map((value, i) => scale * (value - mean) * (a[i] - scale * b[i])),
      [],
    )
    expect(scoreFunction({ scale, a, b, upper, lower: upper, items: new Int32Array(4000) }).standardError).toBeLessThan(
      0.75 * plain.standardError,
    )
  })

  test('as values per path: the same mean and error', () => {
    const batch = gaussianPaths(CURVED, 0.8, { count: 200, seed: 3 })
    const values = scoreValues(batch)
    const mean = values.reduce((a, b) => a + b) / 200
    const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 199 / 200)
    const gradient = scoreFunction(batch)
    expect(mean).toBeCloseTo(gradient.mean, 12)
    expect(spread / gradient.standardError).toBeCloseTo(1, 2)
  })

  test('a constant added to r1 changes nothing', () => {
    const batch = gaussianPaths(CURVED, 0.5, { count: 100, seed: 3 })
    const shifted = scoreFunction({ ...batch, upper: batch.upper.map((value) => value + 1e3) })
    expect(shifted.mean).toBeCloseTo(scoreFunction(batch).mean, 9)
  })

  test('a constant r1 has gradient 0, a shift of 0 everywhere too', () => {
    const batch = gaussianPaths(CURVED, 0.5, { count: 100, seed: 3 })
    expect(scoreFunction({ ...batch, upper: new Float64Array(100).fill(2) })).toMatchObject({
      mean: 0,
      standardError: 0,
    })
    const still = { ...batch, a: new Float64Array(100), b: new Float64Array(100) }
    expect(scoreFunction(still)).toMatchObject({ mean: 0, standardError: 0 })
  })

  test('refuses scale 0 and a handful of paths', () => {
    const code = 'gradient.paths'
    expect(() => scoreFunction(gaussianPaths(CURVED, 0, { count: 50, seed: 1 }))).toThrow(
      expect.objectContaining({ code }),
    )
    expect(() => scoreFunction(gaussianPaths(CURVED, 1, { count: 9, seed: 1 }))).toThrow(
      expect.objectContaining({ code }),
    )
  })
})

describe('paired differences', () => {
  const at = (scale: number, h: number, count: number, seed: number, problem = CURVED) =>
    pairedDifference(
      gaussianPaths(problem, scale * (1 - h), { count, seed }),
      gaussianPaths(problem, scale * (1 + h), { count, seed }),
    )

  test.each([0.3, 0.9, 1.6])('scale %d', (scale) => {
    const gradient = at(scale, 0.05, 20_000, 4)
    expect(gradient.scale).toBeCloseTo(scale * Math.sqrt(1 - 0.05 ** 2), 12)
    expectNear(gradient, slopeOf(guidedTruth, CURVED, gradient.scale), 0.03)
  })

  test('95 % intervals cover', () => {
    const truth = slopeOf(guidedTruth, CURVED, 1.2 * Math.sqrt(0.99))
    expect(coverage(250, truth, (seed) => at(1.2, 0.1, 60, 1000 + seed))).toBeGreaterThan(0.91)
  })

  test('the bias falls with the square of h', () => {
    // r1 is quadratic in s on the plain problem: the difference is exact but for the curvature in log s
    const exact = (scale: number) => guidedTruth(PLAIN, scale).upper
    const bias = (h: number) => {
      const [low, high] = [(1 - h) / Math.sqrt(1 - h * h), (1 + h) / Math.sqrt(1 - h * h)]
      return (exact(high) - exact(low)) / Math.log(high / low) - slopeOf(guidedTruth, PLAIN, 1)
    }
    expect(bias(0.1) / bias(0.05)).toBeCloseTo(4, 1)
  })

  test('pairs by item, in any order of items and batches', () => {
    const weak = gaussianPaths(CURVED, 0.9, { count: 30, seed: 4 })
    const strong = gaussianPaths(CURVED, 1.1, { count: 30, seed: 4 })
    const turned = { ...strong, items: strong.items.slice().reverse(), upper: strong.upper.slice().reverse() }
    expect(pairedDifference(turned, weak)).toEqual(pairedDifference(weak, strong))
  })

  test('refuses what cannot be paired', () => {
    const weak = gaussianPaths(CURVED, 0.9, { count: 30, seed: 4 })
    const others = gaussianPaths(CURVED, 1.1, { count: 30, seed: 4, first: 1 })
    const fewer = gaussianPaths(CURVED, 1.1, { count: 29, seed: 4 })
    for (const strong of [others, fewer, { ...weak }, { ...weak, scale: 0 }]) {
      expect(() => pairedDifference(weak, strong)).toThrow(expect.objectContaining({ code: 'gradient.pairs' }))
    }
  })
})

describe('from pools', () => {
  const pool = PathPool.of(
    [0.2, 0.5, 0.9].map((scale, j) => gaussianPaths(CURVED, scale, { count: 20_000, seed: 6, first: 10_000 * j })),
  )

  test.each([0.3, 0.7])('guided and tilt at scale %d, drawn at others', (scale) => {
    expectNear(guidedGradient(pool, scale).estimate, slopeOf(guidedTruth, CURVED, scale), 0.03)
    expectNear(tiltGradient(pool, scale).estimate, slopeOf(tiltTruth, CURVED, scale), 0.03)
  })

  test.each([1, 3, 10])('penalty at gamma %d', (gamma) => {
    const plain = PathPool.of([gaussianPaths(PLAIN, 1, { count: 40_000, seed: 6 })])
    for (const lambda of [0.8, 1.5]) {
      const { estimate } = penaltyGradient(plain, 1 / lambda, gamma)
      const step = 1e-5
      const value = (factor: number) => penaltyTruth(PLAIN, lambda * factor, gamma)
      expectNear(estimate, (value(1 + step) - value(1 - step)) / (2 * step), 0.05)
    }
  })

  test.each([
    [1, 0.755],
    [3, 0.878],
    [10, 0.955],
    [100, 0.995],
  ])('for slope = goal = 1 the penalty gradient at gamma %d changes sign at lambda %d', (gamma, minimiser) => {
    const problem = { slope: 1, goal: 1 }
    for (const [factor, sign] of [
      [0.985, -1],
      [1.015, 1],
    ]) {
      const [low, high] = [minimiser * factor * (1 - 1e-5), minimiser * factor * (1 + 1e-5)]
      expect(Math.sign(penaltyTruth(problem, high, gamma) - penaltyTruth(problem, low, gamma))).toBe(sign)
    }
    const drawn = PathPool.of([gaussianPaths(problem, 1 / minimiser, { count: 40_000, seed: 8 })])
    expectNear(penaltyGradient(drawn, 1 / minimiser, gamma).estimate, 0, 0.03)
  })

  test('the penalty gradient goes to that of the tilt as gamma grows', () => {
    const tilt = tiltGradient(pool, 0.6).estimate.mean
    expect(penaltyGradient(pool, 0.6, 1e5).estimate.mean).toBeCloseTo(tilt, 3)
    expect(Math.abs(penaltyGradient(pool, 0.6, 2).estimate.mean - tilt)).toBeGreaterThan(0.005)
  })

  test("influences add up to 0 and give the derivative in a path's weight", () => {
    const small = PathPool.of([gaussianPaths(CURVED, 0.6, { count: 40, seed: 2 })])
    for (const { statistic } of [
      guidedGradient(small, 0.8),
      tiltGradient(small, 0.8),
      penaltyGradient(small, 0.8, 1.5),
    ]) {
      const { mean, influence } = statistic(null)
      expect(influence.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 12)
      const step = 1e-6
      const heavier = new Float64Array(40).fill(1 - step / 39)
      heavier[7] = 1 + step
      const share = influence[7] * (1 + 1 / 39)
      expect((statistic(heavier).mean - mean) / step).toBeCloseTo(share, 6)
    }
  })

  test.each([
    [() => guidedGradient(pool, 0), 'gradient.scale'],
    [() => tiltGradient(pool, Number.POSITIVE_INFINITY), 'gradient.scale'],
    [() => penaltyGradient(pool, 1, 0), 'gradient.gamma'],
  ])('bad input %#', (call, code) => {
    expect(call).toThrow(expect.objectContaining({ code }))
  })
})

test('a mean with controls: exact where the values are linear in them', () => {
  const control = Float64Array.of(-2, 1, 3, 0.5)
  const other = Float64Array.of(1, -1, 0.3, 2)
  const values = control.map((value, i) => 7 + 2 * value - 3 * other[i])
  const { mean, standardError } = controlled(values, [control, other])
  expect(mean).toBeCloseTo(7, 10)
  expect(standardError).toBeCloseTo(0, 9)
})
