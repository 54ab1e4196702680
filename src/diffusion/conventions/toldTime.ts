/** What a network is told at a time, by its convention, and the levels it was trained on where those follow from what it is told. */
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import { noiseScheduleFromBetas } from '../schedules/noiseSchedule.ts'
import type { DenoiserConvention, ToldTimeKind } from './convention.ts'

/** Whether what is told is a whole number wherever the time is. */
export const isWhole = (kind: ToldTimeKind): boolean => kind === 'index' || kind === 'from-one' || kind === 'reversed'

/** What a network of this convention is told at time t of its schedule. */
export function toldAt(
  { time, timeScale }: Pick<DenoiserConvention, 'time' | 'timeScale'>,
  schedule: NoiseSchedule,
  t: number,
): number {
  return timeScale * toldNumber(time, schedule, t)
}

function toldNumber(kind: ToldTimeKind, schedule: NoiseSchedule, t: number): number {
  const last = schedule.timesteps - 1
  // A flow has T + 1 whole times.
  const whole = schedule.path === 'flow' ? last : schedule.timesteps
  switch (kind) {
    case 'index':
      return t
    case 'from-one':
      return t + 1
    case 'fraction':
      return t / whole
    case 'reversed':
      return last - t
    case 'reversed-fraction':
      return 1 - t / whole
    case 'log-snr':
      return schedule.level(t).logSnr
    case 'log-sigma':
      return -schedule.level(t).logSnr / 8
    case 'sigma':
      return Math.exp(-schedule.level(t).logSnr / 2)
  }
}

/** EDM's range of sigma. */
const SIGMAS = { low: 0.002, high: 80, count: 1000 }

/**
 * Levels for a network that is told its level itself and so has no times of its own: sigma from .002 to 80 (Karras et al. 2022, arXiv 2206.00364), 1000
 * of them evenly apart in log sigma.
 */
export function sigmaSchedule(): NoiseSchedule {
  const { low, high, count } = SIGMAS
  const alphaBar = Array.from({ length: count }, (_, t) => 1 / (1 + (low * (high / low) ** (t / (count - 1))) ** 2))
  return noiseScheduleFromBetas(alphaBar.map((value, t) => 1 - value / (alphaBar[t - 1] ?? 1)))
}
