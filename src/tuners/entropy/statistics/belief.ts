/**
 * When to believe an estimate. Weighted estimates steer; they do not decide: with few effective samples they are biased towards the base,
 * and their nominal 95 % intervals cover .72 to .85. So an interval of lambda is called resolved only where the gradients at its low end,
 * its value and its high end come from paths drawn there and for that (by score function or paired differences), or from a pool that is
 * nearly a fresh sample there: effective share at least .8 of at least 1,000 paths, its interval by bootstrap-t; or from at least 16 independent
 * populations of particles, half of which count, tempered at two lengths that agree. On the trade-off curve an
 * effective share of .5 is enough to be shown as trusted.
 */
import { inputError } from '../../../base/index.ts'
import type { Interval } from './bootstrap.ts'
import type { Estimated } from './estimated.ts'
import { studentReach } from './quantile.ts'

/** What a pool must have at a lambda to decide there. */
export const DECIDING_SHARE = 0.8
export const DECIDING_PATHS = 1000

/** Independent populations of particles that decide: how many, and what share of them must count, by their estimates of Z. */
export const DECIDING_POPULATIONS = 16
const DECIDING_POPULATION_SHARE = 0.5

/** What an estimate on the trade-off curve must have to be trusted. */
export const TRUSTED_SHARE = 0.5

/**
 * Effective starts that each population of particles must descend from to be trusted. Measured on the Gaussian problem (256 particles, 20
 * steps): the mean of four populations is biased by .2 of its standard error at 27 to 32 starts, by .6 to .7 at 10 to 12, while the weights, which resampling
 * evens out, are as good as at first.
 */
export const LEAST_STARTS = 30

/** Fresh paths below which a standard error says too little about itself. */
export const LEAST_FRESH = 30

/** Where a gradient comes from. The first two take paths drawn at the lambda in question. */
export type GradientSource = 'score-function' | 'paired-differences' | 'pool' | 'smc'

/** A gradient of F in log lambda with its interval, at the error of the look it is for: negative means that a larger lambda is better. */
export interface GradientEvidence {
  readonly lambda: number
  readonly source: GradientSource
  readonly estimate: Estimated
  readonly interval: Interval
}

/** Whether something is believed and, if not, why not and what to raise. */
export interface Verdict {
  readonly believed: boolean
  readonly reason: string | null
}

const BELIEVED: Verdict = { believed: true, reason: null }
const doubted = (reason: string): Verdict => ({ believed: false, reason })

/** Evidence from fresh paths: Student's interval, which misses with probability `alpha`. Populations of particles count as items. */
export function freshEvidence(
  lambda: number,
  source: Exclude<GradientSource, 'pool'>,
  estimate: Estimated,
  alpha: number,
): GradientEvidence {
  const reach = studentReach(alpha, estimate.count - 1) * estimate.standardError
  return { lambda, source, estimate, interval: { low: estimate.mean - reach, high: estimate.mean + reach } }
}

/** Whether a gradient may decide anything. */
export function mayDecide({ lambda, source, estimate, interval }: GradientEvidence): Verdict {
  const { count, effectiveSampleSize } = estimate
  const at = `at lambda = ${shortly(lambda)}`
  if (!(Number.isFinite(interval.low) && Number.isFinite(interval.high))) {
    return doubted(`the gradient ${at} has no finite interval; raise the number of paths`)
  }
  if (source === 'smc') {
    if (count < DECIDING_POPULATIONS) {
      return doubted(
        `particles decide from ${DECIDING_POPULATIONS} populations, and ${at} there are ${count}; raise maxEvaluations`,
      )
    }
    if (!(effectiveSampleSize >= DECIDING_POPULATION_SHARE * count)) {
      const share = `${shortly(effectiveSampleSize)} effective of ${count} populations`
      return doubted(`few populations of particles say it all ${at}, ${share}; raise particles`)
    }
    return BELIEVED
  }
  if (source === 'pool') {
    if (count < DECIDING_PATHS) {
      return doubted(
        `a pool decides from ${DECIDING_PATHS} paths, and ${at} it has ${count}; raise the number of paths`,
      )
    }
    if (!(effectiveSampleSize >= DECIDING_SHARE * count)) {
      const share = `${shortly(effectiveSampleSize)} effective of ${count} paths`
      return doubted(
        `a pool decides where ${DECIDING_SHARE} of its paths are effective, and ${at} it has ${share}; draw fresh paths there`,
      )
    }
    return BELIEVED
  }
  if (count < LEAST_FRESH) {
    return doubted(`a fresh estimate needs ${LEAST_FRESH} paths, and ${at} it has ${count}; raise the number of paths`)
  }
  return BELIEVED
}

