/**
 * The decision: an interval of lambda from fresh paths, items that served for nothing else. Scales are drawn on both sides of the value, and
 * the interval is where the gradient's own interval contains 0: within what was drawn, F falls towards it from below and rises beyond it.
 *
 * A look may ask for another one: on more items where the interval is too wide, on new items and elsewhere where the value is not near the
 * middle of what was drawn. The looks share an error of .05, most of it the first one's, so the whole is an interval at 95 %.
 */
import { internalError } from '../../base/index.ts'
import type { GradientEvidence, Verdict } from './belief.ts'
import { DECIDING_SHARE, mayDecide, resolves, resolvesBoundary } from './belief.ts'
import type { GradientMethod, Stretch } from './methods.ts'
import { studentReach } from './quantile.ts'
import type { Found } from './refine.ts'
import { middleOf, reachOf, regionOf, WIDE, within } from './refine.ts'
import type { EntropyStrength } from './result.ts'
import type { EntropyRun } from './run.ts'

/** Errors of the looks; their sum is below .05. */
const LOOKS = [0.03, 0.012, 0.005, 0.002, 0.0009]

/** The interval is planned this share of the tolerance wide, in log lambda. */
const PLANNED = 0.85

/** Items of confirmations start here, and again at each multiple: the search uses those below. */
const FRESH_ITEMS = 2 ** 20

/** Steps outwards in which an end is moved, as a share of the tolerance in log lambda. */
const OUTWARD = 1 / 40

/** Most repetitions of sequential Monte Carlo, which only steers. */
const MOST_REPETITIONS = 64

/** An interval in log lambda as one look sees it. */
interface Look {
  readonly value: number
  /** Null: not inside what was drawn. */
  readonly low: number | null
  readonly high: number | null
  /** The end of the range that is the optimum. */
  readonly boundary: 'low' | 'high' | null
  readonly alpha: number
  readonly stretch: Stretch
}

/** Draws fresh paths about what the search found until an interval is resolved or the evaluations are spent. */
export async function confirm(run: EntropyRun, method: GradientMethod, found: Found): Promise<EntropyStrength> {
  const reach = reachOf(run, WIDE * run.width)
  let plan = { centre: within(run, found.centre, reach), first: FRESH_ITEMS, count: 0 }
  let wanted = plannedItems(run, method, found, LOOKS[0])
  let best: EntropyStrength | null = null
  for (const [i, alpha] of LOOKS.entries()) {
    const nodes = method.nodes(plan.centre, reach)
    const count = Math.min(wanted, plan.count + affordable(run, method, nodes.length))
    if (count < method.least || count <= plan.count) return outOfEvaluations(run, method, found, best, wanted)
    run.progress(
      'confirm',
      about(count - plan.count, plan.centre),
      aheadOf(run, method, nodes.length, count - plan.count),
    )
    const stretch = await method.stretch(nodes, { first: plan.first, count }, 'confirm')
    const look = lookAt(run, stretch, alpha)
    best = strengthOf(run, look)
    await report(run, look, best, plan.centre, count * nodes.length * method.paths)
    if (best.resolved || steersOnly(look)) return best
    const next = LOOKS[i + 1] ?? alpha
    const aside = Math.abs(look.value - plan.centre) > reach / 3
    plan = aside
      ? { centre: within(run, look.value, reach), first: plan.first + FRESH_ITEMS, count: 0 }
      : { ...plan, count }
    const seen = { centre: look.value, slope: stretch.curve.slope(look.value), stretch }
    wanted = plannedItems(run, method, seen, next, aside ? 0 : Math.ceil(1.25 * count))
  }
  if (!best) throw internalError('an interval was looked for and none was looked at')
  return best
}

const about = (items: number, centre: number) =>
  `${items} fresh items about lambda = ${Math.exp(centre).toPrecision(3)}`

/** Items for an interval of the planned width at error `alpha`, from the spread and the slope of what was drawn. */
function plannedItems(
  run: EntropyRun,
  method: GradientMethod,
  { centre, slope, stretch: { curve } }: Found,
  alpha: number,
  atLeast = 0,
): number {
  const spread = curve.at(centre).standardError * Math.sqrt(curve.count)
  const needed = slope > 0 ? ((2 * studentReach(alpha, 60) * spread) / (PLANNED * run.width * slope)) ** 2 : 0
  const most = method.name === 'smc' ? MOST_REPETITIONS : Number.MAX_SAFE_INTEGER
  const wanted = Math.min(Math.max(method.least, Math.ceil(needed), atLeast), most)
  return method.name === 'smc' ? wanted : run.draws.whole(wanted)
}

const affordable = (run: EntropyRun, method: GradientMethod, nodes: number) =>
  Math.max(0, Math.floor(run.left / method.cost(nodes)))

