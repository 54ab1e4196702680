/** The methods of a comparison that are no searches by asking and telling: the best of all defaults, the published loop, and the bilevel search of this project. */
import { internalError } from '../../../base/index.ts'
import type { PenaltyState } from '../../../bilevel/index.ts'
import { drive, penaltyInit, tuningCost } from '../../../bilevel/index.ts'
import type { Denoiser, SamplingFamilyName, ScheduleFamily } from '../../../diffusion/index.ts'
import { samplerNamed } from '../../../diffusion/index.ts'
import type { ComparedTrial, Contestant, Turn } from '../../compare/contestant.ts'
import { defaultSettings, planOf, rankDefaults, rankingCost, sharedOn } from '../candidates.ts'
import { scheduleProblemCost, scheduleTuningCost } from '../cost.ts'
import type { Job } from '../job.ts'
import { openObjective } from '../objectives/open.ts'
import { penaltySettings } from '../penalty.ts'
import { samplingProblem } from '../problem.ts'
import type { DefaultCandidate, TuningRecord } from '../result.ts'
import type { SamplingPlan } from '../rows.ts'
import { screeningCost } from '../search/cost.ts'
import { recordOf } from '../search/record.ts'
import { Search, tuningSeed } from '../search/search.ts'
import { familyFrom, MOST_STARTS, startOf } from '../search/startPool.ts'
import type { SearchState } from '../search/state.ts'
import { SEARCH_START } from '../search/state.ts'
import type { LearnSettings } from '../settings/index.ts'
import { choosesStart, learnedSampler } from '../settings/index.ts'
import { denoises } from '../subject.ts'
import { searchedSchedules } from '../tuning.ts'

type Seeded = (seed: number) => Job

/** The ranking of all defaults for a method's turn. */
export type Ranking = (turn: Turn<SamplingPlan>) => Promise<DefaultCandidate[]>

/** It has its own noise, so that it is the same for every seed: made once, unless what counts is time. */
export function sharedRanking(job: Job, denoiser: Denoiser): Ranking {
  let made: Promise<DefaultCandidate[]> | null = null
  return ({ budget, signal }) => {
    const ranked = () => rankDefaults({ ...job, ...(signal && { signal }) }, denoiser)
    if (budget.kind === 'seconds') return ranked()
    made ??= ranked()
    made.catch(() => {
      made = null
    })
    return made
  }
}

/** Every sampler on every step list, ranked on the tuning split. */
export function bestDefault(job: Job, ranking: Ranking): Contestant<SamplingPlan> {
  const cost = rankingCost(job)
  return {
    name: 'best-default',
    words: 'the best of every sampler on every step list',
    minimum: cost,
    async run(turn) {
      if (turn.at.state !== null) return
      const [best] = await ranking(turn)
      const { value } = best
      const trial = { parameters: {}, share: 1, value, standardError: null, evaluations: cost }
      const solution = planOf(job, best)
      await turn.done({ cost, state: 'ranked', trials: [trial], incumbent: { solution, value } })
    },
  }
}

interface BilevelState {
  readonly defaults: readonly DefaultCandidate[]
  /** As many as the budget allows: decided once, as the steps get smaller towards the last of them. */
  readonly iterations: number
  readonly search: SearchState
}

