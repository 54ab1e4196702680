/** The trade-off's points: what they are made of, and where particles stop saying anything. */
import { describe, expect, test } from 'vitest'
import { ETA_1, etaOneRecursion, gaussianJob } from '../gaussianJob.fixture.ts'
import { EntropyRun } from '../run.ts'
import { TRUSTED_SHARE } from '../statistics/belief.ts'
import { tradeOff } from './curve.ts'

describe('by particles', () => {
  const job = gaussianJob({
    ...{ a: 1, b: 1, steps: 12, sampler: ETA_1 },
    settings: { target: 'tilt', estimator: 'smc', particles: 256, lambdaRange: [0.15, 4], curvePoints: 5, seed: 3 },
  })
  const { variance } = etaOneRecursion(job.schedule)

  test('a point is trusted where enough starts survive, whatever resampling made of the weights', async () => {
    const { curve } = await tradeOff(new EntropyRun(job), 'smc', 4)
    const [strong, , , , weak] = curve
    expect(curve.map(({ trusted }) => trusted)).toEqual([false, false, true, true, true])
    // All weigh the same after resampling: 4 populations of 256. What they descend from is a handful.
    expect(strong.effectiveSampleSize).toBeLessThan(40)
    expect(weak.effectiveSampleSize).toBeGreaterThan(TRUSTED_SHARE * 4 * 256)
    for (const { lambda, trusted, upper, drawn } of curve) {
      expect(drawn).toBe(true)
      if (!trusted) continue
      // p* is N(s a v, v); four populations, so three degrees of freedom.
      const truth = -((variance / lambda - 1) ** 2 + variance)
      expect(upper.count).toBe(4)
      expect(Math.abs(upper.mean - truth)).toBeLessThan(5.8 * (upper.standardError ?? 0))
    }
  })

  test('errors are between populations, and diversity is measured on those of any phase', async () => {
    const run = new EntropyRun(job)
    const drawn = []
    for (let r = 0; r < 4; r++) drawn.push(await run.draws.particles(1 / 4, r, 'confirm', 'lower'))
    const { tuned } = await tradeOff(run, 'smc', 4)
    const means = drawn.map(({ logWeights, lower }) =>
      lower.reduce((sum, value, i) => sum + Math.exp(logWeights[i]) * value, 0),
    )
    const mean = means.reduce((a, b) => a + b) / 4
    expect(tuned.lower.mean).toBeCloseTo(mean, 12)
    expect(tuned.lower.standardError).toBeCloseTo(
      Math.sqrt(means.reduce((sum, one) => sum + (one - mean) ** 2, 0) / 3 / 4),
      12,
    )
    // Two draws of N(m, v) are 2 sqrt(v/pi) apart.
    expect(Math.abs((tuned.diversity?.mean ?? 0) / (2 * Math.sqrt(variance / Math.PI)) - 1)).toBeLessThan(0.1)
  })
})

test('of paths: drawn means that the guided chain ran there; a tilt is weighted even so', async () => {
  const run = new EntropyRun(
    gaussianJob({ a: 1, b: 1, steps: 3, settings: { lambdaRange: [0.5, 2], curvePoints: 5, curvePaths: 64 } }),
  )
  await run.draws.paths(1, { first: 0, count: 64 }, 'explore', true)
  const { curve } = await tradeOff(run, 'score-function', 1)
  expect(new Set(curve.map(({ target, drawn }) => `${target} ${drawn}`))).toEqual(
    new Set(['guided true', 'tilt false']),
  )
})
