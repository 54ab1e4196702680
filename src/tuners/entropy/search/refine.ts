/**
 * The search in one valley: projected steps in log lambda, each to where the gradient over a drawn stretch is 0, with the same items
 * throughout and more of them where they are too few. It steers only: what it finds is confirmed by fresh paths.
 *
 * A stretch is narrowed until it is about as wide as the tolerance and until its inner half says the same as the whole (nested.ts), and
 * items are added until the root's error is a third of the tolerance. Before anything is drawn the pool of all paths is asked: where their
 * weights bridge, a new lambda costs nothing.
 */

import type { GradientCurve } from '../estimators/gradientCurve.ts'
import type { PathPool } from '../estimators/pool.ts'
import { guidedGradient } from '../estimators/poolGradients.ts'
import type { EntropyRun } from '../run.ts'
import type { Basin } from './basins.ts'
import type { GradientMethod, Stretch } from './methods.ts'
import type { Nested } from './nested.ts'
import { nestedOf } from './nested.ts'

/** What the search found. */
export interface Found {
  /** Log lambda; as near as a stretch can be to the end of the range where the optimum is there or beyond. */
  readonly centre: number
  /** Half-width of the stretch: as wide as its inner half bears out. */
  readonly reach: number
  /** The last stretch, from which the confirmation is planned. */
  readonly stretch: Stretch
}

const MOST_STEPS = 12

/** Log lambdas this close are the same. */
export const ROUNDING = 1e-9

/** Most growth of the number of items in one step. */
const GROWTH = 4

/** The root's error that is precise enough, as a share of the tolerance in log lambda. */
const PRECISE = 0.35

/** Most that a stretch is narrowed in one step. */
const NARROWING = 4

/** Items at which an error is taken for sqrt 2 times what it seems. */
const DOUBTED = 16

/** Share of the evaluations that the search may take. */
const SEARCH_SHARE = 0.5

/** Effective samples from which the pool may say where to go. */
const BRIDGING_SAMPLES = 50

export async function refine(
  run: EntropyRun,
  method: GradientMethod,
  { nodes: start, at, shape }: Basin,
): Promise<Found> {
  const { width } = run
  let nodes = startNodes(run, method, start, at)
  let count = method.first
  for (let step = 1; ; step++) {
    const [centre, reach] = [middleOf(nodes), (nodes[nodes.length - 1] - nodes[0]) / 2]
    run.progress('refine', `step ${step}, lambda near ${Math.exp(centre).toPrecision(3)}`, aheadOf(run, method, count))
    const stretch = await method.stretch(nodes, { first: 0, count }, 'refine', shape)
    const { curve } = stretch
    await run.iteration('refine', centre, gradientAt(stretch, centre), count * nodes.length * method.paths)
    const kept = Math.max(
      (1 - SEARCH_SHARE) * run.job.settings.maxEvaluations,
      method.least * method.cost(nodes.length),
    )
    const last = step >= MOST_STEPS || run.left < kept
    const nested = nestedOf(curve, width)
    if (nested === null) {
      // F rises or falls over the whole stretch: go down it.
      const rises = curve.at(centre).mean > 0
      const next = within(run, rises ? centre - reach : centre + reach, reach)
      const stuck = Math.abs(next - centre) < ROUNDING
      if (stuck || last || run.affordable(method, nodes.length) < count) return { centre, reach, stretch }
      nodes = [...method.nodes(next, reach)]
      continue
    }
    const best = nested.agrees
      ? bestRoot(run, method, curve, nested, reach)
      : { centre: nested.root, error: nested.error, pooled: false }
    const found = { centre: best.centre, reach, stretch }
    const narrow = best.pooled || reach <= reachOf(run, method.wide * width) * (1 + ROUNDING)
    if (last || (nested.agrees && narrow && best.error <= PRECISE * width)) return found
    const wanted = nested.agrees ? grown(run, method, count, best.error / (PRECISE * width)) : count
    const next = nextReach(reachOf(run, method.wide * width), reach, nested.agrees ? best.error : null)
    nodes = [...method.nodes(within(run, best.centre, next), next)]
    const affordable = run.affordable(method, nodes.length) - method.least
    // Fewer items than before would find less.
    if (affordable < count) return found
    count = Math.min(wanted, affordable)
  }
}

