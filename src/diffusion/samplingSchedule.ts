/**
 * A sampling schedule: per step a noise level and the time the network is told there. All that a sampler knows of noise
 * schedules; noise schedules and step lists *make* sampling schedules, learned ones are just numbers.
 */
import type { Level } from './level.ts'

/** N steps, noisiest first: step index 0 is k = N, the last one is k = 1, after which comes the clean image. */
export interface SamplingSchedule {
  /** Number of training timesteps T; told times lie in [0, T - 1]. */
  readonly timesteps: number
  readonly levels: readonly Level[]
  readonly times: readonly number[]
}

/** The three samplers. */
export type SamplerName = 'ddim' | 'ddpm' | 'dpm-solver++'

/** Everything else that decides what a sampler does; recorded with every result. */
export interface SamplerSettings {
  readonly sampler: SamplerName
  /** Range to which x0Hat is clipped, or null. */
  readonly clip: readonly [number, number] | null
  /** After clipping x0Hat: `keep` epsHat as predicted (diffusers' pipelines) or `recompute` it from the clipped x0Hat. */
  readonly clippedNoise: 'keep' | 'recompute'
  /** DDIM: 0 deterministic to 1 ancestral. DDPM ignores it (its mean is eta 1's). */
  readonly eta: number
  /** DDPM: noise variance `small` (posterior) or `large` (1 - v/w). */
  readonly variance: 'small' | 'large'
  /** Whether the last step is noised too. */
  readonly noisyLastStep: boolean
}
