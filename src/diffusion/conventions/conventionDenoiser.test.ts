/** Every convention against the closed form: the exact network of Gaussian pixels, in that convention, is the exact denoiser of the samplers. */
import { describe, expect, test } from 'vitest'
import { tensor } from '../../base/index.ts'
import { generate } from '../samplers/generate.ts'
import { hasTimeDerivative } from '../samplers/sample.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { flowSchedule } from '../schedules/flowSchedule.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import { samplingScheduleFrom } from '../schedules/samplingSchedule.ts'
import { levelsOfPrediction } from './candidates.ts'
import type { ConventionPrediction, DenoiserConvention, PixelRange, ToldTimeKind } from './convention.ts'
import { CONVENTION_PREDICTIONS, completed, PREDICTION_WORDS, TOLD_TIMES } from './convention.ts'
import type { ToldNetwork } from './conventionDenoiser.ts'
import { conventionDenoiser, isOwn, predictionFor, scheduleFor } from './conventionDenoiser.ts'
import { sigmaSchedule, toldAt } from './toldTime.ts'

const T = 100
/** x0 ~ N(mean, std²) in [-1, 1]. */
const [MEAN, STD] = [0.2, 0.35]
const D = 0.7

const trainedOf = (prediction: ConventionPrediction): NoiseSchedule => {
  const levels = levelsOfPrediction(prediction)
  if (levels === 'flow') return flowSchedule(T)
  return levels === 'sigmas' ? sigmaSchedule() : noiseSchedule({ family: 'cosine', timesteps: T })
}

/** E[eps | x] and E[y | x] at x = s y + n eps, y ~ N(m, d²). */
function expected(x: number, s: number, n: number, m: number, d: number) {
  const variance = s * s * d * d + n * n
  return { eps: (n * (x - s * m)) / variance, y: (s * d * d * x + n * n * m) / variance }
}

/** The exact network, by the words of the conventions alone. It is told a number, and finds its level by it. */
function exactNetwork(convention: DenoiserConvention, trained: NoiseSchedule): ToldNetwork {
  const { prediction, pixels, sigmaData: d } = convention
  const [a, b] = [(pixels[1] - pixels[0]) / 2, (pixels[1] + pixels[0]) / 2]
  const [m, sd] = [a * MEAN + b, a * STD]
  const times = Array.from({ length: trained.timesteps }, (_, t) => toldAt(convention, trained, t))
  const at = (told: number) => trained.level(times.indexOf(told))
  const one = (X: number, told: number): number => {
    const { signal: s, noise: n } = at(told)
    const sigma = n / s
    if (prediction === 'denoised') return expected(X, 1, sigma, m, sd).y
    if (prediction === 'edm') {
      const cIn = 1 / Math.sqrt(sigma ** 2 + d ** 2)
      const w = X / cIn
      return (expected(w, 1, sigma, m, sd).y - (d ** 2 / (sigma ** 2 + d ** 2)) * w) / (sigma * d * cIn)
    }
    const { eps, y } = expected(X, s, n, m, sd)
    const outputs: Record<string, number> = {
      noise: eps,
      sample: y,
      velocity: s * eps - n * y,
      flow: eps - y,
      'flow-to-data': y - eps,
    }
    return outputs[prediction]
  }
  return {
    times: 'real',
    imageShape: [1, 1, 5],
    dtype: 'float64',
    differentiable: true,
    predict: async ({ shape, data }, told) =>
      tensor(
        'float64',
        shape,
        Float64Array.from(data, (X) => one(X, told)),
      ),
    vjp: async ({ shape, data }, told, _, cotangent) => {
      const slope = one(1, told) - one(0, told)
      const dx = Float64Array.from(data, (_X, i) => slope * cotangent.data[i])
      return { dx: tensor('float64', shape, dx), dtime: null }
    },
  }
}

const X = Float64Array.of(-2, -0.4, 0, 0.9, 3.1)
const RANGES: readonly PixelRange[] = [
  [-1, 1],
  [0, 1],
  [0, 255],
  [-0.5, 0.5],
]
const cases = CONVENTION_PREDICTIONS.flatMap((prediction) => RANGES.map((pixels) => ({ prediction, pixels })))

