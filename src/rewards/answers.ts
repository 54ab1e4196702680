/** What a reward answers, checked: one number per image, finite, of a sound size, in its range, the same for the same image. */
import type { Shape } from '../base/index.ts'
import { failure, inputError, inWords } from '../base/index.ts'

/** Who answers. */
interface Answering {
  readonly name: string
  readonly valueRange: readonly [number, number] | null
  /** What an image that gets no finite number is; default `stop`. */
  readonly onBad?: OnBadReward
}

/** What an image that a reward gives NaN, an infinity or null is: the end, or left out, with the value NaN. */
export type OnBadReward = 'stop' | 'drop'

/** Values may leave a declared range by this share of its ends: programs compute in float32, where a probability may be 1 + 1e-7. */
const ROUNDING = 1e-5

/**
 * One number of a sound size for each image: finite, or NaN for images without one where `onBad` is drop.
 * @param shape [n, channels, height, width] of the images
 * @throws `reward.shape`, `reward.nan`, `reward.scale`, `reward.range`
 */
export function checkedValues(
  { name, valueRange, onBad = 'stop' }: Answering,
  shape: Shape,
  returned: ArrayLike<number>,
): Float64Array {
  const [count] = shape
  const length = typeof returned === 'string' ? undefined : (returned as ArrayLike<number> | undefined)?.length
  if (length !== count) {
    const came = length === undefined ? inWords(returned) : `a list of ${length}`
    const how = typeof returned === 'number' ? '; rate each image by itself, not the batch' : hint(elementOf(returned))
    throw inputError(
      'reward.shape',
      `reward '${name}' must return one number per image, a list of ${count} for images [${shape}], got ${came}${how}`,
    )
  }
  const values = new Float64Array(count)
  for (let image = 0; image < count; image++) values[image] = numberOf(name, returned[image], image, onBad)
  requireNotLarge(`values of reward '${name}'`, values)
  if (valueRange) checkRange(name, values, valueRange)
  return values
}

/** @throws `reward.shape` on what is no number at all, `reward.nan` on one that is not finite */
function numberOf(name: string, came: unknown, image: number, onBad: OnBadReward): number {
  if (typeof came === 'number' && Number.isFinite(came)) return came
  const missing = typeof came === 'number' || came === null || came === undefined
  if (missing && onBad === 'drop') return Number.NaN
  const word = typeof came === 'number' ? String(came) : inWords(came)
  if (!missing) {
    throw inputError(
      'reward.shape',
      `reward '${name}' must return numbers, image ${image} got ${word}${hint(came) || '; return a plain number for each image'}`,
    )
  }
  throw failure(
    'reward.nan',
    `reward '${name}' must return finite numbers, image ${image} got ${word}; repair the reward at that image, or leave such images out with ` +
      '--on-bad-reward drop',
  )
}

const elementOf = (returned: unknown): unknown => (Array.isArray(returned) ? returned[0] : returned)

/** What to do about a common mistake. */
function hint(came: unknown): string {
  if (typeof came === 'string') return '; make numbers of texts with Number(...)'
  if (typeof came === 'bigint') return '; make numbers of bigints with Number(...)'
  if (Array.isArray(came)) return '; return a flat list, as list.flat() gives it'
  const { data } = (came ?? {}) as { readonly data?: unknown }
  return ArrayBuffer.isView(data) ? '; return its numbers, such as tensor.data' : ''
}

/**
 * No more images without a value than these: beyond, what is left out decides the result.
 * @throws `reward.unrated`
 */
export function requireMostRated(name: string, bad: number, rated: number): void {
  if (rated < ENOUGH_RATED || bad <= MOST_UNRATED * rated) return
  throw failure(
    'reward.unrated',
    `reward '${name}' may leave out ${100 * MOST_UNRATED} % of the images at most, with --on-bad-reward drop, but gave no finite number for ${bad} of ` +
      `${rated}; repair it`,
  )
}

