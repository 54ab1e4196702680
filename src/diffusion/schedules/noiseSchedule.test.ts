import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NoiseFamilyName } from './noiseFamilies.ts'
import { NOISE_FAMILIES } from './noiseFamilies.ts'
import { familySchedule, noiseSchedule, noiseScheduleFromBetas, pullBackToParameters } from './noiseSchedule.ts'

interface GoldRow {
  family: NoiseFamilyName
  start: number
  end: number
  tau: number
  epsilon: number
  T: number
  alpha_bar_first: number
  alpha_bar_index_T_half: number
  alpha_bar_last: number
}
const gold = JSON.parse(readFileSync('test/gold/gaussian_ddim.json', 'utf8')) as { rows: GoldRow[] }
const distinct = [...new Map(gold.rows.map((row) => [JSON.stringify([row.family, row.start, row.tau]), row])).values()]
const optionsOf = ({ family, start, end, tau, epsilon, T }: GoldRow) =>
  family === 'linear' ? { family, start, end, timesteps: T } : { family, start, end, tau, epsilon, timesteps: T }
const relative = (a: number, b: number) => Math.abs(a - b) / Math.abs(b)

test.each(distinct)('$family($start, $end, $tau, $epsilon) has the gold levels', (row) => {
  const { alphaBar, logSnr } = noiseSchedule(optionsOf(row))
  expect(relative(alphaBar[0], row.alpha_bar_first)).toBeLessThan(1e-12)
  expect(relative(alphaBar[row.T / 2], row.alpha_bar_index_T_half)).toBeLessThan(1e-11)
  expect(relative(alphaBar[row.T - 1], row.alpha_bar_last)).toBeLessThan(1e-9)
  expect(logSnr.every((value, t) => t === 0 || value < logSnr[t - 1])).toBe(true)
})

const CASES: [NoiseFamilyName, number[]][] = [
  ['cosine', [0.03, 0.97, 1.3, 0.02]],
  ['cosine', [0.2, 1, 0.7, 0.1]], // the last beta is clipped to .999
  ['cosine', [0, 1, 300, 0.008]], // many are, and alphaBar leaves float64
  ['sigmoid', [-3, 3, 0.7, 0.1]],
  ['sigmoid', [-6, 6, 0.15, -0.3]], // 1 - alphaBar starts at e^-40
  ['sigmoid-published', [-1, 2, 0.5, 0.1]],
  ['linear', [2e-4, 0.03]],
  ['linear', [2e-4, 1.5e-1 * 10 - 0.6]], // beta reaches .999 before the end
]

test.each(CASES)('the Jacobian of %s %s is the central difference', (family, parameters) => {
  const timesteps = 60
  const at = (p: number, delta: number) =>
    familySchedule(family, parameters.with(p, parameters[p] + delta), timesteps).logSnr
  const { jacobian, logSnr } = familySchedule(family, parameters, timesteps)
  for (const [p, value] of parameters.entries()) {
    const { low, high } = NOISE_FAMILIES[family].parameters[p]
    const h = 1e-5 * Math.max(Math.abs(value), 0.01)
    if (value - h < low || value + h > high) continue
    const [up, down] = [at(p, h), at(p, -h)]
    const size = Math.max(...jacobian[p].map(Math.abs))
    for (let t = 0; t < timesteps; t++) {
      const difference = (up[t] - down[t]) / (2 * h)
      const rounding = (1e-14 * Math.abs(logSnr[t])) / h
      expect(Math.abs(jacobian[p][t] - difference)).toBeLessThan(1e-6 * size + rounding)
    }
  }
})

test('a cotangent of all levels is pulled back as the Jacobian says', () => {
  const at = (tau: number) => noiseSchedule({ family: 'cosine', start: 0.1, end: 0.9, tau, timesteps: 40 })
  const weights = Float64Array.from({ length: 40 }, (_, t) => Math.sin(3 * t))
  const value = (tau: number) => at(tau).logSnr.reduce((sum, v, t) => sum + weights[t] * v, 0)
  const difference = (value(1.4 + 1e-5) - value(1.4 - 1e-5)) / 2e-5
  expect(pullBackToParameters(at(1.4), weights)[2]).toBeCloseTo(difference, 6)
})

