/** Samplers on a flow: the closed form of Gaussian data, orders of convergence, and derivatives in levels, told times, tau, weights and the shift. */
import { describe, expect, test } from 'vitest'
import type { Prediction } from '../denoiser.ts'
import { gaussianFlow } from '../denoisers/gaussian.ts'
import { freeFamily } from '../schedules/families/free.ts'
import { flowSchedule } from '../schedules/flowSchedule.ts'
import type { Level } from '../schedules/level.ts'
import { flowLevelOf, flowLevelOfLogSnr } from '../schedules/level.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import { samplingSchedule, samplingScheduleFrom } from '../schedules/samplingSchedule.ts'
import { imagesOf } from './anyBatch.ts'
import { cotangentOf, IMAGE, START, WEIGHTS } from './derivative.fixture.ts'
import { sample, sampleVjp, startNoise } from './sample.ts'
import type { SamplerName } from './samplers.ts'
import type { SamplerSettings } from './settings.ts'
import { samplerSettings } from './settings.ts'

const T = 1000
const [MEAN, STD] = [0.3, 1.7]
const PREDICTIONS: Prediction[] = ['velocity', 'noise', 'sample']

const network = (prediction: Prediction = 'velocity', std = STD, imageShape = [1, 1, 1]) =>
  gaussianFlow({ mean: MEAN, std, timesteps: T, prediction, imageShape })

const at = (sigmas: readonly number[], times = sigmas.map((sigma) => T * sigma)): SamplingSchedule =>
  samplingSchedule({ timesteps: T + 1, logSnr: sigmas.map((sigma) => flowLevelOf(sigma).logSnr), times, path: 'flow' })

async function drawn(
  sampling: SamplingSchedule,
  settings: Partial<SamplerSettings>,
  prediction: Prediction = 'velocity',
): Promise<number> {
  const start = imagesOf(Float64Array.of(1.2), 1, [1, 1, 1])
  const { images } = await sample({
    denoiser: network(prediction),
    schedule: sampling,
    settings: samplerSettings(settings),
    start,
    seed: 0,
  })
  return images.data[0]
}

/** What the flow takes noise x to: mean and deviation of x_t are signal mean and sqrt(signal^2 std^2 + noise^2). */
const exactImage = (x: number) => MEAN + STD * x

/** E[eps - x0 | x] at sigma. */
function velocity(x: number, sigma: number): number {
  const D = ((1 - sigma) * STD) ** 2 + sigma ** 2
  const along = (x - (1 - sigma) * MEAN) / D
  return sigma * along - (MEAN + (1 - sigma) * STD * STD * along)
}

test('the closed form: E[eps - x0 | x] is linear in x, and noise and sample predictions are of the same x0 and eps', async () => {
  const x = imagesOf(Float64Array.of(-1.1, 0.4), 2, [1, 1, 1])
  for (const sigma of [1, 0.75, 0.2, 0]) {
    const [v, eps, clean] = await Promise.all(
      PREDICTIONS.map(async (prediction) => (await network(prediction).predict(x, T * sigma)).data),
    )
    for (const i of [0, 1]) {
      expect(v[i]).toBeCloseTo(velocity(x.data[i], sigma), 12)
      expect(v[i]).toBeCloseTo(eps[i] - clean[i], 12)
      expect((1 - sigma) * clean[i] + sigma * eps[i]).toBeCloseTo(x.data[i], 12)
    }
  }
})

test('its derivative in the told time is the central difference, up to noise alone', async () => {
  const x = imagesOf(Float64Array.of(-1.1, 0.4), 2, [1, 1, 1])
  const cotangent = imagesOf(Float64Array.of(0.7, -2), 2, [1, 1, 1])
  for (const prediction of PREDICTIONS) {
    const value = async (time: number) => {
      const { data } = await network(prediction).predict(x, time)
      return 0.7 * data[0] - 2 * data[1]
    }
    for (const time of [1, 333.5, 999.5]) {
      const { dtime } = await network(prediction).vjp(x, time, undefined, cotangent)
      expect(dtime).toBeCloseTo(((await value(time + 0.1)) - (await value(time - 0.1))) / 0.2, 7)
    }
    const { dtime } = await network(prediction).vjp(x, T, undefined, cotangent)
    const [here, before, earlier] = await Promise.all([T, T - 0.1, T - 0.2].map(value))
    expect(dtime).toBeCloseTo((3 * here - 4 * before + earlier) / 0.2, 6)
  }
})

