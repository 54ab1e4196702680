/** The table of diffusers' classes against the classes themselves: test/gold/schedulerClasses.json. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Chain } from '../samplers/chain.ts'
import { samplerNamed } from '../samplers/samplers.ts'
import type { Level } from '../schedules/level.ts'
import { samplingScheduleAt } from '../schedules/samplingSchedule.ts'
import { roundHalfEven } from '../schedules/stepList.ts'
import { readScheduler } from './diffusersScheduler.ts'
import { FLOW_CLASSES, isSchedulerField, OTHER_CLASSES, SCHEDULER_CLASSES, SOME_FIELDS } from './schedulerClasses.ts'

interface Row {
  readonly config: { readonly _class_name: string; readonly [field: string]: unknown }
}

const gold = JSON.parse(readFileSync('test/gold/schedulerClasses.json', 'utf8')) as {
  readonly defaults: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly levels: readonly (Row & { readonly at: readonly number[]; readonly alphaBar: readonly number[] })[]
  readonly times: readonly (Row & { readonly steps: number; readonly times: readonly number[] })[]
  readonly runs: readonly (Row & { readonly steps: number; readonly images: readonly number[] })[]
}

const read = (config: object) => readScheduler(JSON.stringify(config), 'config.json')
const nameOf = ({ config }: Row) => JSON.stringify(config)

test('every class of diffusers is known: read, or refused by name', () => {
  const known = [SCHEDULER_CLASSES, FLOW_CLASSES, OTHER_CLASSES].flatMap(Object.keys).toSorted()
  expect(known).toEqual(Object.keys(gold.defaults).toSorted())
  for (const _class_name of Object.keys(OTHER_CLASSES)) {
    const refused = expect.objectContaining({
      code: 'scheduler.class',
      message: expect.stringMatching(new RegExp(`^config.json: .*, but ${_class_name} (is|has|goes|shifts|fills) `)),
    })
    expect(() => read({ ...gold.defaults[_class_name], _class_name }), _class_name).toThrow(refused)
  }
})

test.each(Object.entries(SCHEDULER_CLASSES))('%s has the fields and defaults of the class', (name, rule) => {
  const { zeroSnr, spacing, fields, ...rest } = rule
  const own = gold.defaults[name]
  const orNull = (field: string) => (field in own ? own[field] : null)
  expect(rest).toMatchObject({
    betaStart: own.beta_start,
    betaEnd: own.beta_end,
    clipSample: orNull('clip_sample'),
    alphaToOne: orNull('set_alpha_to_one'),
  })
  expect(zeroSnr !== null).toBe('rescale_betas_zero_snr' in own)
  expect(spacing).toBe(own.timestep_spacing ?? 'linspace')
  expect(SOME_FIELDS.filter((field) => fields.includes(field))).toEqual(SOME_FIELDS.filter((field) => field in own))
  expect(Object.keys(own).filter((field) => !isSchedulerField(field))).toEqual([])
  expect(own).toMatchObject({ num_train_timesteps: 1000, beta_schedule: 'linear', prediction_type: 'epsilon' })
  expect({ clip_sample_range: 1, sample_max_value: 1, thresholding: false, steps_offset: 0, ...own }).toMatchObject({
    clip_sample_range: 1,
    sample_max_value: 1,
    thresholding: false,
    steps_offset: 0,
  })
  // A file with the defaults written out is a file without them.
  const [bare, full] = [read({ _class_name: name }), read({ ...own, _class_name: name })]
  const { settings, stepList, notes } = full
  expect({ settings, stepList, notes }).toEqual({ settings: bare.settings, stepList: bare.stepList, notes: bare.notes })
})

test.each(gold.levels.map((row) => [nameOf(row), row] as const))('levels of %s', (_, { config, at, alphaBar }) => {
  const { schedule } = read(config)
  for (const [i, t] of at.entries()) {
    // The class keeps its products in float32: a rounding of alphaBar at each step.
    const tolerance = 1e-6 + 2e-5 * alphaBar[i]
    expect(Math.abs(schedule.alphaBar[t] - alphaBar[i]), `t = ${t}`).toBeLessThan(tolerance)
  }
})

describe('the times of each class', () => {
  const names = Object.keys(SCHEDULER_CLASSES)
  test.each(names)('%s', (name) => {
    const rows = gold.times.filter(({ config }) => config._class_name === name)
    expect(rows.length).toBeGreaterThan(2)
    for (const row of rows) {
      const { config, steps, times } = row
      // Where the class takes fewer times than it was asked for.
      if (times.length < steps) expect(() => read(config).timesOf(steps)).toThrow(/take fewer/)
      else expect(read(config).timesOf(steps), `${nameOf(row)} in ${steps}`).toEqual(times.map(roundHalfEven))
    }
  })

  test('times that the class does not have are refused', () => {
    const offset = read({ _class_name: 'DDIMScheduler', num_train_timesteps: 10, steps_offset: 1 })
    expect(offset.timesOf(5)).toEqual([9, 7, 5, 3, 1])
    expect(() => offset.timesOf(10)).toThrow(/leading of 10 and steps_offset 1.*below 10, got 10 steps/)
    const inner = read({ _class_name: 'UniPCMultistepScheduler', num_train_timesteps: 10, timestep_spacing: 'leading' })
    expect(() => inner.timesOf(10)).toThrow(/take fewer/)
    for (const steps of [0, 11, 2.5]) expect(() => inner.timesOf(steps)).toThrow(/an integer from 1 to 10/)
  })
})

const START = [-2, -1, -0.3, 0.1, 0.7, 1.4, 2.6]
const STD = 0.5

/** Exact for data N(0, STD^2). */
function predicted(kind: string, { signal, noise }: Level, x: Float64Array): Float64Array {
  const variance = signal ** 2 * STD ** 2 + noise ** 2
  return x.map((value) => {
    const [x0, eps] = [(value * signal * STD ** 2) / variance, (value * noise) / variance]
    return kind === 'noise' ? eps : kind === 'sample' ? x0 : signal * eps - noise * x0
  })
}

test.each(gold.runs.map((row) => [`${nameOf(row)}, ${row.steps} steps`, row] as const))(
  'images of %s',
  async (_, { config, steps, images }) => {
    const { schedule, prediction, settings, timesOf } = read(config)
    const sampling = samplingScheduleAt(schedule, timesOf(steps))
    const chain: Chain = {
      schedule: sampling,
      settings,
      prediction,
      start: Float64Array.from(START),
      predict: async (i: number, x: Float64Array | Float32Array, at = i) =>
        predicted(prediction, sampling.levels[at], Float64Array.from(x)),
      noise: (i: number) => Float64Array.from(START, (_, j) => Math.sin(1.7 * i + 0.9 * j + 0.4)),
      remember: () => {},
    }
    const ours = await samplerNamed(settings.sampler).run(chain)
    for (const [j, value] of images.entries()) expect(Math.abs(ours[j] - value), `element ${j}`).toBeLessThan(2e-5)
  },
)
