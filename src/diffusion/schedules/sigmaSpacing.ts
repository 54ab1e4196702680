/**
 * Spacings of noise levels in sigma = noise/signal, noisiest first: Karras' (Karras et al. 2022, arXiv 2206.00364, eq. 5, rho = 7), and the exponential
 * one, evenly apart in log sigma, which is its limit at large rho:
 *
 *     sigma_i = (max^(1/rho) + i/(N-1) (min^(1/rho) - max^(1/rho)))^rho,     sigma_i = max (min/max)^(i/(N-1)),     i = 0..N-1
 *
 * Over the paper's range, 80 to .02, and the model's own, which is cut at 80: a cosine schedule begins at sigma 2e4, and a spacing over
 * that spends most of few steps where an image holds nothing. Levels lie between training times; what the network is told there is
 * the time whose training level is that sigma.
 */
import { flowLevelOfLogSnr } from './level.ts'
import type { NoiseSchedule } from './noiseSchedule.ts'

/** By its rule alone: sigma 80 to .02. `-model`: the model's own range, at most 80. */
export type SigmaListName = 'karras' | 'karras-model' | 'exponential' | 'exponential-model'

export const SIGMA_LISTS: readonly SigmaListName[] = ['karras', 'karras-model', 'exponential', 'exponential-model']

const RHO = 7
const SIGMA_MAX = 80
const SIGMA_MIN = 0.02

export const isSigmaList = (name: string): name is SigmaListName => SIGMA_LISTS.some((known) => known === name)

const logSnrOf = (sigma: number): number => -2 * Math.log(sigma)

/** Log-SNRs at the two ends, the noisy one first. */
function rangeOf(name: SigmaListName, { logSnr, path }: NoiseSchedule): readonly [number, number] {
  const noisy = logSnrOf(SIGMA_MAX)
  if (!name.endsWith('-model')) return [noisy, logSnrOf(SIGMA_MIN)]
  // A first beta of 0 leaves a level without noise, which no sigma names; so does the time 0 of a flow.
  const clean = (path === 'flow' ? logSnr[1] : logSnr.find(Number.isFinite)) ?? logSnrOf(SIGMA_MIN)
  return [Math.max(noisy, logSnr[logSnr.length - 1]), clean]
}

/** The log-SNRs of N steps, noisiest first; both ends of the range are met exactly, a single step is its noisy end. */
export function sigmaLevels(name: SigmaListName, schedule: NoiseSchedule, steps: number): Float64Array {
  const [noisy, clean] = rangeOf(name, schedule)
  // sigma^(1/rho) = e^(-logSnr / (2 rho)), log sigma = -logSnr/2
  const karras = name.startsWith('karras')
  const [high, low] = karras ? [noisy, clean].map((logSnr) => Math.exp(-logSnr / (2 * RHO))) : [noisy, clean]
  return Float64Array.from({ length: steps }, (_, i) => {
    if (i === 0) return noisy
    if (i === steps - 1) return clean
    const value = high + ((low - high) * i) / (steps - 1)
    return karras ? -2 * RHO * Math.log(value) : value
  })
}

/** The real-valued time in [0, T-1] whose training level is this log-SNR, straight between neighbours (of a flow exactly); beyond the range, its end. */
export function timeOfLogSnr({ logSnr, timesteps, path }: NoiseSchedule, wanted: number): number {
  if (path === 'flow') return (timesteps - 1) * flowLevelOfLogSnr(wanted).noise
  const above = logSnr.findIndex((value) => value <= wanted)
  if (above === -1) return timesteps - 1
  if (above === 0) return 0
  const [clean, noisy] = [logSnr[above - 1], logSnr[above]]
  return Number.isFinite(clean) ? above - (wanted - noisy) / (clean - noisy) : above
}
