/** The distance to a teacher on closed forms in float64: its value by hand, its gradient against central differences, start noise that may move. */
import { describe, expect, test } from 'vitest'
import { sizeOf } from '../../../base/index.ts'
import type { Denoiser, SamplerName, SamplingSchedule } from '../../../diffusion/index.ts'
import {
  gaussianDenoiser,
  generate,
  noiseSchedule,
  sample,
  samplerSettings,
  samplingSchedule,
  samplingScheduleFrom,
  startNoise,
} from '../../../diffusion/index.ts'
import { functionFeatures } from '../../../metrics/index.ts'
import { errorOf } from '../tiny.fixture.ts'
import type { TeacherObjectiveOptions } from './teacher.ts'
import { TeacherObjective } from './teacher.ts'

const imageShape = [1, 2, 3]
const SIZE = sizeOf(imageShape)
const SAMPLES = 5
const noise = noiseSchedule({ family: 'cosine', timesteps: 1000 })
const LOG_SNR = [-4.1, -1.2, 0.6, 3.1]
const TIMES = [930.5, 690, 420.25, 151.5]
const at = (logSnr: readonly number[] = LOG_SNR, times: readonly number[] = TIMES): SamplingSchedule =>
  samplingSchedule({ timesteps: 1000, logSnr, times })

/** Of N(.1, .7^2), told a smooth wrong level, so that told times matter. */
const denoiser: Denoiser = gaussianDenoiser({
  mean: 0.1,
  std: 0.7,
  imageShape,
  logSnrAt: (time) => ({ value: 6 - 0.011 * time, slope: -0.011 }),
})

/** Smooth, nonlinear, of two numbers. */
const features = functionFeatures({
  name: 'two',
  dimensions: 2,
  imageShape,
  features: ({ data }) =>
    Float64Array.from({ length: (2 * data.length) / SIZE }, (_, i) => {
      const [a, b] = data.subarray(SIZE * Math.floor(i / 2))
      return i % 2 === 0 ? Math.tanh(a) + b * b : a * b
    }),
  vjp: ({ data }, g) =>
    Float64Array.from(data, (_, j) => {
      const image = Math.floor(j / SIZE)
      const [a, b] = data.subarray(SIZE * image)
      const [first, second] = [g[2 * image], g[2 * image + 1]]
      if (j % SIZE === 0) return first / Math.cosh(a) ** 2 + second * b
      return j % SIZE === 1 ? first * 2 * b + second * a : 0
    }),
})

const teacher = (sampler: SamplerName = 'dpm-solver++', steps = 40) => ({
  schedule: samplingScheduleFrom(noise, 'trailing', steps),
  settings: samplerSettings({ sampler, clip: null }),
})

const objectiveOf = (options: Partial<TeacherObjectiveOptions> = {}) =>
  new TeacherObjective({
    denoiser,
    teacher: teacher(),
    settings: samplerSettings({ sampler: 'dpm-solver++', clip: null }),
    samples: SAMPLES,
    seed: 8,
    ...options,
  })

test('is the mean squared difference of images from the same noise, with the standard error over them', async () => {
  const objective = objectiveOf()
  const value = await objective.value(at(), 3)
  const drawn = { denoiser, count: SAMPLES, seed: 8, firstItem: 3 * SAMPLES }
  const { images: few } = await generate({ ...drawn, schedule: at(), settings: objective.options.settings })
  const { images: many } = await generate({ ...drawn, ...teacher() })
  const each = Array.from({ length: SAMPLES }, (_, image) => {
    let sum = 0
    for (let i = image * SIZE; i < (image + 1) * SIZE; i++) sum += (few.data[i] - many.data[i]) ** 2 / SIZE
    return sum
  })
  const mean = each.reduce((sum, one) => sum + one / SAMPLES, 0)
  const variance = each.reduce((sum, one) => sum + (one - mean) ** 2 / (SAMPLES - 1), 0)
  expect(value).toBeCloseTo(mean, 12)
  expect(objective.lastStandardError).toBeCloseTo(Math.sqrt(variance / SAMPLES), 12)
  expect(await objective.ofImages(few, 3)).toEqual({ value, standardError: objective.lastStandardError })
  expect(value).toBeGreaterThan(1e-4)
  // The teacher is at no distance from itself, and another sampler can be asked on the same noise.
  const own = teacher()
  expect(await objective.value(own.schedule, 3, own.settings)).toBe(0)
})

/** Fourth-order central difference. */
async function slope(f: (distance: number) => Promise<number>, h: number): Promise<number> {
  const [a, b, c, d] = [await f(-2 * h), await f(-h), await f(h), await f(2 * h)]
  return (8 * (c - b) - (d - a)) / (12 * h)
}

const moved = (values: readonly number[], i: number, distance: number) =>
  values.map((value, j) => (j === i ? value + distance : value))