/** What `bilevel schedule` does: ranks the defaults, tunes from the best starts by first derivatives, and decides. */
export function bilevel(job: Job, seeded: Seeded, denoiser: Denoiser, ranked: Ranking): Contestant<SamplingPlan> {
  const size = { parameters: job.family.names.length, statistics: false }
  const ranking = rankingCost(job)
  const costOf = (iterations: number) => ranking + scheduleTuningCost({ ...job.settings, iterations }, size).total
  return {
    name: 'bilevel',
    words: 'first derivatives through the sampler, from the best default',
    minimum: costOf(1),
    async run(turn) {
      const own = seeded(turn.seed)
      let state = turn.at.state as BilevelState | null
      if (!state) {
        const defaults = await ranked(turn)
        const [{ value }] = defaults
        state = { defaults, iterations: 0, search: SEARCH_START }
        await turn.done({ cost: ranking, state, incumbent: { solution: planOf(own, defaults[0]), value } })
      }
      if (state.iterations === 0) {
        const saved = unscreened(job.settings, planOf(own, state.defaults[0]))
        const iterations = await iterationsWithin(turn, own, denoiser, (count) => costOf(count) - saved)
        state = { ...state, iterations }
      }
      const { defaults, iterations } = state
      const tuned: Job = {
        ...own,
        settings: { ...own.settings, iterations },
        ...(turn.signal && { signal: turn.signal }),
      }
      const incumbent = planOf(tuned, defaults[0])
      const search = new Search(tuned, denoiser, incumbent)
      let spent = state.search.evaluations
      let records: ComparedTrial[] = []
      await search.run(state.search, {
        ...(turn.signal && { signal: turn.signal }),
        onIteration: (record, _start, evaluations) => {
          records.push(trialOf(record, ranking + evaluations))
        },
        onState: async (now) => {
          const trials = records
          records = []
          const found = solutionOf(tuned, search, now, incumbent)
          await turn.done({
            cost: now.evaluations - spent,
            state: { defaults, iterations, search: now },
            trials,
            ...(found && { incumbent: found }),
          })
          spent = now.evaluations
        },
      })
    },
  }
}

/** What it would end with: where one start is left the average of its last third, and in the end what was decided. */
function solutionOf(job: Job, search: Search, state: SearchState, incumbent: SamplingPlan) {
  const alive = state.runs.filter(({ out }) => !out)
  const [only] = alive
  if (alive.length !== 1 || only.history.length === 0) return null
  const { sampling, settings, family } = searchedSchedules(job, search, state, incumbent)
  const plan: SamplingPlan = { label: 'learned', stepList: family, schedule: sampling, settings }
  return { solution: plan, value: only.history.at(-1)?.value ?? null }
}

const trialOf = ({ parameters, value, standardError }: TuningRecord, evaluations: number): ComparedTrial => ({
  parameters,
  share: 1,
  value,
  standardError,
  evaluations,
})

/** What is planned for screening and not spent: where the best default itself is the one start. */
export function unscreened(settings: LearnSettings, incumbent: SamplingPlan): number {
  const { starts, sampler } = settings
  const isOne = starts === 1 && samplerNamed(sampler).solverNumbers === true && startOf(incumbent) !== null
  return isOne && choosesStart(settings) ? screeningCost(settings, MOST_STARTS) : 0
}

/** The largest whole number from 1 that fits, where those below it do; 1 where none does. */
export function largestThat(fits: (count: number) => boolean): number {
  let [low, high] = [1, 2]
  while (fits(high)) [low, high] = [high, 2 * high]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (fits(middle)) low = middle
    else high = middle
  }
  return low
}

/** As many iterations as fit: by their cost, or by the time that one gradient takes here. */
async function iterationsWithin(
  turn: Turn<SamplingPlan>,
  job: Job,
  denoiser: Denoiser,
  costOf: (iterations: number) => number,
): Promise<number> {
  const { budget, at } = turn
  if (budget.kind === 'evaluations') return largestThat((count) => costOf(count) <= budget.most)
  const { tuningSamples: samples, seed } = job.settings
  const objective = openObjective(job, denoiser, { samples, seed: tuningSeed(seed) })
  const began = performance.now()
  const schedule = job.family.toSchedule(job.family.initial)
  if (objective.differentiable && job.settings.estimator === 'backpropagation') await objective.gradient(schedule, 0)
  else await objective.value(schedule, 0)
  const seconds = (performance.now() - began) / 1000
  const pace =
    seconds /
    (objective.differentiable
      ? objective.cost(schedule.levels.length).gradient
      : objective.cost(schedule.levels.length).value)
  const left = budget.most - at.seconds - seconds
  return largestThat((count) => Math.max(0, costOf(count) - at.evaluations) * pace <= left)
}

interface PublishedState {
  readonly iterations: number
  readonly tuning: PenaltyState<'samplingSchedule', null> | null
}

