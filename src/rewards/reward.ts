/**
 * A reward: one number per image, perhaps with its derivative. Whatever it is made of (a traced function, an ONNX file, plain JavaScript),
 * callers give images in [-1, 1] and get float64 values that were checked: a reward that returns NaN, mixes images up or is fed another
 * pixel range would otherwise pass for one that was optimised.
 */
import type { Shape } from '../base/index.ts'
import { failure, inputError, sameShape, sizeOf, tensor } from '../base/index.ts'
import type { Images, RewardGradient } from '../diffusion/index.ts'
import type { OnBadReward } from './answers.ts'
import { checkedValues, requireMostRated, requireNotLarge, requireSame, requireScale } from './answers.ts'

/** A function of images, one number per image; an image's value depends on that image (and its class) alone. */
export interface Reward {
  /** What it is, with the network it looks through: `log-probability:3[lenet-digits16-judge-1a2b3c4d]`. */
  readonly name: string
  /** SHA-256 of its definition, hex: with constants and weights, or of the file. */
  readonly hash: string
  /** [channels, height, width] of the images it takes; null: any. */
  readonly imageShape: Shape | null
  /** Pixel range the reward itself takes; callers ALWAYS give [-1, 1], which is mapped to it. */
  readonly imageRange: readonly [number, number]
  /** What it may return, ends included, ±Infinity where open; a value outside is `reward.range`. Null: not declared. */
  readonly valueRange: readonly [number, number] | null
  /** Whether `gradient` exists. */
  readonly differentiable: boolean
  /** What keeps a file from having a derivative, its operators named. Absent: nothing does, or it is no file. */
  readonly missingDerivative?: string
  /** Whether it must be told the class of each image. Default no. */
  readonly needsClasses?: boolean
  /** `drop`: an image that it cannot rate has the value NaN and no derivative, 0; `stop`, the default: it is an error. */
  readonly onBad?: OnBadReward
  /**
   * Values [n] of images [n, ...imageShape], n >= 1, which are read until the promise has settled. Pixels outside [-1, 1] (a sampler without clipping) are passed on as they are.
   * @param classes what each image was asked to be, [n]; a sampler's condition
   * @throws `reward.images` on another shape or pixels that are not finite; `reward.classes`; `reward.shape`, `reward.nan`,
   *   `reward.range`, `reward.random` on what the reward returns; `reward.unrated` where it leaves out too many
   */
  values(images: Images, classes?: Int32Array): Promise<Float64Array>
  /**
   * Values and d value_i / d image_i, per unit of images in [-1, 1], in the images' element type: a `GuidingReward`.
   * @throws `reward.derivative` where there is none, and as `values`
   */
  gradient(images: Images, classes?: Int32Array): Promise<RewardGradient>
  /** What a reader of its numbers must know, a sentence each: a pixel range that was assumed; so far, pixels beyond [-1, 1]. Absent: nothing. */
  notes?(): readonly string[]
  /** Frees its programs; networks it was made from stay open. */
  dispose(): Promise<void>
}

/** What a kind of reward has to say; `defineReward` makes a `Reward` of it. */
export interface RewardDefinition {
  readonly name: string
  readonly hash: string
  /** Default null: any. */
  readonly imageShape?: Shape | null
  /** Default [-1, 1]. */
  readonly imageRange?: readonly [number, number]
  /** Default null: not declared. */
  readonly valueRange?: readonly [number, number] | null
  /** How many classes there are, if each image must come with one, 0 to `classes` - 1; Infinity: any number. Default: none is needed. */
  readonly classes?: number
  /** Values of images that are already in `imageRange`. */
  readonly values: (images: Images, classes: Int32Array | undefined) => Promise<ArrayLike<number>>
  /** Values and derivatives per unit of `imageRange`; absent: no derivative. */
  readonly gradient?: (images: Images, classes: Int32Array | undefined) => Promise<RawGradient>
  /** Says why there is no derivative and what to do. */
  readonly noDerivative?: string
  /** What keeps a file from having one. */
  readonly missingDerivative?: string
  /** Whether somebody else wrote it, so that its first batch is rated twice: is it a function of the image alone? Default no. */
  readonly triedTwice?: boolean
  /** What an image is that gets no finite number. Default `stop`. */
  readonly onBad?: OnBadReward
  /** What is asked of the derivative at its first images: compares it with differences. */
  readonly checkGradient?: (images: Images, classes: Int32Array | undefined) => Promise<void>
  /** What a reader of its numbers must know from the start, a sentence each. Default: nothing. */
  readonly notes?: readonly string[]
  readonly dispose?: () => Promise<void>
}

/** Values [n] and derivatives, n images row-major. */
export interface RawGradient {
  readonly values: ArrayLike<number>
  readonly gradient: ArrayLike<number>
}

