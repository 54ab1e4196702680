/** Exported configs, read by independent implementations of diffusers' rules, give the images of our own samplers. */
import { describe, expect, test } from 'vitest'
import type { Denoiser, Images } from '../denoiser.ts'
import { imagesOf } from '../samplers/anyBatch.ts'
import { sample, startNoise, stepNoise } from '../samplers/sample.ts'
import type { SamplerSettings } from '../samplers/settings.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { noiseParameterFamily } from '../schedules/families/noiseParameters.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import { samplingSchedule, samplingScheduleFrom } from '../schedules/samplingSchedule.ts'
import { stepList } from '../schedules/stepList.ts'
import { readScheduler } from './diffusersScheduler.ts'
import { exportScheduler, exportTrainingSchedule, readersOf, trainedBetas } from './export.ts'
import type { Config, Loop } from './exportRules.fixture.ts'
import { asRead, cumulative, loopByRule, numpyTrailing, solverByRule } from './exportRules.fixture.ts'
import { exportForms, exportSteps } from './exportSteps.ts'

/** Some nonlinear network that minds the time it is told, and is not exact for anything. */
const network: Denoiser = {
  prediction: 'noise',
  times: 'real',
  imageShape: [1, 4, 4],
  differentiable: false,
  async predict(x, time) {
    const out = Float32Array.from(x.data, (v) => predictNoise(v, time))
    return imagesOf(out, x.shape[0], [1, 4, 4])
  },
  vjp: () => Promise.reject(new Error('not needed')),
}
const predictNoise = (x: number, time: number) => x * Math.sin(time / 700 + 0.1) + 0.3 * Math.cos(3 * x - time / 90)

const START = startNoise({ imageShape: [1, 4, 4], count: 32, seed: 12 })

/** The same network, start and noise for the rules. */
const loopTold = (told: readonly number[]): Loop => ({
  start: START.data,
  predict: (x, i) => predictNoise(x, told[i]),
  noise: (step) => stepNoise(new Float64Array(START.data.length), { count: 32, seed: 0, firstItem: 0, step }),
})

/** DDIMScheduler: trailing times, previous time t - T // N, set_alpha_to_one, clipped x0, noise kept, eta 0. */
function ddimByRule(config: Config, steps: number): Float32Array {
  const alphaBar = cumulative(config)
  const T = config.num_train_timesteps
  const clip = config.clip_sample ? config.clip_sample_range! : Number.POSITIVE_INFINITY
  let x = Float32Array.from(START.data)
  for (let time = T - 1; time >= 0; time -= T / steps) {
    const previous = time - Math.floor(T / steps)
    const a = alphaBar[time]
    const b = previous >= 0 ? alphaBar[previous] : 1
    x = x.map((v) => {
      const eps = predictNoise(v, time)
      const clean = Math.max(-clip, Math.min(clip, (v - Math.sqrt(1 - a) * eps) / Math.sqrt(a)))
      return Math.sqrt(b) * clean + Math.sqrt(1 - b) * eps
    })
  }
  return x
}

async function ours(schedule: SamplingSchedule, settings: SamplerSettings): Promise<Images> {
  return (await sample({ denoiser: network, schedule, settings, start: START, seed: 0 })).images
}

const farthest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from({ length: a.length }, (_, i) => Math.abs(a[i] - b[i])))

/** Relative error of alphaBar left by float32: a few roundings of the product, and one of 1 - beta where beta nears 1. */
const roundingOf = (beta: number) => 3e-7 + 2 ** -24 / (1 - beta)

const LEARNED: [string, SamplingSchedule][] = [
  [
    'four cosine parameters, 10 steps',
    noiseParameterFamily({ family: 'cosine', steps: 10 }).toSchedule([0.03, 1, 1.41, 0.004]),
  ],
  [
    'free levels, 5 steps',
    samplingSchedule({
      timesteps: 1000,
      logSnr: [-9.3, -3.1, -2.9, 0.4, 5.2],
      times: [999, 799, 599, 399, 199],
    }),
  ],
  ['one step', samplingSchedule({ timesteps: 1000, logSnr: [-3], times: [999] })],
  ['an uncommon T', samplingScheduleFrom(noiseSchedule({ family: 'sigmoid', timesteps: 60 }), 'trailing', 20)],
]

