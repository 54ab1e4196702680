/**
 * The best default: every candidate sampler on every step list, at as many network evaluations as the learned schedule takes, compared on the
 * tuning split. Both sides of a comparison deserve their best.
 */
import { BilevelError, internalError } from '../../base/index.ts'
import type {
  Denoiser,
  NoiseSchedule,
  SamplerName,
  SamplerSettings,
  SamplingSchedule,
  StepListName,
  ToldTimes,
} from '../../diffusion/index.ts'
import {
  evaluationsOf,
  networkEvaluations,
  SAMPLERS,
  samplerSettings,
  samplingScheduleFrom,
  stepListsOf,
  stepsWithin,
  usualClippedNoise,
} from '../../diffusion/index.ts'
import { evaluationsEach } from '../classGuidance.ts'
import { comparedBy } from './compared.ts'
import type { Job } from './job.ts'
import { teachingCost } from './objectives/cost.ts'
import { rankingObjective } from './objectives/open.ts'
import type { DefaultCandidate } from './result.ts'
import type { SamplingPlan } from './rows.ts'
import { imagesOfPlan } from './rows.ts'
import { halved, roundsOf, samplesOfRounds } from './search/halving.ts'
import type { LearnSettings } from './settings/index.ts'
import { learnedSampler } from './settings/index.ts'
import { denoises } from './subject.ts'

/** What of the settings defaults share with the learned sampler. */
export type SharedSampling = Pick<LearnSettings, 'sampler' | 'clip' | 'clippedNoise'>

/**
 * A default's settings. A sampler that makes the noise of a clipped image anew is what its users run whatever is learned (DDPM: the posterior
 * mean of the clipped image); DDIM treats clipped noise as the learned sampler does, unless that is such a one.
 */
export function defaultSettings(
  sampler: SamplerName,
  { sampler: learned, clip, clippedNoise }: SharedSampling,
): SamplerSettings {
  const own = [sampler, learned].some((name) => usualClippedNoise(name) === 'recompute')
  return samplerSettings({ sampler, clip, clippedNoise: own ? usualClippedNoise(sampler) : clippedNoise })
}

/** The same for a schedule's process: on a flow DDIM is Euler's step on the velocity, which is that of the clipped image. */
export const sharedOn = ({ path }: Pick<NoiseSchedule, 'path'>, shared: SharedSampling): SharedSampling =>
  path === 'flow' ? { ...shared, clippedNoise: 'recompute' } : shared

/**
 * Every default at the evaluations that so many steps of the learned sampler take; step lists that visit the same levels at the same times are listed once, under the first name.
 * How many there are does not depend on what the network can be told.
 */
export function defaultPlans(
  schedule: NoiseSchedule,
  steps: number,
  shared: SharedSampling,
  told: ToldTimes = 'real',
): SamplingPlan[] {
  const evaluations = networkEvaluations(shared, steps)
  const flow = schedule.path === 'flow'
  return SAMPLERS.filter(({ candidate, flowCandidate }) => candidate || (flow && flowCandidate)).flatMap(
    ({ name: sampler }) =>
      listsOf(schedule, Math.min(stepsWithin({ sampler }, evaluations), schedule.timesteps), told).map(
        ({ name, ...sampling }) => ({
          label: `${sampler}, ${name}`,
          stepList: name,
          schedule: sampling,
          settings: defaultSettings(sampler, sharedOn(schedule, shared)),
        }),
      ),
  )
}

/** The step lists that a schedule has at so many steps, each set of levels and times once. */
function listsOf(schedule: NoiseSchedule, steps: number, told: ToldTimes) {
  const lists = new Map<string, SamplingSchedule & { readonly name: StepListName }>()
  for (const name of stepListsOf(schedule)) {
    try {
      const sampling = samplingScheduleFrom(schedule, name, steps, told)
      const key = [...sampling.times, ...sampling.levels.map(({ logSnr }) => logSnr)].join(' ')
      if (!lists.has(key)) lists.set(key, { ...sampling, name })
    } catch (error) {
      // A schedule may have too few times with signal for a list, or a level that cannot be sampled from: that list is no candidate.
      if (!(error instanceof BilevelError && error.kind === 'input')) throw error
    }
  }
  return [...lists.values()]
}

/**
 * The best three are compared once more: a rival that is chosen by the luck of few images is a weak one. At 8 steps of the shipped 16x16 model the
 * choice by 256 images had a FID of 1.91, the best of all 1.51.
 */
