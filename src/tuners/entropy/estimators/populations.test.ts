/** Populations of N(0, 1) with r2 = a u and r1 = -(u - b)^2 against closed forms: p* = N(s a, 1). */
import { describe, expect, test } from 'vitest'
import { logSumExp, randomStream } from '../../../base/index.ts'
import { itemValues } from '../statistics/estimated.ts'
import { meanOf } from './gradientCurve.ts'
import type { OfPopulations, Population } from './populations.ts'
import { penaltyGradientOf, penaltyObjectiveOf, tiltGradientOf, tiltObjectiveOf } from './populations.ts'

const [A, B, GAMMA] = [0.8, 1.3, 4]
const r1 = (u: number) => -((u - B) ** 2)
const r2 = (u: number) => A * u

/** What is chased: r2, or r2 + r1/gamma. */
const LOWER = r2
const PENALISED = (u: number) => r2(u) + r1(u) / GAMMA

/** One population: images u of given log masses (sum 1) under p0, weighted by e^(s h). */
function populationOf(
  u: Float64Array,
  logMass: (i: number) => number,
  s: number,
  h: (u: number) => number,
): Population {
  const logWeights = u.map((value, i) => logMass(i) + s * h(value))
  const logZ = logSumExp(logWeights)
  return { logWeights: logWeights.map((value) => value - logZ), logZ, upper: u.map(r1), lower: u.map(r2) }
}

/** p0 itself, by quadrature. */
function exact(s: number, h: (u: number) => number): Population {
  const u = Float64Array.from({ length: 1601 }, (_, i) => -8 + i / 100)
  return populationOf(u, (i) => Math.log(0.01) - (u[i] ** 2 + Math.log(2 * Math.PI)) / 2, s, h)
}

/** `count` populations of `size` images drawn from p0. */
function drawn(s: number, h: (u: number) => number, { count, size, seed }: Record<'count' | 'size' | 'seed', number>) {
  return Array.from({ length: count }, (_, item) => {
    const u = randomStream({ seed, purpose: 'test', item }).normal(new Float64Array(size))
    return populationOf(u, () => -Math.log(size), s, h)
  })
}

/** F_gamma(lambda) of the Gaussian problem, s = 1/lambda. */
function penaltyValue(s: number): number {
  const c = s / GAMMA
  const logZ = -Math.log(1 + 2 * c) / 2 + (2 * c * B + s * A) ** 2 / (2 * (1 + 2 * c)) - c * B * B
  return (GAMMA / s) * ((s * A) ** 2 / 2 - logZ)
}

/** Its derivative in log lambda = -log s. */
const penaltySlope = (s: number) => -(penaltyValue(s * Math.exp(1e-4)) - penaltyValue(s * Math.exp(-1e-4))) / 2e-4

/** F and F' of the tilt: E r1 = -((s a - b)^2 + 1). */
const tiltValue = (s: number) => (s * A - B) ** 2 + 1
const tiltSlope = (s: number) => -2 * s * A * (s * A - B)

const TARGETS = [
  { of: 'F of the tilt', truth: tiltValue, found: (y: Population[]) => tiltObjectiveOf(y) },
  {
    of: 'F’ of the tilt',
    truth: tiltSlope,
    found: (y: Population[], _z: Population[], s: number) => tiltGradientOf(y, s),
  },
  {
    of: 'F of the penalty',
    truth: penaltyValue,
    found: (y: Population[], z: Population[], s: number) => penaltyObjectiveOf(y, z, s, GAMMA),
  },
  {
    of: 'F’ of the penalty',
    truth: penaltySlope,
    found: (y: Population[], z: Population[], s: number) => penaltyGradientOf(y, z, s, GAMMA),
  },
]

describe.each(TARGETS)('$of', ({ truth, found }) => {
  test.each([0.3, 1, 2.2])('is the closed form, by quadrature: s = %f', (s) => {
    const one = found([exact(s, LOWER)], [exact(s, PENALISED)], s)
    expect(one.mean).toBeCloseTo(truth(s), 6)
    expect(one.influence).toHaveLength(1)
    // Two that are the same say the same, and neither moves it.
    const twice = found([exact(s, LOWER), exact(s, LOWER)], [exact(s, PENALISED), exact(s, PENALISED)], s)
    expect(twice.mean).toBeCloseTo(one.mean, 10)
    for (const value of twice.influence) expect(value).toBeCloseTo(0, 10)
    expect(twice.effective).toBeCloseTo(2, 10)
  })

  test('many populations of few particles come to it within their error, where each alone is biased', () => {
    const s = 0.5
    const sizes = { count: 3000, size: 4, seed: 1 }
    const [y, z] = [drawn(s, LOWER, sizes), drawn(s, PENALISED, { ...sizes, seed: 2 })]
    const { standardError, mean } = meanOf(valuesOf(found(y, z, s)))
    expect(Math.abs(mean - truth(s))).toBeLessThan(3.5 * standardError)
    const alone = meanOf(Float64Array.from(y, (one, i) => found([one], [z[i]], s).mean))
    expect(Math.abs(alone.mean - truth(s))).toBeGreaterThan(5 * alone.standardError)
  })

  test('a number per population: their mean is the value, their spread its error over seeds', () => {
    const s = 0.7
    const repeated = Array.from({ length: 80 }, (_, seed) => {
      const sizes = { count: 24, size: 32 }
      const one = found(drawn(s, LOWER, { ...sizes, seed }), drawn(s, PENALISED, { ...sizes, seed: seed + 1000 }), s)
      const { mean, standardError } = meanOf(valuesOf(one))
      expect(mean).toBeCloseTo(one.mean, 10)
      return { mean, standardError }
    })
    const spread = meanOf(Float64Array.from(repeated, ({ mean }) => mean)).standardError * Math.sqrt(80)
    const told = Math.sqrt(repeated.reduce((sum, { standardError }) => sum + standardError ** 2, 0) / 80)
    expect(told / spread).toBeGreaterThan(0.75)
    expect(told / spread).toBeLessThan(1.3)
  })
})

const valuesOf = (one: OfPopulations) => itemValues(one, one.influence.length)

test('populations count by their share of Z', () => {
  const [one] = drawn(1, LOWER, { count: 1, size: 8, seed: 3 })
  const thrice = { ...one, logZ: one.logZ + Math.log(3), upper: one.upper.map((value) => value - 2) }
  const { mean, effective } = tiltObjectiveOf([one, thrice])
  // 1/(1/16 + 9/16).
  expect(effective).toBeCloseTo(1.6, 10)
  expect(mean).toBeCloseTo(tiltObjectiveOf([one]).mean + 0.75 * 2, 10)
  // Of two tilts the fewer.
  expect(penaltyGradientOf([one, one], [one, thrice], 1, GAMMA).effective).toBeCloseTo(1.6, 10)
})

test('a Z too large for a number is weighed in logarithms', () => {
  const [one, other] = drawn(1, LOWER, { count: 2, size: 8, seed: 4 })
  const far = [one, other].map((population) => ({ ...population, logZ: population.logZ + 5000 }))
  expect(tiltGradientOf(far, 1).mean).toBeCloseTo(tiltGradientOf([one, other], 1).mean, 8)
  expect(tiltGradientOf(far, 1).effective).toBeCloseTo(tiltGradientOf([one, other], 1).effective, 8)
})
