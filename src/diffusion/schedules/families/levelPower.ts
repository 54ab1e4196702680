/**
 * One parameter for somebody else's schedule: levels alphaBar^tau at fixed told times, tau = 1 where it starts: the model's own levels on a step
 * list, or any schedule. log alphaBar is scaled, so nothing underflows. Of a flow, alphaBar is that of the variance-preserving
 * process of the same log-SNRs.
 */
import { logSnrOfLogAlphaBar } from '../level.ts'
import type { NoiseSchedule } from '../noiseSchedule.ts'
import type { SamplingSchedule, ToldTimes } from '../samplingSchedule.ts'
import { samplingSchedule, samplingScheduleFrom } from '../samplingSchedule.ts'
import type { StepListName } from '../stepList.ts'
import type { BoxOptions, LearnedFamily, ScheduleFamily } from './family.ts'
import { parameterBox } from './family.ts'

const TAU = { name: 'tau', initial: 1, low: 0.2, high: 6, scale: 0.2 }

export const levelPower: LearnedFamily<'level-power'> = {
  name: 'level-power',
  startsAnywhere: true,
  startingAt: (place) => levelPowerFamily(place),
  // The exponent is of the schedule it starts from, which has its own number of steps.
  atOtherSteps: () => null,
}

/** Sampling schedules alphaBar^tau of `from`, or on a step list (default trailing) of a noise schedule. @throws `steps.count` */
export function levelPowerFamily(
  options: BoxOptions & {
    schedule: NoiseSchedule
    steps: number
    stepList?: StepListName
    told?: ToldTimes
    from?: SamplingSchedule
  },
): ScheduleFamily {
  const { schedule, steps, stepList = 'trailing', told, from } = options
  const { levels: own, times } = from ?? samplingScheduleFrom(schedule, stepList, steps, told)
  // log alphaBar = -log(1 + e^-logSnr)
  const logAlphaBar = own.map(({ logSnr }) => logLogistic(logSnr))
  const levels = (tau: number) => logAlphaBar.map((value) => logSnrOfLogAlphaBar(tau * value))
  return {
    kind: 'level-power',
    timesteps: schedule.timesteps,
    steps,
    freeTimes: false,
    ...parameterBox([TAU], options),
    toSchedule: (vector) =>
      samplingSchedule({ timesteps: schedule.timesteps, logSnr: levels(vector[0]), times, path: schedule.path }),
    pullBack(vector, { dLogSnr }) {
      // d logSnr = d(tau log alphaBar) / (1 - alphaBar^tau)
      const slope = (value: number) => value / -Math.expm1(vector[0] * value)
      return Float64Array.of(logAlphaBar.reduce((sum, value, i) => sum + dLogSnr[i] * slope(value), 0))
    },
  }
}

function logLogistic(x: number): number {
  return x > 0 ? -Math.log1p(Math.exp(-x)) : x - Math.log1p(Math.exp(x))
}
