/**
 * Free levels, ordered by construction: the cleanest, logSnr_N, and the logarithms of the N - 1 gaps that lead to the noisier
 * ones; optionally N free told times, sorted and kept inside [0, T-1].
 *
 * The gaps are counted from the clean end because there the distance is decided: the gap to the first level, which may lie at
 * pure noise, is ten times the others, and counted from the noisy end each change of it would move all levels.
 */
import { inputError } from '../../../base/index.ts'
import type { SamplingSchedule } from '../samplingSchedule.ts'
import { samplingSchedule } from '../samplingSchedule.ts'
import type { BoxEntry, BoxOptions, LearnedFamily, ScheduleFamily } from './family.ts'
import { parameterBox } from './family.ts'
import { raisedLevels } from './levelPower.ts'

/** Box and scale of the cleanest level and of a log gap; a told time moves by a hundredth of T. */
const CLEANEST = { low: -10, high: 20, scale: 0.3 }
const LOG_GAP = { low: Math.log(0.01), high: Math.log(40), scale: 0.15 }
const TIME_SCALE = 0.01

export const levels: LearnedFamily<'levels'> = {
  name: 'levels',
  startsAtPowers: true,
  startingAt: (place, power) => levelsFamily(raisedLevels(place, power)),
  atOtherSteps: () => null,
}

export const levelsAndTimes: LearnedFamily<'levels+times'> = {
  name: 'levels+times',
  startsAtPowers: true,
  startingAt: (place, power) => levelsAndTimesFamily(raisedLevels(place, power)),
  atOtherSteps: () => null,
}

/** Free levels from a given schedule on, its told times kept. */
export function levelsFamily(from: SamplingSchedule, options: BoxOptions = {}): ScheduleFamily {
  const box = parameterBox(levelEntries(from), options)
  return {
    kind: 'levels',
    timesteps: from.timesteps,
    steps: from.levels.length,
    freeTimes: false,
    ...box,
    toSchedule: (vector) =>
      samplingSchedule({ timesteps: from.timesteps, logSnr: levelsOf(vector, from.levels.length), times: from.times }),
    pullBack: (vector, { dLogSnr }) => pullBackLevels(vector, dLogSnr),
  }
}

/** Free levels and free told times from a given schedule on. For networks with real times: see `checkFamily`. */
export function levelsAndTimesFamily(from: SamplingSchedule, options: BoxOptions = {}): ScheduleFamily {
  const { timesteps, levels, times } = from
  const steps = levels.length
  const last = timesteps - 1
  const scale = TIME_SCALE * timesteps
  const timeEntries = times.map((initial, i) => ({ name: `time ${i + 1}`, initial, low: 0, high: last, scale }))
  const box = parameterBox([...levelEntries(from), ...timeEntries], options)
  return {
    kind: 'levels+times',
    timesteps,
    steps,
    freeTimes: true,
    ...box,
    toSchedule(vector) {
      const clamped = timeOrder(vector, steps).map((i) => Math.min(last, Math.max(0, vector[steps + i])))
      return samplingSchedule({ timesteps, logSnr: levelsOf(vector, steps), times: clamped })
    },
    pullBack(vector, { dLogSnr, dTimes }) {
      if (!dTimes)
        throw inputError('times.derivative', 'free times need a network with a derivative in time; use levels')
      const gradient = new Float64Array(2 * steps)
      gradient.set(pullBackLevels(vector, dLogSnr))
      // Sorted position k holds parameter order[k]; outside [0, T-1] the told time does not move.
      for (const [k, i] of timeOrder(vector, steps).entries()) {
        const time = vector[steps + i]
        gradient[steps + i] = time >= 0 && time <= last ? dTimes[k] : 0
      }
      return gradient
    },
  }
}

/** Parameter i < N - 1: log of the gap between levels i and i + 1; parameter N - 1: the cleanest level. */
function levelEntries({ levels }: SamplingSchedule): BoxEntry[] {
  const last = levels.length - 1
  return levels.map(({ logSnr }, i) =>
    i === last
      ? { ...CLEANEST, name: `logSnr ${last + 1}`, initial: logSnr }
      : { ...LOG_GAP, name: `log gap ${i + 1}`, initial: Math.log(levels[i + 1].logSnr - logSnr) },
  )
}

function levelsOf(vector: ArrayLike<number>, steps: number): Float64Array {
  const logSnr = new Float64Array(steps)
  logSnr[steps - 1] = vector[steps - 1]
  for (let i = steps - 2; i >= 0; i--) logSnr[i] = logSnr[i + 1] - Math.exp(vector[i])
  return logSnr
}

/** A gap moves all noisier levels. */
function pullBackLevels(vector: ArrayLike<number>, dLogSnr: ArrayLike<number>): Float64Array {
  const gradient = new Float64Array(dLogSnr.length)
  let noisier = 0
  for (let i = 0; i < dLogSnr.length; i++) {
    noisier += dLogSnr[i]
    gradient[i] = i === dLogSnr.length - 1 ? noisier : -noisier * Math.exp(vector[i])
  }
  return gradient
}

/** Indices of the time parameters, largest time first; equal times keep their order. */
function timeOrder(vector: ArrayLike<number>, steps: number): number[] {
  return Array.from({ length: steps }, (_, i) => i).sort((a, b) => vector[steps + b] - vector[steps + a])
}
