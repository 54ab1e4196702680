/** Free levels, levels with free told times, and the shift of a flow by their own names: `free` with `levels`, with `levels` and `times`, with `shift`. */
import type { SamplingSchedule } from '../samplingSchedule.ts'
import { samplingScheduleFrom } from '../samplingSchedule.ts'
import type { BoxOptions, FamilyPlace, LearnedFamily, ScheduleFamily } from './family.ts'
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

/** One number for any number of steps, of the model's own levels. @throws `learn.free` where the schedule is no flow's */
export const shift: LearnedFamily<'shift'> = {
  name: 'shift',
  startsAnywhere: false,
  startingAt: (place) => shiftFamily(place),
  atOtherSteps: (place) => shiftFamily(place),
}

const shiftFamily = ({ schedule, stepList, steps, told }: FamilyPlace): ScheduleFamily =>
  freeFamily(samplingScheduleFrom(schedule, stepList, steps, told), ['shift'], { told })

/** Free levels from a given schedule on, its told times kept. */
export const levelsFamily = (from: SamplingSchedule, options: BoxOptions = {}): ScheduleFamily =>
  freeFamily(from, ['levels'], options)

/** Free levels and free told times from a given schedule on. For networks with real times: see `checkFamily`. */
export const levelsAndTimesFamily = (from: SamplingSchedule, options: BoxOptions = {}): ScheduleFamily =>
  freeFamily(from, ['levels', 'times'], options)
