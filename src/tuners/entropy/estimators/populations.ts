/**
 * Independent populations of particles as one importance sample. Each has weights that sum to 1 and an unbiased estimate Z_r of its
 * normalising constant, so sum_r Z_r (weighted sum in r) is unbiased too, at any number of particles; means are ratios of such sums, and
 * their bias vanishes with the number of populations, not of particles in each. Populations are what is independent: errors are theirs.
 */
import { effectiveSampleSize, logSumExp } from '../../../base/index.ts'
import type { Linearised } from '../statistics/estimated.ts'
import type { Statistic } from '../statistics/statistics.ts'
import { difference, klOfTilt, logMeanOf, weightedCovariance, weightedMean } from '../statistics/statistics.ts'

/** One population at p0 exp(s h): what of a draw is needed here. */
export interface Population {
  /** [n], logsumexp 0. */
  readonly logWeights: Float64Array
  readonly logZ: number
  readonly upper: Float64Array
  readonly lower: Float64Array
}

/** Populations of one tilt, side by side. */
interface Joined {
  readonly weights: Float64Array
  /** log of the mean of all Z. */
  readonly logMean: number
  readonly upper: Float64Array
  readonly lower: Float64Array
  readonly sizes: readonly number[]
}

/** A statistic of populations: its value, the influence of each population, and how many of them count. */
export interface OfPopulations extends Linearised {
  /** 1/sum of squares of the populations' shares of Z. */
  readonly effective: number
}

function joined(populations: readonly Population[]): Joined {
  const total = logSumExp(populations.map(({ logZ }) => logZ))
  const all = (of: (one: Population) => ArrayLike<number>) =>
    Float64Array.from(populations.flatMap((one) => Array.from(of(one))))
  return {
    weights: all(({ logWeights, logZ }) => logWeights.map((value) => Math.exp(value + logZ - total))),
    logMean: total - Math.log(populations.length),
    upper: all(({ upper }) => upper),
    lower: all(({ lower }) => lower),
    sizes: populations.map(({ logWeights }) => logWeights.length),
  }
}

function byPopulation(statistic: Statistic, { sizes }: Joined, populations: readonly Population[]): OfPopulations {
  const { mean, influence } = statistic(null)
  let at = 0
  const sums = Float64Array.from(sizes, (size) => {
    const sum = influence.subarray(at, at + size).reduce((total, value) => total + value, 0)
    at += size
    return sum
  })
  const total = logSumExp(populations.map(({ logZ }) => logZ))
  const effective = effectiveSampleSize(Float64Array.from(populations, ({ logZ }) => Math.exp(logZ - total)))
  return { mean, influence: sums, effective }
}

/** s Cov_{p*}(r1, r2): the gradient of -E_{p*} r1 in log lambda. */
export function tiltGradientOf(populations: readonly Population[], s: number): OfPopulations {
  const all = joined(populations)
  return byPopulation(weightedCovariance(all.weights, all.upper, all.lower, s), all, populations)
}

/** -E_{p*} r1. */
export function tiltObjectiveOf(populations: readonly Population[]): OfPopulations {
  const all = joined(populations)
  return byPopulation(
    weightedMean(
      all.weights,
      all.upper.map((value) => -value),
    ),
    all,
    populations,
  )
}

/** lambda gamma [KL(p_gamma||p0) - KL(p*||p0)] from as many populations `z` of p_gamma as `y` of p*. */
export function penaltyGradientOf(
  y: readonly Population[],
  z: readonly Population[],
  s: number,
  gamma: number,
): OfPopulations {
  return ofBoth(y, z, gamma / s, (all, h) => klOfTilt(s, all, h), gamma)
}

/** F_gamma = gamma lambda (log Z_r2 - log Z_(r1/gamma + r2)). */
export function penaltyObjectiveOf(
  y: readonly Population[],
  z: readonly Population[],
  s: number,
  gamma: number,
): OfPopulations {
  return ofBoth(y, z, -gamma / s, logMeanOf, gamma)
}

/** factor times (a statistic of `z` less that of `y`). */
function ofBoth(
  y: readonly Population[],
  z: readonly Population[],
  factor: number,
  statistic: (all: Joined, h: Float64Array) => Statistic,
  gamma: number,
): OfPopulations {
  const [ofY, ofZ] = [joined(y), joined(z)]
  const one = byPopulation(statistic(ofY, ofY.lower), ofY, y)
  const penalised = ofZ.lower.map((value, i) => value + ofZ.upper[i] / gamma)
  const other = byPopulation(statistic(ofZ, penalised), ofZ, z)
  const both = difference(
    () => other,
    () => one,
    factor,
  )(null)
  return { ...both, effective: Math.min(one.effective, other.effective) }
}
