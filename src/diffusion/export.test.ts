/** Exported configs, read by independent implementations of diffusers' rules, give the images of our own samplers. */
import { describe, expect, test } from 'vitest'
import type { Denoiser, Images } from './denoiser.ts'
import { readScheduler } from './diffusersScheduler.ts'
import { exportScheduler, exportTrainingSchedule, readersOf, trainedBetas } from './export.ts'
import { noiseParameterFamily } from './families/noiseParameters.ts'
import { noiseSchedule } from './noiseSchedule.ts'
import { imagesOf } from './samplers/anyBatch.ts'
import { sample, startNoise } from './samplers/sample.ts'
import type { SamplerSettings, SamplingSchedule } from './samplingSchedule.ts'
import { samplerSettings, samplingSchedule, samplingScheduleFrom } from './samplingSchedule.ts'

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

interface Config {
  _class_name: string
  num_train_timesteps: number
  trained_betas: number[]
  clip_sample?: boolean
  clip_sample_range?: number
  thresholding: boolean
}

const asRead = (config: object) => JSON.parse(JSON.stringify(config)) as Config

/** alphas_cumprod in float32, rounding at each step. */
function cumulative({ trained_betas }: Config): Float32Array {
  let product = Math.fround(1)
  return Float32Array.from(trained_betas, (beta) => {
    product = Math.fround(product * Math.fround(1 - Math.fround(beta)))
    return product
  })
}

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

/** DPMSolverMultistepScheduler: dpmsolver++, order 2, midpoint, final sigma zero, in its sigma form. */
function solverByRule(config: Config, times: readonly number[]): Float32Array {
  const alphaBar = cumulative(config)
  const sigmas = [...times.map((time) => Math.sqrt((1 - alphaBar[time]) / alphaBar[time])), 0]
  const alphaSigma = (sigma: number) => [1 / Math.sqrt(sigma * sigma + 1), sigma / Math.sqrt(sigma * sigma + 1)]
  const lambda = (sigma: number) => Math.log(alphaSigma(sigma)[0]) - Math.log(alphaSigma(sigma)[1])
  let x = Float32Array.from(START.data)
  let earlier: Float32Array | null = null
  for (const [i, time] of times.entries()) {
    const [alpha, sigma] = alphaSigma(sigmas[i])
    const m0: Float32Array = x.map((v) => {
      const clean = (v - sigma * predictNoise(v, time)) / alpha
      return config.thresholding ? Math.max(-1, Math.min(1, clean)) : clean
    })
    const [nextAlpha, nextSigma] = alphaSigma(sigmas[i + 1])
    const h = lambda(sigmas[i + 1]) - lambda(sigmas[i])
    const first = earlier === null || i === times.length - 1
    const r0 = first ? 1 : (lambda(sigmas[i]) - lambda(sigmas[i - 1])) / h
    const m1: Float32Array = earlier ?? m0
    x = x.map((v, j) => {
      const D1 = first ? 0 : (m0[j] - m1[j]) / r0
      const factor = nextAlpha * (Math.exp(-h) - 1)
      return (nextSigma / sigma) * v - factor * m0[j] - 0.5 * factor * D1
    })
    earlier = m0
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
    expect(farthest(solverByRule(asRead(config), schedule.times), data)).toBeLessThan(1e-3)
  })
})

test('free integer times export to DPM-Solver++ as `timesteps`', async () => {
  const schedule = samplingSchedule({ timesteps: 1000, logSnr: [-7, -2, 0.5, 4], times: [981, 640, 399, 58] })
  const settings = samplerSettings({ sampler: 'dpm-solver++' })
  const { config, timesteps } = exportScheduler({ schedule, settings, prediction: 'noise' })
  expect(timesteps).toEqual([981, 640, 399, 58])
  expect(farthest(solverByRule(asRead(config), timesteps!), (await ours(schedule, settings)).data)).toBeLessThan(1e-3)
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

describe('what diffusers cannot be told', () => {
  const [, schedule] = LEARNED[0]
  const levels = (times: number[]) =>
    samplingSchedule({ timesteps: 1000, logSnr: times.map((t) => 5 - t / 100), times })
  test.each([
    [{ sampler: 'ddpm' }, schedule, 'export.sampler'],
    [{ eta: 0.5 }, schedule, 'export.eta'],
    [{ clippedNoise: 'recompute' }, schedule, 'export.clippedNoise'],
    [{ clip: [0, 1] }, schedule, 'export.clip'],
    [{ sampler: 'dpm-solver++', clip: [-2, 2] }, schedule, 'export.clip'],
    [{}, levels([999, 500, 10]), 'export.times'],
    [{}, samplingScheduleFrom(noiseSchedule({ family: 'cosine' }), 'trailing', 3), 'export.times'],
    [{ sampler: 'dpm-solver++' }, levels([999, 500.5, 10]), 'export.times'],
    [{}, samplingSchedule({ timesteps: 1000, logSnr: [0, 16], times: [999, 499] }), 'export.float32'],
  ])('%o', (options, from, code) => {
    const settings = samplerSettings(options as Partial<SamplerSettings>)
    const run = () => exportScheduler({ schedule: from, settings, prediction: 'noise' })
    expect(run).toThrow(expect.objectContaining({ code }))
  })
})
