/** What objectives of images share: images of a key, sampled, and a cotangent of them pulled back to the schedule. */
import { internalError } from '../../../base/index.ts'
import type { UpperCost } from '../../../bilevel/index.ts'
import type { Denoiser, Images, SampleOptions, SamplerSettings, SamplingSchedule } from '../../../diffusion/index.ts'
import {
  picturesDifferentiable,
  picturesOf,
  sample,
  sampleVjp,
  startNoise,
  throughPictures,
} from '../../../diffusion/index.ts'
import { objectiveCost } from './cost.ts'
import type { ObjectiveName } from './names.ts'
import type { Measured, Objective, ObjectiveGradient, ObjectiveSampling } from './objective.ts'

/** At steps noisier than this alphaBar the clean image is read out of 1 / signal times the error of the noise: their derivative in the weights is noise. */
const WEIGHTS_ABOVE = 2e-3

/** What pictures are worth, with its derivative in them. */
export interface MeasuredGradient extends Measured {
  readonly dImages: Images
  /** Directions in which it has a kink that the derivative leaves out. */
  readonly dropped: number
}

/** Whether cotangents of its pictures come back to the schedule. */
export const givesDerivatives = (denoiser: Denoiser): boolean =>
  denoiser.differentiable && picturesDifferentiable(denoiser)

/** An objective that is a function of the images of a schedule: of the pictures, where a denoiser makes latents. */
export abstract class ImageObjective<O extends ObjectiveSampling> implements Objective {
  abstract readonly name: ObjectiveName
  abstract readonly differentiable: boolean
  readonly options: O
  lastStandardError: number | null = null
  lastDropped = 0

  constructor(options: O) {
    this.options = options
  }

  abstract ofImages(images: Images, key: number): Promise<Measured>

  protected abstract gradientOfImages(images: Images, key: number): Promise<MeasuredGradient>

  /** Before anything is sampled for a gradient. @throws `objective.derivative` where there is none */
  protected abstract requireDerivative(): void

  cost(steps: number): UpperCost {
    const { samples, settings, denoiser, through = 'all' } = this.options
    return objectiveCost(samples * (denoiser.evaluationsEach ?? 1), settings, steps, through)
  }

  async value(schedule: SamplingSchedule, key: number, settings?: SamplerSettings): Promise<number> {
    const { images } = await sample(await this.startOf(this.sampleOptions(schedule, key, settings), key))
    const { value, standardError } = await this.ofImages(await picturesOf(this.options.denoiser, images), key)
    this.lastStandardError = standardError
    this.lastDropped = 0
    return value
  }

  async gradient(schedule: SamplingSchedule, key: number, weights = false): Promise<ObjectiveGradient> {
    this.requireDerivative()
    const { through = 'all', signal, denoiser } = this.options
    const { length } = schedule.levels
    const last = through === 'all' ? through : Math.min(through, length)
    const { images, tape } = await sample({
      ...(await this.startOf(this.sampleOptions(schedule, key), key)),
      through: last,
      ...(weights && { keepBytes: 0 }),
    })
    const pictures = await picturesOf(denoiser, images)
    const { value, standardError, dImages, dropped } = await this.gradientOfImages(pictures, key)
    this.lastStandardError = standardError
    this.lastDropped = dropped
    if (!tape) throw internalError('a gradient through no step was asked for')
    const cotangent = await throughPictures(denoiser, images, dImages)
    const back = await sampleVjp(tape, cotangent, { weights, weightsAbove: WEIGHTS_ABOVE, ...(signal && { signal }) })
    tape.release()
    return {
      value,
      dLogSnr: back.dLogSnr,
      dTimes: back.dTimes,
      dSolver: back.dSolver,
      ...(back.dWeights && { dWeights: Float32Array.from(back.dWeights) }),
    }
  }

  /** What is sampled in the end: the start noise may be moved first. */
  protected async startOf(options: SampleOptions, _key: number): Promise<SampleOptions> {
    return options
  }

  /** The images of a key by any schedule. */
  protected sampleOptions(
    schedule: SamplingSchedule,
    key: number,
    settings: SamplerSettings = this.options.settings,
  ): SampleOptions {
    const { denoiser, samples: count, seed, signal } = this.options
    const firstItem = key * count
    const { imageShape, dtype } = denoiser
    const condition = this.conditionOf(key)
    return {
      denoiser,
      schedule,
      settings,
      start: startNoise({ imageShape, count, seed, firstItem, ...(dtype && { dtype }) }),
      seed,
      firstItem,
      ...(condition && { condition }),
      ...(signal && { signal }),
    }
  }

  /** Class of each image of a key; undefined: none. */
  protected conditionOf(key: number): Int32Array | undefined {
    const { condition, samples: count } = this.options
    return condition && Int32Array.from({ length: count }, (_, i) => condition(key * count + i))
  }
}

/** Mean and its standard error over images, of a number for each. */
export function meanOver(values: Float64Array): Measured {
  const n = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { value: mean, standardError: n > 1 ? Math.sqrt(squares / (n - 1) / n) : null }
}