const MOST_UNRATED = 0.1
const ENOUGH_RATED = 100

/**
 * Beyond these, squares and float32 derivatives overflow or vanish: standard errors of 0, guidance that does nothing. Float32 ends
 * at 3e38 and 1e-38, and a derivative is smaller than its value by the number of pixels.
 */
const LARGEST = 1e30
const SMALLEST = 1e-30

/** @throws `reward.scale` */
export function requireNotLarge(what: string, values: Float64Array): void {
  const large = values.find((value) => Math.abs(value) > LARGEST)
  if (large === undefined) return
  throw inputError(
    'reward.scale',
    `${what} must stay within ±${LARGEST}, where squares and float32 still hold them, got ${large.toPrecision(3)}; scale the reward down, ` +
      'such as 1e-30*REWARD',
  )
}

/** @throws `reward.scale` where all values of a first batch are tiny */
export function requireScale(name: string, values: Float64Array): void {
  const most = values.reduce((top, value) => (Number.isNaN(value) ? top : Math.max(top, Math.abs(value))), 0)
  if (most === 0 || most >= SMALLEST) return
  throw inputError(
    'reward.scale',
    `values of reward '${name}' must reach ${SMALLEST} somewhere, below which float32 loses their derivatives, got at most ` +
      `${most.toPrecision(3)} in ${values.length} images; scale it up, such as 1e30*REWARD, and the range of lambda with it`,
  )
}

/** Two ratings of an image may differ by this share of the spread over the batch (models in low precision), and by rounding. */
const REPEATS = 0.02
const REPEATS_ROUNDING = 1e-6

/** Where image `order[i]` got another value when it was rated as image i of another batch; -1: nowhere. Not told of images without one. */
function firstOther(values: Float64Array, order: readonly number[], again: Float64Array): number {
  const finite = values.filter(Number.isFinite)
  const [low, high] = [Math.min(...finite), Math.max(...finite)]
  const most = REPEATS * (high - low) + REPEATS_ROUNDING * Math.max(Math.abs(low), Math.abs(high))
  return order.findIndex((image, i) => Math.abs(values[image] - again[i]) > most)
}

/**
 * That values hang on the image alone: some images were rated again in another order, and where that gave others, all are once more in the first one.
 * @param again  of images `order`, side by side
 * @param repeat rates all of them once more, in the first order
 * @throws `reward.random`, which tells what is random from what looks at other images
 */
export async function requireSame(
  name: string,
  values: Float64Array,
  order: readonly number[],
  again: Float64Array,
  repeat: () => Promise<Float64Array>,
): Promise<void> {
  const other = firstOther(values, order, again)
  if (other < 0) return
  const image = order[other]
  const must = `reward '${name}' must depend on the image alone`
  const same = values.map((_, i) => i)
  const repeated = await repeat()
  const changed = firstOther(values, [...same], repeated)
  if (changed >= 0) {
    throw inputError(
      'reward.random',
      `${must}, but the same batch, rated twice, got ${values[changed]} and then ${repeated[changed]} for image ${changed}; take out what is random or counted`,
    )
  }
  throw inputError(
    'reward.random',
    `${must}, but image ${image} got ${values[image]}, and as image ${other} of a batch in another order ${again[other]}; take out what is taken over the ` +
      'batch, or comes from other images: the pixels of image i are data.subarray(i * size, (i + 1) * size), size = channels * height * width',
  )
}

function checkRange(name: string, values: Float64Array, [low, high]: readonly [number, number]): void {
  const slack = ROUNDING * Math.max(...[low, high].map((end) => (Number.isFinite(end) ? Math.abs(end) : 0)), 1)
  const outside = values.findIndex((value) => value < low - slack || value > high + slack)
  if (outside < 0) return
  throw failure(
    'reward.range',
    `reward '${name}' declares values in [${low}, ${high}], image ${outside} got ${values[outside]}; ` +
      'correct the declared range, or the pixel range that the reward is given',
  )
}
