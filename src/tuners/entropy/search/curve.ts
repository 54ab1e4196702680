/**
 * The trade-off: E r1, E r2, KL and diversity over the whole range of lambda, for the guided chain and for the tilt. Every path ever drawn
 * goes in where its weight reaches; a point is trusted where at least half of what it is made of is effective.
 */
import { evaluationsBy } from '../../../diffusion/index.ts'
import type { MeanAndStandardError } from '../../../metrics/index.ts'
import { meanAndStandardError } from '../../../metrics/index.ts'
import type { WeightedTarget } from '../estimators/pool.ts'
import { PathPool } from '../estimators/pool.ts'
import type { AtThree, CurvePoint } from '../result.ts'
import type { EntropyRun } from '../run.ts'
import { trusted, trustedParticles } from '../statistics/belief.ts'
import type { Estimated } from '../statistics/estimated.ts'
import { weightedSpread } from '../statistics/spread.ts'
import type { ParticleDraw } from './draws.ts'
import type { MethodName } from './methods.ts'
import { klOf } from './methods.ts'

/** Populations behind a point of the tilt's curve by sequential Monte Carlo. */
export const REPETITIONS = 4

/** What is told of the base model: no lambda, no KL. */
export type BasePoint = Pick<CurvePoint, 'upper' | 'lower' | 'diversity'>

export interface TradeOff {
  readonly base: BasePoint
  /** At the chosen lambda, for the target. */
  readonly tuned: CurvePoint
  /** At the smallest lambda of the range, for the target. */
  readonly lambdaMin: CurvePoint
  readonly curve: readonly CurvePoint[]
}

/** The curve's lambdas and `value`, ascending; where `value` is one of them but for rounding, once. */
function pointsOf(grid: readonly number[], value: number): { readonly lambda: number; readonly scale: number }[] {
  const isValue = (x: number) => Math.abs(x - Math.log(value)) < 1e-9
  const points = grid.map((x) => ({ lambda: isValue(x) ? value : Math.exp(x), scale: Math.exp(-x) }))
  const own = grid.some(isValue) ? [] : [{ lambda: value, scale: 1 / value }]
  return [...points, ...own].sort((a, b) => a.lambda - b.lambda)
}

/** Draws what is missing at the curve's lambdas, at `value` and at the base model, and measures. */
export async function tradeOff(run: EntropyRun, method: MethodName, value: number): Promise<TradeOff> {
  const { settings } = run.job
  const points = pointsOf(run.grid, value)
  const guided = run.draws.pool().size > 0
  const items = { first: 0, count: settings.curvePaths }
  const left = () => (guided ? items.count * points.length * run.draws.costPerPath : 0)
  if (guided) {
    for (const { lambda, scale } of [{ lambda: Number.POSITIVE_INFINITY, scale: 0 }, ...points]) {
      run.progress('curve', `paths at lambda = ${lambda.toPrecision(2)}`, left() / 2)
      await run.draws.paths(scale, items, 'curve', true)
    }
  } else {
    await run.draws.base(items, 'curve', true)
  }
  const curve: CurvePoint[] = []
  for (const target of guided && settings.through === 'network' ? (['guided', 'tilt'] as const) : (['tilt'] as const)) {
    for (const { lambda, scale } of points) {
      const point = await pointAt(run, target, method, lambda, scale)
      curve.push(point)
      await run.event({ kind: 'point', ...point })
    }
  }
  const shown = settings.target === 'guided' ? 'guided' : 'tilt'
  const of = (wanted: number) => {
    const found = curve.filter(({ target }) => target === shown)
    return found.reduce((best, point) =>
      Math.abs(Math.log(point.lambda / wanted)) < Math.abs(Math.log(best.lambda / wanted)) ? point : best,
    )
  }
  return { base: basePoint(run, guided), tuned: of(value), lambdaMin: of(points[0].lambda), curve }
}

/** A quantity at the three lambdas; null where it was not measured at one of them. */
export function atThree({ base, tuned, lambdaMin }: TradeOff, what: 'upper' | 'lower'): AtThree {
  return { base: base[what], tuned: tuned[what], lambdaMin: lambdaMin[what] }
}

export function diversityAtThree({ base, tuned, lambdaMin }: TradeOff): AtThree | null {
  if (!base.diversity || !tuned.diversity || !lambdaMin.diversity) return null
  return { base: base.diversity, tuned: tuned.diversity, lambdaMin: lambdaMin.diversity }
}

async function pointAt(
  run: EntropyRun,
  target: WeightedTarget,
  method: MethodName,
  lambda: number,
  scale: number,
): Promise<CurvePoint> {
  if (target === 'tilt' && method === 'smc') return particlePoint(run, lambda, scale)
  const based = method === 'importance'
  const whole = based ? run.draws.basePool() : run.draws.pool()
  const pool = poolAt(whole, target, scale)
  const upper = pool.mean(target, scale, 'upper')
  return {
    lambda,
    target,
    upper: told(upper),
    lower: told(pool.mean(target, scale, 'lower')),
    kl: told(pool.kl(target, scale)),
    diversity: diversityAt(run, target, scale, based ? 'base' : 'paths'),
    effectiveSampleSize: upper.effectiveSampleSize,
    paretoK: upper.paretoK,
    trusted: trusted(upper),
    drawn: target === 'guided' && run.draws.drawnAt('paths', scale).length > 0,
  }
}

