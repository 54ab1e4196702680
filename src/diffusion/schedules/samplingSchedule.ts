/**
 * A sampling schedule: per step a noise level and the time the network is told there. All that a sampler knows of noise
 * schedules; noise schedules and step lists *make* sampling schedules, learned ones are just numbers.
 */
import { inputError } from '../../base/index.ts'
import type { Level } from './level.ts'
import { flowLevelOfLogSnr, LOG_SNR_LIMIT, levelOfLogSnr } from './level.ts'
import type { NoiseSchedule } from './noiseSchedule.ts'
import { isShiftList, shiftLevels } from './shiftLists.ts'
import { isSigmaList, sigmaLevels, timeOfLogSnr } from './sigmaSpacing.ts'
import type { SolverNumbers } from './solverNumbers.ts'
import { solverNumbers } from './solverNumbers.ts'
import type { StepListName } from './stepList.ts'
import { stepList } from './stepList.ts'

/** N steps, noisiest first: step index 0 is k = N, the last one is k = 1, after which comes the clean image. */
export interface SamplingSchedule {
  /** Number of training timesteps T; told times lie in [0, T - 1]. */
  readonly timesteps: number
  readonly levels: readonly Level[]
  readonly times: readonly number[]
  /** Numbers of the exponential step; absent: none, and any sampler takes the schedule. */
  readonly solver?: SolverNumbers
}

/**
 * A sampling schedule, of variance-preserving levels, or of a flow's.
 * @param options logSnr: log(signal^2/noise^2) per step, strictly rising (noisiest first); times: what the network is told, in [0, T-1], not rising; solver: numbers of the exponential step
 * @throws `samplingSchedule.length`, `.levels`, `.times`, `.solver`, naming the step
 */
export function samplingSchedule(options: {
  readonly timesteps: number
  readonly logSnr: ArrayLike<number>
  readonly times: ArrayLike<number>
  readonly path?: 'flow' | undefined
  readonly solver?: SolverNumbers
}): SamplingSchedule {
  const { timesteps, logSnr, times, path } = options
  if (logSnr.length === 0 || logSnr.length !== times.length) {
    const came = `${logSnr.length} levels and ${times.length} times`
    throw inputError(
      'samplingSchedule.length',
      `a sampling schedule needs one level and one time per step, got ${came}`,
    )
  }
  for (let i = 0; i < logSnr.length; i++) {
    const step = `step ${i + 1} of ${logSnr.length}`
    if (!(Math.abs(logSnr[i]) <= LOG_SNR_LIMIT) || (i > 0 && !(logSnr[i] > logSnr[i - 1]))) {
      const rule = `levels log(signal^2/noise^2) must rise strictly, within ±${LOG_SNR_LIMIT}`
      throw inputError(
        'samplingSchedule.levels',
        `${rule}; ${step} has ${logSnr[i]}${i > 0 ? ` after ${logSnr[i - 1]}` : ''}`,
      )
    }
    if (!(times[i] >= 0 && times[i] <= timesteps - 1) || (i > 0 && times[i] > times[i - 1])) {
      const rule = `told times must lie in [0, ${timesteps - 1}] and not rise`
      throw inputError(
        'samplingSchedule.times',
        `${rule}; ${step} has ${times[i]}${i > 0 ? ` after ${times[i - 1]}` : ''}`,
      )
    }
  }
  const solver = solverNumbers(options.solver ?? {}, logSnr.length)
  return {
    timesteps,
    levels: Array.from(logSnr, path === 'flow' ? flowLevelOfLogSnr : levelOfLogSnr),
    times: Array.from(times),
    ...(solver && { solver }),
  }
}

/** The levels of a noise schedule at given times (noisiest first), each told as it is: the ordinary, tied, case. */
export function samplingScheduleAt(schedule: NoiseSchedule, times: readonly number[]): SamplingSchedule {
  const logSnr = times.map((time) => schedule.level(time).logSnr)
  return samplingSchedule({ timesteps: schedule.timesteps, logSnr, times, path: schedule.path })
}

/** What times a network can be told: integers of a learned table, or any number between. */
export type ToldTimes = 'integer' | 'real'

/**
 * The levels of a noise schedule on a step list. Lists of sigmas and the shifted ones of flows bring levels of their own, told as the time that has that level: a
 * real one, or for a network of integer times the nearest ones that are distinct. Beyond the schedule's range several levels are told
 * the same end of it, which samplers take as they take any.
 * @throws `steps.count` if N > T
 */
export function samplingScheduleFrom(
  schedule: NoiseSchedule,
  list: StepListName,
  steps: number,
  told: ToldTimes = 'real',
): SamplingSchedule {
  // Also checks the name and the number of steps.
  const times = stepList(list, schedule, steps)
  if (!isSigmaList(list) && !isShiftList(list)) return samplingScheduleAt(schedule, times)
  const { timesteps } = schedule
  const logSnr = isSigmaList(list) ? sigmaLevels(list, schedule, steps) : shiftLevels(list, steps)
  return samplingSchedule({
    timesteps,
    logSnr,
    path: schedule.path,
    times: told === 'integer' ? times : logSnr.map((level) => timeOfLogSnr(schedule, level)),
  })
}
