/** The sampling schedule of a frozen network as a problem that methods are compared on: each as its user would run it, with the same images to steer by. */
import { inputError } from '../../../base/index.ts'
import type { SamplerSettings } from '../../../diffusion/index.ts'
import { DEFAULT_SAMPLER, networkEvaluations, samplerNamed } from '../../../diffusion/index.ts'
import type { SearchMethod } from '../../../search/index.ts'
import { SEARCH_METHODS } from '../../../search/index.ts'
import { evaluationsEach } from '../../classGuidance.ts'
import type { ComparedProblem, Figures } from '../../compare/contest.ts'
import type { Contestant } from '../../compare/contestant.ts'
import type { Searched } from '../../compare/searching.ts'
import { searching } from '../../compare/searching.ts'
import { defaultSettings, sharedOn } from '../candidates.ts'
import { defaultPlan, defaultSteps } from '../comparison.ts'
import type { Job } from '../job.ts'
import { openJob } from '../job.ts'
import type { Objective } from '../objectives/objective.ts'
import { openObjective } from '../objectives/open.ts'
import type { LearnOptions } from '../options.ts'
import type { RowProtocol, SamplingPlan } from '../rows.ts'
import { measureRow } from '../rows.ts'
import { tuningSeed } from '../search/search.ts'
import { learnedSampler } from '../settings/index.ts'
import { openDenoiser } from '../subject.ts'
import { bestDefault, bilevel, published, sharedRanking } from './learning.ts'
import type { SearchedSpaceName } from './spaces.ts'
import { scheduleSpace } from './spaces.ts'

/** What methods end with. */
export type ComparedPlan = SamplingPlan

export interface ScheduleComparison extends ComparedProblem<ComparedPlan> {
  close(): Promise<void>
}

/** Images of a point of a path, at most. */
const GLANCE = 400

const WORDS: Readonly<Record<string, string>> = {
  grid: 'one parameter after the other, tau first, then finer around the best',
  random: 'parameters drawn evenly',
  sobol: "scrambled Sobol' points",
  bayesian: 'Gaussian process, expected improvement through noise',
  halving: 'successive halving: a ninth of the images first, the best third goes on',
}

/**
 * Opens it.
 * @param own   a search of the user's
 * @param where searches look
 * @throws as `learnSchedule` on parts that do not go together; `compare.model` on a network that would be trained; `compare.data` without data
 */
export async function openScheduleComparison(
  options: LearnOptions,
  { where = 'auto', own = null }: { readonly where?: SearchedSpaceName; readonly own?: SearchMethod | null } = {},
): Promise<ScheduleComparison> {
  const { subject, data, features, judge, settings } = options
  if (subject.kind === 'train') {
    throw inputError(
      'compare.model',
      'schedules are compared for a model that is trained, got none; give one (--model)',
    )
  }
  if (!data || !features || settings.objective !== 'fid') {
    throw inputError('compare.data', 'schedules are compared by the Fréchet distance to data, got none; give data')
  }
  const job = await openJob(options)
  const open = await openDenoiser(subject, null, { ...settings, ...(options.device && { device: options.device }) })
  const { denoiser } = open
  const protocol: RowProtocol = {
    features,
    judge,
    reference: job.heldOut,
    measures: null,
    samplesPerSeed: settings.evaluationSamples,
    samplingSeeds: settings.samplingSeeds,
    ...(job.condition && { condition: job.condition }),
    ...(options.signal && { signal: options.signal }),
  }
  const glance = {
    ...protocol,
    judge: null,
    samplesPerSeed: Math.max(features.dimensions + 1, Math.min(GLANCE, settings.evaluationSamples)),
    samplingSeeds: settings.samplingSeeds.slice(0, 1),
  }
  const seeded = (seed: number): Job => ({ ...job, settings: { ...settings, seed } })
  const searched = searchedBy(job, where, (seed, samples) => {
    const noise = { samples, seed: tuningSeed(seed), ranking: true }
    return openObjective(seeded(seed), denoiser, noise)
  })
  const methods = [...SEARCH_METHODS.filter(({ name }) => name !== 'default'), ...(own ? [own] : [])]
  const ranking = sharedRanking(job, denoiser)
  const contestants: Contestant<ComparedPlan>[] = [
    untouched(job, seeded, denoiser),
    bestDefault(job, ranking),
    ...methods.map((method) => searching(method, WORDS[method.name] ?? 'a search of your own', searched)),
    published(job, seeded, denoiser),
    bilevel(job, seeded, denoiser, ranking),
  ]
  return {
    contestants,
    async figures(plan) {
      const { row } = await measureRow(denoiser, plan, protocol)
      const { fid, judgeFid, recognised } = row
      return figuresOf({
        fid,
        judgeFid,
        recognised: recognised === null ? null : { mean: recognised, standardError: null, count: 1 },
      })
    },
    async glance(plan) {
      const { row } = await measureRow(denoiser, plan, glance)
      return row.fid?.mean ?? Number.NaN
    },
    close: open.close,
  }
}

