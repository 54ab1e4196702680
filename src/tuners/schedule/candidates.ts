/**
 * The best default: every candidate sampler on every step list, at as many network evaluations as the learned schedule takes, compared on the
 * tuning split. Both sides of a comparison deserve their best.
 */
import { BilevelError } from '../../base/index.ts'
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
  networkEvaluations,
  SAMPLERS,
  samplerSettings,
  samplingScheduleFrom,
  stepListsOf,
  stepsWithin,
  usualClippedNoise,
} from '../../diffusion/index.ts'
import type { FeatureNetwork, FrechetReference } from '../../metrics/index.ts'
import { frechetDistance } from '../../metrics/index.ts'
import type { DefaultCandidate } from './result.ts'
import type { SamplingPlan } from './rows.ts'
import { imagesOfPlan } from './rows.ts'
import type { LearnSettings } from './settings.ts'

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

/** How candidates are compared. */
export interface CandidateProtocol {
  readonly features: FeatureNetwork
  /** Moments of the tuning split. */
  readonly reference: FrechetReference
  readonly samples: number
  readonly seed: number
  readonly condition?: (item: number) => number
  readonly signal?: AbortSignal
  readonly onEvaluations?: (count: number) => void
}

/** Fréchet distance of each plan on the tuning split; the best first. */
export async function rankPlans(
  denoiser: Denoiser,
  plans: readonly SamplingPlan[],
  protocol: CandidateProtocol,
): Promise<{ readonly plan: SamplingPlan; readonly candidate: DefaultCandidate }[]> {
  const ranked: { plan: SamplingPlan; candidate: DefaultCandidate }[] = []
  for (const plan of plans) {
    const images = await imagesOfPlan(denoiser, plan, { ...protocol, count: protocol.samples })
    const fid = frechetDistance(await protocol.features.features(images), protocol.reference).value
    ranked.push({ plan, candidate: { sampler: plan.settings.sampler, stepList: plan.stepList, fid } })
  }
  return ranked.toSorted((a, b) => a.candidate.fid - b.candidate.fid)
}
