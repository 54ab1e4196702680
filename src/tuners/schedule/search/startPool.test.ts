/** Where a search may start: every step list and the grid between two ends, each schedule once, within what the model has. */
import { describe, expect, test } from 'vitest'
import type { SamplerName, SamplingSchedule, ToldTimes } from '../../../diffusion/index.ts'
import {
  asExponential,
  noiseSchedule,
  noiseScheduleFromBetas,
  STEP_LISTS,
  samplerSettings,
  samplingSchedule,
  samplingScheduleFrom,
} from '../../../diffusion/index.ts'
import { flowSchedule } from '../../../diffusion/schedules/flowSchedule.ts'
import { SHIFT_LISTS } from '../../../diffusion/schedules/shiftLists.ts'
import type { SamplingPlan } from '../rows.ts'
import type { LearnSettings } from '../settings/index.ts'
import { tinySettings } from '../tiny.fixture.ts'
import { familyFrom, MOST_STARTS, startPool, withStepOf } from './startPool.ts'

const settingsOf = (settings: Partial<LearnSettings> = {}): LearnSettings => ({
  ...tinySettings,
  timesteps: 1000,
  samplingFamily: 'levels',
  start: 'auto',
  ...settings,
})
const cosine = noiseSchedule({ family: 'cosine', timesteps: 1000 })
const linear = noiseSchedule({ family: 'linear', timesteps: 1000 })

const logSnrOf = ({ levels }: SamplingSchedule) => levels.map(({ logSnr }) => logSnr)
const keyOf = (sampling: SamplingSchedule) => `${logSnrOf(sampling)} at ${sampling.times}`

describe.each(['real', 'integer'] as const satisfies ToldTimes[])('told %s times', (told) => {
  test.each([1, 2, 3, 7, 10])(
    '%i steps: each schedule once, rising levels within the range, told what has that level',
    (samplingSteps) => {
      for (const schedule of [cosine, linear]) {
        const pool = startPool(settingsOf({ samplingSteps }), schedule, told)
        expect(new Set(pool.map(({ sampling }) => keyOf(sampling))).size).toBe(pool.length)
        expect(new Set(pool.map(({ name }) => name)).size).toBe(pool.length)
        expect(pool.length).toBeLessThanOrEqual(MOST_STARTS)
        const [cleanest, noisiest] = [schedule.logSnr[0], schedule.logSnr[schedule.timesteps - 1]]
        for (const { name, sampling } of pool) {
          const { times } = sampling
          expect(times.length).toBe(samplingSteps)
          if (told === 'integer') expect(times.every(Number.isInteger), name).toBe(true)
          if (!name.startsWith('log-SNR ')) continue
          for (const [i, logSnr] of logSnrOf(sampling).entries()) {
            expect(logSnr).toBeGreaterThanOrEqual(noisiest - 1e-9)
            expect(logSnr).toBeLessThanOrEqual(cleanest + 1e-9)
            // The told time is the one whose own level this is, to the nearest whole one.
            if (told === 'real') expect(schedule.level(times[i]).logSnr).toBeCloseTo(logSnr, 1)
            const [below, above] = [Math.max(0, times[i] - 1), Math.min(999, times[i] + 1)]
            expect(schedule.level(below).logSnr).toBeGreaterThanOrEqual(logSnr - 1e-9)
            expect(schedule.level(above).logSnr).toBeLessThanOrEqual(logSnr + 1e-9)
          }
        }
      }
    },
  )

  test('every step list that the schedule has is there, under its own name or that of its equal', () => {
    const pool = startPool(settingsOf({ samplingSteps: 5 }), linear, told)
    const keys = new Set(pool.map(({ sampling }) => keyOf(sampling)))
    for (const list of STEP_LISTS) {
      const sampling = samplingScheduleFrom(linear, list, 5, told)
      expect(keys, list).toContain(keyOf(sampling))
    }
  })
})

