/** What a schedule learning job will cost, from its settings and the size of its model, before anything is opened. */
import type { NoiseSchedule } from '../../diffusion/index.ts'
import { comparisonCost } from './comparison.ts'
import type { PlannedCost } from './cost.ts'
import { plannedCost, settlingCost } from './cost.ts'
import type { LearnSettings } from './settings.ts'
import { trainingStart } from './settings.ts'
import { familyFrom } from './start.ts'

/** What of the model decides the cost. */
export interface PlannedSubject {
  /** Of a trained model; null: trained here, by the settings. */
  readonly schedule: NoiseSchedule | null
  /** Whether the job trains the network. */
  readonly trained: boolean
  /** Whether the network has running statistics. */
  readonly statistics: boolean
}

/** Network evaluations of the whole job, those that a progress bar counts. @throws what the settings are refused for */
export function schedulePlan(
  settings: LearnSettings,
  { schedule: given, trained, statistics }: PlannedSubject,
): PlannedCost {
  const schedule = given ?? trainingStart(settings)
  const parameters = familyFrom(settings, schedule, 1).names.length
  return plannedCost(settings, { parameters, statistics, trained }, comparisonCost({ settings, schedule }))
}

/** Times that running statistics are made again for averaged weights outside of tuning: of the start, the learned and the default side. */
const SETTLINGS = 3

/** Calls, at most, with which somebody else's model is tried: at the last time, there in a part of a lane, and at the last class. */
const TRIALS = 3

/** Network evaluations at most that no progress bar counts, beside those of `schedulePlan`. */
export function asideCost(
  settings: LearnSettings,
  { trained, statistics, foreign }: Pick<PlannedSubject, 'trained' | 'statistics'> & { readonly foreign: boolean },
): number {
  return (trained && statistics ? SETTLINGS * settlingCost(settings) : 0) + (foreign ? TRIALS * settings.chunk : 0)
}
