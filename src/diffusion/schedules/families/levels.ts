/** Free levels, and levels with free told times, by their own names: `free` with `levels`, and with `levels` and `times`. */
import type { SamplingSchedule } from '../samplingSchedule.ts'
import type { BoxOptions, LearnedFamily, ScheduleFamily } from './family.ts'
import { freeFamily } from './free.ts'
import { startOfPlace } from './startOfPlace.ts'

export const levels: LearnedFamily<'levels'> = {
  name: 'levels',
  startsAnywhere: true,
  startingAt: (place) => levelsFamily(startOfPlace(place)),
  atOtherSteps: () => null,
}

export const levelsAndTimes: LearnedFamily<'levels+times'> = {
  name: 'levels+times',
  startsAnywhere: true,
  startingAt: (place) => levelsAndTimesFamily(startOfPlace(place)),
  atOtherSteps: () => null,
}

/** Free levels from a given schedule on, its told times kept. */
export const levelsFamily = (from: SamplingSchedule, options: BoxOptions = {}): ScheduleFamily =>
  freeFamily(from, ['levels'], options)

/** Free levels and free told times from a given schedule on. For networks with real times: see `checkFamily`. */
export const levelsAndTimesFamily = (from: SamplingSchedule, options: BoxOptions = {}): ScheduleFamily =>
  freeFamily(from, ['levels', 'times'], options)
