/**
 * Where searches without derivatives look for a sampling schedule: a few numbers that stand for all levels, as nobody searches all of them. `cosine`: the four
 * parameters of the published noise schedule, in the box that it is searched in (Xiao et al., ICML 2025), tau first; `ends`: the two ends in log-SNR and the power by which
 * steps lie nearer to one of them.
 */
import { BilevelError } from '../../../base/index.ts'
import type { NoiseSchedule, SamplingSchedule, ToldTimes } from '../../../diffusion/index.ts'
import { noiseSchedule, samplingSchedule, samplingScheduleFrom, timeOfLogSnr } from '../../../diffusion/index.ts'
import type { SearchSpace } from '../../../search/index.ts'
import { fromUnit, toUnit } from '../../../search/index.ts'

export const SEARCHED_SPACES = ['auto', 'cosine', 'ends'] as const
export type SearchedSpaceName = (typeof SEARCHED_SPACES)[number]

/** A space with what its points stand for. */
export interface ScheduleSpace {
  readonly name: Exclude<SearchedSpaceName, 'auto'>
  readonly space: SearchSpace
  /** The schedule without any search, or the point nearest to it. */
  readonly start: readonly number[]
  /** Null: levels that cannot be sampled from. */
  scheduleAt(point: readonly number[]): SamplingSchedule | null
}

const COSINE: SearchSpace = [
  { name: 'tau', low: 1, high: 4, gridPoints: 7 },
  { name: 'start', low: 0, high: 0.4 },
  { name: 'end', low: 0.8, high: 1 },
  { name: 'epsilon', low: 0.005, high: 0.04 },
]

const ENDS: SearchSpace = [
  { name: 'noisyEnd', low: -12, high: -2 },
  { name: 'cleanEnd', low: 0, high: 9 },
  { name: 'bend', low: 0.4, high: 2.5, scale: 'log' },
]

/** @param name auto: cosine, of a flow ends */
export function scheduleSpace(
  name: SearchedSpaceName,
  schedule: NoiseSchedule,
  steps: number,
  told: ToldTimes,
): ScheduleSpace {
  const chosen = name === 'auto' ? (schedule.path === 'flow' ? 'ends' : 'cosine') : name
  return chosen === 'cosine' ? cosineSpace(schedule, steps, told) : endsSpace(schedule, steps, told)
}

/** Levels of another cosine schedule at the trailing times. */
function cosineSpace({ timesteps }: NoiseSchedule, steps: number, told: ToldTimes): ScheduleSpace {
  return {
    name: 'cosine',
    space: COSINE,
    start: [1, 0, 1, 0.008],
    scheduleAt: ([tau, start, end, epsilon]) =>
      possible(() => {
        const other = noiseSchedule({ family: 'cosine', timesteps, tau, start, end, epsilon })
        return samplingScheduleFrom(other, 'trailing', steps, told)
      }),
  }
}

/** Levels between two ends, each told as its own time. */
function endsSpace(schedule: NoiseSchedule, steps: number, told: ToldTimes): ScheduleSpace {
  const { timesteps, logSnr: own, path } = schedule
  const noisiest = own[timesteps - 1]
  const cleanest = (path === 'flow' ? own[1] : own.find(Number.isFinite)) ?? noisiest
  const trailing = samplingScheduleFrom(schedule, 'trailing', steps, told).levels
  const ends = [trailing[0].logSnr, trailing[trailing.length - 1].logSnr, 1]
  return {
    name: 'ends',
    space: ENDS,
    start: fromUnit(ENDS, toUnit(ENDS, ends)),
    scheduleAt: ([noisyEnd, cleanEnd, bend]) =>
      possible(() => {
        const [noisy, clean] = [Math.max(noisyEnd, noisiest), Math.min(cleanEnd, cleanest)]
        const logSnr = Array.from({ length: steps }, (_, i) =>
          steps === 1 ? noisy : noisy + (clean - noisy) * (i / (steps - 1)) ** bend,
        )
        const real = logSnr.map((level) => timeOfLogSnr(schedule, level))
        return samplingSchedule({ timesteps, logSnr, times: told === 'integer' ? real.map(Math.round) : real, path })
      }),
  }
}

function possible(make: () => SamplingSchedule): SamplingSchedule | null {
  try {
    return make()
  } catch (error) {
    if (error instanceof BilevelError && error.kind === 'input') return null
    throw error
  }
}
