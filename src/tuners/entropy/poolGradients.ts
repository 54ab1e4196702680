/**
 * Gradients of F in log lambda from a pool of weighted paths, one per target (s = 1/lambda):
 *
 *     guided   s Cov_{q_s}(r1, A - sB)                          F = -E_{q_s}[r1]
 *     tilt     s Cov_{p*}(r1, r2)                               F = -E_{p*}[r1],   p* ~ p0 exp(s r2)
 *     penalty  lambda gamma [KL(p_gamma||p0) - KL(p*||p0)]      F_gamma,           p_gamma ~ p0 exp(s (r1/gamma + r2))
 *
 * Each is a statistic of the paths' multiplicities, so that a bootstrap can evaluate it again (bootstrap.ts). They steer; whether they
 * decide is for belief.ts to say.
 */
import { inputError } from '../../base/index.ts'
import type { Estimated, Linearised } from './estimated.ts'
import type { PathPool } from './pool.ts'
import type { Weights } from './weights.ts'

/** A statistic of paths, given how often each is there ([n], or null: once). `influence` is that of one copy. */
export type Statistic = (copies: Float64Array | null) => Linearised

/** A gradient from a pool: its value and error, and the statistic for a bootstrap. */
export interface PoolGradient {
  readonly estimate: Estimated
  readonly statistic: Statistic
}

/** dF/dlog lambda of the guided chain at scale s > 0. @throws `gradient.scale` */
export function guidedGradient(pool: PathPool, s: number): PoolGradient {
  checkScale(s)
  const { a, b, upper } = pool.paths
  const weights = pool.guidedWeights(s)
  const score = a.map((value, i) => value - s * b[i])
  return gradientOf(pool, weights, covariance(weights.weights, upper, score, s))
}

/** dF/dlog lambda of p* at scale s > 0. @throws `gradient.scale` */
export function tiltGradient(pool: PathPool, s: number): PoolGradient {
  checkScale(s)
  const { upper, lower } = pool.paths
  const weights = pool.tiltWeights(s)
  return gradientOf(pool, weights, covariance(weights.weights, upper, lower, s))
}

/**
 * lambda F'_gamma at scale s > 0. The effective sample size and Pareto k are the worse of the two tilts'.
 * @throws `gradient.scale`, `gradient.gamma`
 */
export function penaltyGradientOf(pool: PathPool, s: number, gamma: number): PoolGradient {
  checkScale(s)
  if (!(gamma > 0 && Number.isFinite(gamma))) {
    throw inputError('gradient.gamma', `the penalty constant gamma is a number above 0, got ${gamma}`)
  }
  const { upper, lower } = pool.paths
  const penalised = upper.map((value, i) => value / gamma + lower[i])
  const plain = pool.tiltWeights(s)
  const pulled = pool.tiltWeights(s, penalised)
  const statistic: Statistic = (copies) => {
    const y = klOfTilt(s, plain, lower, copies)
    const z = klOfTilt(s, pulled, penalised, copies)
    const factor = gamma / s
    return {
      mean: factor * (z.mean - y.mean),
      influence: z.influence.map((value, i) => factor * (value - y.influence[i])),
    }
  }
  const worse = pulled.effectiveSampleSize < plain.effectiveSampleSize ? pulled : plain
  const paretoK =
    plain.paretoK === null || pulled.paretoK === null ? worse.paretoK : Math.max(plain.paretoK, pulled.paretoK)
  return gradientOf(pool, { effectiveSampleSize: worse.effectiveSampleSize, paretoK }, statistic)
}

function gradientOf(
  pool: PathPool,
  weights: Pick<Weights, 'effectiveSampleSize' | 'paretoK'>,
  statistic: Statistic,
): PoolGradient {
  return { estimate: pool.estimated(statistic(null), weights), statistic }
}

/** factor times the weighted covariance; influence of a path: factor w [(x - mean x)(y - mean y) - covariance]. */
function covariance(weights: Float64Array, x: Float64Array, y: Float64Array, factor: number): Statistic {
  return (copies) => {
    const total = inner(weights, copies, null)
    const meanX = inner(weights, copies, x) / total
    const meanY = inner(weights, copies, y) / total
    const products = x.map((value, i) => (value - meanX) * (y[i] - meanY))
    const mean = inner(weights, copies, products) / total
    return {
      mean: factor * mean,
      influence: products.map((value, i) => ((factor * weights[i]) / total) * (value - mean)),
    }
  }
}

/** KL of the tilt by h: s E[h] - log Z, Z the mean of the unnormalised weights. */
function klOfTilt(s: number, { weights, logMean }: Weights, h: Float64Array, copies: Float64Array | null): Linearised {
  const total = inner(weights, copies, null)
  const mean = inner(weights, copies, h) / total
  const share = 1 / weights.length
  return {
    mean: s * mean - (logMean + Math.log(total)),
    influence: h.map((value, i) => (weights[i] / total) * (s * (value - mean) - 1) + share),
  }
}

/** sum copies w x, with 1 for what is null. */
function inner(weights: Float64Array, copies: Float64Array | null, x: Float64Array | null): number {
  let sum = 0
  for (let i = 0; i < weights.length; i++) sum += weights[i] * (copies ? copies[i] : 1) * (x ? x[i] : 1)
  return sum
}

function checkScale(s: number): void {
  if (s > 0 && Number.isFinite(s)) return
  throw inputError('gradient.scale', `a gradient in log lambda needs a scale 1/lambda above 0, got ${s}`)
}
