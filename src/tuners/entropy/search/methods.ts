/**
 * The estimators by name, each as a way to get the gradient of F over a stretch of log lambda from given items, in one form, so that
 * search and confirmation are the same for all.
 *
 *     paired-differences   F with the same noise at all scales, the derivative of its parabola        guided
 *     score-function       s Cov_{q_s}(r1, A - sB)                                                    guided
 *     paths                paths drawn at each scale, weighted                                        all targets
 *     importance           base samples, weighted by the reward                                       tilt, penalty
 *     smc                  populations at each scale: repetitions are items                           tilt, penalty
 */

import { evaluationsBy } from '../../../diffusion/index.ts'
import type { EntropyPhase } from '../checkpoint.ts'
import type { Shape } from '../estimators/gradientCurve.ts'
import { GradientCurve, meanOf } from '../estimators/gradientCurve.ts'
import type { PathBatch } from '../estimators/pool.ts'
import { PathPool } from '../estimators/pool.ts'
import type { PoolGradient } from '../estimators/poolGradients.ts'
import {
  guidedGradient,
  guidedObjective,
  penaltyGradient,
  penaltyObjective,
  tiltGradient,
  tiltObjective,
} from '../estimators/poolGradients.ts'
import type { OfPopulations } from '../estimators/populations.ts'
import { penaltyGradientOf, penaltyObjectiveOf, tiltGradientOf, tiltObjectiveOf } from '../estimators/populations.ts'
import { scoreControls, scoreValues } from '../estimators/scoreFunction.ts'
import type { EntropyOptions } from '../job.ts'
import type { EntropyEstimator } from '../settings.ts'
import type { GradientEvidence } from '../statistics/belief.ts'
import { DECIDING_PATHS, freshEvidence, weightsCollapsed } from '../statistics/belief.ts'
import type { Interval } from '../statistics/bootstrap.ts'
import { bootstrapInterval, skewedInterval } from '../statistics/bootstrap.ts'
import { clustersOf, itemValues } from '../statistics/estimated.ts'
import { weightedMean } from '../statistics/statistics.ts'
import type { Draws, Items, ParticleDraw } from './draws.ts'
import { TEMPERS } from './draws.ts'

export type MethodName = Exclude<EntropyEstimator, 'auto'>

/** The gradient over a stretch, and what there is to say for it at a point of it. */
export interface Stretch {
  readonly curve: GradientCurve
  /** Evidence at log lambda x with a two-sided interval that misses with probability `alpha`. */
  evidence(x: number, alpha: number): GradientEvidence
  /** Whether the weights at the scales next to x have collapsed, so that its error bar means nothing. */
  collapsed(x: number): boolean
  /** Effective share of the samples at x, or at the worst of the scales they were drawn at; 1 where they are not weighted. */
  share(x: number): number
  /** What else speaks against deciding by it; null: nothing. */
  readonly against: string | null
}

/** A first look: the gradient at one log lambda. */
export interface ProfilePoint {
  readonly at: number
  /** Width in log lambda that it is a difference over; 0: a derivative. */
  readonly over: number
  readonly mean: number
  readonly standardError: number
  /** Enough effective samples to go by. */
  readonly steers: boolean
  /** Whether its weights have collapsed, so that its error bar means nothing. */
  readonly collapsed: boolean
  readonly paths: number
}

export interface GradientMethod {
  readonly name: MethodName
  /** Log lambdas to draw at, for a stretch of half-width `reach` about `centre`. */
  nodes(centre: number, reach: number): readonly number[]
  stretch(nodes: readonly number[], items: Items, phase: EntropyPhase, shape: Shape): Promise<Stretch>
  /** F itself at some log lambdas, item by item: F is their mean at each, and what items have in common cancels between two. */
  values(nodes: readonly number[], items: Items, phase: EntropyPhase): Promise<Float64Array[]>
  /** Gradients over a whole grid of log lambdas. */
  profile(grid: readonly number[], items: Items): Promise<ProfilePoint[]>
  /** Network evaluations that one more item takes at that many nodes. */
  cost(nodes: number): number
  /** Half-width of the narrowest stretch that is drawn for its own sake, as a multiple of the tolerance in log lambda. */
  readonly wide: number
  /** Items of a first look. */
  readonly first: number
  /** Fewest items of a confirmation. */
  readonly least: number
  /** Paths per item and node. */
  readonly paths: number
}

