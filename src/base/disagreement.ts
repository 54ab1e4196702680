/**
 * Whether a derivative that somebody gives is that of their function: it is compared with differences (f(+h) - f(-h))/2h along a line, at steps from
 * large to small, as a function that bends sharply needs small ones and one in low precision large ones. One step at which they agree is enough; at
 * a kink the derivative of either side is.
 */
import { randomStream } from './random.ts'

/** Steps along a line, in units of the argument's size. */
const STEPS = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7]
/** The step whose figure is told. */
const TOLD_STEP = 1e-4
/** Largest difference that passes, as a share of the derivative's size. */
const TOLERANCE = 0.01
/** Relative rounding of values in float64 and in float32, with room for what cancels within the function. */
const ROUNDING = { float64: 1e-12, float32: 1e-6 }

/** Both figures. */
export interface Disagreement {
  /** Of the rows, from 0; null: of their sum. */
  readonly row: number | null
  /** The derivative along the line, as given. */
  readonly given: number
  /** The same by differences, central ones where the function goes on to both sides. */
  readonly found: number
}

/** A function of rows, each by itself, and what is said to be its derivative. */
export interface RowFunction {
  /** Rows of values [n, m] of rows [n, d], n m numbers. */
  value(x: Float64Array): Promise<ArrayLike<number>>
  /** Vector-Jacobian product [n, d] at `at`. */
  vjp(cotangent: Float64Array): Promise<ArrayLike<number>>
}

/** A function of a number that gives rows, and what is said to be its derivative. */
export interface RowsOfNumber {
  /** Rows of values [n, m] at a number, n m numbers. */
  value(at: number): Promise<ArrayLike<number>>
  /** sum over rows of <cotangent, d value / d number>, at `at`. */
  slope(cotangent: Float64Array): Promise<number>
}

/**
 * Compares a vector-Jacobian product of rows with differences, row by row; null: they agree. Where the function fails beside `at`, nothing is compared.
 * @param at    [n, d]
 * @param count n, at least 1
 */
export async function rowsDisagreement(f: RowFunction, at: Float64Array, count: number): Promise<Disagreement | null> {
  const random = randomStream({ seed: 0, purpose: 'derivative check' })
  const here = await f.value(at)
  const cotangent = random.normal(new Float64Array(here.length))
  const line = at.map(() => (random.uniform() < 0.5 ? -1 : 1))
  const dx = Float64Array.from(await f.vjp(cotangent))
  const given = perRow(count, dx, (v, i) => v * line[i])
  const size = perRow(count, dx, (v) => v * v).map(Math.sqrt)
  const unit = Math.sqrt(at.reduce((sum, v) => sum + v * v, 0) / at.length) || 1
  const open = new Set(given.keys())
  let told: Float64Array | undefined
  const moved = (h: number) => f.value(at.map((v, i) => v + h * line[i]))
  for await (const { step, found, rounding } of differences(moved, unit, here, cotangent, count)) {
    for (const row of open) if (agree(given[row], found[row], size[row], rounding[row])) open.delete(row)
    if (open.size === 0) return null
    if (step <= TOLD_STEP) told ??= found
  }
  if (!told) return null
  const [row] = open
  return { row, given: given[row], found: told[row] }
}

/** Compares a derivative in a number, summed over rows, with differences; null: they agree. @param count n, rows of values */
export async function slopeDisagreement(f: RowsOfNumber, at: number, count: number): Promise<Disagreement | null> {
  const here = await f.value(at)
  const cotangent = randomStream({ seed: 1, purpose: 'derivative check' }).normal(new Float64Array(here.length))
  const given = await f.slope(cotangent)
  let told: number | undefined
  for await (const { step, found, rounding } of differences((h) => f.value(at + h), 1, here, cotangent, count)) {
    const sum = found.reduce((total, v) => total + v, 0)
    // Rows of opposite sign may cancel in the sum: it is measured against them.
    if (agree(given, sum, Math.hypot(...found), Math.hypot(...rounding))) return null
    if (step <= TOLD_STEP) told ??= sum
  }
  return told === undefined ? null : { row: null, given, found: told }
}

const agree = (given: number, found: number, size: number, rounding: number): boolean =>
  Math.abs(given - found) <= TOLERANCE * Math.max(size, Math.abs(found)) + rounding

/** Derivatives of <cotangent, value> per row by differences at one step. */
interface Differences {
  readonly step: number
  readonly found: Float64Array
  /** What rounding may add at the largest step: where it adds more, at smaller ones, agreement must be better than that. */
  readonly rounding: Float64Array
}

/** Step by step, central differences, then those of either side; what lies on a side where the function fails is left out. */
async function* differences(
  along: (h: number) => Promise<ArrayLike<number>>,
  unit: number,
  here: ArrayLike<number>,
  cotangent: Float64Array,
  count: number,
): AsyncGenerator<Differences> {
  const valued = async (h: number) => {
    const values = await along(h).catch(() => null)
    return values && Array.from(values).every(Number.isFinite) ? values : null
  }
  for (const step of STEPS) {
    const h = step * unit
    const [below, above] = [await valued(-h), await valued(h)]
    const sides: readonly (readonly [ArrayLike<number> | null, ArrayLike<number> | null, number])[] = [
      [below, above, 2 * h],
      [here, above, h],
      [below, here, h],
    ]
    for (const [a, b, distance] of sides) {
      if (!a || !b) continue
      const relative = a instanceof Float32Array || b instanceof Float32Array ? ROUNDING.float32 : ROUNDING.float64
      yield {
        step,
        found: perRow(count, cotangent, (c, i) => (c * (b[i] - a[i])) / distance),
        rounding: perRow(count, cotangent, (c, i) => (relative * Math.abs(c * a[i])) / (STEPS[0] * unit)),
      }
    }
  }
}

/** [n]: sums over each row of what `f` makes of its values. */
function perRow(count: number, values: Float64Array, f: (value: number, i: number) => number): Float64Array {
  const sums = new Float64Array(count)
  const width = values.length / count
  for (const [i, value] of values.entries()) sums[Math.floor(i / width)] += f(value, i)
  return sums
}
