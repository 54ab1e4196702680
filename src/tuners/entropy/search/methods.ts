/**
 * The estimators by name, each as a way to get the gradient of F over a stretch of log lambda from given items, in one form, so that
 * search and confirmation are the same for all.
 *
 *     paired-differences   F at five scales with the same noise, the derivative of their parabola     guided
 *     score-function       s Cov_{q_s}(r1, A - sB) at four scales                                     guided
 *     paths                paths drawn at four scales, weighted                                       all targets
 *     importance           base samples, weighted by the reward                                       tilt, penalty
 *     smc                  populations at four scales: repetitions are items                          tilt, penalty
 */

import { evaluationsOf } from '../../../diffusion/index.ts'
import type { EntropyPhase } from '../checkpoint.ts'
import type { Shape } from '../estimators/gradientCurve.ts'
import { GradientCurve, meanOf } from '../estimators/gradientCurve.ts'
import type { PathBatch } from '../estimators/pool.ts'
import { PathPool } from '../estimators/pool.ts'
import type { PoolGradient } from '../estimators/poolGradients.ts'
import { guidedGradient, penaltyGradient, tiltGradient } from '../estimators/poolGradients.ts'
import { scoreControls, scoreValues } from '../estimators/scoreFunction.ts'
import type { EntropyOptions } from '../job.ts'
import type { EntropyEstimator } from '../settings.ts'
import type { GradientEvidence } from '../statistics/belief.ts'
import { DECIDING_PATHS, freshEvidence, weightsCollapsed } from '../statistics/belief.ts'
import { bootstrapInterval } from '../statistics/bootstrap.ts'
import { clustersOf, itemValues } from '../statistics/estimated.ts'
import { weightedMean } from '../statistics/statistics.ts'
import type { Draws, Items, ParticleDraw } from './draws.ts'

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
  /** Gradients over a whole grid of log lambdas. */
  profile(grid: readonly number[], items: Items): Promise<ProfilePoint[]>
  /** Network evaluations that one more item takes at that many nodes. */
  cost(nodes: number): number
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

/** Fewest items whose mean is nearly normal. */
const LEAST_ITEMS = 48

