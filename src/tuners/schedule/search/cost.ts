/** What a search costs in network evaluations (`../cost.ts` says how they are counted). */
import type { SamplerSettings, SamplingSchedule } from '../../../diffusion/index.ts'
import { evaluationsOf, networkEvaluations } from '../../../diffusion/index.ts'
import { evaluationsEach } from '../../classGuidance.ts'
import { teachingCost, upperCost } from '../objectives/cost.ts'
import type { LearnSettings } from '../settings/index.ts'
import { roundsOf, samplesOfRounds } from './halving.ts'

/** Sample keys of the decision: as many paired differences. */
export const DECISION_KEYS = 8

/** Screening so many starts; a single one is not screened. */
export function screeningCost(settings: LearnSettings, starts: number): number {
  if (starts <= 1) return 0
  const { tuningSamples, objective } = settings
  const { value } = upperCost(settings)
  const rounds = roundsOf(starts, tuningSamples)
  const taught =
    objective === 'teacher' ? rounds.reduce((sum, round) => sum + teachingCost(settings, round.samples), 0) : 0
  return (samplesOfRounds(starts, tuningSamples) * value) / tuningSamples + taught
}

/** Learned schedule and best default on the images that decide. */
export function decisionCost(
  settings: LearnSettings,
  incumbent: { readonly schedule: SamplingSchedule; readonly settings: SamplerSettings } | null = null,
): number {
  const { candidateSamples, samplingSteps, objective } = settings
  const own = networkEvaluations(settings, samplingSteps)
  const other = incumbent ? evaluationsOf(incumbent) : own
  const images = DECISION_KEYS * candidateSamples
  return (
    evaluationsEach(settings) * (own + other) * images + (objective === 'teacher' ? teachingCost(settings, images) : 0)
  )
}