/** A reward with its inputs and outputs checked and its pixel range mapped. @throws `reward.range` on a range that is none */
export function defineReward(definition: RewardDefinition): Reward {
  const { name, hash, imageShape = null, valueRange = null, classes: classCount = 0, onBad = 'stop' } = definition
  const imageRange = definition.imageRange ?? [-1, 1]
  if (!imageRange.every(Number.isFinite)) throw noRange(name, 'image', imageRange)
  if (!(imageRange[0] < imageRange[1])) throw noRange(name, 'image', imageRange)
  if (valueRange && !(valueRange[0] < valueRange[1])) throw noRange(name, 'value', valueRange)
  const checked = { name, imageShape, valueRange, classes: classCount, onBad }
  const seen = { low: -1, high: 1 }
  const counts = { rated: 0, bad: 0 }
  let tried = false
  let scaled = false
  const countRated = (values: Float64Array): void => {
    if (onBad !== 'drop') return
    counts.rated += values.length
    counts.bad += values.reduce((sum, value) => sum + Number(Number.isNaN(value)), 0)
    requireMostRated(name, counts.bad, counts.rated)
  }
  /** The first values of all: those of rewards that somebody else wrote are compared with a second rating. */
  const tryFirst = async (images: Images, classes: Int32Array | undefined, values: Float64Array): Promise<void> => {
    if (tried) return
    tried = true
    if (!definition.triedTwice) return
    const rate = async (some: Images, labels: Int32Array | undefined) =>
      checkedValues(checked, some.shape, await definition.values(toRange(some, imageRange), labels))
    const order = halfBackwards(images.shape[0])
    const labels = classes && Int32Array.from(order, (image) => classes[image])
    const again = await rate(imagesAt(images, order), labels)
    await requireSame(name, values, order, again, () => rate(images, classes))
  }
  return {
    name,
    hash,
    imageShape,
    imageRange,
    valueRange,
    differentiable: definition.gradient !== undefined,
    ...(definition.missingDerivative !== undefined && { missingDerivative: definition.missingDerivative }),
    needsClasses: classCount > 0,
    onBad,
    async values(images, classes) {
      checkRequest(checked, images, classes)
      widen(seen, images)
      const values = checkedValues(checked, images.shape, await definition.values(toRange(images, imageRange), classes))
      countRated(values)
      await tryFirst(images, classes, values)
      return values
    },
    async gradient(images, classes) {
      checkRequest(checked, images, classes)
      if (!definition.gradient) throw noDerivative(definition)
      widen(seen, images)
      const result = await definition.gradient(toRange(images, imageRange), classes)
      const values = checkedValues(checked, images.shape, result.values)
      const rows = onBad === 'drop' ? ratedRows(result, values) : result.gradient
      countRated(values)
      const gradient = fromRange(name, images, imageRange, rows)
      if (!scaled) requireScale(name, values)
      await tryFirst(images, classes, values)
      if (!scaled) await definition.checkGradient?.(toRange(images, imageRange), classes)
      scaled = true
      return { values, gradient }
    },
    notes: () => [...(definition.notes ?? []), ...beyond(name, seen)],
    dispose: definition.dispose ?? (async () => undefined),
  }
}

const noRange = (name: string, what: string, [low, high]: readonly [number, number]) =>
  inputError(
    'reward.range',
    `the ${what} range of reward '${name}' must be two numbers, low < high, got [${low}, ${high}]`,
  )

function noDerivative({ name, noDerivative: why }: RewardDefinition): Error {
  const reason = why ?? 'it is not a differentiable one'
  return inputError(
    'reward.derivative',
    `a guided chain needs the derivative of the reward, but '${name}' has none: ${reason}`,
  )
}

type Checked = Required<Pick<RewardDefinition, 'name' | 'imageShape' | 'valueRange' | 'classes'>>

function checkRequest(checked: Checked, images: Images, classes: Int32Array | undefined): void {
  const { name, imageShape } = checked
  const [count, ...shape] = images.shape
  if (!(count >= 1) || shape.length === 0 || (imageShape && !sameShape(shape, imageShape))) {
    throw inputError(
      'reward.images',
      `reward '${name}' takes images [n,${imageShape ?? '...'}], n >= 1, got [${images.shape}]; ` +
        'choose a reward for the size of the images the model makes',
    )
  }
  const bad = (images.data as Float64Array).findIndex((pixel) => !Number.isFinite(pixel))
  if (bad >= 0) {
    throw failure(
      'reward.images',
      `images must be finite before '${name}' can rate them, image ${Math.floor(bad / sizeOf(shape))} has a pixel ${images.data[bad]}; ` +
        'the sampler or network has overflowed: use weaker guidance or a sampler that clips',
    )
  }
  checkClasses(checked, count, classes)
}

