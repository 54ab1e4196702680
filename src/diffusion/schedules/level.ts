/**
 * A noise level in float64 on the host: x = signal x0 + noise eps. Variance preserving: signal = sqrt(alphaBar),
 * noise = sqrt(1 - alphaBar), so alphaBar = logistic(logSnr) with logSnr = log(signal^2 / noise^2). Flow: signal = 1 - t,
 * noise = t. Programs take signal and noise, never alphaBar: 1 - alphaBar loses its digits in float32.
 */
import { inputError } from '../../base/index.ts'

/** One noise level. `logSnr` = log(signal^2/noise^2), within ±700. */
export interface Level {
  readonly logSnr: number
  readonly signal: number
  readonly noise: number
  /** `flow`: signal + noise = 1. Absent: signal^2 + noise^2 = 1. */
  readonly path?: 'flow'
}

/** Beyond this, exp(logSnr) or its inverse leaves float64. */
export const LOG_SNR_LIMIT = 700

/** The variance-preserving level of a log signal-to-noise ratio; exact at both ends, where 1 - alphaBar would lose digits. */
export function levelOfLogSnr(logSnr: number): Level {
  return { logSnr, signal: Math.sqrt(1 / (1 + Math.exp(-logSnr))), noise: Math.sqrt(1 / (1 + Math.exp(logSnr))) }
}

/** log(alphaBar / (1 - alphaBar)) from log alphaBar < 0: keeps the digits of 1 - alphaBar near 0 and of alphaBar below float64's range. */
export function logSnrOfLogAlphaBar(logAlphaBar: number): number {
  return logAlphaBar - Math.log(-Math.expm1(logAlphaBar))
}

/** The level of the straight path x = (1 - t) x0 + t eps. @param t in (0, 1) @throws `level.flow` */
export function flowLevel(t: number): Level {
  if (!(t > 0 && t < 1)) throw inputError('level.flow', `a flow level needs 0 < t < 1, got ${t}`)
  return { logSnr: 2 * (Math.log1p(-t) - Math.log(t)), signal: 1 - t, noise: t, path: 'flow' }
}

/** The flow level of a log signal-to-noise ratio: noise = logistic(-logSnr/2). */
export function flowLevelOfLogSnr(logSnr: number): Level {
  return { logSnr, signal: 1 / (1 + Math.exp(-logSnr / 2)), noise: 1 / (1 + Math.exp(logSnr / 2)), path: 'flow' }
}

/** The path that levels lie on: a flow's, or undefined, variance preserving. */
export const pathOf = (levels: readonly Pick<Level, 'path'>[]): Level['path'] => levels[0]?.path

/** log(signal^2/noise^2) in the place of infinite ones: a signal (a noise) of 2e-22. */
export const END_LOG_SNR = 100

/** The level of sigma in [0, 1]; the ends, which have no finite log-SNR, with one of ±100. @throws `level.flow` */
export function flowLevelOf(sigma: number): Level {
  if (sigma > 0 && sigma < 1) return flowLevel(sigma)
  if (sigma === 1) return { logSnr: -END_LOG_SNR, signal: Math.exp(-END_LOG_SNR / 2), noise: 1, path: 'flow' }
  if (sigma === 0) return { logSnr: END_LOG_SNR, signal: 1, noise: Math.exp(-END_LOG_SNR / 2), path: 'flow' }
  throw inputError('level.flow', `a flow level needs 0 <= sigma <= 1, got ${sigma}`)
}

/** Below this log-SNR x holds nothing of the image but rounding. */
const NO_SIGNAL = -40

/** Whether x at a level holds anything of the image: noise predicted there says where it is. */
export const hasSignal = ({ logSnr }: Pick<Level, 'logSnr'>): boolean => logSnr > NO_SIGNAL

/**
 * alphaBar of a level: its signal^2 once signal^2 + noise^2 is 1. A flow's x, divided by sqrt(signal^2 + noise^2), is the x of a variance-preserving
 * process of the same log-SNRs, so whatever is said of alphaBar holds for both.
 */
export const alphaBarOf = ({ signal, noise, path }: Level): number =>
  path === 'flow' ? (signal * signal) / (signal * signal + noise * noise) : signal * signal

/** d signal / d logSnr = signal noise^2 / 2 (flow: signal noise / 2). */
export const dSignalDLogSnr = ({ signal, noise, path }: Level): number =>
  path === 'flow' ? (signal * noise) / 2 : (signal * noise * noise) / 2

/** d noise / d logSnr = -noise signal^2 / 2 (flow: -signal noise / 2). */
export const dNoiseDLogSnr = ({ signal, noise, path }: Level): number =>
  path === 'flow' ? (-signal * noise) / 2 : (-noise * signal * signal) / 2
