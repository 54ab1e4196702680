/** A deterministic sampler's order of convergence, against the exact probability flow of Gaussian data. */
import { expect } from 'vitest'
import { gaussianDenoiser } from '../denoisers/gaussian.ts'
import { levelOfLogSnr } from '../schedules/level.ts'
import { samplingSchedule } from '../schedules/samplingSchedule.ts'
import { imagesOf } from './anyBatch.ts'
import { sample } from './sample.ts'
import type { SamplerName } from './samplers.ts'
import { samplerSettings } from './settings.ts'

const column = (values: ArrayLike<number>) => imagesOf(Float64Array.from(values), values.length, [1, 1, 1])

const [low, high] = [Math.log(0.01 / 0.99), Math.log(0.99 / 0.01)]
// Told times are log-SNRs themselves, shifted into [0, T-1]: the exact network at the exact level.
const denoiser = gaussianDenoiser({ mean: 0.3, std: 1.7, logSnrAt: (time) => ({ value: 20 - time, slope: -1 }) })

async function error(sampler: SamplerName, steps: number, weight?: number): Promise<number> {
  const logSnr = Array.from({ length: steps }, (_, i) => low + ((high - low) * i) / (steps - 1))
  const solver = weight === undefined ? {} : { weight: Array.from({ length: steps - 1 }, () => weight) }
  const schedule = samplingSchedule({ timesteps: 1000, logSnr, times: logSnr.map((value) => 20 - value), solver })
  const settings = samplerSettings({ sampler, clip: null })
  const { images } = await sample({ denoiser, schedule, settings, start: column([1.2]), seed: 0 })
  // Probability-flow solution from alphaBar .01 to .99, then the exact x0Hat there.
  const [from, to] = [levelOfLogSnr(low), levelOfLogSnr(high)]
  const D = ({ signal, noise }: { signal: number; noise: number }) => (signal * 1.7) ** 2 + noise ** 2
  const x = to.signal * 0.3 + Math.sqrt(D(to) / D(from)) * (1.2 - from.signal * 0.3)
  const exact = (to.signal * 1.7 ** 2 * x + to.noise ** 2 * 0.3) / D(to)
  return Math.abs(images.data[0] - exact)
}

/** The error falls as steps^-order. @param weight of the exponential step */
export async function expectOrder(sampler: SamplerName, order: number, weight?: number): Promise<void> {
  const errors = await Promise.all([40, 80, 160, 320].map((steps) => error(sampler, steps, weight)))
  for (let i = 1; i < errors.length; i++) {
    const slope = Math.log2(errors[i - 1] / errors[i])
    expect(Math.abs(slope - order)).toBeLessThan(0.1)
  }
}
