/** The sampling schedule that a family which may start anywhere starts with. */
import type { SamplingSchedule } from '../samplingSchedule.ts'
import { samplingScheduleFrom } from '../samplingSchedule.ts'
import type { FamilyPlace } from './family.ts'

/** @throws `steps.count` */
export const startOfPlace = ({ from, schedule, stepList, steps, told }: FamilyPlace): SamplingSchedule =>
  from ?? samplingScheduleFrom(schedule, stepList, steps, told)
