/** Bayesian search on two functions of which the minimum is known, exact and through noise. */
import { describe, expect, test } from 'vitest'
import { randomStream } from '../base/index.ts'
import { logAugmentedImprovement, logExpectedImprovement, normalBelow } from './gaussian/expectedImprovement.ts'
import { fitHyperparameters, GaussianProcess } from './gaussian/process.ts'
import type { KnownFunction } from './knownFunctions.fixture.ts'
import { BRANIN, HARTMANN_6 } from './knownFunctions.fixture.ts'
import { bayesianSearch } from './methods/bayesian.ts'
import { Search } from './study.ts'

/** By how much its true value lies above the minimum where the search ends. */
async function above({ space, f, minimum }: KnownFunction, seed: number, trials: number, noise = 0): Promise<number> {
  const start = space.map(({ low, high }) => low + 0.9 * (high - low))
  const search = new Search(bayesianSearch, { space, seed, start })
  const drawn = randomStream({ seed, purpose: 'test.noise' })
  for (let i = 0; i < trials; i++) {
    const trial = await search.ask()
    if (trial === null || trial === 'wait') throw new Error('it ended')
    const value = f(trial.point) + noise * drawn.normal(new Float64Array(1))[0]
    search.tell(trial.id, { value, standardError: noise > 0 ? noise : null })
  }
  return f(search.best!.point) - minimum
}

describe('Bayesian search', () => {
  test.each([0, 1])('finds the minimum of Branin, 0.397887, to 0.002 in 40 trials, seed %i', async (seed) => {
    expect(await above(BRANIN, seed, 40)).toBeLessThan(0.002)
  })

  test.each([1, 3])('finds it to 0.2 in 60 trials through noise of 1, seed %i', async (seed) => {
    expect(await above(BRANIN, seed, 60, 1)).toBeLessThan(0.2)
  })

  test.each([0, 1, 2])(
    'finds that of Hartmann in six numbers, -3.32237, to 0.002 in 60 trials, seed %i',
    async (seed) => {
      expect(await above(HARTMANN_6, seed, 60)).toBeLessThan(0.002)
    },
  )

  test.each([1])('finds it to 0.1 in 80 trials through noise of 0.1, seed %i', async (seed) => {
    expect(await above(HARTMANN_6, seed, 80, 0.1)).toBeLessThan(0.1)
  })

  test('goes on where a point cannot be measured', async () => {
    const { space, f } = BRANIN
    const search = new Search(bayesianSearch, { space, seed: 1, start: [0, 0] })
    for (let i = 0; i < 25; i++) {
      const trial = await search.ask()
      if (trial === null || trial === 'wait') throw new Error('it ended')
      const value = trial.point[0] > 5 ? Number.POSITIVE_INFINITY : f(trial.point)
      search.tell(trial.id, { value, standardError: null })
    }
    expect(search.best!.outcome!.value).toBeLessThan(2)
  })
})

describe('the Gaussian process', () => {
  const points = [[0.1], [0.35], [0.6], [0.95]]
  const values = [1, -1, 0.5, 2]
  const noise = [1, 1, 1, 1]

  test('goes through exact values, and is unsure between them', () => {
    const at = { logLengths: [Math.log(0.3)], logNoise: Math.log(1e-9) }
    const process = new GaussianProcess({ points, values, noise }, at)
    for (const [i, point] of points.entries()) {
      expect(process.predict(point).mean).toBeCloseTo(values[i], 5)
      expect(process.predict(point).deviation).toBeLessThan(1e-3)
    }
    expect(process.predict([0.8]).deviation).toBeGreaterThan(0.1)
  })

  test('solves the two equations of two points', () => {
    // Mean and variance in closed form: of two values a and b the mean is their middle, the variance (a - b)^2 / (4 (1 - k)).
    const at = { logLengths: [0], logNoise: Math.log(1e-12) }
    const process = new GaussianProcess({ points: [[0], [1]], values: [0, 2], noise: [1, 1] }, at)
    const k = (r: number) => (1 + Math.sqrt(5) * r + (5 * r * r) / 3) * Math.exp(-Math.sqrt(5) * r)
    const own = k(0.25)
    const other = k(0.75)
    expect(process.predict([0.25]).mean).toBeCloseTo(1 - (own - other) / (1 - k(1)), 6)
    const variance = 1 / (1 - k(1))
    const explained = ((own + other) ** 2 / (1 + k(1)) + (own - other) ** 2 / (1 - k(1))) / 2
    expect(process.predict([0.25]).deviation).toBeCloseTo(Math.sqrt(variance * (1 - explained)), 6)
  })

  test('finds the noise that is there', () => {
    const stream = randomStream({ seed: 3, purpose: 'test.fit' })
    const many = Array.from({ length: 80 }, () => [stream.uniform()])
    const deviation = 0.2
    const seen = many.map(([x]) => Math.sin(6 * x) + deviation * stream.normal(new Float64Array(1))[0])
    const observations = { points: many, values: seen, noise: seen.map(() => 1) }
    const process = new GaussianProcess(observations, fitHyperparameters(observations))
    expect(process.noise).toBeGreaterThan(0.7 * deviation)
    expect(process.noise).toBeLessThan(1.4 * deviation)
    expect(Math.abs(process.predict([0.5]).mean - Math.sin(3))).toBeLessThan(0.15)
  })
})

describe('expected improvement', () => {
  test('is the integral that it is the closed form of', () => {
    const [mean, deviation, best] = [0.7, 0.4, 0.2]
    let sum = 0
    for (let z = -8; z < 8; z += 1e-3) {
      const gain = Math.max(0, best - (mean + deviation * z))
      sum += (1e-3 * gain * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI)
    }
    expect(Math.exp(logExpectedImprovement({ mean, deviation }, best))).toBeCloseTo(sum, 6)
  })

  test('has a logarithm where it is 0 itself, joined without a step', () => {
    const at = (z: number) => logExpectedImprovement({ mean: -z, deviation: 1 }, 0)
    expect(at(-60)).toBeLessThan(-1800)
    expect(at(-6.001) - at(-5.999)).toBeCloseTo(-0.002 * 6.3, 2)
    expect(normalBelow(-3)).toBeCloseTo(1.3498980316e-3, 9)
    expect(normalBelow(1.5)).toBeCloseTo(0.9331927987, 8)
  })

  test('through noise a place of which everything is known is worth nothing', () => {
    const known = logAugmentedImprovement({ mean: 0, deviation: 0.01 }, 0, 1)
    const open = logAugmentedImprovement({ mean: 0.5, deviation: 0.5 }, 0, 1)
    expect(known).toBeLessThan(open)
  })
})