/** Items of a first look in units of `explorePaths`, for base samples, which cost a third and are there once for all scales. */
export const BASE_ITEMS = 8

/** Populations at each scale of a first look. */
export const FIRST_REPETITIONS = 2

/** What is drawn for its own scale has no weights. */
const UNWEIGHTED = { steers: true, collapsed: false } as const

/** Most scales of a stretch. */
export const MOST_NODES = 5

/** A gradient steers from this many effective samples on. */
const STEERING_SAMPLES = 10

/** Bootstrap samples beyond the two ends of an interval together. */
const TAIL_RANK = 12

/** Items from which on a bootstrap tells no more than the skewness does, and takes minutes. */
const MANY_ITEMS = 4096

/** Fewest items whose mean is nearly normal. */
const LEAST_ITEMS = 48

/** Differences are the sharper the wider they reach; what populations tell at a scale is the worse the smaller lambda is. */
const WIDE = 1.2
const WIDE_OF_PARTICLES = 0.6

/** Fewest populations of a confirmation: their spread is the standard error. */
export const LEAST_POPULATIONS = 16

/** Effective populations below which one speaks for all. */
const COLLAPSED_POPULATIONS = 1.5

/** Standard errors that two ways of tempering may lie apart. */
const TEMPERED_ALIKE = 3

const scaleAt = (x: number) => Math.exp(-x)
const three = (centre: number, reach: number) => [-1, 0, 1].map((k) => centre + k * reach)
const five = (centre: number, reach: number) => [-2, -1, 0, 1, 2].map((k) => centre + (k * reach) / 2)

export function methodOf(name: MethodName, job: EntropyOptions, draws: Draws): GradientMethod {
  switch (name) {
    case 'paired-differences':
      return pairedDifferences(job, draws)
    case 'score-function':
      return scoreFunctions(job, draws)
    case 'paths':
      return weightedPaths(job, draws)
    case 'importance':
      return baseSamples(job, draws)
    case 'smc':
      return particles(job, draws)
  }
}

function pairedDifferences({ settings }: EntropyOptions, draws: Draws): GradientMethod {
  const curveOf = (nodes: readonly number[], batches: readonly PathBatch[], shape: Shape = 'log') => {
    const rest = { shape, controls: scoreControls(batches), rounding: draws.rounding }
    return new GradientCurve('values', nodes, batches.map(valuesOf), rest)
  }
  return {
    ...{
      name: 'paired-differences',
      wide: WIDE,
      nodes: five,
      first: settings.explorePaths,
      least: LEAST_ITEMS,
      paths: 1,
    },
    async stretch(nodes, items, phase, shape) {
      return fresh(curveOf(nodes, await drawn(draws, nodes, items, phase), shape), 'paired-differences')
    },
    values: async (nodes, items, phase) => (await drawn(draws, nodes, items, phase)).map(valuesOf),
    async profile(grid, items) {
      const batches = await drawn(draws, grid, items, 'explore')
      return grid.slice(1).map((right, j) => {
        const at = (grid[j] + right) / 2
        const pair = curveOf([grid[j], right], batches.slice(j, j + 2))
        return { at, over: right - grid[j], ...pair.at(at), ...UNWEIGHTED, paths: 2 * items.count }
      })
    },
    cost: (nodes) => nodes * draws.costPerPath,
  }
}

/** F of each path. */
const valuesOf = ({ upper }: PathBatch) => upper.map((value) => -value)

function scoreFunctions({ settings }: EntropyOptions, draws: Draws): GradientMethod {
  return {
    ...{ name: 'score-function', wide: WIDE, nodes: five, first: settings.explorePaths, least: LEAST_ITEMS, paths: 1 },
    async stretch(nodes, items, phase, shape) {
      const batches = await drawn(draws, nodes, items, phase)
      const rest = { shape, controls: scoreControls(batches) }
      return fresh(new GradientCurve('gradients', nodes, batches.map(scoreValues), rest), 'score-function')
    },
    values: async (nodes, items, phase) => (await drawn(draws, nodes, items, phase)).map(valuesOf),
    async profile(grid, items) {
      const batches = await drawn(draws, grid, items, 'explore')
      return grid.map((at, j) => ({
        at,
        over: 0,
        ...meanOf(scoreValues(batches[j])),
        ...UNWEIGHTED,
        paths: items.count,
      }))
    },
    cost: (nodes) => nodes * draws.costPerPath,
  }
}

