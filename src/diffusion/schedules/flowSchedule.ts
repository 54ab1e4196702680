/**
 * The noise schedule of a flow, x = (1 - sigma) x0 + sigma eps (Lipman et al. 2023, arXiv 2210.02747; Liu et al. 2023, arXiv 2209.03003), in
 * the convention of diffusers: the network is told T sigma. So time t stands for sigma = t/T, and there are T + 1 whole times, 0 (the image) to
 * T (noise alone). Step lists leave out 0, where there is nothing to do.
 */
import { inputError } from '../../base/index.ts'
import { flowLevelOf } from './level.ts'
import type { NoiseSchedule } from './noiseSchedule.ts'

/**
 * sigma' = s sigma / (1 + (s - 1) sigma), the shift of a flow's levels (Esser et al. 2024, arXiv 2403.03206, eq. 23): noise/signal times s, so log-SNRs
 * fall by 2 log s.
 */
export const shiftedSigma = (sigma: number, shift: number): number => (shift * sigma) / (1 - sigma + shift * sigma)

/** A flow told T sigma. `alphaBar` is signal^2/(signal^2 + noise^2), and `betas` are those of a variance-preserving schedule of the same log-SNRs. */
export function flowSchedule(timesteps: number): NoiseSchedule {
  const levels = Array.from({ length: timesteps + 1 }, (_, t) => flowLevelOf(t / timesteps))
  const logSnr = Float64Array.from(levels, (level) => level.logSnr)
  const alphaBar = logSnr.map((value) => 1 / (1 + Math.exp(-value)))
  return {
    timesteps: timesteps + 1,
    betas: alphaBar.map((value, t) => (t === 0 ? 1 - value : 1 - value / alphaBar[t - 1])),
    alphaBar,
    logSnr,
    path: 'flow',
    level(t) {
      if (t >= 0 && t <= timesteps) return flowLevelOf(t / timesteps)
      throw inputError('schedule.time', `a time must lie in [0, ${timesteps}], got ${t}`)
    },
  }
}
