/** The guided chain against the exact chain of Gaussian data, central differences, and its own reweighting. */
import { describe, expect, test } from 'vitest'
import type { Denoiser, Prediction } from '../denoiser.ts'
import { gaussianDenoiser } from '../denoisers/gaussian.ts'
import { imagesOf } from '../samplers/anyBatch.ts'
import { denoised } from '../samplers/denoised.ts'
import { generate } from '../samplers/generate.ts'
import { startNoise } from '../samplers/sample.ts'
import type { SamplerSettings } from '../samplers/settings.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import { samplingSchedule, samplingScheduleFrom } from '../schedules/samplingSchedule.ts'
import type { StepListName } from '../schedules/stepList.ts'
import type { Guidance, GuidingReward } from './guidance.ts'
import {
  meanOf,
  nonlinearDenoiser,
  nonlinearReward,
  nonlinearValue,
  nonlinearValues,
  PIXEL_SHAPE,
} from './guided.fixture.ts'
import { generateGuided } from './guided.ts'
import { guidedSteps } from './guidedStep.ts'

const noise = noiseSchedule({ family: 'cosine', timesteps: 1000 })
const logSnrAt = (time: number) => ({ value: noise.level(time).logSnr, slope: 0 })
const scheduleOf = (steps: number, list: StepListName = 'trailing') => samplingScheduleFrom(noise, list, steps)

/** The exact network of N(0, 1). */
const standard = (imageShape = [1, 1, 1]) => gaussianDenoiser({ mean: 0, std: 1, logSnrAt, imageShape })

/** r = a sum of elements. */
function linear(a: number): GuidingReward {
  return async (images) => {
    const { data, shape } = images
    const size = data.length / shape[0]
    const values = Float64Array.from(
      { length: shape[0] },
      (_, n) => a * [...data.subarray(n * size, (n + 1) * size)].reduce((sum, v) => sum + v, 0),
    )
    return { values, gradient: imagesOf(new Float64Array(data.length).fill(a), shape[0], shape.slice(1)) }
  }
}

const EXACT = samplerSettings({ sampler: 'ddpm', variance: 'large', noisyLastStep: true, clip: null })
const ETA_1 = samplerSettings({ eta: 1, clip: null })

/** Mean and variance of a guided chain of the exact network, whose mean step is (image signal + noise noise_v) x + s d. */
function recursion(schedule: SamplingSchedule, settings: SamplerSettings, pull: number, minimumAlphaBar = 0) {
  let [mean, variance] = [0, 1]
  for (const [i, step] of guidedSteps(schedule, settings, minimumAlphaBar).entries()) {
    const { signal, noise: n } = schedule.levels[i]
    const slope = step.image * signal + step.noise * n
    mean = slope * mean + pull * step.coefficient * signal
    variance = slope * slope * variance + step.sigma * step.sigma
  }
  return { mean, variance }
}

function expectWithin(values: ArrayLike<number>, truth: number, errors: number) {
  const { mean, standardError } = meanOf(values)
  expect(Math.abs(mean - truth)).toBeLessThan(errors * standardError)
}

describe('the exact chain of N(0, 1) data with r = a u', () => {
  test.each([
    [1, 'trailing', 0.7, 1.5],
    [2, 'linspace', -1, 1],
    [10, 'trailing', 1, 2],
    [25, 'linspace', 2, 0.4],
    [60, 'quadratic', 1, 1],
  ] as const)('DDPM large, noised to the end, is N(s a, 1) in %i steps (%s)', async (steps, list, a, s) => {
    const schedule = scheduleOf(steps, list)
    const { mean, variance } = recursion(schedule, EXACT, s * a)
    expect(Math.abs(mean - s * a)).toBeLessThan(5e-9)
    expect(Math.abs(variance - 1)).toBeLessThan(5e-9)
    // Paths with the same noise differ by the mean alone.
    const run = { denoiser: standard([1, 1, 2]), schedule, settings: EXACT, count: 40, seed: 7 }
    const at = (scale: number) => generateGuided({ ...run, guidance: { reward: linear(a), scale, minimumAlphaBar: 0 } })
    const [base, guided] = [await at(0), await at(s)]
    // To round-off: x0Hat from epsHat at alphaBar 2e-9 loses eight digits.
    for (const [j, v] of guided.images.data.entries()) expect(v - base.images.data[j]).toBeCloseTo(s * a, 6)
    expect(guided.guidedSteps).toBe(steps)
    // B does not depend on the path here, and A grows by s B.
    for (const [n, b] of guided.b.entries()) {
      expect(Math.abs(b / base.b[n] - 1)).toBeLessThan(1e-10)
      expect(guided.a[n] - base.a[n]).toBeCloseTo(s * b, 8)
    }
  })

  test.each([
    [20, 'trailing', 0.812],
    [25, 'trailing', 0.843],
    [60, 'trailing', 0.927],
  ] as const)('DDIM at eta 1 and %i steps follows its own recursion: base variance', async (steps, list, want) => {
    const schedule = scheduleOf(steps, list)
    const { mean, variance } = recursion(schedule, ETA_1, 1)
    expect(variance).toBeCloseTo(want, 3)
    const run = { denoiser: standard(), schedule, settings: ETA_1, count: 3000, seed: 11 }
    const { images, guidedSteps: guided } = await generateGuided({
      ...run,
      guidance: { reward: linear(0.5), scale: 2, minimumAlphaBar: 0 },
    })
    expect(guided).toBe(steps - 1)
    expectWithin(images.data, mean, 4)
    const squares = Array.from(images.data, (v) => (v - mean) ** 2)
    expectWithin(squares, variance, 4)
  })
})

