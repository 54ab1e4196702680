/**
 * Schedules that a noise schedule family of a few parameters makes: the training schedule itself (all T levels), and sampling
 * schedules that read its levels at fixed times. The box is the family's tuning box; start < end holds everywhere in it.
 */

import { BilevelError, inputError } from '../../../base/index.ts'
import type { NoiseFamilyName } from '../noiseFamilies.ts'
import { NOISE_FAMILIES } from '../noiseFamilies.ts'
import type { FamilySchedule, NoiseSchedule } from '../noiseSchedule.ts'
import { familySchedule, pullBackToParameters } from '../noiseSchedule.ts'
import type { ToldTimes } from '../samplingSchedule.ts'
import { samplingScheduleAt, samplingScheduleFrom } from '../samplingSchedule.ts'
import type { StepListName } from '../stepList.ts'
import type { BoxOptions, FamilyPlace, LearnedFamily, ParameterBox, ScheduleFamily } from './family.ts'
import { parameterBox } from './family.ts'

/** A family of noise schedules: the upper variable q_t. */
export interface NoiseFamily extends ParameterBox {
  readonly kind: NoiseFamilyName
  readonly timesteps: number
  toSchedule(vector: ArrayLike<number>): FamilySchedule
  /** Cotangent of the vector from one of all T log-SNRs. */
  pullBack(vector: ArrayLike<number>, dLogSnr: ArrayLike<number>): Float64Array
}

/** The noise schedules of a family as a box of parameters. Default T 1000. */
export function noiseFamily(options: BoxOptions & { family: NoiseFamilyName; timesteps?: number }): NoiseFamily {
  const { family, timesteps = 1000 } = options
  const entries = NOISE_FAMILIES[family].parameters.map(({ name, initial, tuning }) => ({ name, initial, ...tuning }))
  const toSchedule = (vector: ArrayLike<number>) => familySchedule(family, vector, timesteps)
  return {
    kind: family,
    timesteps,
    ...parameterBox(entries, options),
    toSchedule,
    pullBack: (vector, dLogSnr) => pullBackToParameters(toSchedule(vector), dLogSnr),
  }
}

/**
 * Sampling schedules whose levels are those of a noise family at fixed told times. Default: trailing, `steps` of them,
 * chosen once at the initial parameters.
 * @throws `steps.count`
 */
export function noiseParameterFamily(
  options: BoxOptions & {
    family: NoiseFamilyName
    timesteps?: number
    steps: number
    stepList?: StepListName
    told?: ToldTimes
  },
): ScheduleFamily {
  const noise = noiseFamily(options)
  const { stepList = 'trailing', steps, told } = options
  const { times } = samplingScheduleFrom(noise.toSchedule(noise.initial), stepList, steps, told)
  return {
    ...noise,
    steps: times.length,
    freeTimes: false,
    toSchedule: (vector) => samplingScheduleAt(noise.toSchedule(vector), times),
    pullBack(vector, { dLogSnr }) {
      const all = new Float64Array(noise.timesteps)
      for (const [i, time] of times.entries()) {
        // Between integers a level lies on the straight line of log-SNR.
        const below = Math.floor(time)
        const rest = time - below
        all[below] += (1 - rest) * dLogSnr[i]
        if (rest > 0) all[below + 1] += rest * dLogSnr[i]
      }
      return noise.pullBack(vector, all)
    },
  }
}

/** Largest difference in log(signal^2/noise^2) that still is the same level: betas kept in float32 come back this close. */
const SAME_LEVEL = 0.01

/** A noise family as one to learn: at the parameters that the schedule has, or at its defaults, where those make the schedule's levels. */
export const noiseEntry = (name: NoiseFamilyName): LearnedFamily<NoiseFamilyName> => ({
  name,
  startsAnywhere: false,
  startingAt(place) {
    const family = familyOn(name, place)
    const own = ownLevels(place)
    const start = levelsAt(family)
    return start?.every(({ logSnr }, i) => Math.abs(logSnr - own[i].logSnr) <= SAME_LEVEL) ? family : null
  },
  atOtherSteps: (place) => familyOn(name, place),
})

/** The family at the parameters that the schedule has, else at its defaults; its times are those of the list there. */
function familyOn(name: NoiseFamilyName, { schedule, ...rest }: FamilyPlace): ScheduleFamily {
  const initial = parametersOf(name, schedule)
  const { timesteps } = schedule
  return noiseParameterFamily({ family: name, timesteps, ...rest, ...(initial && { initial }) })
}

/** The model's levels at the times of the list. @throws `learn.samplingFamily` where the list tells one time for several levels */
function ownLevels({ schedule, steps, stepList, told }: FamilyPlace) {
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
