/**
 * The noise schedule of a flow, x = (1 - sigma) x0 + sigma eps (Lipman et al. 2023, arXiv 2210.02747; Liu et al. 2023, arXiv 2209.03003), in
 * the convention of diffusers: the network is told T sigma. So time t stands for sigma = t/T, and there are T + 1 whole times, 0 (the image) to
 * T (noise alone).
 */
import { inputError } from '../../base/index.ts'
import type { Level } from './level.ts'
import { flowLevel } from './level.ts'
import type { NoiseSchedule } from './noiseSchedule.ts'

/** log(signal^2/noise^2) in the place of the infinite ones at both ends: a signal (a noise) of 2e-22. */
const END_LOG_SNR = 100

/** The level of sigma in [0, 1]; the ends, which have no finite log-SNR, with one of ±100. @throws `level.flow` */
export function flowLevelOf(sigma: number): Level {
  if (sigma > 0 && sigma < 1) return flowLevel(sigma)
  if (sigma === 1) return { logSnr: -END_LOG_SNR, signal: Math.exp(-END_LOG_SNR / 2), noise: 1, path: 'flow' }
  if (sigma === 0) return { logSnr: END_LOG_SNR, signal: 1, noise: Math.exp(-END_LOG_SNR / 2), path: 'flow' }
  throw inputError('level.flow', `a flow level needs 0 <= sigma <= 1, got ${sigma}`)
}

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
