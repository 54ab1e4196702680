/**
 * Schedules that a noise schedule family of a few parameters makes: the training schedule itself (all T levels), and sampling
 * schedules that read its levels at fixed times. The box is the family's tuning box; start < end holds everywhere in it.
 */

import type { NoiseFamilyName } from '../noiseFamilies.ts'
import { NOISE_FAMILIES } from '../noiseFamilies.ts'
import type { FamilySchedule } from '../noiseSchedule.ts'
import { familySchedule, pullBackToParameters } from '../noiseSchedule.ts'
import type { ToldTimes } from '../samplingSchedule.ts'
import { samplingScheduleAt, samplingScheduleFrom } from '../samplingSchedule.ts'
import type { StepListName } from '../stepList.ts'
import type { BoxOptions, ParameterBox, ScheduleFamily } from './family.ts'
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