test('a list of the grid lies between its two ends, bent by its power, as its name says', () => {
  const pool = startPool(settingsOf({ samplingSteps: 4 }), cosine, 'real')
  const grid = pool.filter(({ name }) => name.startsWith('log-SNR '))
  expect(grid.length).toBe(3 * 4 * 3)
  const named = (name: string) => {
    const found = pool.find((point) => point.name === name)
    if (!found) throw new Error(`no ${name}`)
    return logSnrOf(found.sampling)
  }
  for (const [name, bend] of [
    ['log-SNR -6 to 5, bend 0.6', 0.6],
    ['log-SNR -6 to 5, bend 1', 1],
    ['log-SNR -6 to 5, bend 1.7', 1.7],
  ] as const) {
    for (const [i, logSnr] of named(name).entries()) expect(logSnr).toBeCloseTo(-6 + 11 * (i / 3) ** bend, 12)
  }
  // Two steps have nothing between them, so that no bend tells them apart.
  const two = startPool(settingsOf({ samplingSteps: 2 }), cosine, 'real').filter(({ name }) =>
    name.startsWith('log-SNR '),
  )
  expect(two.length).toBe(3 * 4)
  expect(two.map(({ name }) => name)).toContain('log-SNR -9 to 7')
  const one = startPool(settingsOf({ samplingSteps: 1 }), cosine, 'real').filter(({ name }) =>
    name.startsWith('log-SNR '),
  )
  expect(one.map(({ sampling }) => logSnrOf(sampling)[0])).toEqual([-9, -6, -4])
})

test('ends beyond the model are its own ends, and what is left of the grid is there once', () => {
  // From log-SNR -2.6 on.
  const mild = noiseSchedule({ family: 'linear', timesteps: 1000, start: 1e-4, end: 5.2e-3 })
  const noisiest = mild.logSnr[999]
  expect(noisiest).toBeGreaterThan(-4)
  const grid = startPool(settingsOf(), mild, 'real').filter(({ name }) => name.startsWith('log-SNR '))
  expect(grid.length).toBe(4 * 3)
  for (const { sampling } of grid) expect(logSnrOf(sampling)[0]).toBe(noisiest)
  // And one that is never cleaner than log-SNR -0.8.
  const noisy = noiseScheduleFromBetas(Float64Array.from({ length: 40 }, (_, i) => 0.7 + 0.005 * i))
  expect(noisy.logSnr[0]).toBeLessThan(0)
  const left = startPool(settingsOf({ timesteps: 40 }), noisy, 'real').filter(({ name }) => name.startsWith('log-SNR '))
  for (const { sampling } of left) expect(logSnrOf(sampling).at(-1)).toBeLessThanOrEqual(noisy.logSnr[0] + 1e-12)
  expect(left.length).toBe(3 * 3)
})

test('a list that the schedule has too few times for is no start', () => {
  const short = noiseSchedule({ family: 'cosine', timesteps: 6 })
  const pool = startPool(settingsOf({ timesteps: 6, samplingSteps: 6 }), short, 'real')
  expect(pool.length).toBeGreaterThan(1)
  for (const { sampling } of pool) expect(sampling.levels.length).toBe(6)
  expect(pool.map(({ name }) => name)).not.toContain('trailing-clipped')
})

test('starts of a flow are flows, the shifted lists among them, no more than are planned for', () => {
  const flow = flowSchedule(999)
  const pool = startPool(settingsOf({ samplingSteps: 4 }), flow, 'real')
  expect(pool.length).toBeGreaterThan(20)
  expect(pool.length).toBeLessThanOrEqual(MOST_STARTS)
  const names = pool.map(({ name }) => name)
  for (const list of SHIFT_LISTS) expect(names).toContain(list)
  // Its clean end is time 1: time 0 is the image itself.
  const few = startPool(settingsOf({ samplingSteps: 4 }), flowSchedule(5), 'real').filter(({ name }) =>
    name.startsWith('log-SNR '),
  )
  for (const { sampling } of few) expect(logSnrOf(sampling).at(-1)).toBeLessThanOrEqual(2 * Math.log(4) + 1e-9)
  expect(few.length).toBe(3 * 2 * 3)
  for (const { sampling } of pool) {
    for (const { signal, noise } of sampling.levels) expect(signal + noise).toBeCloseTo(1, 12)
  }
})