const FINAL = { times: 4, entrants: 3 } as const

/** Images that the best default is chosen on in the end. */
export const finalSamples = ({ candidateSamples }: Pick<LearnSettings, 'candidateSamples'>): number =>
  FINAL.times * candidateSamples

/** Sampling seed of the search for the best default. */
const CANDIDATE_SEED = 5

/** What of a job the search for the best default takes. */
export type RankingJob = Pick<
  Job,
  | 'subject'
  | 'settings'
  | 'schedule'
  | 'features'
  | 'tuningReference'
  | 'reward'
  | 'startPoint'
  | 'condition'
  | 'signal'
>

/** Network evaluations of the search for the best default, at most. */
export function rankingCost({ settings, schedule, data }: Pick<Job, 'settings' | 'schedule' | 'data'>): number {
  const { samplingSteps, candidateSamples: samples } = settings
  const plans = defaultPlans(schedule, samplingSteps, settings)
  const most = Math.max(...plans.map(evaluationsOf))
  const entrants = plans.length + (settings.start === 'given' ? 1 : 0)
  const rounds = roundsOf(entrants, samples, FINAL)
  const taught =
    comparedBy({ settings, data }) === 'teacher'
      ? rounds.reduce((sum, round) => sum + teachingCost(settings, round.samples), 0)
      : 0
  return evaluationsEach(settings) * samplesOfRounds(entrants, samples, FINAL) * most + taught
}

/**
 * Every default, and the schedule that the user brought to start from. A teacher is near to images that blur: without data to rank by, only the
 * lists of the learned sampler, or of the deterministic one that it holds, are compared.
 */
function candidatePlans({
  subject,
  settings,
  schedule,
  startPoint,
  tuningReference,
}: Pick<Job, 'subject' | 'settings' | 'schedule' | 'startPoint' | 'tuningReference'>): SamplingPlan[] {
  const all = defaultPlans(schedule, settings.samplingSteps, settings, denoises(subject).times)
  const taught = settings.objective === 'teacher' && tuningReference === null
  const own = all.some((plan) => plan.settings.sampler === settings.sampler) ? settings.sampler : 'dpm-solver++'
  const plans = taught ? all.filter((plan) => plan.settings.sampler === own) : all
  if (!startPoint) return plans
  const { name, sampling } = startPoint
  const sampler = learnedSampler(settings)
  return [...plans, { label: `${sampler.sampler}, ${name}`, stepList: name, schedule: sampling, settings: sampler }]
}

/** Every default, ranked by the objective on the same noise in rounds of which the better part goes on; the best first. */
export async function rankDefaults(
  job: RankingJob,
  denoiser: Denoiser,
  onCandidate?: (candidate: DefaultCandidate) => void | Promise<void>,
): Promise<DefaultCandidate[]> {
  const { settings, condition, signal } = job
  const plans = candidatePlans(job)
  const noise = { seed: CANDIDATE_SEED, ranking: true }
  const rounds = roundsOf(plans.length, settings.candidateSamples, FINAL)
  const objectives = new Map(
    rounds.map(({ samples }) => [samples, rankingObjective(job, denoiser, { samples, ...noise })]),
  )
  const candidateOf = ({ settings: { sampler }, stepList }: SamplingPlan, value: number, samples: number) => ({
    sampler,
    stepList,
    value,
    samples,
  })
  const ranked = await halved(
    plans,
    rounds,
    async (plan, count) => {
      const objective = objectives.get(count)
      if (!objective) throw internalError(`no objective of ${count} images`)
      const request = { count, seed: CANDIDATE_SEED, ...(condition && { condition }), ...(signal && { signal }) }
      return (await objective.ofImages(await imagesOfPlan(denoiser, plan, request), 0)).value
    },
    ({ entrant, value, samples }) => onCandidate?.(candidateOf(entrant, value, samples)),
  )
  return ranked.map(({ entrant, value, samples }) => candidateOf(entrant, value, samples))
}

/** The plan of a candidate. */
export function planOf(
  job: Pick<Job, 'subject' | 'settings' | 'schedule' | 'startPoint' | 'tuningReference'>,
  { sampler, stepList }: Pick<DefaultCandidate, 'sampler' | 'stepList'>,
): SamplingPlan {
  const plan = candidatePlans(job).find((one) => one.settings.sampler === sampler && one.stepList === stepList)
  if (!plan) throw internalError('the best default is none of the defaults')
  return plan
}
