/** What objectives of images share: images of a key, sampled, and a cotangent of them pulled back to the schedule. */
import { internalError } from '../../../base/index.ts'
import type { UpperCost } from '../../../bilevel/index.ts'
import type { Images, SamplerSettings, SamplingSchedule } from '../../../diffusion/index.ts'
import { sample, sampleVjp, startNoise } from '../../../diffusion/index.ts'
import { objectiveCost } from '../cost.ts'
import type { Objective, ObjectiveGradient, ObjectiveSampling } from './objective.ts'

/** What images are worth. */
export interface Measured {
  /** Smaller is better. */
  readonly value: number
  /** Of the value, over the images; null where it has none. */
  readonly standardError: number | null
}

/** The same with its derivative in the images. */
export interface MeasuredGradient extends Measured {
  readonly dImages: Images
  /** Directions in which it has a kink that the derivative leaves out. */
  readonly dropped: number
}

/** An objective that is a function of the images of a schedule. */
export abstract class ImageObjective<O extends ObjectiveSampling> implements Objective {
  readonly options: O
  lastStandardError: number | null = null
  lastDropped = 0

  constructor(options: O) {
    this.options = options
  }

  abstract readonly differentiable: boolean

  /** @param key what the images were drawn with */
  protected abstract measure(images: Images, key: number): Promise<Measured>

  protected abstract measureGradient(images: Images, key: number): Promise<MeasuredGradient>

  /** Before anything is sampled for a gradient. @throws `objective.derivative` where there is none */
  protected abstract requireDerivative(): void

  cost(steps: number): UpperCost {
    const { samples, settings, through = 'all' } = this.options
    return objectiveCost(samples, settings, steps, through)
  }

  async value(schedule: SamplingSchedule, key: number, settings?: SamplerSettings): Promise<number> {
    const { images } = await sample(this.#sampleOptions(schedule, key, settings))
    const { value, standardError } = await this.measure(images, key)
    this.lastStandardError = standardError
    this.lastDropped = 0
    return value
  }

  async gradient(schedule: SamplingSchedule, key: number, weights = false): Promise<ObjectiveGradient> {
    this.requireDerivative()
    const { through = 'all', signal } = this.options
    const { length } = schedule.levels
    const last = through === 'all' ? through : Math.min(through, length)
    const { images, tape } = await sample({
      ...this.#sampleOptions(schedule, key),
      through: last,
      ...(weights && { keepBytes: 0 }),
    })
    const { value, standardError, dImages, dropped } = await this.measureGradient(images, key)
    this.lastStandardError = standardError
    this.lastDropped = dropped
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

  #sampleOptions(schedule: SamplingSchedule, key: number, settings: SamplerSettings = this.options.settings) {
    const { denoiser, samples: count, seed, condition, signal } = this.options
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
