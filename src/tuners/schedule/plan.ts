/** What a schedule learning job will cost, from its settings and the size of its model, before anything is opened. */
import type { NoiseSchedule } from '../../diffusion/index.ts'
import { MOST_MEASURING_RUNS } from '../../diffusion/index.ts'
import { comparisonCost } from './comparison.ts'
import type { PlannedCost } from './cost.ts'
import { plannedCost, scheduleTuningCost, settlingCost } from './cost.ts'
import { teacherOf } from './objectives/open.ts'
import { familyFrom } from './search/startPool.ts'
import type { LearnSettings } from './settings/index.ts'
import { settingsAt, stepNumbers, trainingStart } from './settings/index.ts'

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
  if (settings.objective !== 'fid') teacherOf({ settings, schedule }, { times: 'real' })
  const networks = trained ? (settings.learn === 'sampling' ? 2 : 3) : 1
  const each = stepNumbers(settings).map((steps, neighbours) => {
    const at = settingsAt(settings, steps)
    return {
      tuning: scheduleTuningCost(at, { parameters: familyFrom(at, schedule).names.length, statistics }, neighbours),
      comparison: comparisonCost({ settings: at, schedule, data: null }, networks),
    }
  })
  return plannedCost(settings, {
    trained,
    tunings: each.map(({ tuning }) => tuning),
    comparison: each.reduce((sum, { comparison }) => sum + comparison, 0),
  })
}

/** Times that running statistics are made again for averaged weights outside of tuning: of the start, the learned and the default side. */
const SETTLINGS = 3

/**
 * Calls, at most, with which somebody else's model is tried: at the last time, twice where images must be run one by one, alone and among others, in the
 * runs that are measured, at a class that ends its table, and at the last class.
 */
const TRIALS = 6 + MOST_MEASURING_RUNS

/** Network evaluations at most that no progress bar counts, beside those of `schedulePlan`. */
export function asideCost(
  settings: LearnSettings,
  { trained, statistics, foreign }: Pick<PlannedSubject, 'trained' | 'statistics'> & { readonly foreign: boolean },
): number {
  return (trained && statistics ? SETTLINGS * settlingCost(settings) : 0) + (foreign ? TRIALS * settings.chunk : 0)
}
