/** Gradients from pools against the slope of the Gaussian problem's closed form. */
import { describe, expect, test } from 'vitest'
import type { Estimated } from '../statistics/estimated.ts'
import type { GaussianProblem } from './gaussianPaths.fixture.ts'
import { gaussianPaths, guidedTruth, penaltyTruth, slopeOf, tiltTruth } from './gaussianPaths.fixture.ts'
import { PathPool } from './pool.ts'
import { guidedGradient, penaltyGradient, tiltGradient } from './poolGradients.ts'

const CURVED: GaussianProblem = { slope: 1.3, goal: 0.8, curvature: 0.4 }
const PLAIN: GaussianProblem = { slope: 0.6, goal: 0.9 }

function expectNear({ mean, standardError }: Estimated, truth: number, most: number): void {
  expect(Math.abs(mean - truth)).toBeLessThan(3.5 * standardError)
  expect(standardError).toBeLessThan(most)
}

describe('gradients from pools', () => {
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
