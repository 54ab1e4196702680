/**
 * Karras' spacing of noise levels (Karras et al. 2022, arXiv 2206.00364, eq. 5), noisiest first, rho = 7:
 *
 *     sigma_i = (max^(1/rho) + i/(N-1) (min^(1/rho) - max^(1/rho)))^rho,  i = 0..N-1      sigma = noise/signal
 *
 * The paper's range, 80 to .02, and the model's own, which is cut at 80: a cosine schedule begins at sigma 2e4, and a spacing over
 * that spends most of few steps where an image holds nothing. Levels lie between training times; what the network is told there is
 * the time whose training level is that sigma.
 */
import { flowLevelOfLogSnr } from './level.ts'
import type { NoiseSchedule } from './noiseSchedule.ts'

/** `karras`: sigma 80 to .02. `karras-model`: the model's own range, at most 80. */
export type KarrasListName = 'karras' | 'karras-model'

export const KARRAS_LISTS: readonly KarrasListName[] = ['karras', 'karras-model']

const RHO = 7
const SIGMA_MAX = 80
const SIGMA_MIN = 0.02

export const isKarras = (name: string): name is KarrasListName => KARRAS_LISTS.some((known) => known === name)

const logSnrOf = (sigma: number): number => -2 * Math.log(sigma)

/** Log-SNRs at the two ends, the noisy one first. */
function rangeOf(name: KarrasListName, { logSnr, path }: NoiseSchedule): readonly [number, number] {
  const noisy = logSnrOf(SIGMA_MAX)
  if (name === 'karras') return [noisy, logSnrOf(SIGMA_MIN)]
  // A first beta of 0 leaves a level without noise, which no sigma names; so does the time 0 of a flow.
  const clean = (path === 'flow' ? logSnr[1] : logSnr.find(Number.isFinite)) ?? logSnrOf(SIGMA_MIN)
  return [Math.max(noisy, logSnr[logSnr.length - 1]), clean]
}

/** The log-SNRs of N steps, noisiest first; both ends of the range are met exactly, a single step is its noisy end. */
export function karrasLevels(name: KarrasListName, schedule: NoiseSchedule, steps: number): Float64Array {
  const [noisy, clean] = rangeOf(name, schedule)
  // sigma^(1/rho) = e^(-logSnr / (2 rho))
  const [high, low] = [noisy, clean].map((logSnr) => Math.exp(-logSnr / (2 * RHO)))
  return Float64Array.from({ length: steps }, (_, i) => {
    if (i === 0) return noisy
    if (i === steps - 1) return clean
    return -2 * RHO * Math.log(high + ((low - high) * i) / (steps - 1))
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
