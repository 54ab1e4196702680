/** What a reward answers, checked: one number per image, finite, of a sound size, in its range, the same for the same image. */
import { failure, inputError, inWords } from '../base/index.ts'

/** Who answers. */
interface Answering {
  readonly name: string
  readonly valueRange: readonly [number, number] | null
}

/** Values may leave a declared range by this share of its ends: programs compute in float32, where a probability may be 1 + 1e-7. */
const ROUNDING = 1e-5

/**
 * One finite number of a sound size for each of `count` images.
 * @throws `reward.shape`, `reward.nan`, `reward.scale`, `reward.range`
 */
export function checkedValues(
  { name, valueRange }: Answering,
  count: number,
  returned: ArrayLike<number>,
): Float64Array {
  const length = typeof returned === 'string' ? undefined : (returned as ArrayLike<number> | undefined)?.length
  if (length !== count) {
    const came = length === undefined ? inWords(returned) : `a list of ${length}`
    throw inputError(
      'reward.shape',
      `reward '${name}' must return one number per image, a list of ${count}, got ${came}`,
    )
  }
  const values = Float64Array.from({ length: count }, (_, i) => (typeof returned[i] === 'number' ? returned[i] : NaN))
  const nan = values.findIndex((value) => !Number.isFinite(value))
  if (nan >= 0) {
    const came: unknown = returned[nan]
    const word = typeof came === 'number' ? String(came) : inWords(came)
    throw failure(
      'reward.nan',
      `reward '${name}' must return finite numbers, image ${nan} got ${word}; repair the reward at that image`,
    )
  }
  requireNotLarge(`values of reward '${name}'`, values)
  if (valueRange) checkRange(name, values, valueRange)
  return values
}

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
  const most = values.reduce((top, value) => Math.max(top, Math.abs(value)), 0)
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

/** @throws `reward.random` */
export function requireSame(name: string, values: Float64Array, order: readonly number[], again: Float64Array): void {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const most = REPEATS * (high - low) + REPEATS_ROUNDING * Math.max(Math.abs(low), Math.abs(high))
  const other = order.findIndex((image, i) => Math.abs(values[image] - again[i]) > most)
  if (other < 0) return
  throw inputError(
    'reward.random',
    `reward '${name}' must depend on the image alone, but image ${order[other]}, rated twice beside other images, got ` +
      `${values[order[other]]} and ${again[other]}; take out what is random, counted or taken over the batch`,
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