test('where it is told to start there is no choice: a list by name, what is given, or a family that starts at the model', () => {
  const { sampling } = { sampling: samplingSchedule({ timesteps: 1000, logSnr: [-4, 0, 4], times: [900, 500.5, 100] }) }
  const named = startPool(settingsOf({ samplingSteps: 3, start: 'karras' }), cosine, 'real')
  expect(named).toEqual([{ name: 'karras', sampling: samplingScheduleFrom(cosine, 'karras', 3) }])
  const given = { name: 'mine.json', sampling }
  expect(startPool(settingsOf({ samplingSteps: 3, start: 'given' }), cosine, 'real', given)).toEqual([given])
  for (const other of [{ samplingFamily: 'cosine' }, { learn: 'both', z: true }] as const) {
    const pool = startPool(settingsOf({ samplingSteps: 3, ...other }), cosine, 'real')
    expect(pool).toEqual([{ name: 'trailing', sampling: samplingScheduleFrom(cosine, 'trailing', 3) }])
  }
})

describe('the best default among the starts', () => {
  const settings = settingsOf({ samplingSteps: 4, samplingFamily: 'free', free: ['levels', 'tau', 'weights'] })
  const pool = startPool(settings, cosine, 'real')
  const planOf = (sampler: SamplerName, clippedNoise: 'keep' | 'recompute' = 'recompute'): SamplingPlan => ({
    label: `${sampler}, karras`,
    stepList: 'karras',
    schedule: samplingScheduleFrom(cosine, 'karras', 4),
    settings: samplerSettings({ sampler, clip: [-1, 1], clippedNoise }),
  })

  test.each(['unipc', 'dpm-solver++', 'ddim'] as const)(
    '%s: its own steps, free tau included, beside the lists',
    (sampler) => {
      const plan = planOf(sampler)
      const starts = withStepOf(pool, plan)
      expect(starts.slice(0, -1)).toEqual(pool)
      const own = starts[starts.length - 1]
      expect(own.name).toBe(`${sampler}, karras`)
      const family = familyFrom(settings, cosine, 'real', own.sampling)
      const { solver } = family.toSchedule(family.initial)
      const want = asExponential(plan.settings, plan.schedule)
      // The first step's weight does nothing.
      expect(solver).toEqual({ ...want, weight: [1, ...(want?.weight ?? []).slice(1)] })
    },
  )

  test('a stochastic one gives all starts its noise and weight, and is one of them already', () => {
    const starts = withStepOf(pool, planOf('ddpm'))
    expect(starts.map(({ name }) => name)).toEqual(pool.map(({ name }) => name))
    for (const { sampling } of starts) expect(sampling.solver).toEqual({ tau: [1, 1, 1], weight: [0, 0, 0] })
  })

  test('what is no exponential step, and a single start that was named, change nothing', () => {
    expect(withStepOf(pool, planOf('ddim', 'keep'))).toEqual(pool)
    expect(withStepOf(pool.slice(0, 1), planOf('unipc'))).toEqual(pool.slice(0, 1))
  })
})

test.each(['levels', 'levels+times', 'free'] as const)(
  'a family of %s begins at its start, numbers of the solver included',
  (samplingFamily) => {
    const solver = { tau: [0.4, 0.1], weight: [1, 0.7] }
    const from = samplingSchedule({ timesteps: 1000, logSnr: [-4, 0.5, 4], times: [900, 500.5, 100], solver })
    const settings = settingsOf({
      samplingSteps: 3,
      samplingFamily,
      ...(samplingFamily === 'free' && { free: ['levels', 'tau', 'weights'] }),
    })
    const family = familyFrom(settings, cosine, 'real', from)
    const begun = family.toSchedule(family.initial)
    expect(begun.times).toEqual(from.times)
    for (const [i, logSnr] of logSnrOf(begun).entries()) expect(logSnr).toBeCloseTo(logSnrOf(from)[i], 12)
    expect(begun.solver).toEqual(solver)
  },
)
