/** The guided chain against the exact chain of Gaussian data, central differences, and its own reweighting. */
import { describe, expect, test } from 'vitest'
import { gaussianDenoiser } from './gaussian.ts'
import type { GuidingReward } from './guided.ts'
import { generateGuided } from './guided.ts'
import { guidedSteps } from './guidedStep.ts'
import { noiseSchedule } from './noiseSchedule.ts'
import { imagesOf } from './samplers/anyBatch.ts'
import type { SamplerSettings, SamplingSchedule } from './samplingSchedule.ts'
import { samplerSettings, samplingScheduleFrom } from './samplingSchedule.ts'
import type { StepListName } from './stepList.ts'

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

/** Mean of values and its standard error. */
function meanOf(values: ArrayLike<number>) {
  const n = values.length
  let [sum, squares] = [0, 0]
  for (let i = 0; i < n; i++) sum += values[i]
  for (let i = 0; i < n; i++) squares += (values[i] - sum / n) ** 2
  return { mean: sum / n, variance: squares / (n - 1), standardError: Math.sqrt(squares / (n - 1) / n) }
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
