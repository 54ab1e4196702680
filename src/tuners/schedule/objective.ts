/**
 * The upper objective of schedule learning: Fréchet distance between features of generated images and of the tuning split, at the
 * number of steps that will be used, with its derivative through feature network and sampler (METHOD of Xiao et al., ICML 2025;
 * the derivative in the sampling schedule follows the chain images -> features -> moments in closed form).
 */
import { inputError, internalError } from '../../base/index.ts'
import type { UpperCost } from '../../bilevel/index.ts'
import type { Denoiser, SamplerSettings, SamplingSchedule, SolverCotangent } from '../../diffusion/index.ts'
import { sample, sampleVjp, startNoise } from '../../diffusion/index.ts'
import type { FeatureNetwork, Features, FrechetReference } from '../../metrics/index.ts'
import { frechetDistance, frechetGradient, frechetStandardError } from '../../metrics/index.ts'
import { objectiveCost } from './cost.ts'

export interface FrechetObjectiveOptions {
  readonly denoiser: Denoiser
  readonly features: FeatureNetwork
  /** Moments of the tuning split's features. */
  readonly reference: FrechetReference
  readonly settings: SamplerSettings
  /** Generated images per evaluation; more than feature dimensions. */
  readonly samples: number
  readonly seed: number
  /** Classes to sample, cycled over; unconditional if absent. */
  readonly condition?: (item: number) => number
  /** How many of the last sampling steps carry gradient. Default all. */
  readonly through?: number | 'all'
  readonly signal?: AbortSignal
}

/** Derivative of the objective in everything a schedule is made of. */
export interface FrechetObjectiveGradient {
  readonly value: number
  readonly dLogSnr: Float64Array
  readonly dTimes: Float64Array | null
  readonly dSolver: SolverCotangent
  readonly dWeights?: Float32Array
}

/** Fréchet distance of samples as a function of the sampling schedule. Equal keys: equal start noise and sampler noise. */
export class FrechetObjective {
  readonly options: FrechetObjectiveOptions
  /** Jackknife standard error of the last value or gradient's value over its images; null before any. */
  lastStandardError: number | null = null
  /** Directions in which the distance had a kink that the last gradient leaves out; 0 of a value. */
  lastDropped = 0

  /** @throws `objective.samples` if there are not more samples than feature dimensions */
  constructor(options: FrechetObjectiveOptions) {
    const { samples, features } = options
    if (!(Number.isInteger(samples) && samples > features.dimensions)) {
      throw inputError(
        'objective.samples',
        `the Fréchet distance needs more samples than the ${features.dimensions} features of ${features.name}, got ${samples}`,
      )
    }
    this.options = options
  }

  /** Network evaluations of one `value`, and of one `gradient` (forward, recomputed forward, derivative in the input). */
  cost(steps: number): UpperCost {
    const { samples, settings, through = 'all' } = this.options
    return objectiveCost(samples, settings, steps, through)
  }

  async value(schedule: SamplingSchedule, key: number): Promise<number> {
    const { features } = this.options
    const { images } = await sample(this.#sampleOptions(schedule, key))
    return this.#measured(await features.features(images), frechetDistance).value
  }

  /** @throws `objective.derivative` if the feature network has none, `sampler.derivative` if the denoiser has none */
  async gradient(schedule: SamplingSchedule, key: number, weights = false): Promise<FrechetObjectiveGradient> {
    const { features, signal } = this.options
    if (!features.vjp) {
      throw inputError(
        'objective.derivative',
        `feature network ${features.name} has no derivative; use an estimator that needs none: two-point, one-point, coordinate`,
      )
    }
    const { through = 'all' } = this.options
    const { length } = schedule.levels
    const last = through === 'all' ? through : Math.min(through, length)
    const { images, tape } = await sample({
      ...this.#sampleOptions(schedule, key),
      through: last,
      ...(weights && { keepBytes: 0 }),
    })
    const { value, dFeatures, dropped } = this.#measured(await features.features(images), frechetGradient)
    this.lastDropped = dropped
    const dImages = await features.vjp(images, dFeatures)
    if (!tape) throw internalError('a gradient through no step was asked for')
    const back = await sampleVjp(tape, dImages, { weights, ...(signal && { signal }) })
    tape.release()
    return {
      value,
      dLogSnr: back.dLogSnr,
      dTimes: back.dTimes,
      dSolver: back.dSolver,
      ...(back.dWeights && { dWeights: Float32Array.from(back.dWeights) }),
    }
  }

  #measured<R>(rows: Features, distance: (rows: Features, reference: FrechetReference) => R): R {
    const { reference } = this.options
    this.lastStandardError = frechetStandardError(rows, reference)
    this.lastDropped = 0
    return distance(rows, reference)
  }

  #sampleOptions(schedule: SamplingSchedule, key: number) {
    const { denoiser, settings, samples: count, seed, condition, signal } = this.options
    const firstItem = key * count
    const { imageShape, dtype } = denoiser
    return {
      denoiser,
      schedule,
      settings,
      start: startNoise({ imageShape, count, seed, firstItem, ...(dtype && { dtype }) }),
      seed,
      firstItem,
      ...(condition && { condition: Int32Array.from({ length: count }, (_, i) => condition(firstItem + i)) }),
      ...(signal && { signal }),
    }
  }
}
