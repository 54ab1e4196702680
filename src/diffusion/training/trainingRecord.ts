/** What a network was trained on, as it is kept beside it: nothing that sampling needs, which is the noise schedule alone. */
import type { LogSnrDensity } from '../schedules/logSnrDensity.ts'
import type { TrainingSchedule } from './trainingSchedule.ts'
import { isDensity } from './trainingSchedule.ts'
import type { LossWeighting } from './weighting.ts'
import { isWeighted, WEIGHTING_GAMMAS } from './weighting.ts'

/** Plain data, as JSON holds it. */
export interface TrainingRecord {
  /** The density of log-SNR that levels were drawn from; absent: the times of the noise schedule, all as often. */
  readonly density?: Readonly<Pick<LogSnrDensity, 'name' | 'mean' | 'width'>> & { readonly importance?: true }
  /** What the losses of levels counted; absent: each the same. */
  readonly weighting?: Readonly<Pick<LossWeighting, 'name' | 'gamma'>>
}

/** What there is to keep; null: even times and the loss as it is. */
export function trainingRecord(schedule: TrainingSchedule, weighting: LossWeighting): TrainingRecord | null {
  if (!isDensity(schedule) && !isWeighted(weighting)) return null
  const { name, gamma = WEIGHTING_GAMMAS[name] } = weighting
  return {
    ...(isDensity(schedule) && {
      density: {
        ...{ name: schedule.name, mean: schedule.mean, width: schedule.width },
        ...(weighting.importance && { importance: true }),
      },
    }),
    ...(name !== 'uniform' && { weighting: { name, ...(gamma !== null && { gamma }) } }),
  }
}

/** The same in words. */
export function trainingWords({ density, weighting }: TrainingRecord): string {
  const levels = density
    ? `levels drawn from a ${density.name} density of log-SNR, mean ${density.mean}, width ${density.width}, each told the time at which the noise schedule has it` +
      (density.importance ? ', and counted as even times draw it (importance sampling)' : '')
    : 'every time of the noise schedule as often'
  const gamma = weighting?.gamma === undefined ? '' : `, gamma ${weighting.gamma}`
  return weighting ? `${levels}; losses weighted by ${weighting.name}${gamma}` : levels
}