/** Levels and told times of nobody's family, as a learned schedule has them. */
const LEARNED = samplingSchedule({
  timesteps: 1000,
  logSnr: [-6.9, -4.1, -2.2, -0.9, 0.4, 1.9, 4.3],
  times: [990, 930.5, 760, 640.25, 433, 251.5, 90],
})

/** x0Hat of one image. */
async function cleanAt(denoiser: Denoiser, settings: SamplerSettings, i: number, x: ArrayLike<number>) {
  const image = imagesOf(Float64Array.from(x), 1, PIXEL_SHAPE)
  const { data } = await denoiser.predict(image, LEARNED.times[i])
  const rule = { ...settings, prediction: denoiser.prediction, level: LEARNED.levels[i] }
  return denoised(rule, image.data, data).x0Hat
}

/** grad_x r(x0Hat(x)) by central differences. */
async function differences(denoiser: Denoiser, settings: SamplerSettings, i: number, x: Float64Array) {
  const h = 1e-5
  const out: number[] = []
  for (let j = 0; j < x.length; j++) {
    const at = async (d: number) => nonlinearValue(await cleanAt(denoiser, settings, i, x.with(j, x[j] + d)))
    out.push(((await at(h)) - (await at(-h))) / (2 * h))
  }
  return out
}

test.each(['network', 'reward'] as const)(
  'what a prediction takes twice is counted twice, through the %s',
  async (through) => {
    const seen: [number, number][] = []
    const guidance: Guidance = { reward: linear(0.3), scale: 1, through }
    const run = { schedule: scheduleOf(6), settings: EXACT, count: 5, seed: 3, guidance }
    const once = await generateGuided({ ...run, denoiser: standard() })
    const twice = await generateGuided({
      ...run,
      denoiser: { ...standard(), evaluationsEach: 2 },
      onProgress: (done, total) => seen.push([done, total]),
    })
    expect(twice.evaluations).toBe(2 * once.evaluations)
    expect(seen.at(-1)).toEqual([twice.evaluations, twice.evaluations])
  },
)

describe('the shift', () => {
  const guidance: Guidance = { reward: nonlinearReward, scale: 0.8, minimumAlphaBar: 0 }

  test.each<[Prediction, Partial<SamplerSettings>]>([
    ['noise', { clip: null }],
    ['noise', { clip: [-1, 0.7] }],
    ['sample', { clip: [-1, 1], clippedNoise: 'recompute' }],
    ['velocity', { clip: [-0.5, 1] }],
  ])('is the coefficient times the central difference: %s prediction, %o', async (prediction, options) => {
    const settings = samplerSettings({ ...options, sampler: 'ddpm', variance: 'large', noisyLastStep: true })
    const denoiser = nonlinearDenoiser(prediction)
    // One step at log-SNR .4: x' = x0Hat + (1-v)/sqrt(v) s g + sigma z.
    const schedule = { timesteps: 1000, levels: [LEARNED.levels[4]], times: [LEARNED.times[4]] }
    const run = { denoiser, schedule, settings, count: 6, seed: 4 }
    const base = await generate(run)
    const guided = await generateGuided({ ...run, guidance })
    const start = startNoise({ imageShape: PIXEL_SHAPE, count: 6, seed: 4, dtype: 'float64' }).data as Float64Array
    const { signal, noise: n } = schedule.levels[0]
    let clipped = 0
    for (let image = 0; image < 6; image++) {
      const x = start.slice(image * 4, image * 4 + 4)
      const g = await differences(denoiser, settings, 4, x)
      clipped += (await cleanAt(denoiser, settings, 4, x)).filter((v) => settings.clip?.includes(v)).length
      for (const [j, slope] of g.entries()) {
        const shift = guided.images.data[image * 4 + j] - base.images.data[image * 4 + j]
        expect(shift).toBeCloseTo((0.8 * n * n * slope) / signal, 7)
      }
    }
    if (settings.clip) expect(clipped).toBeGreaterThan(0)
    expect(clipped).toBeLessThan(24)
  })

  test.each<[string, Partial<SamplerSettings>]>([
    ['ddim, eta .35', { eta: 0.35 }],
    ['ddim, eta 1', { eta: 1 }],
    ['ddpm small', { sampler: 'ddpm' }],
    ['ddpm large', { sampler: 'ddpm', variance: 'large' }],
  ])('is noise guidance through the mean of %s: the base sampler with epsHat - sqrt(1-v) s g', async (_, options) => {
    const settings = samplerSettings({ clip: null, ...options })
    const denoiser = nonlinearDenoiser()
    const moved: Denoiser = {
      ...denoiser,
      async predict(x, time) {
        const images = await denoiser.predict(x, time)
        const i = LEARNED.times.indexOf(time)
        const { signal, noise: n } = LEARNED.levels[i]
        // Guided: alphaBar above 5e-3, and noise to come.
        if (signal ** 2 <= 5e-3 || i === LEARNED.times.length - 1) return images
        for (let at = 0; at < x.data.length; at += 4) {
          const g = await differences(denoiser, settings, i, Float64Array.from(x.data.subarray(at, at + 4)))
          for (const [j, slope] of g.entries()) images.data[at + j] -= n * 0.8 * slope
        }
        return images
      },
    }
    const run = { schedule: LEARNED, settings, count: 5, seed: 6 }
    const want = await generate({ ...run, denoiser: moved })
    const got = await generateGuided({ ...run, denoiser, guidance: { ...guidance, minimumAlphaBar: 5e-3 } })
    expect(got.guidedSteps).toBe(5)
    for (const [j, v] of got.images.data.entries()) expect(v).toBeCloseTo(want.images.data[j], 6)
    expect(got.evaluations).toBe(5 * (7 + 2 * 5))
  })
})

