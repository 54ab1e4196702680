/** A reward as the objective: what is minimised is minus its mean, with the derivative through the sampler. */
import { expect, test } from 'vitest'
import { gaussianDenoiser, generate, samplerSettings, samplingSchedule } from '../../../diffusion/index.ts'
import { defineReward, functionReward } from '../../../rewards/index.ts'
import { errorOf } from '../tiny.fixture.ts'
import { RewardObjective } from './reward.ts'

const imageShape = [1, 2, 2]
const LOG_SNR = [-4.1, -0.7, 2.1]
const TIMES = [930.5, 640, 251.5]
const at = (logSnr: readonly number[] = LOG_SNR) => samplingSchedule({ timesteps: 1000, logSnr, times: TIMES })
const denoiser = gaussianDenoiser({
  mean: 0.1,
  std: 0.7,
  imageShape,
  logSnrAt: (time) => ({ value: 6 - 0.011 * time, slope: -0.011 }),
})

/** By the class that an image was asked to be: class 1 is worth twice as much. */
const reward = functionReward({
  name: 'squares',
  values: ({ data, shape: [n] }, classes) =>
    Array.from({ length: n }, (_, i) => (1 + classes![i]) * (1 - data[4 * i] ** 2 + data[4 * i + 3])),
  gradient: ({ data, shape: [n] }, classes) => ({
    values: Array.from({ length: n }, (_, i) => (1 + classes![i]) * (1 - data[4 * i] ** 2 + data[4 * i + 3])),
    gradient: Array.from(data, (pixel, j) => {
      const weight = 1 + classes![Math.floor(j / 4)]
      return j % 4 === 0 ? -2 * weight * pixel : j % 4 === 3 ? weight : 0
    }),
  }),
  needsClasses: true,
})

const options = {
  denoiser,
  settings: samplerSettings({ sampler: 'dpm-solver++', clip: null }),
  samples: 6,
  seed: 4,
  condition: (item: number) => item % 2,
} as const

test('minus the mean reward, told the classes, with its gradient', async () => {
  const objective = new RewardObjective({ ...options, reward })
  const { settings, samples: count, seed } = options
  const firstItem = 2 * count
  const condition = Int32Array.from({ length: count }, (_, i) => (firstItem + i) % 2)
  const { images } = await generate({ denoiser, schedule: at(), settings, count, seed, firstItem, condition })
  const values = await reward.values(images, condition)
  const mean = values.reduce((sum, value) => sum + value / count, 0)
  expect(await objective.value(at(), 2)).toBeCloseTo(-mean, 12)
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2 / (count - 1), 0)
  expect(objective.lastStandardError).toBeCloseTo(Math.sqrt(variance / count), 12)
  const { value, dLogSnr } = await objective.gradient(at(), 2)
  expect(value).toBeCloseTo(-mean, 12)
  for (let i = 0; i < LOG_SNR.length; i++) {
    const h = 1e-4
    const beside = (d: number) => objective.value(at(LOG_SNR.map((level, j) => (j === i ? level + d : level))), 2)
    expect(dLogSnr[i]).toBeCloseTo(((await beside(h)) - (await beside(-h))) / (2 * h), 6)
  }
  expect(Math.max(...dLogSnr.map(Math.abs))).toBeGreaterThan(1e-3)
})

test('without a derivative: a value, and a gradient that says what to do', async () => {
  const plain = functionReward({ name: 'plain', values: ({ shape: [n] }) => new Array(n).fill(0.25) })
  const objective = new RewardObjective({ ...options, reward: plain })
  expect(objective.differentiable).toBe(false)
  expect(await objective.value(at(), 0)).toBe(-0.25)
  const error = await errorOf(objective.gradient(at(), 0))
  expect(error).toMatchObject({ code: 'objective.derivative' })
  expect(error.message).toMatch(/plain.*two-point/)
})

test('images without a value are left out of mean and gradient', async () => {
  const objective = new RewardObjective({ ...options, reward })
  const whole = await objective.gradient(at(), 2)
  const values: number[] = []
  // The first image of the six has none.
  const partial = defineReward({
    ...{ name: 'partial', hash: 'partial', onBad: 'drop', classes: 2 },
    values: async (images, classes) => Float64Array.from(await reward.values(images, classes)).fill(Number.NaN, 0, 1),
    gradient: async (images, classes) => {
      const came = await reward.gradient(images, classes)
      values.push(...came.values)
      return { values: came.values.slice().fill(Number.NaN, 0, 1), gradient: came.gradient.data }
    },
  })
  const left = new RewardObjective({ ...options, reward: partial })
  const { value, dLogSnr } = await left.gradient(at(), 2)
  expect(value).toBeCloseTo(-values.slice(1).reduce((sum, one) => sum + one / 5, 0), 12)
  expect(await left.value(at(), 2)).toBeCloseTo(value, 12)
  for (let i = 0; i < LOG_SNR.length; i++) {
    const h = 1e-4
    const beside = (d: number) => left.value(at(LOG_SNR.map((level, j) => (j === i ? level + d : level))), 2)
    expect(dLogSnr[i]).toBeCloseTo(((await beside(h)) - (await beside(-h))) / (2 * h), 6)
  }
  expect(dLogSnr).not.toEqual(whole.dLogSnr)
  const none = { ...partial, values: async () => new Float64Array(6).fill(Number.NaN) }
  await expect(new RewardObjective({ ...options, reward: none }).value(at(), 2)).rejects.toMatchObject({
    code: 'objective.unrated',
  })
})
