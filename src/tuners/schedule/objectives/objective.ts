/**
 * An upper objective of schedule learning: a number of the images that a schedule gives, smaller being better, with its derivative through
 * the images back to everything the schedule is made of. What it looks at is its own affair: real images, a teacher's images, a reward.
 */
import type { UpperCost } from '../../../bilevel/index.ts'
import type { Denoiser, Images, SamplerSettings, SamplingSchedule, SolverCotangent } from '../../../diffusion/index.ts'

import type { ObjectiveName } from './names.ts'

/** How the images that an objective looks at are made. */
export interface ObjectiveSampling {
  readonly denoiser: Denoiser
  readonly settings: SamplerSettings
  /** Generated images per evaluation. */
  readonly samples: number
  readonly seed: number
  /** Classes to sample, cycled over; unconditional if absent. */
  readonly condition?: (item: number) => number
  /** How many of the last sampling steps carry gradient. Default all. */
  readonly through?: number | 'all'
  readonly signal?: AbortSignal
}

/** What images are worth. */
export interface Measured {
  /** Smaller is better. */
  readonly value: number
  /** Of the value, over the images; null where it has none. */
  readonly standardError: number | null
}

/** Derivative of an objective in everything a schedule is made of. */
export interface ObjectiveGradient {
  readonly value: number
  readonly dLogSnr: Float64Array
  readonly dTimes: Float64Array | null
  readonly dSolver: SolverCotangent
  readonly dWeights?: Float32Array
}

/** A function of the sampling schedule that is minimised. Equal keys: equal start noise and sampler noise. */
export interface Objective {
  readonly name: ObjectiveName
  readonly options: ObjectiveSampling
  /** Whether there is a `gradient`. */
  readonly differentiable: boolean
  /** Standard error of the last value or gradient's value over its images; null before any. */
  readonly lastStandardError: number | null
  /** Directions in which the objective had a kink that the last gradient leaves out; 0 of a value. */
  readonly lastDropped: number
  /**
   * Network evaluations of one `value`, of one `gradient` (forward, recomputed forward, derivative in the input), and of what a key takes when
   * it is first used.
   */
  cost(steps: number): UpperCost
  /** @param settings the sampler's, in the place of the objective's own: another sampler on the same noise */
  value(schedule: SamplingSchedule, key: number, settings?: SamplerSettings): Promise<number>
  /** What images are worth that were drawn from the key's noise, by whatever schedule. */
  ofImages(images: Images, key: number): Promise<Measured>
  /** @throws `objective.derivative`, `sampler.derivative` where there is none */
  gradient(schedule: SamplingSchedule, key: number, weights?: boolean): Promise<ObjectiveGradient>
}
