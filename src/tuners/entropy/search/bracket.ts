/**
 * An interval without any model of F: where F is lower at a place in between than at two places on its sides, a minimum lies between these.
 *
 * The sides are a tolerance apart at most, all places have the same items, fresh ones, so that what F differs by is a mean of differences.
 * It takes more items than a fit that is right, and serves where none is: a steep wall beside a plain, noise that hides the slope.
 */
import { normalQuantile } from '../../../base/index.ts'
import type { Shape } from '../estimators/gradientCurve.ts'
import { meanOf } from '../estimators/gradientCurve.ts'
import type { EntropyRun } from '../run.ts'
import type { GradientEvidence } from '../statistics/belief.ts'
import { mayDecide } from '../statistics/belief.ts'
import type { GradientMethod } from './methods.ts'
import { within } from './refine.ts'

/** Places of a window, and how wide it is as a share of the tolerance in log lambda. */
const PLACES = 5
const SHARE = 0.95

/** Items of brackets start here: no search and no fit uses them. */
const BRACKET_ITEMS = 2 ** 25

/** Fewest items. */
const LEAST = 64

/** Error of all looks together, on top of that of the fit before; it is shared among so many numbers of items: a moved window asks the same items. */
const ALPHA = 0.05
const COUNTS = 8
const MOST_LOOKS = 24

/** Moves of the window are free of a reason to add items up to this many in a row. */
const MOST_MOVES = 12

/** A minimum's place and what encloses it, in log lambda. */
export interface Bracket {
  readonly low: number
  readonly value: number
  readonly high: number
  /** Size of the gradient towards the nearer end. */
  readonly steepness: number
}

/** Half-width in which gradients are asked, as a share of the tolerance in log lambda, and how far it is moved. */
const HALF = 0.48
const MOVE = 0.25

/** Growth of the number of items from look to look. */
const MORE = 1.6

/** Errors of gradients' looks. */
const LOOKS = [0.02, 0.01, 0.008, 0.006, 0.006]

/**
 * The same by gradients, where these are estimated at each scale for itself: F falls at the one place and rises at the other. Null: the
 * evaluations left do not suffice to tell.
 */
export async function gradientBracket(
  run: EntropyRun,
  method: GradientMethod,
  about: number,
  shape: Shape,
): Promise<Bracket | null> {
  const { range, width } = run
  if (range.high - range.low <= 2 * HALF * width) return null
  let centre = within(run, about, HALF * width)
  let count = 0
  let first = BRACKET_ITEMS
  for (const alpha of LOOKS) {
    count = Math.min(Math.max(method.least, Math.ceil(MORE * count)), count + run.affordable(method, 2))
    const ends = [centre - HALF * width, centre + HALF * width]
    if (count < method.least) return null
    run.progress('confirm', `signs about lambda = ${Math.exp(centre).toPrecision(3)}, ${count} items`, run.left)
    const seen: GradientEvidence[] = []
    for (const x of ends) {
      const stretch = await method.stretch([x], { first, count }, 'confirm', shape)
      const evidence = stretch.evidence(x, alpha)
      if (!mayDecide(evidence).believed || stretch.against !== null) return null
      seen.push(evidence)
    }
    const [low, high] = seen
    await run.iteration('confirm', ends[0], { ...low.estimate, collapsed: false }, count * method.paths)
    await run.iteration('confirm', ends[1], { ...high.estimate, collapsed: false }, count * method.paths)
    const [falls, rises] = [low.interval.high < 0, high.interval.low > 0]
    if (falls && rises)
      return {
        low: ends[0],
        value: Math.min(Math.max(about, ends[0]), ends[1]),
        high: ends[1],
        steepness: Math.min(-low.estimate.mean, high.estimate.mean),
      }
    const wrong = high.interval.high < 0 ? 1 : low.interval.low > 0 ? -1 : 0
    const next = within(run, centre + wrong * MOVE * width, HALF * width)
    if (wrong !== 0 && next === centre) return null
    if (next !== centre) [centre, count, first] = [next, 0, first + BRACKET_ITEMS / 4]
    else if (run.affordable(method, 2) < 1) return null
  }
  return null
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
  const reach = -normalQuantile(ALPHA / (2 * (PLACES - 2) * COUNTS))
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
      return {
        low: places[left],
        value: lowest(places, means, m),
        high: places[right],
        steepness: Math.min(...[left, right].map((k) => (means[k] - means[m]) / Math.abs(places[k] - places[m]))),
      }
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
