/** A schedule of one number of steps read at another, against numbers found by hand. */
import { describe, expect, test } from 'vitest'
import { noiseSchedule, samplingSchedule } from '../../diffusion/index.ts'
import type { Job } from './job.ts'
import { neighbourOf, resampled } from './neighbour.ts'
import type { LearnSettings } from './settings/index.ts'
import { tinyNetwork, tinySettings, tinyState } from './tiny.fixture.ts'

const THREE = samplingSchedule({ timesteps: 100, logSnr: [-6, -1, 5], times: [95, 60.5, 10] })
const logSnrOf = ({ levels }: typeof THREE) => levels.map(({ logSnr }) => logSnr)

describe('everything is read straight between the steps, the ends kept', () => {
  test('levels and told times at more steps, at fewer, and at as many', () => {
    const five = resampled(THREE, 5, false)
    expect(logSnrOf(five)).toEqual([-6, -3.5, -1, 2, 5])
    expect(five.times).toEqual([95, 77.75, 60.5, 35.25, 10])
    expect(five.timesteps).toBe(100)
    const two = resampled(five, 2, false)
    expect([logSnrOf(two), two.times]).toEqual([
      [-6, 5],
      [95, 10],
    ])
    const four = resampled(five, 4, false)
    for (const [i, wanted] of [-6, -6 + 2.5 * (4 / 3), -1 + 3 * (2 / 3), 5].entries()) {
      expect(logSnrOf(four)[i]).toBeCloseTo(wanted, 12)
    }
    expect(resampled(THREE, 3, false)).toEqual(THREE)
  })

  test('a network of integer times is told integers', () => {
    expect(resampled(THREE, 5, true).times).toEqual([95, 78, 61, 35, 10])
  })

  test('numbers of the exponential step: those of a step by steps, those between by gaps; the history stays behind', () => {
    const solver = {
      tau: [0.2, 0.6],
      weight: [1, 0.5],
      scale: [1.1, 1, 0.9],
      clipBounds: [2, 1, 1.5],
      output: -0.25,
      history: [[], [0.125]],
    }
    const from = samplingSchedule({ timesteps: 100, logSnr: [-6, -1, 5], times: [95, 60, 10], solver })
    const found = resampled(from, 5, false).solver
    expect(Object.keys(found ?? {}).toSorted()).toEqual(['clipBounds', 'output', 'scale', 'tau', 'weight'])
    const close = (values: readonly number[] | undefined, wanted: readonly number[]) => {
      expect(values?.length).toBe(wanted.length)
      for (const [i, value] of wanted.entries()) expect(values?.[i]).toBeCloseTo(value, 12)
    }
    close(found?.tau, [0.2, 0.2 + 0.4 / 3, 0.2 + 0.8 / 3, 0.6])
    close(found?.weight, [1, 1 - 0.5 / 3, 1 - 1 / 3, 0.5])
    close(found?.scale, [1.1, 1.05, 1, 0.95, 0.9])
    close(found?.clipBounds, [2, 1.5, 1, 1.25, 1.5])
    expect(found?.output).toBe(-0.25)
    expect(resampled(THREE, 5, false)).not.toHaveProperty('solver')
  })

  test('a flow stays a flow', () => {
    const flow = samplingSchedule({ timesteps: 100, logSnr: [-6, -1, 5], times: [95, 60, 10], path: 'flow' })
    for (const { signal, noise } of resampled(flow, 7, false, 'flow').levels) expect(signal + noise).toBeCloseTo(1, 12)
  })
})

describe('as a start', () => {
  const schedule = noiseSchedule({ family: 'cosine', timesteps: 100 })
  const jobOf = (settings: Partial<LearnSettings>) =>
    ({
      subject: { kind: 'pretrained', network: tinyNetwork, state: tinyState(), schedule },
      schedule,
      settings: {
        ...tinySettings,
        timesteps: 100,
        samplingFamily: 'levels',
        start: 'auto',
        samplingSteps: 5,
        ...settings,
      },
    }) as unknown as Job
  const learned = { schedules: { sampling: THREE } }

  test('it is called after its number of steps', () => {
    const wanted = { name: 'learned at 3 steps', sampling: resampled(THREE, 5, false) }
    expect(neighbourOf(jobOf({}), learned)).toEqual([wanted])
  })

  test('there is none where nothing may start anywhere, or of a single step', () => {
    for (const settings of [{ samplingFamily: 'cosine' }, { start: 'trailing' }, { samplingSteps: 1 }] as const) {
      expect(neighbourOf(jobOf(settings), learned)).toEqual([])
    }
    const one = samplingSchedule({ timesteps: 100, logSnr: [-2], times: [80] })
    expect(neighbourOf(jobOf({}), { schedules: { sampling: one } })).toEqual([])
  })
})