function checkClasses({ name, classes: known }: Checked, count: number, classes: Int32Array | undefined): void {
  if (known > 0 && classes === undefined) {
    throw inputError(
      'reward.classes',
      `reward '${name}' depends on the class each image was asked to be; sample with a class per image, or name a class in the reward`,
    )
  }
  if (classes && classes.length !== count) {
    throw inputError('reward.classes', `a reward needs one class per image (${count}), got ${classes.length}`)
  }
  const other = known > 0 ? (classes?.findIndex((label) => label < 0 || label >= known) ?? -1) : -1
  if (other < 0) return
  throw inputError(
    'reward.classes',
    `reward '${name}' knows classes 0 to ${known - 1}, image ${other} was asked to be ${classes?.[other]} ` +
      '(the class after the last stands for none); sample with a class, or name one in the reward',
  )
}

/** Least and most pixel so far. */
interface Extent {
  low: number
  high: number
}

function widen(seen: Extent, { data }: Images): void {
  for (const pixel of data) {
    if (pixel < seen.low) seen.low = pixel
    if (pixel > seen.high) seen.high = pixel
  }
}

/** Pixels this little beyond [-1, 1] are rounding. */
const PIXEL_ROUNDING = 1e-3

function beyond(name: string, { low, high }: Extent): string[] {
  if (low >= -1 - PIXEL_ROUNDING && high <= 1 + PIXEL_ROUNDING) return []
  return [
    `reward '${name}' was given pixels from ${low.toPrecision(3)} to ${high.toPrecision(3)}, beyond the [-1, 1] of images, as a sampler ` +
      'without clipping makes them; it rated them as they are',
  ]
}

/** Pixels in [-1, 1] mapped to a range, in their own element type. */
function toRange(images: Images, [low, high]: readonly [number, number]): Images {
  if (low === -1 && high === 1) return images
  const [slope, middle] = [(high - low) / 2, (high + low) / 2]
  const map = (pixel: number) => pixel * slope + middle
  return images.dtype === 'float32'
    ? tensor('float32', images.shape, images.data.map(map))
    : tensor('float64', images.shape, images.data.map(map))
}

/** Derivatives with 0 for the images that have no value, or whose own are not finite: these lose their value too. */
function ratedRows({ gradient }: RawGradient, values: Float64Array): ArrayLike<number> {
  const size = gradient.length / values.length
  const rows = Float64Array.from({ length: gradient.length }, (_, i) => gradient[i])
  values.forEach((value, image) => {
    const row = rows.subarray(image * size, (image + 1) * size)
    if (Number.isFinite(value) && row.every(Number.isFinite)) return
    values[image] = Number.NaN
    row.fill(0)
  })
  return rows
}

/** Derivatives per unit of the range as derivatives per unit of [-1, 1], in the images' element type. */
function fromRange(
  name: string,
  images: Images,
  [low, high]: readonly [number, number],
  gradient: ArrayLike<number>,
): Images {
  const { shape, data } = images
  if (gradient.length !== data.length) {
    throw inputError(
      'reward.shape',
      `the derivative of reward '${name}' must have a number per pixel of the images [${shape}], ${data.length} in all, ` +
        `got ${gradient.length}`,
    )
  }
  const slope = (high - low) / 2
  const scaled = Float64Array.from({ length: gradient.length }, (_, i) => slope * gradient[i])
  const bad = scaled.findIndex((value) => !Number.isFinite(value))
  if (bad >= 0) {
    const image = Math.floor((bad / data.length) * shape[0])
    throw failure(
      'reward.nan',
      `the derivative of reward '${name}' must be finite, that of image ${image} has ${gradient[bad]}; ` +
        'repair the reward at that image, or use it without derivative (target tilt)',
    )
  }
  requireNotLarge(`the derivative of reward '${name}'`, scaled)
  if (images.dtype === 'float64') return tensor('float64', shape, scaled)
  return tensor('float32', shape, Float32Array.from(scaled))
}

/** The second half of a batch, last one first: images in other places, beside other ones. */
const halfBackwards = (count: number): number[] => Array.from({ length: Math.ceil(count / 2) }, (_, i) => count - 1 - i)

function imagesAt({ dtype, shape: [count, ...shape], data }: Images, order: readonly number[]): Images {
  const size = data.length / count
  const picked = dtype === 'float32' ? new Float32Array(order.length * size) : new Float64Array(order.length * size)
  order.forEach((image, i) => {
    picked.set(data.subarray(image * size, (image + 1) * size), i * size)
  })
  return tensor(dtype as 'float32', [order.length, ...shape], picked as Float32Array)
}