/** Gradients at the two ends of an interval of lambda and at the value in it. */
export interface IntervalEvidence {
  readonly low: GradientEvidence
  readonly value: GradientEvidence
  readonly high: GradientEvidence
}

/**
 * Whether an interval of lambda is resolved: all three gradients may decide, F falls from the low end and rises to the high end (their
 * intervals exclude 0), and high/low is at most the tolerance.
 * @throws `belief.order` unless low <= value <= high in lambda, low > 0
 */
export function resolves({ low, value, high }: IntervalEvidence, tolerance: number): Verdict {
  if (!(low.lambda > 0 && low.lambda <= value.lambda && value.lambda <= high.lambda)) {
    const got = [low.lambda, value.lambda, high.lambda].join(', ')
    throw inputError('belief.order', `an interval of lambda is 0 < low <= value <= high, got ${got}`)
  }
  const weak = [low, value, high].map(mayDecide).find(({ believed }) => !believed)
  if (weak) return weak
  if (!(low.interval.high < 0)) return doubted(openEnd('low', low))
  if (!(high.interval.low > 0)) return doubted(openEnd('high', high))
  if (high.lambda / low.lambda > tolerance) {
    const width = `[${shortly(low.lambda)}, ${shortly(high.lambda)}]`
    return doubted(`lambda is in ${width}, wider than the tolerance of ${tolerance}; raise the number of evaluations`)
  }
  return BELIEVED
}

/** Whether the optimum is believed to lie at that end of the range, or beyond it: F still falls towards it. */
export function resolvesBoundary(end: 'low' | 'high', evidence: GradientEvidence): Verdict {
  const verdict = mayDecide(evidence)
  if (!verdict.believed) return verdict
  const outwards = end === 'low' ? evidence.interval.low > 0 : evidence.interval.high < 0
  return outwards ? BELIEVED : doubted(openEnd(end, evidence))
}

/** Effective samples below which weights have collapsed: a few images speak for all, and the error bar is of these few. */
export const LEAST_EFFECTIVE = 10

/** Shape of the weights' tail above which a mean, and its error bar, are not to be relied on. */
export const MOST_PARETO_K = 0.7

/** Whether an estimate's weights have collapsed, so that its error bar means nothing. */
export function weightsCollapsed({
  effectiveSampleSize,
  paretoK,
}: Pick<Estimated, 'effectiveSampleSize' | 'paretoK'>): boolean {
  return !(effectiveSampleSize >= LEAST_EFFECTIVE) || (paretoK !== null && paretoK > MOST_PARETO_K)
}

/** Whether a point of the trade-off curve is trusted; the others are drawn grey. */
export function trusted({ effectiveSampleSize, count }: Pick<Estimated, 'effectiveSampleSize' | 'count'>): boolean {
  return effectiveSampleSize >= TRUSTED_SHARE * count
}

/** The same of populations of particles, by the effective starts of each. */
export function trustedParticles(
  estimate: Pick<Estimated, 'effectiveSampleSize' | 'count'>,
  starts: readonly number[],
) {
  return trusted(estimate) && starts.every((count) => count >= LEAST_STARTS)
}

function openEnd(end: 'low' | 'high', { lambda, interval }: GradientEvidence): string {
  const range = `[${shortly(interval.low)}, ${shortly(interval.high)}]`
  return `the sign of the gradient at the ${end} end, lambda = ${shortly(lambda)}, is open: its interval is ${range}; raise the number of paths`
}

const shortly = (value: number): string => String(Number(value.toPrecision(3)))