describe.each(LEARNED)('%s', (_, schedule) => {
  test('both float32 and float64 running products of the float32 betas hit the levels', () => {
    const betas = trainedBetas(schedule)
    expect(betas.every((beta) => beta >= 0 && beta < 1 && Math.fround(beta) === beta)).toBe(true)
    for (const reader of Object.values(readersOf(betas))) {
      for (const [i, { signal }] of schedule.levels.entries()) {
        expect(Math.abs(reader[schedule.times[i]] / signal ** 2 - 1)).toBeLessThan(roundingOf(betas[schedule.times[i]]))
      }
    }
  })

  test.each([[-1, 1], null] as const)('DDIMScheduler, clip %o: our images within 1e-3', async (...range) => {
    const clip = range.length === 2 ? ([-1, 1] as const) : null
    const settings = samplerSettings({ clip })
    const { config, timesteps } = exportScheduler({ schedule, settings, prediction: 'noise' })
    expect(timesteps).toBeNull()
    const theirs = ddimByRule(asRead(config), schedule.levels.length)
    const { data } = await ours(schedule, settings)
    const size = Math.max(1, ...data.map(Math.abs))
    expect(farthest(theirs, data) / size).toBeLessThan(1e-3)
  })

  test('DPMSolverMultistepScheduler: our images within 1e-3', async () => {
    const settings = samplerSettings({ sampler: 'dpm-solver++' })
    const { config, timesteps } = exportScheduler({ schedule, settings, prediction: 'noise' })
    expect(timesteps).toBeNull()
    const { data } = await ours(schedule, settings)
    expect(farthest(solverByRule(asRead(config), schedule.times, loopTold(schedule.times)), data)).toBeLessThan(1e-3)
  })
})

test('free integer times export to DPM-Solver++ as `timesteps`', async () => {
  const schedule = samplingSchedule({ timesteps: 1000, logSnr: [-7, -2, 0.5, 4], times: [981, 640, 399, 58] })
  const settings = samplerSettings({ sampler: 'dpm-solver++' })
  const { config, timesteps } = exportScheduler({ schedule, settings, prediction: 'noise' })
  expect(timesteps).toEqual([981, 640, 399, 58])
  expect(
    farthest(solverByRule(asRead(config), timesteps!, loopTold(timesteps!)), (await ours(schedule, settings)).data),
  ).toBeLessThan(1e-3)
})

test('an exported config reads back as the same levels, sampler, clipping and step list', () => {
  const [, schedule] = LEARNED[0]
  for (const settings of [samplerSettings(), samplerSettings({ sampler: 'dpm-solver++' })]) {
    const { config } = exportScheduler({ schedule, settings, prediction: 'velocity' })
    const read = readScheduler(JSON.stringify(config), 'scheduler_config.json')
    expect(read.notes).toEqual([])
    expect(read.settings).toEqual(settings)
    expect(read.prediction).toBe('velocity')
    const again = samplingScheduleFrom(read.schedule, read.stepList, 10)
    expect(again.times).toEqual(schedule.times)
    for (const [i, { logSnr }] of schedule.levels.entries()) expect(again.levels[i].logSnr).toBeCloseTo(logSnr, 4)
  }
})

test('a training schedule exports all its levels', () => {
  const schedule = noiseSchedule({ family: 'cosine', tau: 1.3 })
  const config = asRead(exportTrainingSchedule(schedule, 'noise'))
  const { float32, float64 } = readersOf(config.trained_betas)
  for (const [t, alphaBar] of schedule.alphaBar.entries()) {
    const tolerance = roundingOf(config.trained_betas[t])
    expect(Math.abs(float32[t] / alphaBar - 1)).toBeLessThan(tolerance)
    expect(Math.abs(float64[t] / alphaBar - 1)).toBeLessThan(tolerance)
  }
})

