/** Objectives of pictures that a decoder makes of latents: values are of the pictures, gradients go through decoder and sampler. */
import { expect, test } from 'vitest'
import type { Denoiser } from '../../../diffusion/index.ts'
import { gaussianDenoiser, generate, picturesOf, samplerSettings, samplingSchedule } from '../../../diffusion/index.ts'
import { tanhDecoder } from '../../../diffusion/latents.fixture.ts'
import { functionReward } from '../../../rewards/index.ts'
import type { Objective } from './objective.ts'
import { RewardObjective } from './reward.ts'
import { TeacherObjective } from './teacher.ts'

const LOG_SNR = [-4.1, -0.7, 2.1]
const TIMES = [930.5, 640, 251.5]
const at = (logSnr: readonly number[] = LOG_SNR) => samplingSchedule({ timesteps: 1000, logSnr, times: TIMES })
const denoiser: Denoiser = {
  ...gaussianDenoiser({
    ...{ mean: 0.1, std: 0.7, imageShape: [1, 2, 2] },
    logSnrAt: (time) => ({ value: 6 - 0.011 * time, slope: -0.011 }),
  }),
  decoder: tanhDecoder,
}
const reward = functionReward({
  name: 'squares',
  values: ({ data, shape: [n] }) => Array.from({ length: n }, (_, i) => data[2 * i] ** 2 - data[2 * i + 1]),
  gradient: ({ data, shape: [n] }) => ({
    values: Array.from({ length: n }, (_, i) => data[2 * i] ** 2 - data[2 * i + 1]),
    gradient: Array.from(data, (pixel, j) => (j % 2 === 0 ? 2 * pixel : -1)),
  }),
})
const options = {
  ...{ denoiser, samples: 6, seed: 4 },
  settings: samplerSettings({ sampler: 'dpm-solver++', clip: null }),
} as const
const teacher = {
  schedule: samplingSchedule({ timesteps: 1000, logSnr: [-5, -2, 0.5, 3, 5], times: [990, 700, 500, 270, 90] }),
  settings: samplerSettings({ sampler: 'ddim', clip: null }),
}

async function checkGradient(objective: Objective): Promise<void> {
  expect(objective.differentiable).toBe(true)
  const { dLogSnr } = await objective.gradient(at(), 2)
  for (let i = 0; i < LOG_SNR.length; i++) {
    const h = 1e-4
    const beside = (d: number) => objective.value(at(LOG_SNR.map((level, j) => (j === i ? level + d : level))), 2)
    expect(dLogSnr[i]).toBeCloseTo(((await beside(h)) - (await beside(-h))) / (2 * h), 6)
  }
  expect(Math.max(...dLogSnr.map(Math.abs))).toBeGreaterThan(1e-3)
}

test('a reward is of the pictures, with its gradient', async () => {
  const objective = new RewardObjective({ ...options, reward })
  const { images } = await generate({ ...options, schedule: at(), count: 6, firstItem: 12 })
  const values = await reward.values(await picturesOf(denoiser, images))
  expect(await objective.value(at(), 2)).toBeCloseTo(-values.reduce((sum, value) => sum + value / 6, 0), 12)
  await checkGradient(objective)
})

test('the distance to a teacher is between pictures, with its gradient', () =>
  checkGradient(new TeacherObjective({ ...options, teacher })))

test('start noise moves to where pictures are nearer, through the decoder', async () => {
  const plain = await new TeacherObjective({ ...options, teacher }).value(at(), 2)
  expect(await new TeacherObjective({ ...options, teacher, soft: 0.5 }).value(at(), 2)).toBeLessThan(0.8 * plain)
})

test('a decoder without a derivative leaves none', () => {
  const cut = { ...denoiser, decoder: { ...tanhDecoder, differentiable: false } }
  expect(new RewardObjective({ ...options, denoiser: cut, reward }).differentiable).toBe(false)
})
