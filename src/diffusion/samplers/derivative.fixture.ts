/** A sampler's derivative against central differences, the same cases for all: levels, told times and start noise, through clipping that acts. */
import { expect } from 'vitest'
import type { Denoiser, Prediction } from '../denoiser.ts'
import { continuousCosine, gaussianDenoiser } from '../denoisers/gaussian.ts'
import { samplingSchedule } from '../schedules/samplingSchedule.ts'
import { imagesOf } from './anyBatch.ts'
import { sample, sampleVjp, startNoise } from './sample.ts'
import type { SamplerSettings } from './settings.ts'

export const cosineLogSnr = continuousCosine(1000)
export const PREDICTIONS: Prediction[] = ['noise', 'sample', 'velocity']

/** Four pixels, three images, told times off the levels, clipping that acts on some elements. */
export const IMAGE = [1, 2, 2]
export const START = startNoise({ imageShape: IMAGE, count: 3, seed: 5, dtype: 'float64' })
export const LOG_SNR = [-4.1, -1.9, -0.7, 0.2, 1.5, 3.9]
export const TIMES = [930.5, 760, 640.25, 433, 251.5, 90]
export const WEIGHTS = Float64Array.from({ length: 12 }, (_, i) => Math.cos(2 * i + 1))

export function network(prediction: Prediction, std = 1.4): Denoiser {
  return gaussianDenoiser({ mean: 0.3, std, logSnrAt: cosineLogSnr, imageShape: IMAGE, prediction })
}

/** sum(weights * x) + sum(x^2)/2 of the samples. */
export async function valueAt(
  denoiser: Denoiser,
  settings: SamplerSettings,
  logSnr: number[],
  times: number[],
  start = START,
) {
  const schedule = samplingSchedule({ timesteps: 1000, logSnr, times })
  const sampled = await sample({ denoiser, schedule, settings, start, seed: 3, firstItem: 2, through: 'all' })
  const value = Array.from(sampled.images.data).reduce((sum, x, i) => sum + WEIGHTS[i] * x + (x * x) / 2, 0)
  return { ...sampled, value }
}

export const cotangentOf = (images: { data: ArrayLike<number> }) =>
  imagesOf(
    WEIGHTS.map((w, i) => w + images.data[i]),
    3,
    IMAGE,
  )

/** The derivative in each level, each told time and some of the start noise is the central difference. */
export async function expectCentralDifferences(settings: SamplerSettings, prediction: Prediction): Promise<void> {
  const denoiser = network(prediction)
  const base = await valueAt(denoiser, settings, LOG_SNR, TIMES)
  const back = await sampleVjp(base.tape!, cotangentOf(base.images))
  const h = 1e-5
  for (let i = 0; i < LOG_SNR.length; i++) {
    const level = async (d: number) => (await valueAt(denoiser, settings, LOG_SNR.with(i, LOG_SNR[i] + d), TIMES)).value
    const time = async (d: number) => (await valueAt(denoiser, settings, LOG_SNR, TIMES.with(i, TIMES[i] + d))).value
    expect(back.dLogSnr[i]).toBeCloseTo(((await level(h)) - (await level(-h))) / (2 * h), 6)
    expect(back.dTimes![i]).toBeCloseTo(((await time(0.01)) - (await time(-0.01))) / 0.02, 6)
  }
  for (const j of [0, 5, 11]) {
    const moved = async (d: number) => {
      const start = imagesOf((START.data as Float64Array).with(j, START.data[j] + d), 3, IMAGE)
      return (await valueAt(denoiser, settings, LOG_SNR, TIMES, start)).value
    }
    expect(back.dStart!.data[j]).toBeCloseTo(((await moved(h)) - (await moved(-h))) / (2 * h), 6)
  }
}
