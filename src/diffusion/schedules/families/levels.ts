/** Free levels, levels with free told times, and the shift of a flow by their own names: `free` with `levels`, with `levels` and `times`, with `shift`. */
import type { SamplingSchedule } from '../samplingSchedule.ts'
import type { BoxOptions, FamilyPlace, LearnedFamily, ScheduleFamily } from './family.ts'
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

/** One number for any number of steps. @throws `learn.free` where the schedule is no flow's */
export const shift: LearnedFamily<'shift'> = {
  name: 'shift',
  startsAtPowers: false,
  startingAt: (place) => shiftFamily(place),
  atOtherSteps: (place) => shiftFamily(place),
}

const shiftFamily = (place: FamilyPlace): ScheduleFamily =>
  freeFamily(raisedLevels(place, 1), ['shift'], { told: place.told })

/** Free levels from a given schedule on, its told times kept. */
export const levelsFamily = (from: SamplingSchedule, options: BoxOptions = {}): ScheduleFamily =>
  freeFamily(from, ['levels'], options)

/** Free levels and free told times from a given schedule on. For networks with real times: see `checkFamily`. */
export const levelsAndTimesFamily = (from: SamplingSchedule, options: BoxOptions = {}): ScheduleFamily =>
  freeFamily(from, ['levels', 'times'], options)
