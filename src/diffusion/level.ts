/**
 * A noise level in float64 on the host: x = signal x0 + noise eps. Variance preserving: signal = sqrt(alphaBar),
 * noise = sqrt(1 - alphaBar), so alphaBar = logistic(logSnr) with logSnr = log(signal^2 / noise^2).
 */

/** One noise level. `logSnr` = log(signal^2/noise^2). */
export interface Level {
  readonly logSnr: number
  readonly signal: number
  readonly noise: number
}

/** The variance-preserving level of a log signal-to-noise ratio; exact at both ends, where 1 - alphaBar would lose digits. */
export function levelOfLogSnr(logSnr: number): Level {
  return { logSnr, signal: Math.sqrt(1 / (1 + Math.exp(-logSnr))), noise: Math.sqrt(1 / (1 + Math.exp(logSnr))) }
}

/** The variance-preserving level of an alphaBar in (0, 1). */
export function levelOfAlphaBar(alphaBar: number): Level {
  return { logSnr: Math.log(alphaBar) - Math.log1p(-alphaBar), signal: Math.sqrt(alphaBar), noise: Math.sqrt(1 - alphaBar) }
}

/** d signal / d logSnr = signal noise^2 / 2. */
export const dSignalDLogSnr = ({ signal, noise }: Level): number => (signal * noise * noise) / 2

/** d noise / d logSnr = -noise signal^2 / 2. */
export const dNoiseDLogSnr = ({ signal, noise }: Level): number => (-noise * signal * signal) / 2