describe('digits at the ends', () => {
  test('the first noise level of the cosine schedule: 1 - cos(b)^2/cos(a)^2 = sin(b-a) sin(a+b)/cos(a)^2', () => {
    const angle = (t: number) => ((t / 4000 + 1e-4) / (1 + 1e-4)) * (Math.PI / 2)
    const { logSnr, level } = noiseSchedule({ family: 'cosine', epsilon: 1e-4, timesteps: 4000 })
    const [a, b] = [angle(0), angle(1)]
    const noise2 = (Math.sin(b - a) * Math.sin(a + b)) / Math.cos(a) ** 2
    expect(relative(level(0).noise ** 2, noise2)).toBeLessThan(1e-11)
    expect(logSnr[0]).toBeCloseTo(Math.log((1 - noise2) / noise2), 9)
  })

  test('tau 100 underflows alphaBar but not the log-SNR', () => {
    const { alphaBar, logSnr, level } = noiseSchedule({ family: 'cosine', tau: 100, timesteps: 1000 })
    expect(alphaBar[999]).toBe(0)
    // log alphaBar at t = 900 in closed form, no beta clipped yet
    const log =
      200 * (Math.log(Math.cos((0.909 / 1.008) * (Math.PI / 2))) - Math.log(Math.cos((0.008 / 1.008) * (Math.PI / 2))))
    expect(relative(logSnr[900], log)).toBeLessThan(1e-12)
    expect(() => level(999)).toThrow(/must lie within ±700/)
  })
})

test('between integer times the log-SNR is a straight line', () => {
  const { level, logSnr } = noiseSchedule({ family: 'cosine', timesteps: 10 })
  expect(level(3.25).logSnr).toBeCloseTo(0.75 * logSnr[3] + 0.25 * logSnr[4], 12)
  expect(() => level(9.5)).toThrow(/must lie in \[0, 9\], got 9.5/)
})

test('a schedule from betas has their cumulative product', () => {
  const { alphaBar, logSnr } = noiseScheduleFromBetas([0.1, 0.5, 0.9])
  for (const [i, value] of [0.9, 0.45, 0.045].entries()) {
    expect(alphaBar[i]).toBeCloseTo(value, 14)
    expect(logSnr[i]).toBeCloseTo(Math.log(value / (1 - value)), 12)
  }
})

describe('what is refused', () => {
  test.each([
    [{ family: 'cosine', start: 0.9, end: 0.5 }, /start must be below end, got start 0.9, end 0.5/],
    [{ family: 'cosine', tau: 0 }, /tau must lie in \[0.01, 1000000\], got 0/],
    [{ family: 'cosine', end: 0 }, /end must lie in \(0, 1\], got 0/],
    [{ family: 'sigmoid', epsilon: Number.NaN }, /epsilon must lie in \[-1, 1\], got NaN/],
    [{ family: 'linear', tau: 1 }, /the linear schedule has no parameter tau; it has start, end/],
    [{ family: 'cubic' }, /is one of cosine, sigmoid, sigmoid-published, linear, got cubic/],
    [{ family: 'cosine', timesteps: 0 }, /timesteps must be an integer of at least 1, got 0/],
  ])('%o', (options, message) => {
    expect(() => noiseSchedule(options as Parameters<typeof noiseSchedule>[0])).toThrow(message)
  })

  test('betas outside [0, 1)', () => {
    expect(() => noiseScheduleFromBetas([0.1, 1])).toThrow(/got 1 at index 1 \(beta 1 is a level without signal/)
    expect(() => noiseScheduleFromBetas([])).toThrow(/at least one beta/)
  })
})

test('anywhere in the tuning boxes the levels fall strictly and the Jacobian is finite', () => {
  const families = Object.keys(NOISE_FAMILIES) as NoiseFamilyName[]
  fc.assert(
    fc.property(
      fc.constantFrom(...families),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
      (family, u) => {
        const rules = NOISE_FAMILIES[family].parameters
        const values = rules.map(({ tuning }, i) => tuning.low + u[i] * (tuning.high - tuning.low))
        const { logSnr, jacobian } = familySchedule(family, values, 50)
        expect(logSnr.every((value, t) => Number.isFinite(value) && (t === 0 || value < logSnr[t - 1]))).toBe(true)
        for (const row of jacobian) expect(row.every(Number.isFinite)).toBe(true)
      },
    ),
    { numRuns: 200, seed: 7 },
  )
})
