/**
 * Gradients of F in log lambda from a pool of weighted paths, one per target (s = 1/lambda):
 *
 *     guided   s Cov_{q_s}(r1, A - sB)                          F = -E_{q_s}[r1]
 *     tilt     s Cov_{p*}(r1, r2)                               F = -E_{p*}[r1],   p* ~ p0 exp(s r2)
 *     penalty  lambda gamma [KL(p_gamma||p0) - KL(p*||p0)]      F_gamma,           p_gamma ~ p0 exp(s (r1/gamma + r2))
 *
 * Penalty: Xiao et al., ICML 2025 (arXiv 2502.08808), with the signs derived here. All three steer; whether they decide is for
 * belief.ts to say.
 */
import { inputError } from '../../../base/index.ts'
import type { Estimated } from '../statistics/estimated.ts'
import type { Statistic } from '../statistics/statistics.ts'
import { difference, klOfTilt, logMeanOf, weightedCovariance, weightedMean } from '../statistics/statistics.ts'
import type { Weights } from '../statistics/weights.ts'
import type { PathPool } from './pool.ts'

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
  return gradientOf(pool, weights, weightedCovariance(weights.weights, upper, score, s))
}

/** dF/dlog lambda of p* at scale s > 0. @throws `gradient.scale` */
export function tiltGradient(pool: PathPool, s: number): PoolGradient {
  checkScale(s)
  const { upper, lower } = pool.paths
  const weights = pool.tiltWeights(s)
  return gradientOf(pool, weights, weightedCovariance(weights.weights, upper, lower, s))
}

/**
 * lambda F'_gamma at scale s > 0. The effective sample size and Pareto k are the worse of the two tilts'.
 * @throws `gradient.scale`, `gradient.gamma`
 */
export function penaltyGradient(pool: PathPool, s: number, gamma: number): PoolGradient {
  checkScale(s)
  if (!(gamma > 0 && Number.isFinite(gamma))) {
    throw inputError('gradient.gamma', `the penalty constant gamma is a number above 0, got ${gamma}`)
  }
  const { upper, lower } = pool.paths
  const penalised = penalisedBy(gamma, upper, lower)
  const y = pool.tiltWeights(s)
  const z = pool.tiltWeights(s, penalised)
  const statistic = difference(klOfTilt(s, z, penalised), klOfTilt(s, y, lower), gamma / s)
  return gradientOf(pool, worse(y, z), statistic)
}

/** F itself at scale s: -E r1 of the guided chain. */
export function guidedObjective(pool: PathPool, s: number): PoolGradient {
  const weights = pool.guidedWeights(s)
  return gradientOf(
    pool,
    weights,
    weightedMean(
      weights.weights,
      pool.paths.upper.map((value) => -value),
    ),
  )
}

/** F itself at scale s: -E r1 of p*. */
export function tiltObjective(pool: PathPool, s: number): PoolGradient {
  const weights = pool.tiltWeights(s)
  return gradientOf(
    pool,
    weights,
    weightedMean(
      weights.weights,
      pool.paths.upper.map((value) => -value),
    ),
  )
}

/** F_gamma itself at scale s: gamma lambda (log Z_r2 - log Z_(r1/gamma + r2)). */
export function penaltyObjective(pool: PathPool, s: number, gamma: number): PoolGradient {
  const { upper, lower } = pool.paths
  const y = pool.tiltWeights(s)
  const z = pool.tiltWeights(s, penalisedBy(gamma, upper, lower))
  return gradientOf(pool, worse(y, z), difference(logMeanOf(y), logMeanOf(z), gamma / s))
}

/** r1/gamma + r2. */
const penalisedBy = (gamma: number, upper: Float64Array, lower: Float64Array) =>
  upper.map((value, i) => value / gamma + lower[i])

function worse(y: Weights, z: Weights): Pick<Weights, 'effectiveSampleSize' | 'paretoK'> {
  const tails = [y.paretoK, z.paretoK].filter((k) => k !== null)
  return {
    effectiveSampleSize: Math.min(y.effectiveSampleSize, z.effectiveSampleSize),
    paretoK: tails.length > 0 ? Math.max(...tails) : null,
  }
}

function gradientOf(
  pool: PathPool,
  weights: Pick<Weights, 'effectiveSampleSize' | 'paretoK'>,
  statistic: Statistic,
): PoolGradient {
  return { estimate: pool.estimated(statistic(null), weights), statistic }
}

function checkScale(s: number): void {
  if (s > 0 && Number.isFinite(s)) return
  throw inputError('gradient.scale', `a gradient in log lambda needs a scale 1/lambda above 0, got ${s}`)
}
