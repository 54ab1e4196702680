/**
 * The decision: an interval of lambda from fresh paths, items that served for nothing else.
 *
 * A look may ask for another one: on more items where the interval is too wide, on new items and elsewhere where it does not lie in the
 * middle of what was drawn. The looks share an error of .05, most of it the first one's, so what a fit resolves is an interval at 95 %. A bracket,
 * tried where the fit does not come to an end, has an error of .05 of its own: both together could miss in .10 (docs/results/truth: 3 % do).
 */
import { internalError } from '../../../base/index.ts'
import type { Shape } from '../estimators/gradientCurve.ts'
import type { EntropyStrength } from '../result.ts'
import type { EntropyRun } from '../run.ts'
import type { Bracket } from './bracket.ts'
import { bracket, gradientBracket } from './bracket.ts'
import type { Look } from './look.ts'
import { lookAt, steepnessOf, steersOnly, strengthOf } from './look.ts'
import type { GradientMethod } from './methods.ts'
import { nestedOf } from './nested.ts'
import type { Found } from './refine.ts'
import { gradientAt, ROUNDING, within } from './refine.ts'

/** Errors of the looks; their sum is below .05. */
const LOOKS = [0.03, 0.012, 0.005, 0.002, 0.0009]

/** The interval is planned this share of the tolerance wide, in log lambda. */
const PLANNED = 0.85

/** Items of confirmations start here, and again at each multiple: the search uses those below. */
const FRESH_ITEMS = 2 ** 20

/** Most that a look is planned larger than what it is foreseen from: a forecast from few items is loose. */
const MOST_GROWTH = 4

/** Share of the half-width drawn by which a foreseen interval may lie aside. */
const ASIDE = 1 / 4

/** Share of the evaluations left that a fit may take; the rest is for a bracket, where the fit does not come to an end. */
const FITTED_SHARE = 0.5

/** Draws fresh paths about what the search found until an interval is resolved or the evaluations are spent. */
export async function confirm(run: EntropyRun, method: GradientMethod, found: Found, shape: Shape): Promise<Confirmed> {
  const reserved = (1 - FITTED_SHARE) * run.left
  const fitted = await confirmedByFit(run, method, { found, shape, reserved })
  const { strength } = fitted
  if (strength.resolved || strength.boundary !== null) return fitted
  const about = Math.log(strength.value)
  const paired = method.name === 'paired-differences' || method.name === 'score-function'
  const enclosed = await (paired ? bracket(run, method, about) : gradientBracket(run, method, about, shape))
  return enclosed === null ? fitted : enclosedStrength(run, enclosed)
}

/** The decision, and how steep F is where it ends. */
export interface Confirmed {
  readonly strength: EntropyStrength
  /** Size of the gradient at the nearer end of the interval. */
  readonly steepness: number
}

interface Fitted {
  readonly found: Found
  readonly shape: Shape
  /** Evaluations to leave. */
  readonly reserved: number
}

async function confirmedByFit(
  run: EntropyRun,
  method: GradientMethod,
  { found, shape, reserved }: Fitted,
): Promise<Confirmed> {
  let next = foreseen(run, method, found, LOOKS[0])
  let at = { centre: within(run, next.middle, found.reach), reach: found.reach, first: FRESH_ITEMS, count: 0 }
  let best: Confirmed | null = null
  for (const [i, alpha] of LOOKS.entries()) {
    const nodes = method.nodes(at.centre, at.reach)
    const affordable = Math.floor((run.left - reserved) / method.cost(nodes.length))
    const count = Math.min(next.items, at.count + Math.max(0, affordable))
    if (count < method.least || count <= at.count) {
      const reachable = next.widthOf(Math.max(at.count, count))
      const missing = (next.items - at.count) * method.cost(nodes.length) - (run.left - reserved)
      const strength = outOfEvaluations(run, found, { best: best?.strength ?? null, missing, reachable })
      return { strength, steepness: best?.steepness ?? 0 }
    }
    const more = count - at.count
    run.progress('confirm', about(more, at.centre), aheadOf(run, method, nodes.length, more))
    const stretch = await method.stretch(nodes, { first: at.first, count }, 'confirm', shape)
    const look = lookAt(run, stretch, alpha)
    const strength = strengthOf(run, look)
    best = { strength, steepness: steepnessOf(look) }
    await report(run, look, strength, at.centre, count * nodes.length * method.paths)
    if (strength.resolved || steersOnly(look)) return best
    // Curvature in the way is left by looking at less.
    const reach = look.agrees ? at.reach : at.reach / 2
    next = foreseen(run, method, { centre: look.value, reach, stretch }, LOOKS[i + 1] ?? alpha, count)
    const centre = within(run, next.middle, reach)
    const nowhere = look.low === null && look.high === null && look.boundary === null
    const aside = Math.abs(centre - at.centre) > (nowhere ? ROUNDING : ASIDE * reach)
    at = aside || !look.agrees ? { centre, reach, first: at.first + FRESH_ITEMS, count: 0 } : { ...at, count }
  }
  if (!best) throw internalError('an interval was looked for and none was looked at')
  return best
}

