import { describe, expect, test } from 'vitest'
import type { NoiseSchedule } from '../../diffusion/index.ts'
import {
  LEARNED_FAMILIES,
  noiseSchedule,
  noiseScheduleFromBetas,
  samplingSchedule,
  samplingScheduleFrom,
} from '../../diffusion/index.ts'
import { atOtherSteps, samplingFamily } from './families.ts'
import type { SamplingFamilyName } from './settings/index.ts'

const STEPS = 8
const levels = ({ levels: all }: ReturnType<typeof samplingScheduleFrom>) => all.map(({ logSnr }) => logSnr)

const cosine = noiseSchedule({ family: 'cosine', timesteps: 200 })
const linear = noiseSchedule({ family: 'linear', timesteps: 1000 })
const shifted = noiseSchedule({ family: 'sigmoid', timesteps: 100, start: -2.5, end: 2.8, tau: 0.9, epsilon: 0.05 })
/** A schedule as a file brings it back: betas rounded to float32, no word of a family. */
const asFile = ({ betas }: NoiseSchedule) => noiseScheduleFromBetas(Float64Array.from(betas, Math.fround))

describe('a family starts at the model’s own levels on the trailing times', () => {
  const cases: [SamplingFamilyName, string, NoiseSchedule][] = [
    ['levels', 'linear', linear],
    ['levels+times', 'linear', linear],
    ['level-power', 'linear', linear],
    ['level-power', 'sigmoid off its defaults', shifted],
    ['cosine', 'cosine', cosine],
    ['cosine', 'cosine, from a file', asFile(cosine)],
    ['linear', 'linear, from a file', asFile(linear)],
    ['sigmoid', 'sigmoid off its defaults', shifted],
  ]

  test.each(cases)('%s on %s', (name, _, schedule) => {
    const family = samplingFamily(name, schedule, STEPS)
    const [start, own] = [family.toSchedule(family.initial), samplingScheduleFrom(schedule, 'trailing', STEPS)]
    expect(start.times).toEqual(own.times)
    levels(start).forEach((logSnr, i) => {
      expect(Math.abs(logSnr - levels(own)[i])).toBeLessThan(0.01)
    })
    expect(family.initial.every((value, i) => value >= family.low[i] && value <= family.high[i])).toBe(true)
  })
})

test('a family may start from another step list, at the model’s levels there', () => {
  for (const name of ['levels', 'levels+times', 'level-power', 'cosine'] as const) {
    const family = samplingFamily(name, cosine, STEPS, 'log-snr-clipped')
    const [start, own] = [family.toSchedule(family.initial), samplingScheduleFrom(cosine, 'log-snr-clipped', STEPS)]
    expect(start.times).toEqual(own.times)
    levels(start).forEach((logSnr, i) => {
      expect(Math.abs(logSnr - levels(own)[i])).toBeLessThan(0.01)
    })
  }
})

test.each(['levels', 'levels+times', 'level-power'] as const)('%s from Karras’ list: its levels and times', (name) => {
  for (const told of ['real', 'integer'] as const) {
    const family = samplingFamily(name, cosine, STEPS, 'karras', told)
    const [start, own] = [family.toSchedule(family.initial), samplingScheduleFrom(cosine, 'karras', STEPS, told)]
    expect(start.times).toEqual(own.times)
    for (const [i, logSnr] of levels(start).entries()) expect(logSnr).toBeCloseTo(levels(own)[i], 9)
  }
})

