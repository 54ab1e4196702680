/** Schedules that `npm run interop` has the real classes run in every form they export to, on a network that is a formula. */

import type { Denoiser, SamplerSettings, SolverNumbers } from '../../src/diffusion/index.ts'
import { samplerSettings, samplingSchedule, startNoise, stepNoise } from '../../src/diffusion/index.ts'

export const COUNT = 2
export const SEED = 7
export const IMAGE_SHAPE = [1, 2, 3]

export interface VectorSchedule {
  readonly timesteps: number
  /** Noisiest first. */
  readonly logSnr: readonly number[]
  readonly times: readonly number[]
  readonly path?: 'flow'
  readonly solver?: SolverNumbers
}

export interface VectorRequest {
  readonly name: string
  readonly schedule: VectorSchedule
  readonly settings: Partial<SamplerSettings>
  readonly prediction: Prediction
}

const TRAILING: VectorSchedule = { timesteps: 100, logSnr: [-5.2, -2.1, -0.3, 1.4, 4.1], times: [99, 79, 59, 39, 19] }
const UNEVEN: VectorSchedule = {
  timesteps: 100,
  logSnr: [-7.5, -4, -2.2, -0.7, 0.8, 2.2, 4.9],
  times: [99, 85, 70, 56, 42, 28, 13],
}
const FREE: VectorSchedule = { timesteps: 1000, logSnr: [-6.1, -2.4, 0.2, 3.3], times: [981.25, 702.5, 333.125, 20] }
const INTEGERS: VectorSchedule = { ...FREE, times: [990, 610, 250, 3] }
/** Levels 1 - t, t at t = .97, .8, .5 and .15, told as they are, and otherwise. */
const FLOW: VectorSchedule = {
  timesteps: 1001,
  path: 'flow',
  logSnr: [0.97, 0.8, 0.5, 0.15].map((t) => 2 * (Math.log1p(-t) - Math.log(t))),
  times: [970, 800, 500, 150],
}
/** The same from noise alone, t = 1, whose log-SNR is written -100: a scale does nothing there. */
const NOISE_ALONE: VectorSchedule = {
  ...FLOW,
  logSnr: [-100, ...FLOW.logSnr.slice(1)],
  times: [1000, ...FLOW.times.slice(1)],
}
type Prediction = Denoiser['prediction']

const SOLVER: SolverNumbers = {
  tau: [0.3, 0.9, 0.1],
  weight: [1, 0.4, 1.3],
  scale: [1.02, 0.98, 1, 1.05],
  clipBounds: [0.6, 0.9, 1.1, 0.8],
  output: 0.35,
  history: [[], [0.2], [-0.1, 0.15]],
}

const request = (
  name: string,
  schedule: VectorSchedule,
  settings: Partial<SamplerSettings>,
  prediction: Prediction = 'noise',
): VectorRequest => ({ name, schedule, settings, prediction })

export const VECTORS: readonly VectorRequest[] = [
  request('ddim', TRAILING, {}),
  request('ddim, unclipped, velocity', TRAILING, { clip: null }, 'velocity'),
  request('ddim, sample', TRAILING, {}, 'sample'),
  request('ddim, N does not divide T', UNEVEN, {}),
  request('ddim, recomputed, real-valued times', FREE, { clippedNoise: 'recompute' }),
  request('ddim, eta .5', TRAILING, { eta: 0.5 }),
  request('ddim, eta 1, recomputed', FREE, { eta: 1, clippedNoise: 'recompute' }),
  request('ddpm', TRAILING, { sampler: 'ddpm' }),
  request('ddpm, kept, N does not divide T', UNEVEN, { sampler: 'ddpm', clippedNoise: 'keep' }),
  request('ddpm, large', UNEVEN, { sampler: 'ddpm', variance: 'large', noisyLastStep: true }),
  request('dpm-solver++', TRAILING, { sampler: 'dpm-solver++' }),
  request('dpm-solver++, velocity, N does not divide T', UNEVEN, { sampler: 'dpm-solver++' }, 'velocity'),
  request('dpm-solver++, integer times', INTEGERS, { sampler: 'dpm-solver++' }),
  request('dpm-solver++, real-valued times, unclipped', FREE, { sampler: 'dpm-solver++', clip: null }),
  request('dpm-solver++, another clip', FREE, { sampler: 'dpm-solver++', clip: [-0.4, 0.7] }),
  request('heun', TRAILING, { sampler: 'heun' }),
  request('exponential, all numbers', { ...FREE, solver: SOLVER }, { sampler: 'exponential' }),
  request(
    'exponential, tau and weights, sample',
    { ...INTEGERS, solver: { tau: [0.5, 1, 0], weight: [0, 1, 0.5] } },
    {
      sampler: 'exponential',
      clip: null,
    },
    'sample',
  ),
  request('flow, Euler', FLOW, { clip: null }, 'velocity'),
  request('flow, Euler, other times', { ...FLOW, times: [955.5, 760, 430, 90.25] }, { clip: null }, 'velocity'),
  request('flow, dpm-solver++, clipped', FLOW, { sampler: 'dpm-solver++' }, 'velocity'),
  request('flow, all numbers', { ...FLOW, solver: SOLVER }, { sampler: 'exponential' }, 'velocity'),
  request(
    'flow from noise alone, all numbers',
    { ...NOISE_ALONE, solver: SOLVER },
    { sampler: 'exponential' },
    'velocity',
  ),
]

/** What a request comes to. */
export const samplingOf = ({ schedule, settings }: VectorRequest) => ({
  schedule: samplingSchedule(schedule),
  settings: samplerSettings(settings),
})

/** The network's formula; `run_vectors.py` has it too. */
export const formula = (x: number, time: number): number => 0.9 * Math.sin(3 * x + 0.02 * time) + 0.3 * x

/** Start noise, and that of so many steps. */
export function noiseOf(steps: number): { start: number[]; noise: number[][] } {
  const start = startNoise({ imageShape: IMAGE_SHAPE, count: COUNT, seed: SEED, dtype: 'float64' })
  const noise = Array.from({ length: steps }, (_, step) => {
    const z = new Float64Array(start.data.length)
    stepNoise(z, { count: COUNT, seed: SEED, firstItem: 0, step })
    return [...z]
  })
  return { start: [...start.data], noise }
}