describe.each(['ddim', 'dpm-solver++', 'ddpm'] as const)('gradient of %s', (sampler) => {
  test.each(['pixels', 'features'] as const)('in %s', async (space) => {
    const settings = samplerSettings({ sampler, clip: null })
    const objective = objectiveOf({ settings, ...(space === 'features' && { features }) })
    expect(objective.differentiable).toBe(true)
    const { value, dLogSnr, dTimes } = await objective.gradient(at(), 2)
    expect(value).toBeCloseTo(await objective.value(at(), 2), 12)
    for (let i = 0; i < LOG_SNR.length; i++) {
      const byLevel = await slope((d) => objective.value(at(moved(LOG_SNR, i, d)), 2), 1e-3)
      const byTime = await slope((d) => objective.value(at(LOG_SNR, moved(TIMES, i, d)), 2), 1e-1)
      expect(dLogSnr[i], `level ${i}`).toBeCloseTo(byLevel, 8)
      expect(dTimes?.[i], `time ${i}`).toBeCloseTo(byTime, 8)
    }
    expect(Math.max(...dLogSnr.map(Math.abs))).toBeGreaterThan(1e-3)
  })
})

test("the teacher's images of a key are made once, and of several keys in turn", async () => {
  let images = 0
  const counted: Denoiser = {
    ...denoiser,
    predict(x, ...rest) {
      images += x.shape[0]
      return denoiser.predict(x, ...rest)
    },
  }
  const objective = objectiveOf({ denoiser: counted })
  const { value, perKey } = objective.cost(LOG_SNR.length)
  expect([value, perKey]).toEqual([SAMPLES * LOG_SNR.length, SAMPLES * 40])
  const first = await objective.value(at(), 0)
  expect(images).toBe(value + perKey!)
  for (const key of [0, 1, 0, 1]) await objective.value(at(), key)
  expect(images).toBe(5 * value + 2 * perKey!)
  expect(await objective.value(at(), 0)).toBe(first)
})

describe('start noise that may move', () => {
  // Without clipping and with data of mean 0 an image is its start times a number.
  const linear: Denoiser = gaussianDenoiser({
    mean: 0,
    std: 0.7,
    imageShape,
    logSnrAt: (time) => ({ value: 6 - 0.011 * time, slope: -0.011 }),
  })
  const factorOf = async (schedule: SamplingSchedule, settings = samplerSettings({ sampler: 'ddim', clip: null })) => {
    const start = startNoise({ imageShape, count: 1, seed: 1, dtype: 'float64' })
    const { images } = await sample({ denoiser: linear, schedule, settings, start, seed: 1 })
    return images.data[0] / start.data[0]
  }
  const options = { denoiser: linear, settings: samplerSettings({ sampler: 'ddim', clip: null }) } as const

  test('a target out of reach: the edge of the ball, in closed form', async () => {
    const [few, many] = [await factorOf(at()), await factorOf(teacher().schedule, teacher().settings)]
    const start = startNoise({ imageShape, count: SAMPLES, seed: 8, dtype: 'float64' })
    for (const soft of [0.01, 0.05]) {
      const each = Array.from({ length: SAMPLES }, (_, image) => {
        const norm = Math.hypot(...start.data.slice(image * SIZE, (image + 1) * SIZE))
        // |few x' - many x| with x' along x, as near to the target as the ball allows
        const gap = Math.abs(few - many) * norm - few * soft * Math.sqrt(SIZE)
        expect(gap).toBeGreaterThan(0)
        return gap ** 2 / SIZE
      })
      const wanted = each.reduce((sum, one) => sum + one / SAMPLES, 0)
      expect(await objectiveOf({ ...options, soft }).value(at(), 0)).toBeCloseTo(wanted, 10)
    }
  })

  test('within reach: nearer than without, never farther, and the gradient is that of the objective', async () => {
    const hard = objectiveOf(options)
    const soft = objectiveOf({ ...options, soft: 0.02 })
    expect(await soft.value(at(), 0)).toBeLessThan(await hard.value(at(), 0))
    expect(await objectiveOf({ ...options, soft: 5 }).value(at(), 0)).toBeLessThanOrEqual(await hard.value(at(), 0))
    const { value, dLogSnr } = await soft.gradient(at(), 0)
    expect(value).toBeCloseTo(await soft.value(at(), 0), 12)
    for (let i = 0; i < LOG_SNR.length; i++) {
      // At the edge of the ball x' stays where it is, to first order: the derivative with x' held is the whole one.
      const byLevel = await slope((d) => soft.value(at(moved(LOG_SNR, i, d)), 0), 1e-4)
      expect(dLogSnr[i], `level ${i}`).toBeCloseTo(byLevel, 7)
    }
    expect(soft.cost(4).value).toBe(SAMPLES * 4 * (3 * 3 + 2))
  })

  test('needs a derivative, and a radius', async () => {
    const still = { ...linear, differentiable: false }
    const refused = async (given: Partial<TeacherObjectiveOptions>) =>
      errorOf(Promise.resolve().then(() => objectiveOf(given)))
    expect(await refused({ denoiser: still, soft: 0.1 })).toMatchObject({ code: 'objective.soft' })
    expect(await refused({ soft: 0 })).toMatchObject({ code: 'objective.soft' })
  })
})

test('a teacher with noise is none', async () => {
  const refused = async (settings: ReturnType<typeof samplerSettings>) =>
    errorOf(Promise.resolve().then(() => objectiveOf({ teacher: { ...teacher(), settings } })))
  expect(await refused(samplerSettings({ sampler: 'ddpm' }))).toMatchObject({ code: 'objective.teacher' })
  expect((await refused(samplerSettings({ sampler: 'ddim', eta: 1 }))).message).toMatch(/ddim adds noise/)
})
