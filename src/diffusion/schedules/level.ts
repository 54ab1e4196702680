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

/** d signal / d logSnr = signal noise^2 / 2 (flow: signal noise / 2). */
export const dSignalDLogSnr = ({ signal, noise, path }: Level): number =>
  path === 'flow' ? (signal * noise) / 2 : (signal * noise * noise) / 2

/** d noise / d logSnr = -noise signal^2 / 2 (flow: -signal noise / 2). */
export const dNoiseDLogSnr = ({ signal, noise, path }: Level): number =>
  path === 'flow' ? (-signal * noise) / 2 : (-noise * signal * signal) / 2
