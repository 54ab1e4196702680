/** Levels spaced in sigma and the times told there, against the formula in sigma and against diffusers' own. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readScheduler } from '../files/diffusersScheduler.ts'
import { exportScheduler, readersOf } from '../files/export.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { noiseSchedule, noiseScheduleFromBetas } from './noiseSchedule.ts'
import { samplingScheduleFrom } from './samplingSchedule.ts'
import { SIGMA_LISTS } from './sigmaSpacing.ts'

interface Case {
  readonly betas: { readonly schedule: string; readonly start: number; readonly end: number }
  readonly sigmas: readonly number[]
  readonly timesteps: readonly number[]
}
const gold = JSON.parse(readFileSync('test/gold/ddpm_karras.json', 'utf8')) as { readonly karras: readonly Case[] }

const sigmasOf = (levels: readonly { readonly signal: number; readonly noise: number }[]) =>
  levels.map(({ signal, noise }) => noise / signal)

const expectNear = (got: readonly number[], wanted: readonly number[], relative: number) => {
  expect(got.length).toBe(wanted.length)
  for (const [i, value] of got.entries()) expect(Math.abs(value / wanted[i] - 1)).toBeLessThan(relative)
}

test.each(gold.karras)(
  'over the model’s own range: sigmas and told times of diffusers, $sigmas.length steps',
  (one) => {
    const { schedule, start, end } = one.betas
    const text = JSON.stringify({ beta_schedule: schedule, beta_start: start, beta_end: end })
    const noise = readScheduler(text, 'the gold').schedule
    const { levels, times } = samplingScheduleFrom(noise, 'karras-model', one.sigmas.length)
    expectNear(sigmasOf(levels), one.sigmas, 2e-4)
    for (const [i, time] of times.entries()) expect(Math.abs(time - one.timesteps[i])).toBeLessThan(0.02)
  },
)

test('the paper’s range is 80 to .02; the model’s own is cut at 80, which a cosine schedule needs', () => {
  const cosine = noiseSchedule({ family: 'cosine' })
  const own = [cosine.level(999), cosine.level(0)].map(({ signal, noise }) => noise / signal)
  expect(own[0]).toBeGreaterThan(1e4)
  const rule = (max: number, min: number) =>
    Array.from({ length: 6 }, (_, i) => (max ** (1 / 7) + (i / 5) * (min ** (1 / 7) - max ** (1 / 7))) ** 7)
  expectNear(sigmasOf(samplingScheduleFrom(cosine, 'karras', 6).levels), rule(80, 0.02), 1e-12)
  expectNear(sigmasOf(samplingScheduleFrom(cosine, 'karras-model', 6).levels), rule(80, own[1]), 1e-12)
  const even = (max: number, min: number) => Array.from({ length: 6 }, (_, i) => max * (min / max) ** (i / 5))
  expectNear(sigmasOf(samplingScheduleFrom(cosine, 'exponential', 6).levels), even(80, 0.02), 1e-12)
  expectNear(sigmasOf(samplingScheduleFrom(cosine, 'exponential-model', 6).levels), even(80, own[1]), 1e-12)
  const one = samplingScheduleFrom(cosine, 'karras', 1)
  expectNear(sigmasOf(one.levels), [80], 1e-12)
})

test('each level is told the time that has it; beyond the model’s levels, the last of its times', () => {
  const cosine = noiseSchedule({ family: 'cosine' })
  for (const name of SIGMA_LISTS) {
    const { levels, times } = samplingScheduleFrom(cosine, name, 9)
    for (const [i, time] of times.entries()) expect(cosine.level(time).logSnr).toBeCloseTo(levels[i].logSnr, 9)
    expect(times.some((time) => !Number.isInteger(time))).toBe(true)
  }
  // sigma 9.95 to .1005: the first two of five levels and the last one lie outside.
  const narrow = noiseScheduleFromBetas([0.01, 0.3, 0.5, 0.6, 0.9289])
  const { levels, times } = samplingScheduleFrom(narrow, 'karras', 5)
  expectNear(sigmasOf(levels.slice(0, 1)), [80], 1e-12)
  expect([times[0], times[1], times[4]]).toEqual([4, 4, 0])
  expect(times[2]).toBeGreaterThan(times[3])
})

test('a first beta of 0 is no level of Karras’ range', () => {
  const { levels, times } = samplingScheduleFrom(noiseScheduleFromBetas([0, 0.01, 0.2, 0.5, 0.9]), 'karras-model', 3)
  expectNear(sigmasOf(levels.slice(2)), [Math.sqrt(0.01 / 0.99)], 1e-9)
  expect(times[2]).toBe(1)
})

test('a network of integer times is told the nearest, each once, at the same levels; diffusers can be told those', () => {
  const cosine = noiseSchedule({ family: 'cosine' })
  for (const steps of [3, 10, 25]) {
    const real = samplingScheduleFrom(cosine, 'karras', steps)
    const integer = samplingScheduleFrom(cosine, 'karras', steps, 'integer')
    expect(integer.levels).toEqual(real.levels)
    expect(new Set(integer.times).size).toBe(steps)
    const settings = samplerSettings({ sampler: 'dpm-solver++' })
    const { config, timesteps } = exportScheduler({ schedule: integer, settings, prediction: 'noise' })
    expect(timesteps).toEqual(integer.times)
    const { float32 } = readersOf(config.trained_betas as number[])
    for (const [i, time] of integer.times.entries()) {
      expect(Math.log(float32[time] / (1 - float32[time]))).toBeCloseTo(integer.levels[i].logSnr, 2)
    }
  }
  const ten = samplingScheduleFrom(cosine, 'karras', 10)
  samplingScheduleFrom(cosine, 'karras', 10, 'integer').times.forEach((time, i) => {
    // Half a step, and what log-SNR bends within one.
    expect(Math.abs(time - ten.times[i])).toBeLessThan(0.6)
  })
})

test('on any schedule, at any number of steps: levels rise, told times lie in range and do not rise', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...SIGMA_LISTS),
      fc.constantFrom('real' as const, 'integer' as const),
      fc.constantFrom('cosine' as const, 'sigmoid' as const, 'linear' as const),
      fc.integer({ min: 2, max: 400 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (name, told, family, timesteps, u) => {
        const steps = 1 + Math.floor(u * (timesteps - 1))
        const schedule = noiseSchedule({ family, timesteps })
        // Throws on levels or times out of order.
        const { levels, times } = samplingScheduleFrom(schedule, name, steps, told)
        expect([levels.length, times.length]).toEqual([steps, steps])
        expect(levels[0].logSnr).toBeGreaterThanOrEqual(-2 * Math.log(80))
      },
    ),
    { numRuns: 200, seed: 4 },
  )
})
