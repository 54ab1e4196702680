/** Rewards in plain JavaScript: functions of pixels. Modules of such functions, by their path: module.ts. */
import type { Shape } from '../base/index.ts'
import { inputError, inWords, throwing } from '../base/index.ts'
import type { Images } from '../diffusion/index.ts'
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
  /** What a reader of its numbers must know, a sentence each. Default: nothing. */
  readonly notes?: readonly string[]
  /** What tells it from others. Default: that of the functions' source text, which does not see what they close over. */
  readonly hash?: string
}

/**
 * A reward from plain functions, in float64 where the images are.
 * @throws `reward.range`; when it rates images, `reward.function` with what a function threw
 * @example functionReward({ name: 'dark', values: ({ data, shape: [n] }) => ... })
 */
export function functionReward(options: FunctionRewardOptions): Reward {
  const { name, values, gradient, range, valueRange = null, imageShape = null, needsClasses = false } = options
  const source = `${values} ${gradient ?? ''} ${range ?? ''}`
  return defineReward({
    name,
    hash: options.hash ?? hashOf('function', source),
    imageShape,
    valueRange,
    ...(range && { imageRange: range }),
    ...(needsClasses && { classes: Infinity }),
    ...(options.notes && { notes: options.notes }),
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