describe('from noise alone to the image', () => {
  const sigmas = (steps: number) => Array.from({ length: steps }, (_, i) => 1 - i / steps)

  test('DDIM is Euler on the velocity, step by step', async () => {
    const levels = [1, 0.8, 0.35, 0.1]
    let x = 1.2
    for (const [i, sigma] of levels.entries()) x += ((levels[i + 1] ?? 0) - sigma) * velocity(x, sigma)
    const settings = { clip: null, clippedNoise: 'recompute' } as const
    expect(await drawn(at(levels), { sampler: 'ddim', ...settings })).toBeCloseTo(x, 12)
    const first = { ...at(levels), solver: { weight: [0, 0, 0], tau: [0, 0, 0] } }
    expect(await drawn(first, { sampler: 'exponential', ...settings })).toBeCloseTo(x, 12)
  })

  test('predictions of the same x0 draw the same images, clipped or not', async () => {
    const levels = [0.99, 0.8, 0.35, 0.1]
    for (const sampler of ['ddim', 'ddpm', 'dpm-solver++', 'heun', 'exponential'] satisfies SamplerName[]) {
      for (const clip of [null, [-0.4, 0.9] as const]) {
        const clippedNoise = sampler === 'ddpm' || sampler === 'heun' ? 'recompute' : 'keep'
        const [v, eps, clean] = await Promise.all(
          PREDICTIONS.map((prediction) =>
            drawn(at(levels), { sampler, clip: clip && [...clip], clippedNoise }, prediction),
          ),
        )
        expect(eps).toBeCloseTo(v, 11)
        expect(clean).toBeCloseTo(v, 11)
      }
    }
  })

  test('Heun is the trapezoid on the velocity, its last step Euler', async () => {
    const levels = [1, 0.7, 0.3]
    let x = 1.2
    for (const [i, sigma] of levels.entries()) {
      const next = levels[i + 1] ?? 0
      const d = velocity(x, sigma)
      const there = x + (next - sigma) * d
      x = next === 0 ? there : x + ((next - sigma) * (d + velocity(there, next))) / 2
    }
    expect(await drawn(at(levels), { sampler: 'heun', clip: null })).toBeCloseTo(x, 12)
  })

  test('many steps end where the flow does', async () => {
    const error = async (sampler: SamplerName) =>
      Math.abs((await drawn(at(sigmas(500)), { sampler, clip: null })) - exactImage(1.2))
    expect(await error('heun')).toBeLessThan(1e-5)
    expect(await error('dpm-solver++')).toBeLessThan(1e-4)
  })

  test('with tau 1 it has the mean and the variance of the data', async () => {
    const levels = sigmas(60)
    const schedule = {
      ...at(levels),
      solver: { tau: levels.slice(1).map(() => 1), weight: levels.slice(1).map(() => 1) },
    }
    const count = 4000
    const { images } = await sample({
      denoiser: network('velocity', 0.6),
      schedule,
      settings: samplerSettings({ sampler: 'exponential', clip: null }),
      start: startNoise({ imageShape: [1, 1, 1], count, seed: 1, dtype: 'float64' }),
      seed: 5,
    })
    const values = Array.from(images.data)
    const mean = values.reduce((sum, v) => sum + v, 0) / count
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / count
    expect(Math.abs(mean - MEAN)).toBeLessThan(4 * (0.6 / Math.sqrt(count)))
    expect(Math.abs(Math.sqrt(variance) - 0.6)).toBeLessThan(0.03)
  })
})