function figuresOf(figures: Readonly<Record<string, Figures[string] | null>>): Figures {
  return Object.fromEntries(
    Object.entries(figures).filter((entry): entry is [string, Figures[string]] => entry[1] !== null),
  )
}

/** The sampler that searches sample with: the learned one, where that takes a schedule without numbers of its own. */
function searchedSampler(job: Job): SamplerSettings {
  const { settings, schedule } = job
  if (!samplerNamed(settings.sampler).solverNumbers) return learnedSampler(settings)
  return defaultSettings('dpm-solver++', sharedOn(schedule, settings))
}

/** @param objectiveOf of a seed and so many images, opened once each */
function searchedBy(
  job: Job,
  where: SearchedSpaceName,
  objectiveOf: (seed: number, samples: number) => Objective,
): Searched<ComparedPlan> {
  const { settings, schedule } = job
  const { samplingSteps: steps, tuningSamples } = settings
  const told = job.subject.kind === 'foreign' ? job.subject.denoiser.times : job.subject.network.times
  const { space, start, scheduleAt, name } = scheduleSpace(where, schedule, steps, told)
  const sampler = searchedSampler(job)
  const imagesOf = (share: number) => Math.max(2, Math.round(share * tuningSamples))
  const objectives = new Map<string, Objective>()
  return {
    space,
    start,
    cost: (share) => evaluationsEach(settings) * networkEvaluations(sampler, steps) * imagesOf(share),
    async measure(point, share, seed) {
      const sampling = scheduleAt(point)
      if (!sampling) return { value: Number.POSITIVE_INFINITY, standardError: null }
      const key = `${seed} ${share}`
      const objective = objectives.get(key) ?? objectiveOf(seed, imagesOf(share))
      objectives.set(key, objective)
      const value = await objective.value(sampling, 0, sampler)
      return { value, standardError: objective.lastStandardError }
    },
    solution(point) {
      const sampling = scheduleAt(point)
      if (!sampling)
        throw inputError('compare.budget', 'no schedule that was tried can be sampled from; give a larger budget')
      return { label: `${sampler.sampler}, ${name}`, stepList: name, schedule: sampling, settings: sampler }
    },
  }
}

/** What would be used without any choice: DDIM on the trailing list. */
function untouched(
  job: Job,
  seeded: (seed: number) => Job,
  denoiser: Parameters<typeof openObjective>[1],
): Contestant<ComparedPlan> {
  const { settings } = job
  const plan = defaultPlan(job, defaultSteps(job, settings.samplingSteps), 'default')
  const cost = evaluationsEach(settings) * plan.schedule.levels.length * settings.tuningSamples
  return {
    name: 'default',
    words: `${DEFAULT_SAMPLER} on the trailing list, as it comes`,
    minimum: cost,
    async run(turn) {
      if (turn.at.state !== null) return
      const noise = { samples: settings.tuningSamples, seed: tuningSeed(turn.seed), ranking: true }
      const objective = openObjective(seeded(turn.seed), denoiser, noise)
      const value = await objective.value(plan.schedule, 0, plan.settings)
      const trial = { parameters: {}, share: 1, value, standardError: objective.lastStandardError, evaluations: cost }
      await turn.done({ cost, state: 'measured', trials: [trial], incumbent: { solution: plan, value } })
    },
  }
}