function lookAt(run: EntropyRun, stretch: Stretch, alpha: number): Look {
  const { curve } = stretch
  const { nodes } = curve
  const region = regionOf(run, curve)
  const root = curve.root(region)
  if (root !== null) {
    const { low, high } = agreedEnds(run, stretch, alpha, curve.interval(root, alpha, region))
    const ends = {
      low: low ?? (region.low === run.range.low ? region.low : null),
      high: high ?? (region.high === run.range.high ? region.high : null),
    }
    return { value: root, ...ends, boundary: null, alpha, stretch }
  }
  const centre = middleOf(nodes)
  const rises = curve.at(centre).mean > 0
  const end = rises ? region.low : region.high
  if (end !== (rises ? run.range.low : run.range.high)) {
    return { value: end, low: null, high: null, boundary: null, alpha, stretch }
  }
  const { low, high } = agreedEnds(run, stretch, alpha, curve.interval(end, alpha, region))
  const ends = rises ? { low: end, high } : { low, high: end }
  return { value: end, ...ends, boundary: rises ? 'low' : 'high', alpha, stretch }
}

/** Ends moved outwards until the evidence there, by bootstrap for weighted paths, excludes 0 too; null where it nowhere does. */
function agreedEnds(
  run: EntropyRun,
  stretch: Stretch,
  alpha: number,
  { low, high }: { readonly low: number | null; readonly high: number | null },
): { readonly low: number | null; readonly high: number | null } {
  const region = regionOf(run, stretch.curve)
  const moved = (from: number | null, sign: 1 | -1) => {
    const limit = sign > 0 ? region.high : region.low
    for (let x = from; x !== null && sign * (limit - x) >= 0; x += sign * OUTWARD * run.width) {
      const { interval } = stretch.evidence(x, alpha)
      if (sign > 0 ? interval.low > 0 : interval.high < 0) return x
    }
    return null
  }
  return { low: moved(low, -1), high: moved(high, 1) }
}

/** Whether more of the same would not decide either: populations, and weights that are too uneven. */
function steersOnly({ stretch, value, alpha }: Look): boolean {
  const { source, estimate } = stretch.evidence(value, alpha)
  return source === 'smc' || (source === 'pool' && estimate.effectiveSampleSize < DECIDING_SHARE * estimate.count)
}

function strengthOf(run: EntropyRun, look: Look): EntropyStrength {
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

const slopeOf = ({ estimate: { mean, standardError, count } }: GradientEvidence) => ({ mean, standardError, count })

function verdictOf(run: EntropyRun, look: Look): Verdict {
  const { value, low, high, boundary, alpha, stretch } = look
  const { tolerance } = run.job.settings
  const at = (x: number) => stretch.evidence(x, alpha)
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
  // An end of the range needs no evidence: nothing is looked for beyond it.
  const weak = Object.values(evidence)
    .map(mayDecide)
    .find(({ believed }) => !believed)
  if (weak) return weak
  if (Math.exp(high - low) <= tolerance) return { believed: true, reason: null }
  const wide = `[${Math.exp(low).toPrecision(3)}, ${Math.exp(high).toPrecision(3)}]`
  return {
    believed: false,
    reason: `lambda is in ${wide}, wider than the tolerance of ${tolerance}; raise maxEvaluations`,
  }
}

async function report(
  run: EntropyRun,
  { stretch }: Look,
  strength: EntropyStrength,
  centre: number,
  paths: number,
): Promise<void> {
  await run.iteration('confirm', centre, stretch.curve.at(centre), paths)
  const { low, high, resolved: confirmed } = strength
  const { evaluations } = run.draws
  await run.event({ kind: 'interval', low, value: strength.value, high, confirmed, evaluations })
}

/** What there is to say when `maxEvaluations` does not allow another look. */
function outOfEvaluations(
  run: EntropyRun,
  method: GradientMethod,
  found: Found,
  best: EntropyStrength | null,
  wanted: number,
): EntropyStrength {
  const { maxEvaluations, lambdaRange } = run.job.settings
  const needed = maxEvaluations - run.left + wanted * method.cost(found.stretch.curve.nodes.length)
  const raise = `raise maxEvaluations from ${maxEvaluations} to about ${Math.ceil(Number(needed.toPrecision(2)))}, or the tolerance`
  if (best) return { ...best, reason: `${best.reason}; another look needs more paths: ${raise}` }
  const [low, high] = lambdaRange
  const value = Math.min(Math.max(Math.exp(found.centre), low), high)
  const reason = `the search left too few evaluations to confirm what it found: ${raise}`
  return { value, low, high, resolved: false, reason, boundary: null, slope: null }
}

/** Evaluations expected from here: this look, and the curve. */
function aheadOf({ job, draws }: EntropyRun, method: GradientMethod, nodes: number, items: number): number {
  const { curvePoints, curvePaths } = job.settings
  return items * method.cost(nodes) + curvePoints * curvePaths * draws.costPerPath
}