describe('reweighting the paths of a nonlinear network', () => {
  const settings = samplerSettings({ eta: 0.7, clip: [-1, 1] })
  const run = { denoiser: nonlinearDenoiser(), schedule: LEARNED, settings, count: 6000 }
  const at = async (scale: number, seed: number, through: Guidance['through'] = 'network') => {
    const paths = await generateGuided({ ...run, seed, guidance: { reward: nonlinearReward, scale, through } })
    return { ...paths, r: nonlinearValues(paths.images) }
  }
  const logRatio = ({ a, b }: { a: Float64Array; b: Float64Array }, from: number, to: number) =>
    a.map((A, n) => A * (to - from) - (b[n] * (to ** 2 - from ** 2)) / 2)

  test.each([0.4, 1])('base paths: E exp(s A - s^2 B/2) = 1, and give E r of the chain at s = %f', async (s) => {
    const [base, guided] = [await at(0, 21), await at(s, 22)]
    const ratio = logRatio(base, 0, s)
    expectWithin(ratio.map(Math.exp), 1, 3)
    const [weighted, direct] = [meanOf(base.r, ratio), meanOf(guided.r)]
    const error = Math.hypot(weighted.standardError, direct.standardError)
    expect(Math.abs(weighted.mean - direct.mean)).toBeLessThan(3 * error)
    expect(Math.abs(direct.mean - meanOf(base.r).mean)).toBeGreaterThan(6 * error)
  })

  test('from one guided scale to another, and back', async () => {
    const [low, high] = [await at(0.6, 31), await at(1.1, 32)]
    for (const [from, to, s, t] of [
      [low, high, 0.6, 1.1],
      [high, low, 1.1, 0.6],
    ] as const) {
      const [weighted, direct] = [meanOf(from.r, logRatio(from, s, t)), meanOf(to.r)]
      expect(Math.abs(weighted.mean - direct.mean)).toBeLessThan(
        3 * Math.hypot(weighted.standardError, direct.standardError),
      )
    }
  })

  test('A - s B has mean 0 under q_s, and Cov(r, A - s B) is the derivative of E r in s', async () => {
    const [s, h] = [0.9, 0.05]
    const [paths, above, below] = [await at(s, 41), await at(s + h, 41), await at(s - h, 41)]
    const score = paths.a.map((A, n) => A - s * paths.b[n])
    expectWithin(score, 0, 3)
    const { mean } = meanOf(paths.r)
    const covariance = meanOf(score.map((v, n) => v * (paths.r[n] - mean)))
    const paired = meanOf(above.r.map((v, n) => (v - below.r[n]) / (2 * h)))
    const error = Math.hypot(covariance.standardError, paired.standardError)
    expect(Math.abs(covariance.mean - paired.mean)).toBeLessThan(3 * error)
    expect(paired.mean).toBeGreaterThan(5 * error)
  })

  test('past the network: other paths, no derivative, and still right by its weights', async () => {
    const denoiser: Denoiser = {
      ...nonlinearDenoiser(),
      differentiable: false,
      vjp: () => Promise.reject(new Error('a derivative was asked for')),
    }
    const guidance: Guidance = { reward: nonlinearReward, scale: 0.7, through: 'reward' }
    const paths = await generateGuided({ ...run, denoiser, seed: 51, guidance })
    expect(paths.evaluations).toBe(6000 * 7)
    const base = await at(0, 52)
    const weighted = meanOf(nonlinearValues(paths.images), logRatio(paths, 0.7, 0))
    const direct = meanOf(base.r)
    const error = Math.hypot(weighted.standardError, direct.standardError)
    expect(Math.abs(weighted.mean - direct.mean)).toBeLessThan(3 * error)
    expect(Math.abs(meanOf(nonlinearValues(paths.images)).mean - direct.mean)).toBeGreaterThan(6 * error)
  })
})