async function enclosedStrength(run: EntropyRun, { low, value, high, steepness }: Bracket): Promise<Confirmed> {
  const [at, from, to] = [value, low, high].map(Math.exp)
  const { evaluations } = run.draws
  await run.event({ kind: 'interval', low: from, value: at, high: to, confirmed: true, evaluations })
  const strength = { value: at, low: from, high: to, resolved: true, reason: null, boundary: null, slope: null }
  return { strength, steepness }
}

const about = (items: number, centre: number) =>
  `${items} fresh items about lambda = ${Math.exp(centre).toPrecision(3)}`

/** Items for an interval of the planned width at error `alpha`, and its middle, as far as what was drawn lets foresee; more than `had`. */
function foreseen(run: EntropyRun, method: GradientMethod, { centre, reach, stretch }: Found, alpha: number, had = 0) {
  const { curve } = stretch
  const nested = nestedOf(curve, run.width)
  const endsWith = (items: number) => nested?.ends(alpha, items) ?? curve.interval(centre, alpha, undefined, items)
  const narrow = (items: number) => {
    const { low, high } = endsWith(items)
    return low !== null && high !== null && high - low <= PLANNED * run.width
  }
  const most = Math.max(method.least, MOST_GROWTH * curve.count)
  let needed = Math.max(method.least, Math.ceil(1.25 * had))
  if (nested !== null) while (!narrow(needed) && needed < most) needed = Math.ceil(1.1 * needed)
  const items = Math.min(needed, most)
  const { low, high } = endsWith(items)
  const aside = ASIDE * reach
  const middle = ((low ?? centre - 2 * aside) + (high ?? centre + 2 * aside)) / 2
  return {
    /** Width of the interval in log lambda that so many items would have. */
    widthOf(count: number) {
      if (nested === null || count < method.least) return null
      const ends = endsWith(count)
      return ends.low === null || ends.high === null ? null : ends.high - ends.low
    },
    items: method.name === 'smc' ? items : run.draws.whole(items),
    middle: Math.min(Math.max(middle, centre - aside), centre + aside),
  }
}

async function report(
  run: EntropyRun,
  { stretch }: Look,
  strength: EntropyStrength,
  centre: number,
  paths: number,
): Promise<void> {
  await run.iteration('confirm', centre, gradientAt(stretch, centre), paths)
  const { low, high, resolved: confirmed } = strength
  const { evaluations } = run.draws
  await run.event({ kind: 'interval', low, value: strength.value, high, confirmed, evaluations })
}

interface Outlook {
  readonly best: EntropyStrength | null
  /** Evaluations that a fit lacks for another look, above 0. */
  readonly missing: number
  /** Width in log lambda that what is left comes to; null: none. */
  readonly reachable: number | null
}

/** What there is to say when `maxEvaluations` does not allow another look. */
function outOfEvaluations(run: EntropyRun, found: Found, { best, missing, reachable }: Outlook): EntropyStrength {
  const { maxEvaluations, lambdaRange } = run.job.settings
  const tolerance =
    reachable === null ? 'the tolerance' : `the tolerance to ${Math.exp(1.1 * reachable).toPrecision(2)}`
  // Of more evaluations a fit may take its share alone.
  const enough = roundedUp(maxEvaluations + missing / FITTED_SHARE)
  const raise = `raise maxEvaluations from ${maxEvaluations} to about ${enough}, or ${tolerance}`
  if (best) {
    const [why] = (best.reason ?? 'the interval is open').split('; raise')
    return { ...best, reason: `${why}; another look needs more paths: ${raise}` }
  }
  const [low, high] = lambdaRange
  const value = Math.min(Math.max(Math.exp(found.centre), low), high)
  const reason = `the search left too few evaluations to confirm what it found: ${raise}`
  return { value, low, high, resolved: false, reason, boundary: null, slope: null }
}

/** To two digits, never to less. */
function roundedUp(count: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(count)) - 1)
  return Math.ceil(count / unit) * unit
}

/** Evaluations expected from here: this look, and the curve. */
function aheadOf({ job, draws }: EntropyRun, method: GradientMethod, nodes: number, items: number): number {
  const { curvePoints, curvePaths } = job.settings
  return items * method.cost(nodes) + curvePoints * curvePaths * draws.costPerPath
}
