/** The grid of training schedules: each row what a network is trained on, at equal steps. */
import type { LossWeighting, NoiseFamilyName, TrainingSchedule, TrainingTarget } from '../../src/diffusion/index.ts'
import { flowSchedule, logSnrDensity, noiseSchedule } from '../../src/diffusion/index.ts'
import { withZeroTerminalSnr } from '../../src/diffusion/schedules/noiseSchedule.ts'

export interface GridRow {
  readonly name: string
  readonly schedule: () => TrainingSchedule
  readonly prediction: TrainingTarget
  readonly weighting: LossWeighting
}

const T = 1000
const UNIFORM: LossWeighting = { name: 'uniform' }
const cosine = () => noiseSchedule({ family: 'cosine', timesteps: T })

const row = (name: string, schedule: () => TrainingSchedule, more: Partial<GridRow> = {}): GridRow => ({
  name,
  schedule,
  prediction: 'noise',
  weighting: UNIFORM,
  ...more,
})

const family = (name: NoiseFamilyName, more: { readonly tau?: number } = {}): GridRow =>
  row(more.tau === undefined ? name : `${name}, tau ${more.tau}`, () =>
    noiseSchedule({ family: name, timesteps: T, ...more }),
  )

const density = (name: 'laplace' | 'normal' | 'uniform' | 'cosine', mean: number, width: number): GridRow =>
  row(`${name}(${mean}, ${width})`, () => logSnrDensity({ name, mean, width, code: cosine() }))

const weighted = (name: LossWeighting['name']): GridRow => row(`cosine, ${name}`, cosine, { weighting: { name } })

/** The first is the default, which the others are compared with. */
export const GRID: readonly GridRow[] = [
  family('cosine'),
  density('laplace', 0, 0.5),
  density('laplace', 0, 1),
  density('normal', 0, 2),
  density('laplace', 1, 0.5),
  density('laplace', -1, 0.5),
  density('laplace', 0, 2),
  density('normal', 0, 1),
  density('uniform', 0, 7),
  density('cosine', 0, 1),
  family('cosine', { tau: 1.4 }),
  family('sigmoid'),
  family('linear'),
  weighted('min-snr'),
  weighted('soft-min-snr'),
  weighted('v-like'),
  row('laplace(0, 0.5), min-snr', () => logSnrDensity({ name: 'laplace', code: cosine() }), {
    weighting: { name: 'min-snr' },
  }),
  row('cosine, importance sampled by normal(0, 4)', () => logSnrDensity({ name: 'normal', width: 4, code: cosine() }), {
    weighting: { name: 'uniform', importance: true },
  }),
  row('cosine, velocity', cosine, { prediction: 'velocity' }),
  row('cosine with zero terminal SNR, velocity', () => withZeroTerminalSnr(cosine(), 0), { prediction: 'velocity' }),
  row('laplace(0, 0.5), velocity', () => logSnrDensity({ name: 'laplace', code: cosine() }), {
    prediction: 'velocity',
  }),
  row('flow', () => flowSchedule(T), { prediction: 'flow' }),
  row('normal(0, 2), flow', () => logSnrDensity({ name: 'normal', code: flowSchedule(T) }), { prediction: 'flow' }),
]