/** The part of the pool that says most about a scale: with the most effective samples, of those of which half are effective. */
function poolAt(whole: PathPool, target: WeightedTarget, scale: number): PathPool {
  const own = whole.batches.filter((batch) => batch.scale === scale)
  const pools = [...(own.length > 0 ? [PathPool.of(own)] : []), whole.near(scale, 1), whole.near(scale, 3), whole]
  const rated = pools.map((pool) => {
    const estimate = { effectiveSampleSize: pool.weights(target, scale).effectiveSampleSize, count: pool.size }
    return { pool, good: trusted(estimate), ...estimate }
  })
  const best = rated.reduce((a, b) => {
    if (a.good !== b.good) return a.good ? a : b
    return b.effectiveSampleSize > a.effectiveSampleSize ? b : a
  })
  return best.pool
}

/** Of the paths near a scale whose features were kept, weighted. */
function diversityAt(
  run: EntropyRun,
  target: WeightedTarget,
  scale: number,
  kind: 'paths' | 'base',
): MeanAndStandardError | null {
  const featured = run.draws.featured(kind)
  if (featured.length === 0) return null
  const scales = featured.map(({ batch }) => batch.scale)
  const near = PathPool.of(featured.map(({ batch }) => batch)).near(scale, 1).scales
  const own = scales.includes(scale) && target === 'guided'
  const kept = featured.filter(({ batch }) => (own ? batch.scale === scale : near.includes(batch.scale)))
  const rows = joined(kept.map(({ features }) => features))
  return weightedSpread(rows, PathPool.of(kept.map(({ batch }) => batch)).weights(target, scale).weights)
}

function basePoint(run: EntropyRun, guided: boolean): BasePoint {
  const kind = guided ? 'paths' : 'base'
  const batches = (guided ? run.draws.pool() : run.draws.basePool()).batches.filter(({ scale }) => scale === 0)
  const pool = PathPool.of(batches)
  return {
    upper: told(pool.mean('guided', 0, 'upper')),
    lower: told(pool.mean('guided', 0, 'lower')),
    diversity: diversityAt(run, 'guided', 0, kind),
  }
}

/**
 * The tilt at one lambda from repeated populations. Errors are between them: particles of one start are not independent, and a population's
 * error by its starts comes out too small where few survive (.4 to .9 of what it is, on the Gaussian problem).
 */
async function particlePoint(run: EntropyRun, lambda: number, scale: number): Promise<CurvePoint> {
  const { denoiser, settings, schedule, sampler } = run.job
  const each = evaluationsBy(denoiser, { schedule, settings: sampler })
  const drawn: ParticleDraw[] = []
  for (let r = 0; r < REPETITIONS; r++) {
    run.progress('curve', `particles at lambda = ${lambda.toPrecision(2)}`, settings.particles * each)
    drawn.push(await run.draws.particles(scale, r, 'curve', 'lower'))
  }
  const weights = drawn.map(({ logWeights }) => logWeights.map(Math.exp))
  const meanOf = (values: (draw: ParticleDraw) => Float64Array) =>
    meanAndStandardError(drawn.map((draw, r) => values(draw).reduce((sum, v, i) => sum + weights[r][i] * v, 0)))
  const effective = weights.reduce((sum, w) => sum + 1 / w.reduce((squares, v) => squares + v * v, 0), 0)
  const starts = drawn.map(effectiveStarts)
  const spreads = drawn.flatMap(({ features }, r) => {
    const spread = features.length > 0 ? weightedSpread(features, weights[r]) : null
    return spread ? [spread.mean] : []
  })
  return {
    lambda,
    target: 'tilt',
    upper: meanOf(({ upper }) => upper),
    lower: meanOf(({ lower }) => lower),
    kl: meanAndStandardError(drawn.map((draw) => klOf(draw, scale, settings.gamma))),
    diversity: spreads.length === drawn.length ? meanAndStandardError(spreads) : null,
    effectiveSampleSize: starts.reduce((sum, count) => sum + count, 0),
    paretoK: null,
    trusted: trustedParticles({ effectiveSampleSize: effective, count: REPETITIONS * settings.particles }, starts),
    drawn: true,
  }
}

/** 1/sum of squares of what the descendants of each start weigh together. */
function effectiveStarts({ logWeights, ancestors }: ParticleDraw): number {
  const shares = new Float64Array(logWeights.length)
  for (const [i, ancestor] of ancestors.entries()) shares[ancestor] += Math.exp(logWeights[i])
  return 1 / shares.reduce((sum, share) => sum + share * share, 0)
}

const told = ({ mean, standardError, count }: Estimated): MeanAndStandardError => ({ mean, standardError, count })

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
