/**
 * What one look at fresh paths says: the interval of lambda where the gradient's own interval contains 0, and whether that is to be believed.
 *
 * Scales are drawn on both sides, and inside of what was drawn F falls towards the interval from below and rises beyond it.
 */

import type { EntropyStrength } from '../result.ts'
import type { EntropyRun } from '../run.ts'
import type { GradientEvidence, Verdict } from '../statistics/belief.ts'
import { DECIDING_SHARE, resolves, resolvesBoundary } from '../statistics/belief.ts'
import type { Stretch } from './methods.ts'
import type { Ends } from './nested.ts'
import { nestedOf } from './nested.ts'
import { middleOf, touches } from './refine.ts'

/** Steps outwards in which an end is moved, as a share of the tolerance in log lambda. */
const OUTWARD = 1 / 40

/** Least half-width of an interval, as a share of the tolerance in log lambda: no scales are drawn so close that more could be told. */
const FLOOR = 1 / 40

/** An interval in log lambda as one look sees it. */
export interface Look extends Ends {
  readonly value: number
  /** The end of the range that is the optimum. */
  readonly boundary: 'low' | 'high' | null
  readonly alpha: number
  readonly stretch: Stretch
  /** Whether the inner half of what was drawn says the same; at an end of the range, true. */
  readonly agrees: boolean
}

/** @param alpha error of the look's intervals */
export function lookAt(run: EntropyRun, stretch: Stretch, alpha: number): Look {
  const { curve } = stretch
  const { range } = run
  const { low, high } = touches(run, curve)
  const look = { boundary: null, alpha, stretch, agrees: true }
  const nested = nestedOf(curve, run.width)
  if (nested !== null) {
    const { root, agrees } = nested
    const ends = agreedEnds(run, stretch, alpha, atLeast(run, root, nested.ends(alpha)))
    return {
      ...look,
      ...{ value: root, agrees },
      low: ends.low ?? (low ? range.low : null),
      high: ends.high ?? (high ? range.high : null),
    }
  }
  // F rises or falls all along: where that goes on to an end of the range, the optimum is there.
  const rises = curve.at(middleOf(curve.nodes)).mean > 0
  const edge = rises ? curve.stretch.low : curve.stretch.high
  if (!(rises ? low : high)) return { ...look, value: edge, low: null, high: null }
  const ends = agreedEnds(run, stretch, alpha, curve.interval(edge, alpha))
  return rises
    ? { ...look, value: range.low, low: range.low, high: ends.high, boundary: 'low' }
    : { ...look, value: range.high, low: ends.low, high: range.high, boundary: 'high' }
}

/** Ends no closer to the root than can be told. */
const atLeast = ({ width }: EntropyRun, root: number, { low, high }: Ends): Ends => ({
  low: low === null ? null : Math.min(low, root - FLOOR * width),
  high: high === null ? null : Math.max(high, root + FLOOR * width),
})

/** Ends moved outwards until the evidence there, by bootstrap for weighted paths, excludes 0 too; null where it nowhere does. */
function agreedEnds(run: EntropyRun, stretch: Stretch, alpha: number, { low, high }: Ends): Ends {
  const region = stretch.curve.stretch
  const clear = (x: number, sign: 1 | -1) => {
    const { interval } = stretch.evidence(x, alpha)
    return sign > 0 ? interval.low > 0 : interval.high < 0
  }
  const moved = (from: number | null, sign: 1 | -1) => {
    if (from === null || clear(from, sign)) return from
    const step = sign * OUTWARD * run.width
    const steps = Math.floor(((sign > 0 ? region.high : region.low) - from) / step)
    if (steps < 1 || !clear(from + steps * step, sign)) return null
    let [open, closed] = [0, steps]
    while (closed - open > 1) {
      const half = Math.floor((open + closed) / 2)
      if (clear(from + half * step, sign)) closed = half
      else open = half
    }
    return from + closed * step
  }
  return { low: moved(low, -1), high: moved(high, 1) }
}

/** Whether more of the same would not decide either: weights that are too uneven. */
export function steersOnly({ stretch, value, alpha }: Look): boolean {
  const { source, estimate } = stretch.evidence(value, alpha)
  return source === 'pool' && estimate.effectiveSampleSize < DECIDING_SHARE * estimate.count
}

export function strengthOf(run: EntropyRun, look: Look): EntropyStrength {
  const { value, low, high, boundary, alpha, stretch } = look
  const [least, most] = run.job.settings.lambdaRange
  const { believed, reason } = verdictOf(run, look)
  const asLambda = (x: number | null, otherwise: number) => {
    if (x === null) return otherwise
    if (x === run.range.low) return least
    return x === run.range.high ? most : Math.min(Math.max(Math.exp(x), least), most)
  }
  return {
    value: asLambda(value, least),
    low: asLambda(low, least),
    high: asLambda(high, most),
    resolved: believed,
    reason,
    boundary,
    slope: boundary && slopeOf(stretch.evidence(value, alpha)),
  }
}

/** Size of the gradient at the nearer end of the interval: what would have to be undone. */
export function steepnessOf({ low, high, value, boundary, alpha, stretch }: Look): number {
  const at = (x: number | null) => (x === null ? 0 : Math.abs(stretch.evidence(x, alpha).estimate.mean))
  if (boundary !== null) return at(value)
  return Math.min(at(low), at(high))
}

const slopeOf = ({ estimate: { mean, standardError, count } }: GradientEvidence) => ({ mean, standardError, count })

function verdictOf(run: EntropyRun, look: Look): Verdict {
  const { value, low, high, boundary, alpha, stretch } = look
  const { tolerance } = run.job.settings
  const at = (x: number) => stretch.evidence(x, alpha)
  if (stretch.against !== null) return { believed: false, reason: stretch.against }
  if (!look.agrees) {
    const { low: from, high: to } = stretch.curve.stretch
    const drawn = `[${Math.exp(from).toPrecision(3)}, ${Math.exp(to).toPrecision(3)}]`
    return {
      believed: false,
      reason: `F is no parabola over lambda in ${drawn}: its inner half says otherwise than the whole; raise maxEvaluations`,
    }
  }
  if (boundary && low !== null && high !== null && Math.exp(high - low) <= tolerance) {
    return resolvesBoundary(boundary, at(boundary === 'low' ? high : low))
  }
  if (low === null || high === null) {
    const side = low === null ? 'towards smaller' : 'towards larger'
    return {
      believed: false,
      reason: `the gradient's sign is open ${side} lambda as far as paths were drawn; raise maxEvaluations`,
    }
  }
  const evidence = { low: at(low), value: at(value), high: at(high) }
  const { low: least, high: most } = run.range
  if (low > least && high < most) return resolves(evidence, tolerance)
  const end = low <= least ? 'low' : 'high'
  const where = `[${Math.exp(low).toPrecision(3)}, ${Math.exp(high).toPrecision(3)}]`
  return {
    believed: false,
    reason: `lambda is in ${where}: it may be the ${end} end of the range itself; give a wider lambdaRange, or raise maxEvaluations`,
  }
}
