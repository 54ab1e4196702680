/** Rewards in plain JavaScript: functions of pixels. Modules of such functions, by their path: module.ts. */
import type { Shape } from '../base/index.ts'
import { inputError, inWords, rowsDisagreement, sizeOf, tensor, throwing } from '../base/index.ts'
import type { Images } from '../diffusion/index.ts'
import type { OnBadReward } from './answers.ts'
import { hashOf } from './hash.ts'
import type { RawGradient, Reward } from './reward.ts'
import { defineReward } from './reward.ts'

/** Images as a plain function gets them: a copy of the pixels [n, channels, height, width], row-major. */
export interface RatedImages {
  readonly data: Float32Array | Float64Array
  readonly shape: Shape
}

/** One number per image. `classes`: what each image was asked to be, where the sampler is told. */
export type RewardFunction = (
  images: RatedImages,
  classes?: Int32Array,
) => ArrayLike<number> | Promise<ArrayLike<number>>

/** A reward of plain functions. */
export interface FunctionRewardOptions {
  readonly name: string
  readonly values: RewardFunction
  /** Values and d value_i / d image_i, per unit of `range`, a number per pixel. Absent: no derivative, target tilt only. */
  readonly gradient?: (images: RatedImages, classes?: Int32Array) => RawGradient | Promise<RawGradient>
  /** Pixel range it takes. Default [-1, 1]. */
  readonly range?: readonly [number, number]
  /** Default null: not declared. */
  readonly valueRange?: readonly [number, number] | null
  /** [channels, height, width]. Default null: any. */
  readonly imageShape?: Shape | null
  /** Whether it cannot do without `classes`. Default false. */
  readonly needsClasses?: boolean
  /** Whether `gradient` is compared with central differences of `values` at its first call, on up to 8 images. Default true. */
  readonly checkDerivative?: boolean
  /** What an image is that gets NaN, an infinity or null: an error, or left out. Default `stop`. */
  readonly onBad?: OnBadReward
  /** What a reader of its numbers must know, a sentence each. Default: nothing. */
  readonly notes?: readonly string[]
  /** What tells it from others. Default: that of the functions' source text, which does not see what they close over. */
  readonly hash?: string
}

/** Images on which the derivative is checked. */
const CHECKED_IMAGES = 8

/**
 * A reward from plain functions, in float64 where the images are.
 * @throws `reward.range`; when it rates images, `reward.function` with what a function threw, `reward.differences` where `gradient` is not the
 *   derivative of `values`, with both figures
 * @example functionReward({ name: 'dark', values: ({ data, shape: [n] }) => ... })
 */
export function functionReward(options: FunctionRewardOptions): Reward {
  const { name, values, gradient, range, valueRange = null, imageShape = null, needsClasses = false } = options
  const { checkDerivative = true, onBad } = options
  const source = `${values} ${gradient ?? ''} ${range ?? ''}`
  return defineReward({
    name,
    hash: options.hash ?? hashOf('function', source),
    imageShape,
    valueRange,
    ...(range && { imageRange: range }),
    ...(needsClasses && { classes: Infinity }),
    ...(options.notes && { notes: options.notes }),
    ...(onBad && { onBad }),
    ...(gradient &&
      checkDerivative && {
        checkGradient: (images: Images, classes: Int32Array | undefined) =>
          checkAgainstDifferences({ name, values, gradient }, images, classes),
      }),
    triedTwice: true,
    values: (images, classes) => called(name, values, images, classes),
    ...(gradient && {
      gradient: async (images: Images, classes: Int32Array | undefined) =>
        checkedGradient(name, await called(name, gradient, images, classes)),
    }),
    noDerivative: 'it is a plain function; give it a function gradient too, or use target tilt',
  })
}

/** What somebody's function gives of a copy of the images. */
const called = <T>(
  name: string,
  f: (images: RatedImages, classes?: Int32Array) => T | Promise<T>,
  images: Images,
  classes: Int32Array | undefined,
): Promise<T> => throwing(() => f(copyOf(images), classes), 'reward.function', `reward '${name}'`, CALLED_WITH)

const CALLED_WITH =
  'it is called with ({ data, shape: [n, channels, height, width] }, classes), all pixels in one array, and returns n numbers'

/** On the first images, in their own element type. @throws `reward.differences` */
async function checkAgainstDifferences(
  { name, values, gradient }: Required<Pick<FunctionRewardOptions, 'name' | 'values' | 'gradient'>>,
  { dtype, shape: [all, ...imageShape], data }: Images,
  classes: Int32Array | undefined,
): Promise<void> {
  const count = Math.min(all, CHECKED_IMAGES)
  const at = Float64Array.from(data.subarray(0, count * sizeOf(imageShape)))
  const labels = classes?.slice(0, count)
  const imagesOf = (pixels: Float64Array): Images => {
    const shape = [count, ...imageShape]
    return dtype === 'float32'
      ? tensor('float32', shape, Float32Array.from(pixels))
      : tensor('float64', shape, pixels.slice())
  }
  const f = {
    value: async (pixels: Float64Array) => {
      const came = await called(name, values, imagesOf(pixels), labels)
      return dtype === 'float32' ? Float32Array.from(came) : Float64Array.from(came)
    },
    async vjp(cotangent: Float64Array) {
      const came = checkedGradient(name, await called(name, gradient, imagesOf(at), labels)).gradient
      return at.map((_, i) => cotangent[Math.floor((i * count) / at.length)] * came[i])
    },
  }
  // An image without a value, or at the edge of having one, has nothing to compare.
  const found = await rowsDisagreement(f, at, count)
  if (!found || !(Number.isFinite(found.given) && Number.isFinite(found.found))) return
  throw inputError(
    'reward.differences',
    `the function gradient of reward '${name}' must give the derivative of its values, but along a line through image ${found.row} it gives ` +
      `${found.given.toPrecision(6)}, differences of values ${found.found.toPrecision(6)}; mend it, or say checkDerivative: false where it is another ` +
      'one on purpose',
  )
}

/** @throws `reward.shape` where what a function gradient returned is not an object of both */
function checkedGradient(name: string, returned: RawGradient): RawGradient {
  const { values, gradient } = (returned ?? {}) as Partial<RawGradient>
  if (values !== undefined && gradient?.length !== undefined) return { values, gradient }
  throw inputError(
    'reward.shape',
    `the function gradient of reward '${name}' must return an object { values, gradient }, a number per image and a number per pixel, got ` +
      `${inWords(returned)}; return both`,
  )
}

/** So that a function that writes to its argument spoils nobody else's images. */
const copyOf = ({ data, shape }: Images): RatedImages => ({ data: data.slice(), shape: [...shape] })
