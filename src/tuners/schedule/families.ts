/**
 * The families of the two schedules, from their names and the schedule they start from. Tuning must start at a default of the model's own, so
 * that iteration 1 is what the model would do untouched and every gain is a gain over it: levels, log gaps and the exponent start there by
 * construction; a noise family only where the model's levels are its own, so any other is refused.
 */
import { inputError } from '../../base/index.ts'
import type {
  FamilyPlace,
  NoiseSchedule,
  SamplingFamilyName,
  ScheduleFamily,
  StepListName,
  ToldTimes,
} from '../../diffusion/index.ts'
import { LEARNED_FAMILIES, learnedFamily, NOISE_FAMILIES } from '../../diffusion/index.ts'

/**
 * A family of sampling schedules that starts at the model's own levels on a step list, or anywhere where it may.
 * @param schedule the schedule that the network was trained with
 * @param list     default the trailing times
 * @param told     what times the network can be told: the levels of lists of sigmas lie between the training times
 * @param freed    for the family `free`: what is free, the range that x0Hat is clipped to, the guidance scale; `from`: where free numbers start
 * @throws `learn.free`; `learn.samplingFamily` on an unknown name, or a noise family that does not hold the model's levels, naming those that do
 */
export function samplingFamily(
  name: SamplingFamilyName,
  schedule: NoiseSchedule,
  steps: number,
  list: StepListName = 'trailing',
  told: ToldTimes = 'real',
  freed: Pick<FamilyPlace, 'free' | 'clip' | 'guidanceScale' | 'from'> = {},
): ScheduleFamily {
  const place = { schedule, steps, stepList: list, told, ...freed }
  const family = learnedFamily(name).startingAt(place)
  if (family) return family
  const noise = LEARNED_FAMILIES.filter((other) => Object.hasOwn(NOISE_FAMILIES, other.name))
  const starting = noise.filter((other) => other.startingAt(place)).map((other) => other.name)
  throw inputError(
    'learn.samplingFamily',
    `a sampling family must start at the levels that the model was trained with, and ${name} does not hold them; use ${[...starting, 'level-power', 'levels'].join(' or ')}`,
  )
}

/**
 * A learned vector read at another number of steps; null where a parameter belongs to one step of the family's own number.
 * @throws as the family's `toSchedule`
 */
export function atOtherSteps(
  name: SamplingFamilyName,
  schedule: NoiseSchedule,
  steps: number,
  stepList: StepListName = 'trailing',
  told: ToldTimes = 'real',
): Pick<ScheduleFamily, 'toSchedule'> | null {
  return learnedFamily(name).atOtherSteps({ schedule, steps, stepList, told })
}
