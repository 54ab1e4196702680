/**
 * Plain functions as a `Denoiser`: a closed form, or a network that runs elsewhere. With a derivative it is differentiable wherever a compiled network
 * is: schedules are learned by backpropagation, samplers are guided. In float64 throughout.
 */
import type { AskedOf, PlainImages, Shape } from '../../base/index.ts'
import { inputError, inWords, numbersFrom, rowsDisagreement, sameShape, slopeDisagreement } from '../../base/index.ts'
import type { Denoiser, DenoiserGradient, Images, Prediction } from '../denoiser.ts'
import { imagesOf } from '../samplers/anyBatch.ts'

/** A denoiser of plain functions. In all of them image i of what is returned depends on image i (and its class) alone. */
export interface FunctionDenoiserOptions {
  /** What errors call it. Default `the denoiser`. */
  readonly name?: string
  /** [channels, height, width] of one image, in whatever range its data have; a point of d numbers is an image [1, 1, d]. */
  readonly imageShape: Shape
  /** What `predict` gives: eps (`noise`, default); x0 (`sample`); signal eps - noise x0, with the schedule of a flow eps - x0 (`velocity`). */
  readonly prediction?: Prediction
  /** Whether it can be told any time in [0, T-1], as default, or integers alone. Levels and times: of the schedule it goes with. */
  readonly times?: 'real' | 'integer'
  /** How many classes there are; each image must then come with one, 0 to `classes` - 1. Absent: it takes none. */
  readonly classes?: number
  /** Predictions at x = signal x0 + noise eps, all images told one time: a number per element, row-major. */
  readonly predict: (
    images: PlainImages,
    time: number,
    classes?: Int32Array,
  ) => ArrayLike<number> | Promise<ArrayLike<number>>
  /**
   * Vector-Jacobian product: d <cotangent, prediction> / dx, a number per element; `cotangent` has one per element too. Absent: no derivative, so
   * schedules are learned by differences of whole samples and rewards are tilted.
   */
  readonly vjp?: (
    images: PlainImages,
    time: number,
    cotangent: Float64Array,
    classes?: Int32Array,
  ) => ArrayLike<number> | Promise<ArrayLike<number>>
  /** d <cotangent, prediction> / d time, summed over the images. Needed only where told times are learned by backpropagation. */
  readonly timeVjp?: (
    images: PlainImages,
    time: number,
    cotangent: Float64Array,
    classes?: Int32Array,
  ) => number | Promise<number>
  /**
   * Whether both derivatives are compared with central differences of `predict`, at the first call at each of the first 16 times, on up to 8 images.
   * Default true. False for what differences cannot see, such as noise or steps.
   */
  readonly checkDerivative?: boolean
}

/** Told times at which a derivative is checked, and images there. */
const CHECKED = { times: 16, images: 8 }

/** What a call is about, in arrays of its own. */
interface Asked {
  readonly data: Float64Array
  readonly count: number
  readonly time: number
  readonly classes: Int32Array | undefined
}

/**
 * A `Denoiser` of plain functions.
 * @throws `denoiser.options` on a shape, a number of classes or functions that are none. Its calls throw `denoiser.images`, `denoiser.classes`,
 *   `times.integerOnly` on what they are given; `denoiser.function` with what a function threw; `denoiser.shape`, `denoiser.nan` on what it returned;
 *   `denoiser.differences` where a derivative is not that of `predict`, with both figures; `denoiser.derivative` where there is none
 * @example
 * // Data N(0, 1): E[eps | x] = noise x at every level.
 * const noiseAt = (time: number) => schedule.level(time).noise
 * functionDenoiser({
 *   imageShape: [1, 1, 1],
 *   predict: ({ data }, time) => data.map((x) => noiseAt(time) * x),
 *   vjp: (_, time, cotangent) => cotangent.map((g) => noiseAt(time) * g),
 * })
 */
