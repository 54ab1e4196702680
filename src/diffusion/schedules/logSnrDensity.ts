/**
 * What a network is trained on, said as a density of log-SNR (Hang et al. 2024, arXiv 2407.03297; Kingma, Gao 2023, arXiv 2303.00848): the
 * levels of a minibatch are drawn from it, whatever the times are called. What the network is told at a level is the real-valued time at which a
 * fixed noise schedule, the *code*, has that level; so the density may move while it trains, and who samples needs the code alone.
 *
 * A density is made of a standard one, of mean 0 and width 1, at x = (logSnr - mean) / width, cut to the levels that the code has times for:
 *
 *     p(logSnr) = f(x) / width / (F(x_high) - F(x_low)),     logSnr(u) = mean + width F^-1(F(x_low) + u (F(x_high) - F(x_low)))
 */
import { inputError, normalCdf, normalQuantile } from '../../base/index.ts'
import { flowLevelOfLogSnr } from './level.ts'
import type { NoiseSchedule } from './noiseSchedule.ts'
import { timeOfLogSnr } from './sigmaSpacing.ts'

export type DensityName = 'laplace' | 'normal' | 'uniform' | 'cosine'

/** A density of mean 0 and width 1. */
interface StandardDensity {
  /** What its width is, in words. */
  readonly widthWords: string
  /** Width where none is given. */
  readonly width: number
  value(x: number): number
  cdf(x: number): number
  quantile(share: number): number
}

/** The densities by name. */
export const DENSITIES: Readonly<Record<DensityName, StandardDensity>> = {
  // f = e^-|x| / 2. Width .5: Hang et al. 2024, table 1.
  laplace: {
    widthWords: 'the mean distance from the mean',
    width: 0.5,
    value: (x) => Math.exp(-Math.abs(x)) / 2,
    cdf: (x) => (x < 0 ? Math.exp(x) / 2 : 1 - Math.exp(-x) / 2),
    quantile: (share) => (share < 0.5 ? Math.log(2 * share) : -Math.log(2 * (1 - share))),
  },
  // Width 2: on a flow the logit-normal density of Esser et al. 2024, arXiv 2403.03206, as logSnr = -2 logit(sigma).
  normal: {
    widthWords: 'the standard deviation',
    width: 2,
    value: (x) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI),
    cdf: normalCdf,
    quantile: normalQuantile,
  },
  uniform: {
    widthWords: 'half of the range',
    width: 7,
    // Its ends come back from float64 this near.
    value: (x) => (Math.abs(x) <= 1 + 1e-12 ? 0.5 : 0),
    cdf: (x) => Math.min(1, Math.max(0, (x + 1) / 2)),
    quantile: (share) => 2 * share - 1,
  },
  // f = sech(x/2) / (2 pi): the cosine schedule's own at width 1; with another mean the shifted one of Hoogeboom et al. 2023, arXiv 2301.11093.
  cosine: {
    widthWords: 'of which 1 is the cosine schedule',
    width: 1,
    value: (x) => 1 / (2 * Math.PI * Math.cosh(x / 2)),
    cdf: (x) => (2 / Math.PI) * Math.atan(Math.exp(x / 2)),
    quantile: (share) => 2 * Math.log(Math.tan((Math.PI / 2) * share)),
  },
}

export const DENSITY_NAMES = Object.keys(DENSITIES) as DensityName[]

/** A density of log-SNR, and what is told at a level of it. */
export interface LogSnrDensity {
  readonly name: DensityName
  readonly mean: number
  readonly width: number
  /** The noise schedule whose times name the levels. */
  readonly code: NoiseSchedule
  /** The ends of its log-SNRs: the code's. */
  readonly low: number
  readonly high: number
  /** p(logSnr); 0 beyond the ends. */
  density(logSnr: number): number
  /** Share of levels below logSnr, in [0, 1]. */
  cdf(logSnr: number): number
  /** The log-SNR below which a share in [0, 1) of the levels lies: a level, of a uniform draw. */
  logSnr(share: number): number
  /** Its derivatives in mean and width at the same share. */
  slopes(share: number): { readonly mean: number; readonly width: number }
}

/** Most of a density that may lie where the code has no time. */
const MOST_BEYOND = 0.05

/** The log-SNRs that a code has times for, noisy and clean; of a flow from sigma 1 to 1/T. */
function rangeOf({ logSnr, path }: NoiseSchedule): readonly [number, number] {
  const clean = path === 'flow' ? logSnr[1] : (logSnr.find(Number.isFinite) ?? Number.NaN)
  return [logSnr[logSnr.length - 1], clean]
}