describe('told times', () => {
  const at = (steps: number, timesteps: number, sampler: SamplerSettings['sampler']) => {
    const times = stepList('trailing', noiseSchedule({ family: 'linear', timesteps }), steps)
    const schedule = samplingSchedule({ timesteps, logSnr: times.map((_, i) => -6 + (9 * i) / steps), times })
    return {
      times,
      forms: exportForms({ schedule, settings: samplerSettings({ sampler, clip: null }), prediction: 'noise' }),
    }
  }

  test('61 of 1000 would be 62: the schedule gives its own', () => {
    expect([numpyTrailing(1000, 61).length, numpyTrailing(1000, 61).at(-1)]).toEqual([62, -1])
    for (const sampler of ['ddpm', 'dpm-solver++'] as const) {
      const { times, forms } = at(61, 1000, sampler)
      expect(forms.plain?.timesteps).toEqual(times)
    }
    const { times, forms } = at(61, 1000, 'ddim')
    expect(forms.plain).toBeNull()
    expect(forms.reason).toContain('DDIMScheduler takes no list of times')
    expect(forms.steps).toMatchObject({ told: times, config: { num_train_timesteps: 61 } })
  })

  test.each([60, 100, 1000, 1024])('without a list only where diffusers takes the same ones: all counts of %i', (T) => {
    const counts =
      T > 100
        ? [1, 48, 49, 61, 96, 98, 103, 112, 121, 128, 200, 201, 250, 333, 999, T]
        : Array.from({ length: T }, (_, i) => i + 1)
    for (const N of counts) {
      const { times, forms } = at(N, T, 'dpm-solver++')
      expect(forms.plain?.timesteps ?? numpyTrailing(T, N)).toEqual(times)
      expect(forms.plain?.timesteps === null).toBe(T % N === 0)
    }
  })
})

/** Times that the scheduler names after set_timesteps(N). */
const trailingOf = (config: object, steps: number) => numpyTrailing(asRead(config).num_train_timesteps, steps)

describe('the levels alone, in a loop', () => {
  const schedule = samplingSchedule({
    timesteps: 1000,
    logSnr: [-7, -3.1, -2, 0.5, 4],
    times: [981.5, 640, 640, 399.25, 58],
  })
  test.each<[string, Partial<SamplerSettings>]>([
    ['DDIM', {}],
    ['DDIM of eta .7', { eta: 0.7 }],
    ['DDIM of eta 1, noise recomputed', { eta: 1, clippedNoise: 'recompute' }],
    ['DDIM in a range of its own', { clip: [-0.6, 0.6], clippedNoise: 'recompute' }],
    ['DDPM', { sampler: 'ddpm', clippedNoise: 'recompute' }],
    ['DDPM, predicted noise kept', { sampler: 'ddpm' }],
    ['DDPM unclipped, large variance', { sampler: 'ddpm', clip: null, variance: 'large' }],
    [
      'DDPM, large variance to the end',
      { sampler: 'ddpm', clippedNoise: 'recompute', variance: 'large', noisyLastStep: true },
    ],
  ])('%s: our images within 1e-4', async (_, options) => {
    const settings = samplerSettings(options)
    const { config, told, stepArguments } = exportSteps({ schedule, settings, prediction: 'noise' })
    expect(told).toEqual(schedule.times)
    const { data } = await ours(schedule, settings)
    const theirs = loopByRule(asRead(config), trailingOf(config, 5), stepArguments, loopTold(told))
    const size = Math.max(1, ...data.map(Math.abs))
    expect(farthest(theirs, data) / size).toBeLessThan(1e-4)
  })

  test('more timesteps than levels where one beta cannot reach down to a level', async () => {
    const [, cosine] = LEARNED[0]
    expect(cosine.levels[0].logSnr).toBeLessThan(-25)
    const settings = samplerSettings({ eta: 0.3 })
    const { config, told, stepArguments } = exportSteps({ schedule: cosine, settings, prediction: 'noise' })
    const read = asRead(config)
    expect([read.num_train_timesteps % 10, read.num_train_timesteps > 10]).toEqual([0, true])
    const theirs = loopByRule(read, trailingOf(config, 10), stepArguments, loopTold(told))
    expect(farthest(theirs, (await ours(cosine, settings)).data)).toBeLessThan(1e-3)
  })

  test.each(Array.from({ length: 20 }, (_, i) => i))('eta 1 from next to no signal has a root: %i', (i) => {
    const steps = samplingSchedule({
      timesteps: 1000,
      logSnr: [-25 + i / 7, -3 + i / 9, 1, 5],
      times: [999, 700, 300, 50],
    })
    const { config, stepArguments } = exportSteps({
      schedule: steps,
      settings: samplerSettings({ eta: 1 }),
      prediction: 'noise',
    })
    expect(Math.abs(Number(stepArguments.eta) - 1)).toBeLessThan(1e-6)
    const read = asRead(config)
    const [w, v] = trailingOf(config, 4)
      .map((t) => cumulative(read)[t])
      .slice(0, 2)
      .reverse()
    const { fround, sqrt } = Math
    const variance = fround(fround(fround(1 - w) / fround(1 - v)) * fround(1 - fround(v / w)))
    // PyTorch's power of one half and its square may each come out a rounding above.
    const above = (value: number) => fround(value * (1 + 2 ** -23))
    const sigma = fround(fround(Number(stepArguments.eta)) * above(sqrt(variance)))
    expect(fround(1 - w) - above(sigma ** 2)).toBeGreaterThanOrEqual(0)
  })

  test('DPM-Solver++: our images within 1e-4', async () => {
    const settings = samplerSettings({ sampler: 'dpm-solver++' })
    const { config, told, stepArguments } = exportSteps({ schedule, settings, prediction: 'noise' })
    expect(stepArguments).toEqual({})
    expect(
      farthest(
        solverByRule(asRead(config), trailingOf(config, 5), loopTold(told)),
        (await ours(schedule, settings)).data,
      ),
    ).toBeLessThan(1e-4)
  })

  test.each<[string, Partial<SamplerSettings>]>([
    ['posterior variance', {}],
    ['large variance, noise at the end', { variance: 'large', noisyLastStep: true }],
  ])('DDPM exports to a pipeline with its times: %s', async (_, options) => {
    const free = samplingSchedule({ timesteps: 1000, logSnr: [-7, -2, 0.5, 4], times: [981, 640, 399, 58] })
    const settings = samplerSettings({ sampler: 'ddpm', clippedNoise: 'recompute', ...options })
    const { config, timesteps } = exportScheduler({ schedule: free, settings, prediction: 'noise' })
    expect(timesteps).toEqual(free.times)
    const theirs = loopByRule(asRead(config), free.times, {}, loopTold(free.times))
    expect(farthest(theirs, (await ours(free, settings)).data)).toBeLessThan(1e-3)
  })
})