export function functionDenoiser(options: FunctionDenoiserOptions): Denoiser {
  checkOptions(options)
  const { imageShape, prediction = 'noise', times = 'real', classes, vjp, timeVjp } = options
  const calls = callsOf(options)
  const checked = new Set<number>()
  return {
    prediction,
    times,
    imageShape,
    dtype: 'float64',
    differentiable: vjp !== undefined,
    timeDerivative: timeVjp !== undefined,
    conditional: classes !== undefined,
    ...(classes !== undefined && { classes }),
    async predict(x, time, condition) {
      const asked = askedOf(options, x, time, condition)
      return imagesOf(Float64Array.from(await calls.predict(asked)), asked.count, imageShape)
    },
    async vjp(x, time, condition, cotangent, request): Promise<DenoiserGradient> {
      const asked = askedOf(options, x, time, condition)
      const back = Float64Array.from(cotangent.data)
      if (back.length !== asked.data.length) throw notTheImages(options, 'its cotangent', x.shape, cotangent.shape)
      refuseDerivative(options, request?.weights === true)
      if ((options.checkDerivative ?? true) && checked.size < CHECKED.times && !checked.has(time)) {
        await checkDerivative(options, calls, firstOf(asked, CHECKED.images))
        checked.add(time)
      }
      const dx = Float64Array.from(await calls.vjp(asked, back))
      return { dx: imagesOf(dx, asked.count, imageShape), dtime: timeVjp ? await calls.timeVjp(asked, back) : null }
    },
  }
}

const nameOf = ({ name }: FunctionDenoiserOptions): string =>
  name === undefined ? 'the denoiser' : `denoiser '${name}'`

/** The functions, called with copies, what they return checked. */
interface Calls {
  predict(asked: Asked): Promise<Float32Array | Float64Array>
  vjp(asked: Asked, cotangent: Float64Array): Promise<Float32Array | Float64Array>
  timeVjp(asked: Asked, cotangent: Float64Array): Promise<number>
}

function callsOf(options: FunctionDenoiserOptions): Calls {
  const { imageShape, predict, vjp, timeVjp } = options
  const images = ({ data, count }: Asked): PlainImages => ({ data: data.slice(), shape: [count, ...imageShape] })
  const perElement = (what: string, call: string, { data, count, time }: Asked): AskedOf => ({
    room: 'denoiser',
    what: `${what} of ${nameOf(options)}`,
    length: data.length,
    numbers: `a number per element of the images [${[count, ...imageShape]}]`,
    call: `({ data, shape: [n, channels, height, width] }, ${call})`,
    place: (i) => `image ${Math.floor((i * count) / data.length)} at time ${time}`,
  })
  return {
    predict: (asked) =>
      numbersFrom(
        () => predict(images(asked), asked.time, asked.classes?.slice()),
        perElement('predict', 'time, classes', asked),
      ),
    vjp: (asked, cotangent) =>
      numbersFrom(
        () => vjp?.(images(asked), asked.time, cotangent.slice(), asked.classes?.slice()) ?? [],
        perElement('vjp', 'time, cotangent, classes', asked),
      ),
    async timeVjp(asked, cotangent) {
      const slope = async () => [
        (await timeVjp?.(images(asked), asked.time, cotangent.slice(), asked.classes?.slice())) ?? Number.NaN,
      ]
      const whole = perElement('timeVjp', 'time, cotangent, classes', asked)
      const one = { length: 1, numbers: 'one number, summed over the images', place: () => `time ${asked.time}` }
      return (await numbersFrom(slope, { ...whole, ...one }))[0]
    },
  }
}

/** @throws `denoiser.differences` */
async function checkDerivative(options: FunctionDenoiserOptions, calls: Calls, asked: Asked): Promise<void> {
  const { data, count, time } = asked
  const rows = {
    value: (x: Float64Array) => calls.predict({ ...asked, data: x }),
    vjp: (cotangent: Float64Array) => calls.vjp(asked, cotangent),
  }
  const inX = await rowsDisagreement(rows, data, count)
  if (inX) throw differs(options, 'vjp', `along a line through image ${inX.row} at time ${time}`, inX)
  if (!options.timeVjp) return
  const along = {
    value: (at: number) => calls.predict({ ...asked, time: at }),
    slope: (cotangent: Float64Array) => calls.timeVjp(asked, cotangent),
  }
  const inTime = await slopeDisagreement(along, time, count)
  if (inTime) throw differs(options, 'timeVjp', `at time ${time}, summed over ${count} images,`, inTime)
}

