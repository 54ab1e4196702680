/** DDPM by name alone is what diffusers' DDPMScheduler does, image by image, with clipping that acts: the posterior mean of the clipped image. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Denoiser } from '../denoiser.ts'
import { readScheduler } from '../files/diffusersScheduler.ts'
import { samplingScheduleFrom } from '../schedules/samplingSchedule.ts'
import { imagesOf } from './anyBatch.ts'
import { sample } from './sample.ts'
import { samplerSettings } from './settings.ts'

interface Run {
  readonly name: string
  readonly betas: { readonly schedule: string; readonly start: number; readonly end: number }
  readonly clip: number | null
  readonly variance: 'small' | 'large'
  readonly timesteps: readonly number[]
  readonly images: readonly number[]
}
const gold = JSON.parse(readFileSync('test/gold/ddpm_karras.json', 'utf8')) as {
  readonly seed: number
  readonly start: readonly number[]
  readonly ddpm: readonly Run[]
}

const denoiser: Denoiser = {
  imageShape: [1, 1, 1],
  prediction: 'noise',
  times: 'real',
  dtype: 'float64',
  differentiable: false,
  predict: async ({ data, shape }, time) =>
    imagesOf(
      Float64Array.from(data, (x) => 0.9 * Math.sin(3 * x + 0.002 * time) + 0.3 * x),
      shape[0],
      [1, 1, 1],
    ),
  vjp: async () => Promise.reject(new Error('asked')),
}

const scheduleOf = ({ betas }: Run) =>
  readScheduler(
    JSON.stringify({ beta_schedule: betas.schedule, beta_start: betas.start, beta_end: betas.end }),
    'the gold',
  ).schedule

const imagesWith = async (run: Run, more: object) => {
  const schedule = samplingScheduleFrom(scheduleOf(run), 'trailing', run.timesteps.length)
  expect(schedule.times).toEqual(run.timesteps)
  const settings = samplerSettings({
    sampler: 'ddpm',
    clip: run.clip === null ? null : [-run.clip, run.clip],
    variance: run.variance,
    // That scheduler leaves out the noise at time 0 alone: of `large`, trailing times end with it.
    noisyLastStep: run.variance === 'large',
    ...more,
  })
  const start = imagesOf(Float64Array.from(gold.start), gold.start.length, [1, 1, 1])
  const { images } = await sample({ denoiser, schedule, settings, start, seed: gold.seed })
  return [...images.data]
}

test.each(gold.ddpm)('$name', async (run) => {
  for (const [i, value] of (await imagesWith(run, {})).entries()) {
    expect(Math.abs(value - run.images[i])).toBeLessThan(1e-9 * (1 + Math.abs(run.images[i])))
  }
})

test('the noise as predicted is another sampler wherever something is clipped', async () => {
  for (const run of gold.ddpm.filter(({ clip }) => clip !== null)) {
    const kept = await imagesWith(run, { clippedNoise: 'keep' })
    expect(Math.max(...kept.map((value, i) => Math.abs(value - run.images[i])))).toBeGreaterThan(0.1)
  }
})
