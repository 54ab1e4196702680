/** Free levels, and levels with free told times, by their own names: `free` with `levels`, and with `levels` and `times`. */
import type { SamplingSchedule } from '../samplingSchedule.ts'
import type { BoxOptions, LearnedFamily, ScheduleFamily } from './family.ts'
import { freeFamily } from './free.ts'
import { raisedLevels } from './levelPower.ts'

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
export const levelsFamily = (from: SamplingSchedule, options: BoxOptions = {}): ScheduleFamily =>
  freeFamily(from, ['levels'], options)

/** Free levels and free told times from a given schedule on. For networks with real times: see `checkFamily`. */
export const levelsAndTimesFamily = (from: SamplingSchedule, options: BoxOptions = {}): ScheduleFamily =>
  freeFamily(from, ['levels', 'times'], options)
