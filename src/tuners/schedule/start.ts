/**
 * Where free levels start: the model's own levels raised to a power, alphaBar^power, the best of a few by the upper objective itself. Defaults
 * spend too few of few steps on low noise, and one exponent cures most of that (METHOD of Xiao et al.'s tau; Time-Shift Sampler, arXiv
 * 2305.15583, moves the told time instead); first derivatives then do the rest. A gradient step costs as much as three of these trials.
 */
import { throwIfInterrupted } from '../../base/index.ts'
import type { NoiseSchedule, ScheduleFamily } from '../../diffusion/index.ts'
import { samplingFamily } from './families.ts'
import type { FrechetObjective } from './objective.ts'
import type { StartTrial } from './result.ts'
import type { LearnSettings } from './settings.ts'
import { startingPowers } from './settings.ts'

/** Name of the samples that all trials share; tuning goes on with the next. */
const TRIAL_KEY = 0

/** The family that starts at alphaBar^power of the model's own levels. */
export function familyFrom(settings: LearnSettings, schedule: NoiseSchedule, power: number): ScheduleFamily {
  const { samplingFamily: name, samplingSteps, stepList } = settings
  return samplingFamily(name, schedule, samplingSteps, stepList, power)
}

/** Fréchet distance on the tuning images from each starting power, same start noise; none where there is no choice. */
export async function tryStarts(
  objective: FrechetObjective,
  settings: LearnSettings,
  schedule: NoiseSchedule,
  onTrial: (trial: StartTrial) => void | Promise<void>,
): Promise<StartTrial[]> {
  const powers = startingPowers(settings)
  if (powers.length < 2) return []
  const trials: StartTrial[] = []
  for (const power of powers) {
    throwIfInterrupted(objective.options.signal)
    const family = familyFrom(settings, schedule, power)
    const trial = { power, fid: await objective.value(family.toSchedule(family.initial), TRIAL_KEY) }
    trials.push(trial)
    await onTrial(trial)
  }
  return trials
}

/** The power with the smallest distance; where nothing was tried, the only one there is. */
export function bestPower(settings: LearnSettings, trials: readonly StartTrial[]): number {
  const [best] = trials.toSorted((a, b) => a.fid - b.fid)
  return best ? best.power : startingPowers(settings)[0]
}