/**
 * A density of log-SNR, told in the times of a code.
 * @param options mean of log(signal^2/noise^2), default 0; width above 0, in the density's own words (`DENSITIES`), default its own; code: a
 * noise schedule, of variance-preserving levels or of a flow's
 * @throws `schedule.density` on an unknown name, a mean or width that is none, or where more than 5 % lies beyond the code's levels
 * @example logSnrDensity({ name: 'laplace', width: 0.5, code: noiseSchedule({ family: 'cosine' }) }).logSnr(0.5) // 0, told time 496
 */
export function logSnrDensity(options: {
  readonly name: DensityName
  readonly mean?: number
  readonly width?: number
  readonly code: NoiseSchedule
}): LogSnrDensity {
  const { name, code } = options
  const standard = Object.hasOwn(DENSITIES, name) ? DENSITIES[name] : undefined
  if (!standard) throw refused(`is one of ${DENSITY_NAMES.join(', ')}, got ${name}`)
  const { mean = 0, width = standard.width } = options
  if (!Number.isFinite(mean)) throw refused(`needs a finite mean, got ${mean}`)
  if (!(width > 0 && Number.isFinite(width))) throw refused(`needs a width above 0, got ${width}`)
  const density = cutDensity({ name, mean, width, code })
  const { low, high } = density
  const inside = standard.cdf((high - mean) / width) - standard.cdf((low - mean) / width)
  if (!(1 - inside <= MOST_BEYOND)) {
    const share = Math.round(100 * (1 - Math.max(0, inside)))
    const ends = `[${[low, high].map((end) => Number(end.toFixed(2))).join(', ')}]`
    throw refused(
      `must lie within the log-SNRs ${ends} that the network can be told, but of ${name} with mean ${mean} and width ${width} ` +
        `${share} % is beyond; move its mean, or narrow it`,
    )
  }
  return density
}

/** The same, however much of it is beyond: what there is within the code's levels. @param options of a known name */
export function cutDensity({
  name,
  mean,
  width,
  code,
}: Readonly<Pick<LogSnrDensity, 'name' | 'mean' | 'width' | 'code'>>): LogSnrDensity {
  const standard = DENSITIES[name]
  const [low, high] = rangeOf(code)
  const place = (logSnr: number) => (logSnr - mean) / width
  const [below, above] = [standard.cdf(place(low)), standard.cdf(place(high))]
  const inside = above - below
  const unscaled = (logSnr: number) => (logSnr >= low && logSnr <= high ? standard.value(place(logSnr)) / width : 0)
  const logSnrAt = (share: number) => {
    const all = below + share * inside
    if (!(all > 0 && all < 1)) return all > 0 ? high : low
    return Math.min(high, Math.max(low, mean + width * standard.quantile(all)))
  }
  return {
    name,
    mean,
    width,
    code,
    low,
    high,
    density: (logSnr) => unscaled(logSnr) / inside,
    cdf: (logSnr) => Math.min(1, Math.max(0, (standard.cdf(place(logSnr)) - below) / inside)),
    logSnr: logSnrAt,
    // F((logSnr - mean)/width) = (1 - u) F(x_low) + u F(x_high), differentiated.
    slopes(share) {
      const here = logSnrAt(share)
      const ends = [low, high].map(unscaled)
      const weights = [(1 - share) * ends[0], share * ends[1]].map((value) => value / unscaled(here))
      return {
        mean: 1 - weights[0] - weights[1],
        width: place(here) - weights[0] * place(low) - weights[1] * place(high),
      }
    },
  }
}

const refused = (rule: string): Error => inputError('schedule.density', `a density of log-SNR ${rule}`)

/**
 * Density of log-SNR where the code's times are drawn evenly: |d time / d logSnr| over the length of its times. It is constant between two times
 * (levels are straight lines in log-SNR there), and on a flow sigma (1 - sigma) / 2, over 1 - 1/T.
 */
export function densityOfTimes(code: NoiseSchedule, logSnr: number): number {
  const last = code.timesteps - 1
  if (code.path === 'flow') {
    const { signal, noise } = flowLevelOfLogSnr(logSnr)
    return (signal * noise * last) / (2 * (last - 1))
  }
  return slopeOfTime(code, logSnr) / last
}

/** |d time / d logSnr| of the code: how fast what is told moves with the level. */
export function slopeOfTime(code: NoiseSchedule, logSnr: number): number {
  const last = code.timesteps - 1
  if (code.path === 'flow') {
    const { signal, noise } = flowLevelOfLogSnr(logSnr)
    return (last * signal * noise) / 2
  }
  const below = Math.min(last - 1, Math.floor(timeOfLogSnr(code, logSnr)))
  return 1 / (code.logSnr[below] - code.logSnr[below + 1])
}