test('a noise family from Karras’ list: the model’s levels at its times, where the model has them', () => {
  for (const told of ['real', 'integer'] as const) {
    const family = samplingFamily('cosine', cosine, STEPS, 'karras-model', told)
    const { times } = family.toSchedule(family.initial)
    expect(levels(family.toSchedule(family.initial))).toEqual(times.map((time) => cosine.level(time).logSnr))
    const elsewhere = atOtherSteps('cosine', cosine, 5, 'karras-model', told)
    expect(elsewhere?.toSchedule(family.initial).times).toEqual(
      samplingScheduleFrom(cosine, 'karras-model', 5, told).times,
    )
  }
  // sigma 2.2 at the most: nothing there to read the first levels of 80 to .02 from.
  const mild = noiseSchedule({ family: 'linear', timesteps: 1000, start: 1e-4, end: 3.5e-3 })
  expect(() => samplingFamily('linear', mild, STEPS, 'karras')).toThrow(
    expect.objectContaining({
      code: 'learn.samplingFamily',
      kind: 'input',
      message: expect.stringMatching(/karras at 8 steps goes beyond the model's levels.*use level-power or levels/),
    }),
  )
  expect(samplingFamily('levels', mild, STEPS, 'karras').steps).toBe(STEPS)
})

test('a noise family that does not hold the levels is refused, and those that do are named', () => {
  const cases: [SamplingFamilyName, NoiseSchedule, RegExp][] = [
    ['cosine', linear, /use linear or level-power or levels$/],
    ['linear', asFile(cosine), /use cosine or level-power or levels$/],
    ['sigmoid', asFile(shifted), /use level-power or levels$/],
    ['cosine', noiseSchedule({ family: 'cosine', timesteps: 200, tau: 1.3 }), /^$/],
  ]
  for (const [name, schedule, message] of cases.slice(0, 3)) {
    expect(() => samplingFamily(name, schedule, STEPS)).toThrow(
      expect.objectContaining({ code: 'learn.samplingFamily', kind: 'input', message: expect.stringMatching(message) }),
    )
  }
  expect([...samplingFamily(...(cases[3].slice(0, 2) as [SamplingFamilyName, NoiseSchedule]), STEPS).initial]).toEqual([
    0, 1, 1.3, 0.008,
  ])
})

test('at other numbers of steps the times are those of the list on the schedule’s own levels', () => {
  const list = 'log-snr-clipped'
  const vector = Float64Array.of(-3, 3, 0.5, 0)
  const steep = noiseSchedule({ family: 'sigmoid', timesteps: 100, tau: 0.5 })
  const other = atOtherSteps('sigmoid', steep, 5, list)?.toSchedule(vector)
  const own = samplingScheduleFrom(steep, list, 5)
  expect(other?.times).toEqual(own.times)
  expect(other && levels(other)).toEqual(levels(own))
  expect(own.times).not.toEqual(
    samplingScheduleFrom(noiseSchedule({ family: 'sigmoid', timesteps: 100 }), list, 5).times,
  )
})

test('a name that is none is refused with the names there are', () => {
  expect(() => samplingFamily('cosin' as SamplingFamilyName, cosine, STEPS)).toThrow(
    /cosine, .*level-power, shift, free; got 'cosin'/,
  )
})

test('at other numbers of steps: the same parameters on other times, where they mean something there', () => {
  const family = samplingFamily('cosine', cosine, STEPS)
  const vector = Float64Array.of(0.03, 0.97, 1.4, 0.02)
  const other = atOtherSteps('cosine', cosine, 2 * STEPS)?.toSchedule(vector)
  // With twice the trailing steps, every second one is a step of the family's own.
  expect(levels(other ?? family.toSchedule(vector)).filter((_, i) => i % 2 === 0)).toEqual(
    levels(family.toSchedule(vector)),
  )
  // An exponent of the schedule that it started from, which has its own number of steps.
  expect(atOtherSteps('level-power', linear, 5)).toBeNull()
  expect(atOtherSteps('levels', cosine, 4)).toBeNull()
  expect(atOtherSteps('levels+times', cosine, 4)).toBeNull()
  expect(atOtherSteps('free', cosine, 4)).toBeNull()
})

describe('from a schedule of its own', () => {
  const from = samplingSchedule({ timesteps: 200, logSnr: [-5, -1.5, 0.25, 3.5], times: [188, 120.5, 77, 9.25] })

  test.each(LEARNED_FAMILIES.map(({ name, startsAnywhere }) => [name, startsAnywhere] as const))(
    '%s starts there: %s',
    (name, startsAnywhere) => {
      const freed = { from, free: ['levels'], clip: [-1, 1] } as const
      if (!['cosine', 'level-power'].includes(name) && !startsAnywhere) return
      const { times, levels: found } = ((family) => family.toSchedule(family.initial))(
        samplingFamily(name, cosine, 4, 'trailing', 'real', freed),
      )
      const wanted = startsAnywhere ? from : samplingScheduleFrom(cosine, 'trailing', 4)
      expect(times).toEqual(wanted.times)
      for (const [i, { logSnr }] of found.entries()) {
        expect(Math.abs(logSnr - wanted.levels[i].logSnr)).toBeLessThan(startsAnywhere ? 1e-12 : 0.01)
      }
    },
  )
})