function weightedPaths(job: EntropyOptions, draws: Draws): GradientMethod {
  const { settings } = job
  const { gradientAt, objectiveAt } = estimatesOf(job)
  // For its own chain a scale borrows paths of the other two; for a tilt its own are the best proposal.
  const poolsOf = (batches: PathBatch[]) =>
    settings.target === 'guided'
      ? batches.map(() => PathPool.of(batches))
      : batches.map((batch) => PathPool.of([batch]))
  return {
    ...{ name: 'paths', wide: WIDE, nodes: five, first: settings.explorePaths, least: DECIDING_PATHS, paths: 1 },
    async stretch(nodes, items, phase, shape) {
      const pools = poolsOf(await drawn(draws, nodes, items, phase))
      return weighted(pools, { nodes, shape, items: items.count, gradientAt, seed: settings.seed })
    },
    async values(nodes, items, phase) {
      const pools = poolsOf(await drawn(draws, nodes, items, phase))
      return nodes.map((x, j) => rowOf(pools[j], objectiveAt(pools[j], scaleAt(x)), items.count))
    },
    async profile(grid, items) {
      return profileOf(PathPool.of(await drawn(draws, grid, items, 'explore')), grid, gradientAt)
    },
    cost: (nodes) => nodes * draws.costPerPath,
  }
}

function baseSamples(job: EntropyOptions, draws: Draws): GradientMethod {
  const { denoiser, settings, schedule, sampler } = job
  const { gradientAt, objectiveAt } = estimatesOf(job)
  return {
    ...{
      name: 'importance',
      wide: WIDE,
      nodes: five,
      first: BASE_ITEMS * settings.explorePaths,
      least: DECIDING_PATHS,
      paths: 1,
    },
    async stretch(nodes, items, phase, shape) {
      const pool = PathPool.of([await draws.base(items, phase)])
      const pools = nodes.map(() => pool)
      return weighted(pools, { nodes, shape, items: items.count, gradientAt, seed: settings.seed })
    },
    async values(nodes, items, phase) {
      const pool = PathPool.of([await draws.base(items, phase)])
      return nodes.map((x) => rowOf(pool, objectiveAt(pool, scaleAt(x)), items.count))
    },
    async profile(grid, items) {
      return profileOf(PathPool.of([await draws.base(items, 'explore')]), grid, gradientAt)
    },
    cost: () => evaluationsBy(denoiser, { schedule, settings: sampler }),
  }
}

