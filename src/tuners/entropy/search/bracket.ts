/**
 * An interval without any model of F: where F is lower at a place in between than at two places on its sides, a minimum lies between these.
 *
 * The sides are a tolerance apart at most, all places have the same items, fresh ones, so that what F differs by is a mean of differences.
 * It takes more items than a fit that is right, and serves where none is: a steep wall beside a plain, noise that hides the slope.
 */
import { meanOf } from '../estimators/gradientCurve.ts'
import type { EntropyRun } from '../run.ts'
import { normalQuantile } from '../statistics/quantile.ts'
import type { GradientMethod } from './methods.ts'

/** Places of a window, and how wide it is as a share of the tolerance in log lambda. */
const PLACES = 5
const SHARE = 0.95

/** Items of brackets start here: no search and no fit uses them. */
const BRACKET_ITEMS = 2 ** 25

/** Fewest items. */
const LEAST = 64

/** Error of all looks together, and most of them. */
const ALPHA = 0.05
const MOST_LOOKS = 24

/** Moves of the window are free of a reason to add items up to this many in a row. */
const MOST_MOVES = 12

/** A minimum's place and what encloses it, in log lambda. */
export interface Bracket {
  readonly low: number
  readonly value: number
  readonly high: number
  readonly items: number
}

/** Looks for it about `centre`, with what evaluations are left; null: they do not suffice, or F is lowest at an end of the range. */
export async function bracket(run: EntropyRun, method: GradientMethod, centre: number): Promise<Bracket | null> {
  const { range, width } = run
  const step = (SHARE * width) / (PLACES - 1)
  if (range.high - range.low <= (PLACES - 1) * step) return null
  // Places are multiples of a step from one origin, so that a window moved by a step has all but one of them already.
  const place = (i: number) => centre + i * step
  const least = Math.ceil((range.low - centre) / step - 1e-9)
  const most = Math.floor((range.high - centre) / step + 1e-9) - (PLACES - 1)
  let first = Math.min(Math.max(-(PLACES - 1) / 2, least), most)
  const reach = -normalQuantile(ALPHA / (2 * (PLACES - 2) * 8))
  let count = LEAST
  let moves = 0
  for (let look = 0; look < MOST_LOOKS; look++) {
    const places = Array.from({ length: PLACES }, (_, k) => place(first + k))
    if (run.affordable(method, PLACES) < count / (look === 0 ? 1 : 2)) return null
    run.progress('confirm', `a bracket about lambda = ${Math.exp(places[2]).toPrecision(3)}, ${count} items`, run.left)
    const rows = await method.values(places, { first: BRACKET_ITEMS, count }, 'confirm')
    const means = rows.map((row) => meanOf(row).mean)
    const inner = means.slice(1, -1)
    const m = 1 + inner.indexOf(Math.min(...inner))
    const rises = rows.map((row, k) => {
      const { mean, standardError } = meanOf(row.map((value, i) => value - rows[m][i]))
      return k === m ? 0 : mean / standardError
    })
    const left = rises.findLastIndex((rise, k) => k < m && rise > reach)
    const right = rises.findIndex((rise, k) => k > m && rise > reach)
    if (left >= 0 && right >= 0) {
      return { low: places[left], value: lowest(places, means, m), high: places[right], items: count }
    }
    const lower = means.indexOf(Math.min(...means))
    const move =
      left >= 1 || (lower === PLACES - 1 && left >= 0)
        ? 1
        : (right >= 0 && right <= PLACES - 2) || (lower === 0 && right >= 0)
          ? -1
          : 0
    const next = Math.min(Math.max(first + move, least), most)
    if (next !== first && moves++ < MOST_MOVES) {
      first = next
      continue
    }
    moves = 0
    count *= 2
  }
  return null
}

/** Least of the parabola through three places. */
function lowest(places: readonly number[], means: readonly number[], m: number): number {
  const bend = means[m - 1] - 2 * means[m] + means[m + 1]
  const step = places[m + 1] - places[m]
  return places[m] + (bend > 0 ? (step * (means[m - 1] - means[m + 1])) / (2 * bend) : 0)
}