test.each(cases)('$prediction of pixels in $pixels', async ({ prediction, pixels }) => {
  const trained = trainedOf(prediction)
  const convention = completed({ prediction, pixels, sigmaData: D })
  const denoiser = conventionDenoiser(exactNetwork(convention, trained), convention, trained)
  const schedule = scheduleFor(convention, trained)
  expect(schedule.timesteps).toBe(trained.timesteps)
  const last = trained.timesteps - 1
  for (const t of [1, Math.round(last / 3), Math.round(last / 2), last - 1]) {
    const { signal, noise, path } = schedule.level(t)
    const { data } = await denoiser.predict(tensor('float64', [1, 1, 1, 5], X.slice()), t)
    X.forEach((x, i) => {
      const { eps, y: x0 } = expected(x, signal, noise, MEAN, STD)
      const velocity = path === 'flow' ? eps - x0 : signal * eps - noise * x0
      const wanted = { noise: eps, sample: x0, velocity }[predictionFor(convention)]
      expect(Math.abs(data[i] - wanted), `t ${t}, x ${x}: ${data[i]}, ${wanted}`).toBeLessThan(
        1e-8 * (1 + Math.abs(wanted)),
      )
    })
  }
})

test.each(cases)('$prediction of pixels in $pixels: its derivative is that of its prediction', async (stated) => {
  const trained = trainedOf(stated.prediction)
  const convention = completed({ ...stated, sigmaData: D })
  const denoiser = conventionDenoiser(exactNetwork(convention, trained), convention, trained)
  const t = Math.round(trained.timesteps / 2)
  const images = (data: Float64Array) => tensor('float64', [1, 1, 1, 5], data)
  const cotangent = Float64Array.of(0.3, -1, 2, 0.5, -0.7)
  const { dx, dtime } = await denoiser.vjp(images(X.slice()), t, undefined, images(cotangent))
  expect(dtime).toBeNull()
  const h = 1e-3
  const [up, down] = await Promise.all(
    [h, -h].map(async (step) => (await denoiser.predict(images(X.map((x) => x + step)), t)).data),
  )
  X.forEach((_, i) => {
    const wanted = (cotangent[i] * (up[i] - down[i])) / (2 * h)
    expect(dx.data[i]).toBeCloseTo(wanted, 6)
  })
})

/** A network that is smooth in what it is told, of the same size whatever that is. */
function smoothNetwork(size: number): ToldNetwork {
  const f = (X: number, told: number) =>
    Math.tanh(0.4 * X) * (1 + 0.5 * Math.sin(told / size)) + 0.3 * Math.cos(told / size)
  const derivatives = (X: number, told: number) => ({
    dX: (0.4 / Math.cosh(0.4 * X) ** 2) * (1 + 0.5 * Math.sin(told / size)),
    dTold: (0.5 * Math.tanh(0.4 * X) * Math.cos(told / size) - 0.3 * Math.sin(told / size)) / size,
  })
  return {
    times: 'real',
    imageShape: [1, 1, 5],
    dtype: 'float64',
    differentiable: true,
    predict: async ({ shape, data }, told) =>
      tensor(
        'float64',
        shape,
        Float64Array.from(data, (value) => f(value, told)),
      ),
    async vjp({ shape, data }, told, _, cotangent) {
      const each = Array.from(data, (value) => derivatives(value, told))
      return {
        dx: tensor(
          'float64',
          shape,
          Float64Array.from(each, ({ dX }, i) => dX * cotangent.data[i]),
        ),
        dtime: each.reduce((sum, { dTold }, i) => sum + dTold * cotangent.data[i], 0),
      }
    },
  }
}

const timeCases = cases.flatMap((stated) => TOLD_TIMES.map((time) => ({ ...stated, time })))

test.each(timeCases)('$prediction of pixels in $pixels, told $time: its derivative in the time', async (stated) => {
  const trained = trainedOf(stated.prediction)
  const convention = completed({ ...stated, timeScale: 1.5, sigmaData: D })
  // Levels between whole times are straight in log-SNR: away from the kinks.
  const t = 0.4 * trained.timesteps + 0.37
  const size = Math.max(1, Math.abs(toldAt(convention, trained, t)))
  const denoiser = conventionDenoiser(smoothNetwork(size), convention, trained)
  const images = (data: Float64Array) => tensor('float64', [1, 1, 1, 5], data)
  const cotangent = Float64Array.of(0.3, -1, 2, 0.5, -0.7)
  const { dtime } = await denoiser.vjp(images(X.slice()), t, undefined, images(cotangent))
  const h = 1e-3
  const [up, down] = await Promise.all(
    [h, -h].map(async (step) => (await denoiser.predict(images(X.slice()), t + step)).data),
  )
  const wanted = cotangent.reduce((sum, value, i) => sum + (value * (up[i] - down[i])) / (2 * h), 0)
  expect(Math.abs(dtime! - wanted), `${dtime} ${wanted}`).toBeLessThan(1e-5 * Math.max(1e-2, Math.abs(wanted)))
  expect(hasTimeDerivative(denoiser)).toBe(true)
})