function particles({ denoiser, settings, schedule, sampler }: EntropyOptions, draws: Draws): GradientMethod {
  const { target, gamma, particles: count, seed } = settings
  const each = target === 'penalty' ? 2 : 1
  const drawnAt = async (x: number, { first, count: repetitions }: Items, phase: EntropyPhase) => {
    const y: ParticleDraw[] = []
    const z: ParticleDraw[] = []
    for (let r = first; r < first + repetitions; r++) {
      y.push(await draws.particles(scaleAt(x), r, phase, 'lower'))
      if (target === 'penalty') z.push(await draws.particles(scaleAt(x), r, phase, 'penalty'))
    }
    return { y, z, s: scaleAt(x) }
  }
  type AtNode = Awaited<ReturnType<typeof drawnAt>>
  const gradientOf = ({ y, z, s }: AtNode) =>
    target === 'penalty' ? penaltyGradientOf(y, z, s, gamma) : tiltGradientOf(y, s)
  const objectiveOf = ({ y, z, s }: AtNode) =>
    target === 'penalty' ? penaltyObjectiveOf(y, z, s, gamma) : tiltObjectiveOf(y)
  const all = async (nodes: readonly number[], items: Items, phase: EntropyPhase) => {
    const drawn: AtNode[] = []
    for (const x of nodes) drawn.push(await drawnAt(x, items, phase))
    return drawn
  }
  const rowsOf = (found: readonly OfPopulations[]) => found.map((one) => itemValues(one, one.influence.length))
  return {
    ...{
      name: 'smc',
      wide: WIDE_OF_PARTICLES,
      nodes: three,
      first: FIRST_REPETITIONS,
      least: LEAST_POPULATIONS,
      paths: count * each,
    },
    async stretch(nodes, items, phase, shape) {
      const drawn = await all(nodes, items, phase)
      const found = drawn.map(gradientOf)
      const curve = new GradientCurve('gradients', nodes, rowsOf(found), { shape })
      const share = Math.min(...found.map(({ effective }) => effective)) / items.count
      return {
        curve,
        evidence: (x, alpha) => resampledEvidence(curve, x, { source: 'smc', share, paretoK: null, alpha, seed }),
        collapsed: () => share * items.count < COLLAPSED_POPULATIONS,
        share: () => share,
        against: temperingSays((which) => {
          const own = (draws: readonly ParticleDraw[]) => draws.filter((_, r) => r % TEMPERS.length === which)
          const middle = drawn[Math.floor(nodes.length / 2)]
          return gradientOf({ ...middle, y: own(middle.y), z: own(middle.z) })
        }),
      }
    },
    values: async (nodes, items, phase) => rowsOf((await all(nodes, items, phase)).map(objectiveOf)),
    async profile(grid, items) {
      const rows = rowsOf((await all(grid, items, 'explore')).map(gradientOf))
      const paths = count * each * items.count
      return grid.map((at, j) => ({ at, over: 0, ...meanOf(rows[j]), ...UNWEIGHTED, paths }))
    },
    cost: (nodes) => nodes * count * each * evaluationsBy(denoiser, { schedule, settings: sampler }),
  }
}

/** Whether the gradient in the middle of the stretch hangs on how populations were tempered, beyond its error; null: it does not. */
function temperingSays(found: (temper: number) => OfPopulations): string | null {
  const [one, other] = TEMPERS.map((_, which) => {
    const of = found(which)
    return meanOf(itemValues(of, of.influence.length))
  })
  if (one.count < 2 || other.count < 2) return null
  const error = Math.hypot(one.standardError, other.standardError)
  if (Math.abs(one.mean - other.mean) <= TEMPERED_ALIKE * error) return null
  return `populations tempered at two lengths disagree (gradients ${one.mean.toPrecision(3)} and ${other.mean.toPrecision(3)}); raise particles`
}

async function drawn(draws: Draws, nodes: readonly number[], items: Items, phase: EntropyPhase): Promise<PathBatch[]> {
  const batches: PathBatch[] = []
  for (const x of nodes) batches.push(await draws.paths(scaleAt(x), items, phase, phase === 'explore'))
  return batches
}

function fresh(curve: GradientCurve, source: Exclude<GradientEvidence['source'], 'pool'>): Stretch {
  return {
    curve,
    evidence(x, alpha) {
      const { mean, standardError, count } = curve.at(x)
      const estimate = { mean, standardError, effectiveSampleSize: count, paretoK: null, count }
      return freshEvidence(Math.exp(x), source, estimate, alpha)
    },
    collapsed: () => false,
    share: () => 1,
    against: null,
  }
}

type GradientAt = (pool: PathPool, s: number) => PoolGradient

/** The target's F and its gradient in log lambda, from a pool at scale s. */
function estimatesOf({
  settings: { target, gamma },
}: EntropyOptions): Record<'gradientAt' | 'objectiveAt', GradientAt> {
  if (target === 'guided') return { gradientAt: guidedGradient, objectiveAt: guidedObjective }
  if (target === 'tilt') return { gradientAt: tiltGradient, objectiveAt: tiltObjective }
  return {
    gradientAt: (pool, s) => penaltyGradient(pool, s, gamma),
    objectiveAt: (pool, s) => penaltyObjective(pool, s, gamma),
  }
}

