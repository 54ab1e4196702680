/** The families of the two schedules, from their names and the schedule they start from. */
import { inputError } from '../../base/index.ts'
import type { NoiseFamilyName, NoiseSchedule, ScheduleFamily } from '../../diffusion/index.ts'
import {
  levelPowerFamily,
  levelsAndTimesFamily,
  levelsFamily,
  NOISE_FAMILIES,
  noiseParameterFamily,
  samplingScheduleFrom,
} from '../../diffusion/index.ts'
import type { SamplingFamilyName } from './settings.ts'

/**
 * A family of sampling schedules that starts at the model's own levels on the trailing times (noise families: at the family's defaults).
 * @param schedule the schedule that the network was trained with
 */
export function samplingFamily(name: SamplingFamilyName, schedule: NoiseSchedule, steps: number): ScheduleFamily {
  switch (name) {
    case 'levels':
      return levelsFamily(samplingScheduleFrom(schedule, 'trailing', steps))
    case 'levels+times':
      return levelsAndTimesFamily(samplingScheduleFrom(schedule, 'trailing', steps))
    case 'level-power':
      return levelPowerFamily({ schedule, steps })
    default:
      if (Object.hasOwn(NOISE_FAMILIES, name)) return noiseFamilyAt(name, schedule, steps)
  }
  const known = [...Object.keys(NOISE_FAMILIES), 'levels', 'levels+times', 'level-power']
  throw inputError('learn.samplingFamily', `a sampling family is one of ${known.join(', ')}; got '${name}'`)
}

const noiseFamilyAt = (family: NoiseFamilyName, { timesteps }: NoiseSchedule, steps: number): ScheduleFamily =>
  noiseParameterFamily({ family, timesteps, steps })
