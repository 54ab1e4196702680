/** Bootstrap-t intervals: seeded, sensible on a mean, and of the coverage that belief.ts relies on. */
import { describe, expect, test } from 'vitest'
import { randomStream } from '../../../base/index.ts'
import type { GaussianProblem } from '../estimators/gaussianPaths.fixture.ts'
import { gaussianPaths, guidedTruth, slopeOf, tiltTruth } from '../estimators/gaussianPaths.fixture.ts'
import { PathPool } from '../estimators/pool.ts'
import { guidedGradient, tiltGradient } from '../estimators/poolGradients.ts'
import { bootstrapInterval, skewedInterval } from './bootstrap.ts'
import { clustersOf } from './estimated.ts'
import { weightedMean } from './statistics.ts'

const CURVED: GaussianProblem = { slope: 1.3, goal: 0.8, curvature: 0.4 }

describe('of a mean', () => {
  const values = Float64Array.from({ length: 200 }, (_, i) => Math.log((i + 0.5) / 200))
  const statistic = weightedMean(new Float64Array(200).fill(1 / 200), values)
  const clusters = clustersOf([...values.keys()], new Float64Array(200))

  test('is the same for a seed and follows the skewness', () => {
    const interval = bootstrapInterval(statistic, clusters, { seed: 3 })
    expect(bootstrapInterval(statistic, clusters, { seed: 3 })).toEqual(interval)
    expect(bootstrapInterval(statistic, clusters, { seed: 4 })).not.toEqual(interval)
    const { mean } = statistic(null)
    const [below, above] = [mean - interval.low, interval.high - mean]
    // a long tail to the left: the mean may be further left than right; in all about 2 * 1.96 / sqrt(200)
    expect(below).toBeGreaterThan(above)
    expect(below + above).toBeGreaterThan(0.24)
    expect(below + above).toBeLessThan(0.33)
  })

  test('widens with the level', () => {
    const width = (level: number) => {
      const { low, high } = bootstrapInterval(statistic, clusters, { seed: 3, level })
      return high - low
    }
    expect(width(0.99)).toBeGreaterThan(1.2 * width(0.95))
    expect(width(0.8)).toBeLessThan(0.75 * width(0.95))
  })

  test('a constant has an interval of no width', () => {
    const constant = weightedMean(new Float64Array(3).fill(1 / 3), Float64Array.of(2, 2, 2))
    expect(bootstrapInterval(constant, clustersOf([0, 1, 2], [1, 1, 1]), { seed: 0 })).toEqual({ low: 2, high: 2 })
  })

  test.each([{ replicates: 50 }, { level: 1 }, { level: 0 }])('refuses %o', (bad) => {
    expect(() => bootstrapInterval(statistic, clusters, { seed: 0, ...bad })).toThrow(
      expect.objectContaining({ code: 'bootstrap.settings' }),
    )
  })
})

test.each([
  { target: 'guided', gradient: guidedGradient, truth: guidedTruth },
  { target: 'tilt', gradient: tiltGradient, truth: tiltTruth },
])('$target: nominal 95 % intervals from pools that may decide cover: .92 measured', ({ gradient, truth }) => {
  const exact = slopeOf(truth, CURVED, 0.57)
  const seeds = 100
  let covered = 0
  for (let seed = 0; seed < seeds; seed++) {
    // Half of each scale's items are in the next scale too.
    const pool = PathPool.of(
      [0.5, 0.6, 0.7].map((scale, j) =>
        gaussianPaths(CURVED, scale, { count: 340, seed: 5000 + seed, first: 170 * j }),
      ),
    )
    const { estimate, statistic } = gradient(pool, 0.57)
    expect(estimate.effectiveSampleSize).toBeGreaterThan(0.8 * 1020)
    const { low, high } = bootstrapInterval(statistic, pool.paths.clusters, { seed, replicates: 99 })
    if (low < exact && exact < high) covered++
  }
  expect(covered / seeds).toBeGreaterThan(0.86)
})

test('the expansion of bootstrap-t covers skewed means as promised, and lies as it does', () => {
  const [n, alpha] = [400, 0.05]
  let covered = 0
  const repetitions = 600
  for (let seed = 0; seed < repetitions; seed++) {
    // Exponential: mean 1, skewness 2.
    const stream = randomStream({ seed, purpose: 'test' })
    const values = Float64Array.from({ length: n }, () => -Math.log1p(-stream.uniform()))
    const { low, high } = skewedInterval(values, alpha)
    const mean = values.reduce((sum, value) => sum + value, 0) / n
    // The long tail is above: what was seen is too low more often than too high.
    expect(high - mean).toBeGreaterThan(mean - low)
    if (low < 1 && high > 1) covered++
  }
  expect(Math.abs(covered / repetitions - (1 - alpha))).toBeLessThan(
    3.5 * Math.sqrt((alpha * (1 - alpha)) / repetitions),
  )
  expect(skewedInterval(new Float64Array(5).fill(3), alpha)).toEqual({ low: 3, high: 3 })
})