/** A pool's statistic as a number per item. */
function rowOf(pool: PathPool, { statistic }: PoolGradient, items: number): Float64Array {
  const { mean, influence } = statistic(null)
  const { clusterOf } = pool.paths.clusters
  const sums = new Float64Array(items)
  for (const [path, value] of influence.entries()) sums[clusterOf[path]] += value
  return itemValues({ mean, influence: sums }, items)
}

interface Resampling {
  readonly source: GradientEvidence['source']
  /** Effective share of the items. */
  readonly share: number
  readonly paretoK: number | null
  readonly alpha: number
  readonly seed: number
}

function resampledInterval(values: Float64Array, alpha: number, seed: number): Interval {
  const count = values.length
  const each = clustersOf(
    Int32Array.from({ length: count }, (_, i) => i),
    new Float64Array(count),
  )
  return bootstrapInterval(weightedMean(new Float64Array(count).fill(1 / count), values), each, {
    seed,
    replicates: Math.ceil(TAIL_RANK / alpha),
    level: 1 - alpha,
  })
}

/** Evidence at x over the items of a curve: by bootstrap-t, or by its expansion where they are many. */
function resampledEvidence(curve: GradientCurve, x: number, { source, share, paretoK, alpha, seed }: Resampling) {
  const { mean, standardError, count } = curve.at(x)
  const values = curve.valuesAt(x)
  const interval = count >= MANY_ITEMS ? skewedInterval(values, alpha) : resampledInterval(values, alpha, seed)
  const estimate = { mean, standardError, effectiveSampleSize: share * count, paretoK, count }
  return { lambda: Math.exp(x), source, estimate, interval }
}

interface WeightedStretch {
  readonly nodes: readonly number[]
  readonly shape: Shape
  /** Their number. */
  readonly items: number
  readonly gradientAt: GradientAt
  readonly seed: number
}

/** A pool per node, of items that were all drawn at the same scales: the gradient at each node, and its items' shares in it. */
function weighted(pools: readonly PathPool[], { nodes, shape, items, gradientAt, seed }: WeightedStretch): Stretch {
  const gradients = nodes.map((x, j) => gradientAt(pools[j], scaleAt(x)))
  const rows = gradients.map((gradient, j) => rowOf(pools[j], gradient, items))
  const curve = new GradientCurve('gradients', nodes, rows, { shape })
  const shareAt = (x: number) => {
    const one = pools.every((pool) => pool === pools[0])
    const at = one ? [gradientAt(pools[0], scaleAt(x))] : gradients
    return Math.min(...at.map(({ estimate }) => estimate.effectiveSampleSize / estimate.count))
  }
  const tails = gradients.flatMap(({ estimate: { paretoK } }) => (paretoK === null ? [] : [paretoK]))
  const paretoK = tails.length > 0 ? Math.max(...tails) : null
  return {
    curve,
    evidence: (x, alpha) => resampledEvidence(curve, x, { source: 'pool', share: shareAt(x), paretoK, alpha, seed }),
    collapsed: (x) => weightsCollapsed(nearestOf(nodes, gradients, x).estimate),
    share: shareAt,
    against: null,
  }
}

/** What belongs to the node nearest to x. */
function nearestOf<T>(nodes: readonly number[], values: readonly T[], x: number): T {
  return values[nodes.reduce((best, node, j) => (Math.abs(node - x) < Math.abs(nodes[best] - x) ? j : best), 0)]
}

function profileOf(pool: PathPool, grid: readonly number[], gradientAt: GradientAt): ProfilePoint[] {
  return grid.map((at) => {
    const { estimate } = gradientAt(pool, scaleAt(at))
    const { mean, standardError, effectiveSampleSize, count } = estimate
    const steers = effectiveSampleSize >= STEERING_SAMPLES
    return { at, over: 0, mean, standardError, steers, collapsed: weightsCollapsed(estimate), paths: count }
  })
}

/** KL(p_h || p0) = s E[h] - log Z of a population. */
export function klOf({ logWeights, logZ, upper, lower, tilt }: ParticleDraw, s: number, gamma: number): number {
  const h = (i: number) => lower[i] + (tilt === 'penalty' ? upper[i] / gamma : 0)
  return s * logWeights.reduce((sum, w, i) => sum + Math.exp(w) * h(i), 0) - logZ
}