describe('what diffusers cannot be told', () => {
  const [, schedule] = LEARNED[0]
  const levels = (times: number[]) =>
    samplingSchedule({ timesteps: 1000, logSnr: times.map((t) => 5 - t / 100), times })
  test.each([
    [{ sampler: 'ddpm', clippedNoise: 'keep' }, schedule, 'export.clippedNoise'],
    [{ sampler: 'ddpm', clip: null, variance: 'large' }, schedule, 'export.lastStep'],
    [{ eta: 0.5 }, schedule, 'export.eta'],
    [{ clippedNoise: 'recompute' }, schedule, 'export.clippedNoise'],
    [{ clip: [0, 1] }, schedule, 'export.clip'],
    [{ sampler: 'dpm-solver++', clip: [-2, 2] }, schedule, 'export.clip'],
    [{}, levels([999, 500, 10]), 'export.times'],
    [{}, samplingScheduleFrom(noiseSchedule({ family: 'cosine' }), 'trailing', 3), 'export.times'],
    [{ sampler: 'dpm-solver++' }, levels([999, 500.5, 10]), 'export.times'],
    [{ sampler: 'unipc' }, levels([999, 500, 10]), 'export.times'],
    [{}, samplingSchedule({ timesteps: 1000, logSnr: [0, 16], times: [999, 499] }), 'export.float32'],
  ])('%o', (options, from, code) => {
    const settings = samplerSettings(options as Partial<SamplerSettings>)
    const run = () => exportScheduler({ schedule: from, settings, prediction: 'noise' })
    expect(run).toThrow(expect.objectContaining({ code }))
  })

  test.each([
    [{ clip: [0, 1] }, schedule, 'export.clip'],
    [{ sampler: 'dpm-solver++', clip: [-2, 2] }, schedule, 'export.clip'],
    [{ sampler: 'ddpm', clippedNoise: 'keep', variance: 'large' }, schedule, 'export.clippedNoise'],
    [{}, samplingSchedule({ timesteps: 1000, logSnr: [0, 16], times: [999, 499] }), 'export.float32'],
  ])('not even in a loop: %o', (options, from, code) => {
    const settings = samplerSettings(options as Partial<SamplerSettings>)
    const run = () => exportSteps({ schedule: from, settings, prediction: 'noise' })
    expect(run).toThrow(expect.objectContaining({ code }))
    expect(exportForms({ schedule: from, settings, prediction: 'noise' }).steps).toBeNull()
  })
})