/** Half-width of the next stretch, at least `wide` unless it was narrower; `error`: of the root, null where curvature is in the way. */
function nextReach(wide: number, reach: number, error: number | null): number {
  if (error === null) return reach / 2
  return reach <= wide ? reach : Math.max(wide, reach / NARROWING, Math.min(reach / 2, 3 * error))
}

/** A root and its error: the stretch's, or the pool's where its weights bridge and it is sharper. */
function bestRoot(
  run: EntropyRun,
  method: GradientMethod,
  curve: GradientCurve,
  { root, error }: Nested,
  reach: number,
) {
  const own = { centre: root, error: error * doubt(curve.count), pooled: false }
  if (method.name !== 'paired-differences') return own
  const other = bridged(run.draws.pool(), root, reach)
  return other && other.error < own.error ? { ...other, pooled: true } : own
}

/** Few items tell little of their own spread, and a search that stops where its error seems small stops where it is understated. */
const doubt = (items: number) => Math.sqrt(1 + DOUBTED / items)

/** Items for an error that is to shrink by `factor`, a little more than that, in whole calls of the network. */
function grown({ draws }: EntropyRun, { paths }: GradientMethod, count: number, factor: number): number {
  const wanted = Math.ceil(count * Math.min(GROWTH, Math.max(1, 1.1 * factor ** 2)))
  return paths > 1 ? wanted : draws.whole(wanted)
}

/** The gradient at a point of a stretch, and whether its error bar means anything. */
export const gradientAt = ({ curve, collapsed }: Stretch, x: number) => ({ ...curve.at(x), collapsed: collapsed(x) })

/** Half-width of a stretch that fits into the range. */
export const reachOf = ({ range }: EntropyRun, wanted: number) => Math.min(wanted, (range.high - range.low) / 2)

/** The nearest middle of a stretch that does not leave the range. */
export const within = ({ range }: EntropyRun, x: number, reach: number) =>
  Math.min(Math.max(x, range.low + reach), range.high - reach)

/** The middle of what is drawn. */
export const middleOf = (nodes: readonly number[]) => (nodes[0] + nodes[nodes.length - 1]) / 2

/** Whether a stretch was drawn up to the ends of the range. */
export function touches(
  { range }: EntropyRun,
  { nodes }: GradientCurve,
): { readonly low: boolean; readonly high: boolean } {
  return {
    low: Math.abs(nodes[0] - range.low) < ROUNDING,
    high: Math.abs(nodes[nodes.length - 1] - range.high) < ROUNDING,
  }
}

/** Places of the grid, where nothing is drawn anew; closer ones where the grid is finer than what is wanted. */
function startNodes(run: EntropyRun, method: GradientMethod, grid: readonly number[], at: number): number[] {
  const reach = reachOf(run, method.wide * run.width)
  const drawn = (grid[grid.length - 1] - grid[0]) / 2
  return drawn < reach ? [...method.nodes(within(run, at, reach), reach)] : [...grid]
}

/** Where the gradient from all paths at hand is 0 near x, and its error, if their weights reach that far. */
function bridged(pool: PathPool, x: number, reach: number): { readonly centre: number; readonly error: number } | null {
  const at = (y: number) => guidedGradient(pool.near(Math.exp(-y), 2), Math.exp(-y)).estimate
  const step = reach / 10
  let [low, high] = [x - step, x + step]
  for (let i = 0; i < 10 && at(low).mean >= 0; i++) low -= step
  for (let i = 0; i < 10 && at(high).mean < 0; i++) high += step
  const ends = [at(low), at(high)]
  if (!(ends[0].mean < 0 && ends[1].mean >= 0)) return null
  if (ends.some(({ effectiveSampleSize }) => effectiveSampleSize < BRIDGING_SAMPLES)) return null
  for (let i = 0; i < 20; i++) {
    const half = (low + high) / 2
    if (at(half).mean < 0) low = half
    else high = half
  }
  const slope = (at(low + step).mean - at(low - step).mean) / (2 * step)
  const { standardError, effectiveSampleSize } = at(low)
  if (!(slope > 0) || effectiveSampleSize < BRIDGING_SAMPLES) return null
  return { centre: low, error: (standardError / slope) * doubt(effectiveSampleSize) }
}

/** Network evaluations expected from here: about as much again for the search, and its confirmation. */
function aheadOf({ job, draws, left }: EntropyRun, method: GradientMethod, count: number): number {
  const { curvePoints, curvePaths } = job.settings
  return Math.min(left, 12 * count * method.cost(1)) + curvePoints * curvePaths * draws.costPerPath
}