function differs(
  options: FunctionDenoiserOptions,
  what: string,
  where: string,
  { given, found }: { readonly given: number; readonly found: number },
): Error {
  return inputError(
    'denoiser.differences',
    `${what} of ${nameOf(options)} must be the derivative of its predict, but ${where} it gives ${given.toPrecision(6)}, central differences of ` +
      `predict ${found.toPrecision(6)}; mend it, or say checkDerivative: false if differences cannot see it`,
  )
}

/** The first images of a call. */
function firstOf({ data, count, time, classes }: Asked, most: number): Asked {
  const some = Math.min(count, most)
  return { data: data.slice(0, (data.length / count) * some), count: some, time, classes: classes?.slice(0, some) }
}

function askedOf(options: FunctionDenoiserOptions, x: Images, time: number, condition: Int32Array | undefined): Asked {
  const { imageShape, times } = options
  const [count, ...shape] = x.shape
  if (!(count >= 1) || !sameShape(shape, imageShape))
    throw notTheImages(options, 'images', ['n', ...imageShape], x.shape)
  if (times === 'integer' && !Number.isInteger(time)) {
    throw inputError('times.integerOnly', `${nameOf(options)} takes integer times, got ${time}`)
  }
  return { data: Float64Array.from(x.data), count, time, classes: classesOf(options, count, condition) }
}

function notTheImages(
  options: FunctionDenoiserOptions,
  what: string,
  wanted: readonly (string | number)[],
  came: Shape,
): Error {
  return inputError('denoiser.images', `${nameOf(options)} takes ${what} [${wanted}], got [${came}]`)
}

/** @throws `denoiser.classes` */
function classesOf(
  options: FunctionDenoiserOptions,
  count: number,
  condition: Int32Array | undefined,
): Int32Array | undefined {
  const { classes } = options
  if (classes === undefined) {
    if (!condition) return undefined
    throw inputError(
      'denoiser.classes',
      `${nameOf(options)} takes no class; leave them out, or say how many classes it has`,
    )
  }
  const odd = condition?.find((label) => !(label >= 0 && label < classes))
  if (condition?.length === count && odd === undefined) return condition.slice()
  const came = odd === undefined ? `${condition?.length ?? 'none'}` : `class ${odd}`
  throw inputError(
    'denoiser.classes',
    `${nameOf(options)} takes a class per image, ${count} of 0 to ${classes - 1}, got ${came}; sample with a class per image`,
  )
}

/** @throws `denoiser.derivative` where it has none, in x or in its weights */
function refuseDerivative(options: FunctionDenoiserOptions, weights: boolean): void {
  if (options.vjp && !weights) return
  const why = weights
    ? 'no weights to be differentiated in; take the derivative in x alone'
    : 'no derivative; give it a function vjp, or use what needs none: two-point, one-point or coordinate; target tilt'
  throw inputError('denoiser.derivative', `${nameOf(options)} has ${why}`)
}

function checkOptions(options: FunctionDenoiserOptions): void {
  const { imageShape, classes, predict, vjp, timeVjp, prediction = 'noise', times = 'real' } = options
  const refuse = (rule: string, came: unknown) =>
    inputError('denoiser.options', `${nameOf(options)}: ${rule}, got ${inWords(came)}`)
  const whole = (value: number) => Number.isInteger(value) && value >= 1
  if (!(Array.isArray(imageShape) && imageShape.length === 3 && imageShape.every(whole))) {
    throw refuse(
      'imageShape must be [channels, height, width], whole numbers from 1; a point of d numbers is [1, 1, d]',
      imageShape,
    )
  }
  if (!['noise', 'sample', 'velocity'].includes(prediction)) {
    throw refuse('prediction must be noise, sample or velocity', prediction)
  }
  if (!['real', 'integer'].includes(times)) throw refuse('times must be real or integer', times)
  if (classes !== undefined && !whole(classes)) throw refuse('classes must be a whole number from 1', classes)
  if (typeof predict !== 'function') throw refuse('predict must be a function', predict)
  for (const [what, f] of Object.entries({ vjp, timeVjp })) {
    if (f !== undefined && typeof f !== 'function') throw refuse(`${what} must be a function`, f)
  }
  if (timeVjp && (!vjp || times === 'integer')) {
    throw refuse(`timeVjp needs ${vjp ? 'real times' : 'vjp beside it'}`, vjp ? times : undefined)
  }
}
