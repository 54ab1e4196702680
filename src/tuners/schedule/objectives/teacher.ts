/**
 * Distance to a teacher: the same start noise through the model's own sampler of many steps. No data and no feature network are needed, as the
 * network alone says where its noise leads (global truncation error; Tong et al., "Learning to Discretize Denoising Diffusion ODEs", LD3, ICLR 2025, arXiv 2405.15506). The teacher must
 * be deterministic: one that adds noise leads the same start somewhere else each time.
 *
 * Soft form of LD3: few steps cannot follow the teacher from every start, but need not, as long as they lead some start near it to the teacher's
 * image; x' of rms distance at most r from x:
 *
 *     f(q) = mean over x of  min { d(sample(x', q), teacher(x)) :  |x' - x| <= r sqrt(pixels) }
 *
 * LD3 keeps x' of a fixed set of starts between its steps and moves it together with q. Here each value finds x' anew, by steps of the projected
 * gradient from x, so that it depends on schedule and key alone. At the minimum x' has no part in the derivative in q (Danskin), which is
 * therefore taken with x' held.
 */
import { inputError, internalError, sizeOf } from '../../../base/index.ts'
import type { UpperCost } from '../../../bilevel/index.ts'
import type { ImageData, Images, SampleOptions, SamplerSettings, SamplingSchedule } from '../../../diffusion/index.ts'
import {
  evaluationsBy,
  picturesOf,
  sample,
  samplerNamed,
  sampleVjp,
  throughPictures,
} from '../../../diffusion/index.ts'
import type { FeatureNetwork } from '../../../metrics/index.ts'
import { SOFT_STEPS, taughtCost } from './cost.ts'
import type { MeasuredGradient } from './imageObjective.ts'
import { givesDerivatives, ImageObjective, meanOver } from './imageObjective.ts'
import type { Measured, ObjectiveSampling } from './objective.ts'

/** The teacher: what it goes through and how. */
export interface Teacher {
  readonly schedule: SamplingSchedule
  /** Without noise. */
  readonly settings: SamplerSettings
}

export interface TeacherObjectiveOptions extends ObjectiveSampling {
  readonly teacher: Teacher
  /** Distances are in its features; absent: in pixels. */
  readonly features?: FeatureNetwork
  /** How far each start noise may move, root mean square over its pixels, > 0; absent: not at all. */
  readonly soft?: number
}

/** Teacher's images that are kept: those of the last keys. */
const KEPT_KEYS = 4

/** What images are compared in: a row of numbers each. */
interface Rows {
  readonly data: ArrayLike<number>
  /** Numbers a row. */
  readonly width: number
}

interface Compared {
  readonly rows: Rows
  readonly target: Rows
  /** One for each image. */
  readonly distances: Float64Array
}

/**
 * Mean squared distance of samples to the teacher's images from the same start noise, as a function of the sampling schedule: the mean over
 * images and pixels (or features).
 */
export class TeacherObjective extends ImageObjective<TeacherObjectiveOptions> {
  readonly name = 'teacher'
  readonly differentiable: boolean
  readonly #targets = new Map<number, Promise<Rows>>()

  /** @throws `objective.soft` where start noise is to move and model or features have no derivative; `objective.teacher` on one with noise */
  constructor(options: TeacherObjectiveOptions) {
    super(options)
    const { denoiser, features, soft, teacher } = options
    this.differentiable = givesDerivatives(denoiser) && (features === undefined || features.vjp !== undefined)
    if (soft !== undefined && !this.differentiable) {
      throw inputError(
        'objective.soft',
        `start noise moves by the derivative of the model, which ${denoiser.differentiable ? features?.name : 'this one'} does not have; leave teacherSoft out`,
      )
    }
    if (soft !== undefined && !(soft > 0)) {
      throw inputError(
        'objective.soft',
        `the radius that start noise may move must be above 0, got ${soft}; leave it out for none`,
      )
    }
    const { sampler } = teacher.settings
    if (samplerNamed(sampler).noisy(teacher.settings)) {
      throw inputError(
        'objective.teacher',
        `a teacher must lead the same start noise to the same image, ${sampler} adds noise; take dpm-solver++, ddim or heun without`,
      )
    }
  }

  /** The teacher's images of a key are made once. */
  override cost(steps: number): UpperCost {
    const { samples, teacher, soft, denoiser } = this.options
    const perKey = samples * evaluationsBy(denoiser, teacher)
    return taughtCost(super.cost(steps), { perKey, soft: soft !== undefined })
  }

