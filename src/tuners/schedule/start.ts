/**
 * Where free levels start: the model's own levels raised to a power, alphaBar^power, the best of a few by the upper objective itself. Defaults
 * spend too few of few steps on low noise, and one exponent cures most of that (METHOD of Xiao et al.'s tau; Time-Shift Sampler, arXiv
 * 2305.15583, moves the told time instead); first derivatives then do the rest. A gradient step costs as much as three of these trials.
 */
import { throwIfInterrupted } from '../../base/index.ts'
import type { NoiseSchedule, SamplingSchedule, ScheduleFamily, ToldTimes } from '../../diffusion/index.ts'
import type { NetworkState } from '../../nn/index.ts'
import { samplingFamily } from './families.ts'
import type { Objective } from './objectives/objective.ts'
import type { StartTrial } from './result.ts'
import type { LearnSettings } from './settings.ts'
import { startingPowers } from './settings.ts'

/** Where tuning began. */
export interface Start {
  /** `trailing`, or with a power of its levels `trailing, alphaBar^1.6`. */
  readonly name: string
  readonly sampling: SamplingSchedule
  /** Deployed weights at that moment; null for foreign models. */
  readonly state: NetworkState | null
}

/** The schedule that tuning begins with, of the starts that were tried. */
export function startOf(
  settings: LearnSettings,
  schedule: NoiseSchedule,
  trials: readonly StartTrial[],
  told: ToldTimes,
): Omit<Start, 'state'> {
  const power = bestPower(settings, trials)
  const family = familyFrom(settings, schedule, power, told)
  const { stepList } = settings
  return {
    name: power === 1 ? stepList : `${stepList}, alphaBar^${power}`,
    sampling: family.toSchedule(family.initial),
  }
}

/** Name of the samples that all trials share; tuning goes on with the next. */
const TRIAL_KEY = 0

/** The family that starts at alphaBar^power of the model's own levels. */
export function familyFrom(
  settings: LearnSettings,
  schedule: NoiseSchedule,
  power: number,
  told: ToldTimes = 'real',
): ScheduleFamily {
  const { samplingFamily: name, samplingSteps, stepList, free, clip } = settings
  return samplingFamily(name, schedule, samplingSteps, stepList, power, told, { free: free ?? [], clip })
}

/** The objective from each starting power, same start noise; none where there is no choice. */
export async function tryStarts(
  objective: Objective,
  settings: LearnSettings,
  schedule: NoiseSchedule,
  onTrial: (trial: StartTrial) => void | Promise<void>,
): Promise<StartTrial[]> {
  const powers = startingPowers(settings)
  if (powers.length < 2) return []
  const trials: StartTrial[] = []
  for (const power of powers) {
    throwIfInterrupted(objective.options.signal)
    const family = familyFrom(settings, schedule, power, objective.options.denoiser.times)
    const trial = { power, value: await objective.value(family.toSchedule(family.initial), TRIAL_KEY) }
    trials.push(trial)
    await onTrial(trial)
  }
  return trials
}

/** The power with the smallest value; where nothing was tried, the only one there is. */
export function bestPower(settings: LearnSettings, trials: readonly StartTrial[]): number {
  const [best] = trials.toSorted((a, b) => a.value - b.value)
  return best ? best.power : startingPowers(settings)[0]
}
