/**
 * The families of the two schedules, from their names and the schedule they start from. Tuning must start at a default of the model's own, so
 * that iteration 1 is what the model would do untouched and every gain is a gain over it: levels, log gaps and the exponent start there by
 * construction; a noise family only where the model's levels are its own, so any other is refused.
 */
import { BilevelError, inputError } from '../../base/index.ts'
import type {
  FamilySchedule,
  NoiseFamilyName,
  NoiseSchedule,
  ScheduleFamily,
  StepListName,
  ToldTimes,
} from '../../diffusion/index.ts'
import {
  levelPowerFamily,
  levelsAndTimesFamily,
  levelsFamily,
  NOISE_FAMILIES,
  noiseParameterFamily,
  samplingScheduleAt,
  samplingScheduleFrom,
} from '../../diffusion/index.ts'
import type { SamplingFamilyName } from './settings.ts'

/** Largest difference in log(signal^2/noise^2) that still is the same level: betas kept in float32 come back this close. */
const SAME_LEVEL = 0.01

/**
 * A family of sampling schedules that starts at the model's own levels on a step list.
 * @param schedule the schedule that the network was trained with
 * @param list     default the trailing times
 * @param power    free levels start at alphaBar^power of the model's own; default 1
 * @param told     what times the network can be told: Karras' lists lie between the training times
 * @throws `learn.samplingFamily` on an unknown name, or a noise family that does not hold the model's levels, naming those that do
 */
export function samplingFamily(
  name: SamplingFamilyName,
  schedule: NoiseSchedule,
  steps: number,
  list: StepListName = 'trailing',
  power = 1,
  told: ToldTimes = 'real',
): ScheduleFamily {
  const place = { schedule, steps, stepList: list, told }
  switch (name) {
    case 'levels':
      return levelsFamily(raised(place, power))
    case 'levels+times':
      return levelsAndTimesFamily(raised(place, power))
    case 'level-power':
      return levelPowerFamily(place)
    default:
      return noiseFamilyAt(name, place)
  }
}

/** Where a family of sampling schedules stands. */
interface Place {
  readonly schedule: NoiseSchedule
  readonly steps: number
  readonly stepList: StepListName
  readonly told: ToldTimes
}

/** Levels alphaBar^power on a step list; power 1: as they are, to the last bit. */
function raised(place: Place, power: number) {
  const { schedule, steps, stepList, told } = place
  if (power === 1) return samplingScheduleFrom(schedule, stepList, steps, told)
  return levelPowerFamily({ ...place, initial: { tau: power } }).toSchedule([power])
}

function noiseFamilyAt(name: NoiseFamilyName, place: Place): ScheduleFamily {
  const names = Object.keys(NOISE_FAMILIES) as NoiseFamilyName[]
  if (!names.includes(name)) {
    const known = [...names, 'levels', 'levels+times', 'level-power']
    throw inputError('learn.samplingFamily', `a sampling family is one of ${known.join(', ')}; got '${name}'`)
  }
  const family = startingAt(name, place)
  if (family) return family
  const others = [...names.filter((other) => startingAt(other, place)), 'level-power', 'levels']
  throw inputError(
    'learn.samplingFamily',
    `a sampling family must start at the levels that the model was trained with, and ${name} does not hold them; use ${others.join(' or ')}`,
  )
}

/** The family at the parameters that the schedule has, or at its defaults, where those make the schedule's levels; else null. */
function startingAt(name: NoiseFamilyName, place: Place): ScheduleFamily | null {
  const family = noiseFamilyOn(name, place)
  const own = ownLevels(place)
  const start = levelsAt(family)
  return start?.every(({ logSnr }, i) => Math.abs(logSnr - own[i].logSnr) <= SAME_LEVEL) ? family : null
}

/** The model's levels at the times of the list. @throws `learn.samplingFamily` where the list tells one time for several levels */
function ownLevels({ schedule, steps, stepList, told }: Place) {
  const { times } = samplingScheduleFrom(schedule, stepList, steps, told)
  try {
    return samplingScheduleAt(schedule, times).levels
  } catch (error) {
    if (!(error instanceof BilevelError && error.code === 'samplingSchedule.levels')) throw error
    const rule = `a noise family has one level for each told time, and ${stepList} at ${steps} steps goes beyond the model's levels`
    throw inputError('learn.samplingFamily', `${rule}, told ${times.join(', ')}; use level-power or levels`, {
      cause: error,
    })
  }
}

/** The family at the parameters that the schedule has, else at its defaults; its times are those of the list there. */
function noiseFamilyOn(name: NoiseFamilyName, { schedule, ...rest }: Place): ScheduleFamily {
  const initial = parametersOf(name, schedule)
  const { timesteps } = schedule
  return noiseParameterFamily({ family: name, timesteps, ...rest, ...(initial && { initial }) })
}

/** The levels of a family at its start; null where they cannot be sampled from. */
function levelsAt(family: ScheduleFamily) {
  try {
    return family.toSchedule(family.initial).levels
  } catch {
    return null
  }
}

/** Parameters by name of a schedule that is of this family. */
function parametersOf(name: NoiseFamilyName, schedule: NoiseSchedule): Record<string, number> | null {
  const { family, parameters } = schedule as Partial<FamilySchedule>
  if (family !== name || !parameters) return null
  return Object.fromEntries(NOISE_FAMILIES[name].parameters.map((parameter, i) => [parameter.name, parameters[i]]))
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
  const place = { schedule, steps, stepList, told }
  if (name === 'levels' || name === 'levels+times') return null
  return name === 'level-power' ? levelPowerFamily(place) : noiseFamilyOn(name, place)
}