  override async ofImages(images: Images, key: number): Promise<Measured> {
    return meanOver((await this.#compared(images, key)).distances)
  }

  protected override requireDerivative(): void {
    const { features } = this.options
    if (!features || features.vjp) return
    throw inputError(
      'objective.derivative',
      `feature network ${features.name} has no derivative; use an estimator that needs none: two-point, one-point, coordinate`,
    )
  }

  protected override async gradientOfImages(images: Images, key: number): Promise<MeasuredGradient> {
    const compared = await this.#compared(images, key)
    return { ...meanOver(compared.distances), dImages: await this.#pullBack(images, compared), dropped: 0 }
  }

  /** The start noise where it may be: moved within its ball to where its image is nearer to the teacher's. */
  protected override async startOf(options: SampleOptions, key: number): Promise<SampleOptions> {
    const { soft, signal, denoiser } = this.options
    if (soft === undefined) return options
    const { start } = options
    const size = sizeOf(start.shape.slice(1))
    const radius = soft * Math.sqrt(size)
    let at = start
    let best = { start, values: null as Float64Array | null }
    const keepBetter = (values: Float64Array) => {
      best = best.values === null ? { start: at, values } : nearer(best.start, best.values, at, values, size)
    }
    for (let step = 0; step < SOFT_STEPS; step++) {
      const { images, tape } = await sample({ ...options, start: at, through: 'all' })
      if (!tape) throw internalError('a derivative in the start noise without a tape')
      const pictures = await picturesOf(denoiser, images)
      const compared = await this.#compared(pictures, key)
      keepBetter(compared.distances)
      const cotangent = await throughPictures(denoiser, images, await this.#pullBack(pictures, compared))
      const { dStart } = await sampleVjp(tape, cotangent, signal ? { signal } : {})
      tape.release()
      if (!dStart) throw internalError('a derivative in the start noise was cut')
      at = movedWithin(start, at, dStart.data, radius, radius / 2 ** step)
    }
    const { images } = await sample({ ...options, start: at })
    keepBetter((await this.#compared(await picturesOf(denoiser, images), key)).distances)
    return { ...options, start: best.start }
  }

  async #rowsOf(images: Images): Promise<Rows> {
    const { features } = this.options
    if (!features) return { data: images.data, width: sizeOf(images.shape.slice(1)) }
    const { data } = await features.features(images)
    return { data, width: features.dimensions }
  }

  async #compared(images: Images, key: number): Promise<Compared> {
    const [rows, target] = [await this.#rowsOf(images), await this.#targetOf(key)]
    return { rows, target, distances: distances(rows, target) }
  }

  /** Derivative of the mean distance in the images. */
  async #pullBack(images: Images, { rows, target }: Compared): Promise<Images> {
    const { features } = this.options
    const count = images.shape[0]
    const scale = 2 / rows.data.length
    const dRows = Float64Array.from(rows.data, (value, i) => scale * (value - target.data[i]))
    if (!features) return { ...images, data: images.dtype === 'float32' ? Float32Array.from(dRows) : dRows } as Images
    return features.vjp!(images, { dtype: 'float64', shape: [count, features.dimensions], data: dRows })
  }

  /** The teacher's images of a key, as they are compared. */
  #targetOf(key: number): Promise<Rows> {
    const known = this.#targets.get(key)
    if (known) return known
    const made = this.#teach(key)
    this.#targets.set(key, made)
    made.catch(() => this.#targets.delete(key))
    for (const old of this.#targets.keys()) if (this.#targets.size > KEPT_KEYS) this.#targets.delete(old)
    return made
  }

  async #teach(key: number): Promise<Rows> {
    const { schedule, settings } = this.options.teacher
    const { images } = await sample(this.sampleOptions(schedule, key, settings))
    return this.#rowsOf(await picturesOf(this.options.denoiser, images))
  }
}

/** Mean squared difference of each row. */
function distances({ data, width }: Rows, target: Rows): Float64Array {
  const values = new Float64Array(data.length / width)
  for (let i = 0; i < data.length; i++) values[Math.floor(i / width)] += (data[i] - target.data[i]) ** 2 / width
  return values
}

/** Against its gradient by a step's length, image by image, and back into the ball around where it began. */
function movedWithin(start: Images, at: Images, gradient: ImageData, radius: number, length: number): Images {
  const count = start.shape[0]
  const size = start.data.length / count
  const data = at.data.slice()
  for (let image = 0; image < count; image++) {
    const rows = [image * size, (image + 1) * size] as const
    const norm = lengthOf(gradient.subarray(...rows))
    if (norm === 0) continue
    for (let i = rows[0]; i < rows[1]; i++) data[i] -= (length / norm) * gradient[i]
    const away = data.subarray(...rows).map((value, i) => value - start.data[rows[0] + i])
    const distance = lengthOf(away)
    if (distance > radius) {
      for (let i = 0; i < size; i++) data[rows[0] + i] = start.data[rows[0] + i] + (radius / distance) * away[i]
    }
  }
  return { ...start, data } as Images
}

const lengthOf = (values: ImageData): number =>
  Math.sqrt((values as Float64Array).reduce((sum, value) => sum + value * value, 0))

/** Image by image, the start of the two that came nearer. */
function nearer(a: Images, aValues: Float64Array, b: Images, bValues: Float64Array, size: number) {
  const data = a.data.slice()
  const values = aValues.slice()
  for (const [image, value] of bValues.entries()) {
    if (value >= values[image]) continue
    values[image] = value
    data.set(b.data.subarray(image * size, (image + 1) * size), image * size)
  }
  return { start: { ...a, data } as Images, values: values as Float64Array | null }
}
