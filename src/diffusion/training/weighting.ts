/**
 * What the loss of an image counts, by its level. With R = signal^2/noise^2 = e^logSnr, the loss of the clean image is |x0Hat - x0|^2, and the losses that
 * networks are trained with are multiples of it (per image, at the same prediction):
 *
 *     noise     |epsHat - eps|^2 = R |x0Hat - x0|^2
 *     sample    |x0Hat - x0|^2
 *     velocity  |vHat - v|^2 = (1 + R) |x0Hat - x0|^2
 *     flow      |uHat - (eps - x0)|^2 = (1 + sqrt(R))^2 |x0Hat - x0|^2               (1/sigma = 1 + signal/noise)
 *
 * A weighting is stated for the loss of the clean image; for another prediction it is divided by that multiple:
 *
 *     min-snr        min(R, gamma)           Hang et al. 2023, arXiv 2303.09556, eq. 6 (noise: min(1, gamma/R); velocity: min(R, gamma)/(1 + R))
 *     soft-min-snr   R gamma / (R + gamma)   Crowson et al. 2024, arXiv 2401.11605, section 3.5: 1/(sigma^2 + 1/gamma) with sigma^2 = 1/R
 *     v-like         1 + R                   the loss of the velocity, whatever is predicted (Salimans, Ho 2022, arXiv 2202.00512, "SNR + 1")
 *     uniform        the network's own loss, each image once: 1 in its own loss
 *
 * v-like in the loss of the noise is 1/alphaBar, in that of the clean image 1/(1 - alphaBar): beyond MOST_WEIGHT, where the one level would drown all
 * others in the rounding of float32, it stays there. The effective weight over log-SNR is p(logSnr) times this (Kingma, Gao 2023, arXiv 2303.00848, eq. 11).
 */
import { inputError } from '../../base/index.ts'
import type { TrainingTarget } from '../denoiser.ts'
import type { LogSnrDensity } from '../schedules/logSnrDensity.ts'
import { densityOfTimes } from '../schedules/logSnrDensity.ts'

export const WEIGHTING_NAMES = ['uniform', 'min-snr', 'soft-min-snr', 'v-like'] as const
export type WeightingName = (typeof WEIGHTING_NAMES)[number]

/** gamma of min-snr where none is given (Hang et al. 2023, section 4.2), and of soft-min-snr (Crowson et al. 2024). */
export const WEIGHTING_GAMMAS: Readonly<Record<WeightingName, number | null>> = {
  uniform: null,
  'min-snr': 5,
  'soft-min-snr': 4,
  'v-like': null,
}

/** How the loss is weighted. */
export interface LossWeighting {
  readonly name: WeightingName
  /** SNR at which min-snr and soft-min-snr stop growing; default `WEIGHTING_GAMMAS`. */
  readonly gamma?: number
  /**
   * Whether levels that are drawn from a density count as much less as they are drawn more often than by even times, so that the loss stays that of
   * even times and only its noise changes (importance sampling). Default false.
   */
  readonly importance?: boolean
}

/** The most that v-like weighs a level by, where its own formula goes to infinity: 1/alphaBar (1/(1 - alphaBar)) at 2e-3. */
export const MOST_WEIGHT = 500

/** A value and its derivative in logSnr. */
interface Slope {
  readonly value: number
  readonly slope: number
}

/** 1/(1 + e^-x). */
const logistic = (x: number): number => 1 / (1 + Math.exp(-x))

/** log of the loss's multiple of the clean image's, and its derivative in logSnr. */
function logMultiple(target: TrainingTarget, logSnr: number): Slope {
  switch (target) {
    case 'noise':
      return { value: logSnr, slope: 1 }
    case 'sample':
      return { value: 0, slope: 0 }
    case 'velocity':
      return { value: softplus(logSnr), slope: logistic(logSnr) }
    case 'flow':
      return { value: 2 * softplus(logSnr / 2), slope: logistic(logSnr / 2) }
  }
}

/** log(1 + e^x). */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))

/** log of the weight of the clean image's loss, and its derivative. */
function logCleanWeight(name: Exclude<WeightingName, 'uniform'>, gamma: number, logSnr: number): Slope {
  const most = Math.log(gamma)
  switch (name) {
    case 'min-snr':
      return logSnr < most ? { value: logSnr, slope: 1 } : { value: most, slope: 0 }
    case 'soft-min-snr':
      return { value: logSnr - softplus(logSnr - most), slope: logistic(most - logSnr) }
    case 'v-like':
      return { value: softplus(logSnr), slope: logistic(logSnr) }
  }
}

/**
 * The weight of an image's own loss at a level, and its derivative in logSnr.
 * @param logSnr log(signal^2/noise^2)
 * @example lossWeight({ name: 'min-snr', gamma: 5 }, 'noise', Math.log(10)).value // 0.5
 */
export function lossWeight({ name, gamma }: LossWeighting, target: TrainingTarget, logSnr: number): Slope {
  if (name === 'uniform') return { value: 1, slope: 0 }
  const clean = logCleanWeight(name, gamma ?? WEIGHTING_GAMMAS[name] ?? 1, logSnr)
  const own = logMultiple(target, logSnr)
  const value = Math.exp(clean.value - own.value)
  if (name === 'v-like' && value > MOST_WEIGHT) return { value: MOST_WEIGHT, slope: 0 }
  return { value, slope: value * (clean.slope - own.slope) }
}

/** Whether any image weighs other than 1. */
export const isWeighted = ({ name, importance = false }: LossWeighting): boolean => name !== 'uniform' || importance

/** How much more often a level is drawn by even times than by the density. */
export const importanceRatio = (density: LogSnrDensity, logSnr: number): number =>
  densityOfTimes(density.code, logSnr) / density.density(logSnr)

/** Of how many draws one must count. */
const FEWEST = 1 / 20

/**
 * Share of draws that count with importance sampling: 1 / mean over even times of p_times/p (Kong 1992), in [0, 1]; 0 where the density leaves
 * out levels.
 */
export function effectiveShare(density: LogSnrDensity): number {
  const { code, low, high } = density
  const first = code.path === 'flow' ? 1 : 0
  const last = code.timesteps - 1
  let sum = 0
  // Middles between the times: levels are straight lines there.
  for (let t = first; t < last; t++) {
    const { logSnr } = code.level(t + 0.5)
    sum += importanceRatio(density, Math.min(high, Math.max(low, logSnr)))
  }
  return (last - first) / sum
}

/** @throws `training.importance` where few draws of a density would count for the loss of even times */
export function checkImportance(density: LogSnrDensity): void {
  const share = effectiveShare(density)
  if (share >= FEWEST) return
  const { name, mean, width } = density
  const came = share > 0 ? `1 of ${Math.round(1 / share)} does` : 'it leaves levels out'
  throw inputError(
    'training.importance',
    `importance sampling needs a density of which at least 1 of ${1 / FEWEST} draws counts, of ${name} with mean ${mean} and width ${width} ${came}; ` +
      'widen it, or train on the density itself (importanceSampling false)',
  )
}