describe('the order of convergence on levels even in log-SNR', () => {
  const [low, high] = [0.98, 0.01].map((sigma) => flowLevelOf(sigma).logSnr)
  // From .98 to .01 the flow keeps (x - mean)/deviation; then the exact x0Hat there.
  const [from, to] = [flowLevelOfLogSnr(low), flowLevelOfLogSnr(high)]
  const D = ({ signal, noise }: Level) => (signal * STD) ** 2 + noise ** 2
  const x = to.signal * MEAN + Math.sqrt(D(to) / D(from)) * (1.2 - from.signal * MEAN)
  const exact = (to.signal * STD ** 2 * x + to.noise ** 2 * MEAN) / D(to)

  test.each([
    ['ddim', 1, undefined],
    ['exponential', 1, 0],
    ['exponential', 2, 1],
    ['dpm-solver++', 2, undefined],
    ['heun', 2, undefined],
  ] as const)('%s: %i', async (sampler, order, weight) => {
    const error = async (steps: number) => {
      const between = Array.from({ length: steps }, (_, i) => low + ((high - low) * i) / (steps - 1))
      const even = at(between.map((logSnr) => flowLevelOfLogSnr(logSnr).noise))
      const schedule =
        weight === undefined ? even : { ...even, solver: { weight: Array.from({ length: steps - 1 }, () => weight) } }
      return Math.abs((await drawn(schedule, { sampler, clip: null, clippedNoise: 'recompute' })) - exact)
    }
    const errors = await Promise.all([40, 80, 160, 320].map(error))
    for (let i = 1; i < errors.length; i++) {
      expect(Math.abs(Math.log2(errors[i - 1] / errors[i]) - order)).toBeLessThan(0.1)
    }
  })
})

describe('the derivative', () => {
  const SIGMAS = [0.97, 0.8, 0.55, 0.3, 0.08]
  const TOLD = [985.5, 760, 600.25, 333, 91.5]

  async function valueAt(schedule: SamplingSchedule, settings: SamplerSettings, prediction: Prediction) {
    const sampled = await sample({
      denoiser: network(prediction, 1.4, IMAGE),
      schedule,
      settings,
      start: START,
      seed: 3,
      through: 'all',
    })
    const value = Array.from(sampled.images.data).reduce((sum, x, i) => sum + WEIGHTS[i] * x + (x * x) / 2, 0)
    return { ...sampled, value }
  }

  test.each(
    PREDICTIONS.flatMap((prediction) =>
      [null, [-0.9, 0.8] as const].flatMap((clip) => [
        [prediction, clip, 'heun', ['levels', 'times']] as const,
        [prediction, clip, 'ddim', ['levels', 'times']] as const,
        [prediction, clip, 'dpm-solver++', ['shift']] as const,
        [prediction, clip, 'exponential', ['levels', 'times', 'tau', 'weights']] as const,
        [prediction, clip, 'exponential', ['shift', 'tau', 'weights', 'scale', 'output']] as const,
        [prediction, clip, 'heun', ['shift']] as const,
      ]),
    ),
  )('%s prediction, clip %j, %s, in %j', async (prediction, clip, sampler, free) => {
    const family = freeFamily(at(SIGMAS, TOLD), free)
    const clippedNoise = sampler === 'heun' || sampler === 'ddim' ? 'recompute' : 'keep'
    const settings = samplerSettings({ sampler, clip: clip && [...clip], clippedNoise })
    const vector = family.initial.map((value, i) => value + family.scale[i] / 7)
    const value = async (v: Float64Array) => (await valueAt(family.toSchedule(v), settings, prediction)).value
    const { tape, images } = await valueAt(family.toSchedule(vector), settings, prediction)
    const gradient = family.pullBack(vector, await sampleVjp(tape!, cotangentOf(images)))
    for (const [i, scale] of family.scale.entries()) {
      const h = 1e-5 * scale
      const difference =
        ((await value(vector.with(i, vector[i] + h))) - (await value(vector.with(i, vector[i] - h)))) / (2 * h)
      expect(Math.abs(gradient[i] - difference) * scale, family.names[i]).toBeLessThan(
        3e-6 * (1 + Math.abs(difference) * scale),
      )
    }
  })

  test('a step from noise alone passes what the later ones are told', async () => {
    const family = freeFamily(samplingScheduleFrom(flowSchedule(T), 'trailing', 4), ['times'])
    const settings = samplerSettings({ sampler: 'dpm-solver++', clip: [-1, 1] })
    const vector = Float64Array.of(990, 750, 500, 250)
    const value = async (v: Float64Array) => (await valueAt(family.toSchedule(v), settings, 'velocity')).value
    const { tape, images } = await valueAt(family.toSchedule(vector), settings, 'velocity')
    const gradient = family.pullBack(vector, await sampleVjp(tape!, cotangentOf(images)))
    for (const i of vector.keys()) {
      const difference =
        ((await value(vector.with(i, vector[i] + 0.01))) - (await value(vector.with(i, vector[i] - 0.01)))) / 0.02
      expect(gradient[i]).toBeCloseTo(difference, 7)
      expect(gradient[i]).not.toBe(0)
    }
  })
})