const scaleAt = (x: number) => Math.exp(-x)
const four = (centre: number, reach: number) => [-3, -1, 1, 3].map((k) => centre + (k * reach) / 3)
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
    const values = batches.map(({ upper }) => upper.map((value) => -value))
    return new GradientCurve('values', nodes, values, { shape, controls: scoreControls(batches) })
  }
  return {
    ...{ name: 'paired-differences', nodes: five, first: settings.explorePaths, least: LEAST_ITEMS, paths: 1 },
    async stretch(nodes, items, phase, shape) {
      return fresh(curveOf(nodes, await drawn(draws, nodes, items, phase), shape), 'paired-differences')
    },
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

function scoreFunctions({ settings }: EntropyOptions, draws: Draws): GradientMethod {
  return {
    ...{ name: 'score-function', nodes: four, first: settings.explorePaths, least: LEAST_ITEMS, paths: 1 },
    async stretch(nodes, items, phase, shape) {
      const batches = await drawn(draws, nodes, items, phase)
      const rest = { shape, controls: scoreControls(batches) }
      return fresh(new GradientCurve('gradients', nodes, batches.map(scoreValues), rest), 'score-function')
    },
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
  const gradientAt = gradientOf(job)
  // For its own chain a scale borrows paths of the other two; for a tilt its own are the best proposal.
  const poolsOf = (batches: PathBatch[]) =>
    settings.target === 'guided'
      ? batches.map(() => PathPool.of(batches))
      : batches.map((batch) => PathPool.of([batch]))
  return {
    ...{ name: 'paths', nodes: four, first: settings.explorePaths, least: DECIDING_PATHS, paths: 1 },
    async stretch(nodes, items, phase, shape) {
      const pools = poolsOf(await drawn(draws, nodes, items, phase))
      return weighted(pools, { nodes, shape, items: items.count, gradientAt, seed: settings.seed })
    },
    async profile(grid, items) {
      return profileOf(PathPool.of(await drawn(draws, grid, items, 'explore')), grid, gradientAt)
    },
    cost: (nodes) => nodes * draws.costPerPath,
  }
}

function baseSamples(job: EntropyOptions, draws: Draws): GradientMethod {
  const { settings, schedule, sampler } = job
  const gradientAt = gradientOf(job)
  return {
    ...{ name: 'importance', nodes: four, first: BASE_ITEMS * settings.explorePaths, least: DECIDING_PATHS, paths: 1 },
    async stretch(nodes, items, phase, shape) {
      const pool = PathPool.of([await draws.base(items, phase)])
      const pools = nodes.map(() => pool)
      return weighted(pools, { nodes, shape, items: items.count, gradientAt, seed: settings.seed })
    },
    async profile(grid, items) {
      return profileOf(PathPool.of([await draws.base(items, 'explore')]), grid, gradientAt)
    },
    cost: () => evaluationsOf({ schedule, settings: sampler }),
  }
}

function particles({ settings, schedule, sampler }: EntropyOptions, draws: Draws): GradientMethod {
  const { target, gamma, particles: count } = settings
  const populations = target === 'penalty' ? 2 : 1
  const valueAt = async (x: number, repetition: number, phase: EntropyPhase) => {
    const s = scaleAt(x)
    const y = await draws.particles(s, repetition, phase, 'lower')
    if (target === 'tilt') return s * covariance(y)
    const z = await draws.particles(s, repetition, phase, 'penalty')
    return (gamma / s) * (klOf(z, s, gamma) - klOf(y, s, gamma))
  }
  const rowsAt = async (nodes: readonly number[], { first, count: repetitions }: Items, phase: EntropyPhase) => {
    const rows = nodes.map(() => new Float64Array(repetitions))
    for (let r = 0; r < repetitions; r++) {
      for (const [j, x] of nodes.entries()) rows[j][r] = await valueAt(x, first + r, phase)
    }
    return rows
  }
  return {
    ...{ name: 'smc', nodes: four, first: FIRST_REPETITIONS, least: 8, paths: count * populations },
    async stretch(nodes, items, phase, shape) {
      const rows = await rowsAt(nodes, items, phase)
      return fresh(new GradientCurve('gradients', nodes, rows, { shape }), 'smc')
    },
    async profile(grid, items) {
      const rows = await rowsAt(grid, items, 'explore')
      const paths = count * populations * items.count
      return grid.map((at, j) => ({ at, over: 0, ...meanOf(rows[j]), ...UNWEIGHTED, paths }))
    },
    cost: (nodes) => nodes * count * populations * evaluationsOf({ schedule, settings: sampler }),
  }
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
  }
}

type GradientAt = (pool: PathPool, s: number) => PoolGradient

function gradientOf({ settings: { target, gamma } }: EntropyOptions): GradientAt {
  if (target === 'guided') return guidedGradient
  if (target === 'tilt') return tiltGradient
  return (pool, s) => penaltyGradient(pool, s, gamma)
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
  const rows = gradients.map(({ statistic }, j) => {
    const { mean, influence } = statistic(null)
    const { clusterOf } = pools[j].paths.clusters
    const sums = new Float64Array(items)
    for (const [path, value] of influence.entries()) sums[clusterOf[path]] += value
    return itemValues({ mean, influence: sums }, items)
  })
  const curve = new GradientCurve('gradients', nodes, rows, { shape })
  const shareAt = (x: number) => {
    const one = pools.every((pool) => pool === pools[0])
    const at = one ? [gradientAt(pools[0], scaleAt(x))] : gradients
    return Math.min(...at.map(({ estimate }) => estimate.effectiveSampleSize / estimate.count))
  }
  const tails = gradients.flatMap(({ estimate: { paretoK } }) => (paretoK === null ? [] : [paretoK]))
  const one = clustersOf(
    Int32Array.from({ length: items }, (_, i) => i),
    new Float64Array(items),
  )
  return {
    curve,
    evidence(x, alpha) {
      const { mean, standardError, count } = curve.at(x)
      const paretoK = tails.length > 0 ? Math.max(...tails) : null
      const values = curve.valuesAt(x)
      const even = new Float64Array(items).fill(1 / items)
      const interval = bootstrapInterval(weightedMean(even, values), one, {
        seed,
        replicates: Math.ceil(TAIL_RANK / alpha),
        level: 1 - alpha,
      })
      const estimate = { mean, standardError, effectiveSampleSize: shareAt(x) * count, paretoK, count }
      return { lambda: Math.exp(x), source: 'pool', estimate, interval }
    },
    collapsed: (x) => weightsCollapsed(nearestOf(nodes, gradients, x).estimate),
    share: shareAt,
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

/** Weighted covariance of r1 and r2, without the bias of its own means. */
function covariance({ logWeights, upper, lower }: ParticleDraw): number {
  const weights = logWeights.map(Math.exp)
  const squares = weights.reduce((sum, w) => sum + w * w, 0)
  const meanUpper = weights.reduce((sum, w, i) => sum + w * upper[i], 0)
  const sum = weights.reduce((total, w, i) => total + w * (upper[i] - meanUpper) * lower[i], 0)
  return squares < 1 ? sum / (1 - squares) : 0
}

/** KL(p_h || p0) = s E[h] - log Z of a population. */
export function klOf({ logWeights, logZ, upper, lower, tilt }: ParticleDraw, s: number, gamma: number): number {
  const h = (i: number) => lower[i] + (tilt === 'penalty' ? upper[i] / gamma : 0)
  return s * logWeights.reduce((sum, w, i) => sum + Math.exp(w) * h(i), 0) - logZ
}
