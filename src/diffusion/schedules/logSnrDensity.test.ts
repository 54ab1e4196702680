/** Densities of log-SNR against their closed forms, and what is told at their levels. */
import { describe, expect, test } from 'vitest'
import { randomStream } from '../../base/index.ts'
import { levelsOfDraw } from '../training/forward.ts'
import { flowSchedule } from './flowSchedule.ts'
import type { DensityName } from './logSnrDensity.ts'
import { DENSITY_NAMES, densityOfTimes, logSnrDensity, slopeOfTime } from './logSnrDensity.ts'
import { noiseSchedule } from './noiseSchedule.ts'
import { timeOfLogSnr } from './sigmaSpacing.ts'

const code = noiseSchedule({ family: 'cosine' })
const codes = { cosine: code, flow: flowSchedule(400) }

/** Shares below x of the uncut densities, by other formulas than the code's. */
const CLOSED: Readonly<Record<DensityName, (x: number) => number>> = {
  laplace: (x) => 0.5 + (Math.sign(x) * (1 - Math.exp(-Math.abs(x)))) / 2,
  // Simpson's rule on 400 pieces.
  normal: (x) => {
    const [from, h] = [-12, (x + 12) / 400]
    const f = (t: number) => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI)
    let sum = f(from) + f(x)
    for (let i = 1; i < 400; i++) sum += (i % 2 === 1 ? 4 : 2) * f(from + i * h)
    return (sum * h) / 3
  },
  uniform: (x) => Math.min(1, Math.max(0, 0.5 + x / 2)),
  cosine: (x) => 0.5 + Math.asin(Math.tanh(x / 2)) / Math.PI,
}

const CASES = DENSITY_NAMES.flatMap((name) =>
  (['cosine', 'flow'] as const).map((of) => ({ name, of, mean: -0.7, width: name === 'uniform' ? 5 : 1.3 })),
)

describe.each(CASES)('$name told in the times of $of', ({ name, of, mean, width }) => {
  const density = logSnrDensity({ name, mean, width, code: codes[of] })

  test('8,000 draws have the stated distribution', () => {
    const draws = Float64Array.from({ length: 8000 }, (_, item) =>
      density.logSnr(randomStream({ seed: 5, purpose: 'level', item }).uniform()),
    ).sort()
    const at = (logSnr: number) => CLOSED[name]((logSnr - mean) / width)
    const [low, high] = [at(density.low), at(density.high)]
    // Kolmogorov's statistic: 1.95 / sqrt(n) is passed by 1 of 1,000. Every tenth draw looks between.
    const gap = draws.reduce((most, value, i) => {
      if (i % 10 !== 0) return most
      const share = (at(value) - low) / (high - low)
      return Math.max(most, Math.abs(share - (i + 0.5) / draws.length))
    }, 0)
    expect(gap).toBeLessThan(1.95 / Math.sqrt(draws.length))
    for (const value of [-3, 0, 2.5]) expect(density.cdf(value)).toBeCloseTo((at(value) - low) / (high - low), 7)
  })

  test('density, distribution and levels are each other’s derivatives and inverses; slopes are differences', () => {
    for (const share of [0.07, 0.35, 0.5, 0.81, 0.98]) {
      const logSnr = density.logSnr(share)
      expect(density.cdf(logSnr)).toBeCloseTo(share, 8)
      const h = 1e-4
      const difference = (density.cdf(logSnr + h) - density.cdf(logSnr - h)) / (2 * h)
      expect(density.density(logSnr)).toBeCloseTo(difference, 3)
      const moved = (dMean: number, dWidth: number) =>
        logSnrDensity({ name, mean: mean + dMean, width: width + dWidth, code: codes[of] }).logSnr(share)
      expect(density.slopes(share).mean).toBeCloseTo((moved(h, 0) - moved(-h, 0)) / (2 * h), 5)
      expect(density.slopes(share).width).toBeCloseTo((moved(0, h) - moved(0, -h)) / (2 * h), 5)
    }
  })

  test('what is told is the real-valued time at which the code has the level', () => {
    const shares = Float64Array.of(0.01, 0.4, 0.5, 0.99)
    const { logSnr, told, signal, noise } = levelsOfDraw(density, { times: new Int32Array(4), shares })
    for (const [i, value] of logSnr.entries()) {
      // A time of 1,000 in float32 is good to 6e-5.
      expect(Math.abs(codes[of].level(told[i]).logSnr - value)).toBeLessThan(2e-3)
      expect(Math.log(signal[i] ** 2 / noise[i] ** 2)).toBeCloseTo(value, 4)
      if (of === 'flow') expect(signal[i] + noise[i]).toBeCloseTo(1, 6)
    }
    expect(Array.from(told).some((time) => !Number.isInteger(time))).toBe(true)
  })

  test('the ends of the draws are levels too', () => {
    for (const share of [0, 1 - 2 ** -53]) {
      const value = density.logSnr(share)
      expect(value >= density.low && value <= density.high).toBe(true)
    }
  })
})

test.each(Object.entries(codes))('even times of %s have the density of times', (_, schedule) => {
  const first = schedule.path === 'flow' ? 1 : 0
  const last = schedule.timesteps - 1
  for (const logSnr of [-6, -1, 0.03, 4]) {
    const h = 1e-5
    const [later, sooner] = [-h, h].map((step) => timeOfLogSnr(schedule, logSnr + step))
    const slope = (later - sooner) / (2 * h)
    expect(slopeOfTime(schedule, logSnr)).toBeCloseTo(slope, 4)
    expect(densityOfTimes(schedule, logSnr)).toBeCloseTo(slope / (last - first), 7)
  }
})

test('the cosine density at mean 0 and width 1 is that of the cosine schedule’s even times', () => {
  const own = logSnrDensity({ name: 'cosine', code })
  // epsilon .008 and the clipped betas aside.
  for (const logSnr of [-5, -2, 0, 1.5, 4])
    expect(Math.abs(own.density(logSnr) / densityOfTimes(code, logSnr) - 1)).toBeLessThan(0.03)
})

test.each<[object, RegExp]>([
  [{ name: 'cauchy' }, /is one of laplace, normal, uniform, cosine, got cauchy/],
  [{ name: 'normal', width: 0 }, /needs a width above 0, got 0/],
  [{ name: 'normal', width: Number.POSITIVE_INFINITY }, /needs a width above 0/],
  [{ name: 'laplace', mean: Number.NaN }, /needs a finite mean, got NaN/],
  [{ name: 'laplace', mean: 12 }, /must lie within the log-SNRs \[-19\.\d+, 10\.\d+\].*mean 12.*9\d % is beyond/],
  [{ name: 'uniform', width: 40 }, /beyond; move its mean, or narrow it/],
])('%j is refused', (options, message) => {
  const make = () => logSnrDensity({ ...(options as { name: DensityName }), code })
  expect(make).toThrow(expect.objectContaining({ code: 'schedule.density', kind: 'input' }))
  expect(make).toThrow(message)
})

test('a code that never reaches noise carries no density about 0', () => {
  const weak = noiseSchedule({ family: 'sigmoid-published' })
  expect(() => logSnrDensity({ name: 'laplace', code: weak })).toThrow(/that the network can be told/)
})
