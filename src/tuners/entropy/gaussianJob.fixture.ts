/**
 * Entropy strength jobs with a known answer, through the real sampler: data N(0, 1) and its exact network, r2 = a u, r1 = -(u - b)^2.
 *
 * DDPM of the large variance, noised to the end: the chain is N(s a, 1), guided and tilted, and lambda* = a/b. DDIM at eta 1 follows its own
 * recursion: mean m at s a = 1 and variance v, so lambda* = a m/b for the guided chain and a v/b for the tilt.
 *
 * There the spread of r1 is all in the path's own noise, which A and B know of. `rough`: r1 = -(u - b)^2 v^2, v another pixel that the reward
 * does not see, E v^2 = 1 with the exact chain: the same lambda*, and a spread that nothing knows of.
 */
import type { Images, SamplerSettings, SamplingSchedule } from '../../diffusion/index.ts'
import {
  gaussianDenoiser,
  imagesOf,
  noiseSchedule,
  samplerSettings,
  samplingScheduleFrom,
} from '../../diffusion/index.ts'
import type { Reward } from '../../rewards/index.ts'
import { defineReward } from '../../rewards/index.ts'
import type { EntropyOptions } from './job.ts'
import type { EntropySettings } from './settings.ts'
import { entropySettings } from './settings.ts'

export const EXACT = samplerSettings({ sampler: 'ddpm', variance: 'large', noisyLastStep: true, clip: null })
export const ETA_1 = samplerSettings({ eta: 1, clip: null })

export interface GaussianJob {
  readonly a: number
  readonly b: number
  readonly steps: number
  /** Default: exact. */
  readonly sampler?: SamplerSettings
  /** Default false. */
  readonly rough?: boolean
  readonly settings?: Partial<EntropySettings>
}

const noise = noiseSchedule({ family: 'cosine', timesteps: 1000 })
const denoiserOf = (pixels: number) =>
  gaussianDenoiser({
    mean: 0,
    std: 1,
    logSnrAt: (time) => ({ value: noise.level(time).logSnr, slope: 0 }),
    imageShape: [1, 1, pixels],
  })

/** f of each image's first two pixels; of the only one twice. */
function each({ data, shape }: Images, f: (u: number, v: number) => number): Float64Array {
  const size = data.length / shape[0]
  return Float64Array.from({ length: shape[0] }, (_, n) => f(data[n * size], data[n * size + size - 1]))
}

/** r2 = a u. */
export const linearReward = (a: number): Reward =>
  defineReward({
    name: `linear:${a}`,
    hash: `linear:${a}`,
    values: async (images) => each(images, (u) => a * u),
    gradient: async (images) => {
      const size = images.data.length / images.shape[0]
      const gradient = Float64Array.from(images.data, (_, i) => (i % size === 0 ? a : 0))
      return { values: each(images, (u) => a * u), gradient }
    },
  })

/** r1 = -(u - b)^2, or times v^2. */
export const goalReward = (b: number, rough = false): Reward =>
  defineReward({
    name: `goal:${b}`,
    hash: `goal:${b}`,
    values: async (images) => each(images, (u, v) => -((u - b) ** 2) * (rough ? v * v : 1)),
  })

export function gaussianJob({ a, b, steps, sampler = EXACT, rough = false, settings }: GaussianJob): EntropyOptions {
  const pixels = rough ? 2 : 1
  return {
    denoiser: denoiserOf(pixels),
    schedule: samplingScheduleFrom(noise, 'trailing', steps),
    sampler,
    reward: linearReward(a),
    judge: goalReward(b, rough),
    features: {
      name: 'pixel',
      hash: 'pixel',
      dimensions: pixels,
      imageShape: [1, 1, pixels],
      range: [-1, 1],
      features: async ({ data, shape }) => imagesOf(Float64Array.from(data), shape[0], [pixels]),
      dispose: async () => undefined,
    },
    settings: entropySettings({ minimumAlphaBar: 0, ...settings }),
  }
}

/** Mean at s a = 1 and variance of the chain of DDIM at eta 1: its own recursion. */
export function etaOneRecursion({ levels }: SamplingSchedule): { readonly mean: number; readonly variance: number } {
  let [mean, variance] = [0, 1]
  for (const [i, { signal, noise: n }] of levels.entries()) {
    const next = levels[i + 1]
    if (!next) {
      // x0Hat of N(0, 1) data is signal x.
      return { mean: signal * mean, variance: signal * signal * variance }
    }
    const [v, w] = [signal ** 2, next.signal ** 2]
    const sigma = Math.sqrt(((1 - w) / (1 - v)) * (1 - v / w))
    const direction = Math.sqrt(Math.max(0, 1 - w - sigma ** 2))
    const slope = next.signal * signal + direction * n
    const shift = ((next.signal * (1 - v)) / signal - direction * n) * signal
    mean = slope * mean + shift
    variance = slope ** 2 * variance + sigma ** 2
  }
  return { mean, variance }
}