/** Of the families that stand for all levels by few numbers, those that may hold a model's own. */
const PUBLISHED_FAMILIES: readonly SamplingFamilyName[] = ['cosine', 'sigmoid', 'linear', 'level-power']

/** The parameters of the model's own noise schedule, moved by one-point estimates of the gradient from its default: what the published code does. */
export function published(job: Job, seeded: Seeded, denoiser: Denoiser): Contestant<SamplingPlan> {
  const { family, settings } = publishedFamily(job)
  const cost = scheduleProblemCost(settings, { parameters: family.names.length, statistics: false })
  const costOf = (iterations: number) =>
    tuningCost(cost, penaltySettings({ ...settings, iterations }), iterations).total
  return {
    name: 'published',
    words: `one-point estimates in ${family.names.join(', ')}`,
    // The first estimate alone says nothing.
    minimum: costOf(2),
    async run(turn) {
      let state = (turn.at.state as PublishedState | null) ?? { iterations: 0, tuning: null }
      const { tuningSamples: samples } = settings
      const objective = openObjective({ ...seeded(turn.seed), settings: { ...settings, seed: turn.seed } }, denoiser, {
        samples,
        seed: tuningSeed(turn.seed),
      })
      if (state.iterations === 0) {
        state = { ...state, iterations: await publishedIterations(turn, objective, family, costOf) }
      }
      const { iterations } = state
      const own = penaltySettings({ ...settings, iterations, seed: turn.seed })
      const problem = samplingProblem(objective, family)
      const sampler = learnedSampler(settings)
      let tuning = state.tuning ?? penaltyInit(problem, own)
      let record: ComparedTrial | null = null
      await drive(problem, own, iterations, {
        from: tuning,
        ...(turn.signal && { signal: turn.signal }),
        onEvent: (event) => {
          if (event.kind === 'iteration') {
            record = trialOf(recordOf(problem.blocks, objective, event.report), event.state.evaluations)
          }
        },
        onCheckpoint: async (now) => {
          const solution: SamplingPlan = {
            label: 'published',
            stepList: family.kind,
            schedule: family.toSchedule(now.upper.samplingSchedule),
            settings: sampler,
          }
          await turn.done({
            cost: now.evaluations - tuning.evaluations,
            state: { iterations, tuning: now },
            trials: record ? [record] : [],
            incumbent: { solution, value: record?.value ?? null },
          })
          record = null
          tuning = now
        },
      })
    },
  }
}

async function publishedIterations(
  turn: Turn<SamplingPlan>,
  objective: ReturnType<typeof openObjective>,
  family: ScheduleFamily,
  costOf: (iterations: number) => number,
): Promise<number> {
  const { budget } = turn
  const each = costOf(3) - costOf(2)
  if (budget.kind === 'evaluations') return Math.max(2, 2 + Math.floor((budget.most - costOf(2)) / each))
  const began = performance.now()
  await objective.value(family.toSchedule(family.initial), 0)
  const pace = (performance.now() - began) / 1000 / objective.cost(family.steps).value
  return Math.max(2, Math.floor(budget.most / (each * pace)) - 2)
}

function publishedFamily(job: Job): { readonly family: ScheduleFamily; readonly settings: LearnSettings } {
  const { schedule, subject } = job
  const sampler = samplerNamed(job.settings.sampler).solverNumbers
    ? defaultSettings('dpm-solver++', sharedOn(schedule, job.settings))
    : learnedSampler(job.settings)
  for (const samplingFamily of PUBLISHED_FAMILIES) {
    const settings: LearnSettings = {
      ...job.settings,
      samplingFamily,
      free: null,
      start: 'trailing',
      starts: 1,
      estimator: 'one-point',
      sampler: sampler.sampler,
      clippedNoise: sampler.clippedNoise,
      eta: sampler.eta,
      freshSamples: true,
      objective: 'fid',
    }
    try {
      return { family: familyFrom(settings, schedule, denoises(subject).times), settings }
    } catch {
      // The model's levels are none of this family: the next.
    }
  }
  throw internalError('every model has a power of its own levels')
}