test.each(cases.filter(({ pixels: [low, high] }) => low !== -0.5 && high <= 1))(
  '$prediction of pixels in $pixels is sampled: the mean and deviation of the data',
  async (stated) => {
    const trained = trainedOf(stated.prediction)
    const convention = completed({ ...stated, sigmaData: D })
    const schedule = scheduleFor(convention, trained)
    const { images } = await generate({
      denoiser: conventionDenoiser(exactNetwork(convention, trained), convention, trained),
      schedule: samplingScheduleFrom(schedule, 'trailing', 50),
      settings: samplerSettings({ sampler: 'dpm-solver++', clip: null }),
      count: 600,
      seed: 3,
    })
    const values = Array.from(images.data)
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
    expect(Math.abs(mean - MEAN)).toBeLessThan(0.03)
    expect(Math.abs(std - STD)).toBeLessThan(0.03)
  },
)

test('pixels in [-1, 1] keep the very levels, and what samplers take as it is is their own', () => {
  const trained = trainedOf('noise')
  expect(scheduleFor(completed({}), trained)).toBe(trained)
  expect(isOwn(completed({}))).toBe(true)
  for (const other of [{ pixels: [0, 1] as const }, { time: 'fraction' as const }, { prediction: 'edm' as const }]) {
    expect(isOwn(completed(other))).toBe(false)
  }
})

describe('what is told', () => {
  const vp: NoiseSchedule = noiseSchedule({ family: 'linear', timesteps: 1000 })
  const sigma = (t: number) => vp.level(t).noise / vp.level(t).signal
  const told = (time: ToldTimeKind, t: number, schedule = vp, timeScale = 1) => toldAt({ time, timeScale }, schedule, t)

  test.each<[ToldTimeKind, number]>([
    ['index', 250],
    ['from-one', 251],
    ['fraction', 0.25],
    ['reversed', 749],
    ['reversed-fraction', 0.75],
    ['log-snr', -2 * Math.log(sigma(250))],
    ['log-sigma', Math.log(sigma(250)) / 4],
    ['sigma', sigma(250)],
  ])('%s', (time, wanted) => {
    expect(told(time, 250)).toBeCloseTo(wanted, 12)
    expect(told(time, 250, vp, 0.5)).toBeCloseTo(wanted / 2, 12)
  })

  test('every kind has its case, and every word its prediction', () => {
    for (const kind of TOLD_TIMES) expect(Number.isFinite(told(kind, 3))).toBe(true)
    expect([...new Set(Object.values(PREDICTION_WORDS))].toSorted()).toEqual([...CONVENTION_PREDICTIONS].toSorted())
  })

  test('of a flow: sigma, and its reverse', () => {
    const flow = flowSchedule(1000)
    expect(told('fraction', 250, flow)).toBe(0.25)
    expect(told('reversed-fraction', 250, flow)).toBe(0.75)
    expect(told('reversed', 250, flow)).toBe(750)
    expect(told('fraction', 1000, flow)).toBe(1)
  })

  test('a network of whole numbers refuses others', () => {
    const convention = completed({ time: 'fraction' })
    const network = { ...exactNetwork(completed({}), vp), times: 'integer' as const }
    expect(() => conventionDenoiser(network, convention, vp)).toThrow(
      /takes whole numbers for times.*got time fraction/,
    )
    expect(() => conventionDenoiser(network, completed({ time: 'reversed' }), vp)).not.toThrow()
  })

  test('levels of networks that are told them: EDM’s range of sigma, evenly in its logarithm', () => {
    const { timesteps, level } = sigmaSchedule()
    const sigmas = [0, 1, 500, 999].map((t) => level(t).noise / level(t).signal)
    expect(timesteps).toBe(1000)
    expect(sigmas[0]).toBeCloseTo(0.002, 8)
    expect(sigmas[3]).toBeCloseTo(80, 8)
    expect(sigmas[1] / sigmas[0]).toBeCloseTo((80 / 0.002) ** (1 / 999), 8)
  })
})
