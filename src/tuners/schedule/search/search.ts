/**
 * The search for a sampling schedule of a frozen network: many starts are screened, the best are tuned by first derivatives in rounds of which
 * the better half goes on, the last third of the winner's iterates is averaged, and what is kept is decided against the best default on images
 * that steered nothing. A pure sequence of states: a search that was cut off goes on to the same numbers.
 */
import { internalError, throwIfInterrupted } from '../../../base/index.ts'
import type { DriveHooks, PenaltyState } from '../../../bilevel/index.ts'
import { drive, penaltyInit } from '../../../bilevel/index.ts'
import type { Denoiser, SamplerSettings, SamplingSchedule, ScheduleFamily } from '../../../diffusion/index.ts'
import { samplerNamed } from '../../../diffusion/index.ts'
import { meanAndStandardError, pairedDifference } from '../../../metrics/index.ts'
import type { Job } from '../job.ts'
import type { Objective } from '../objectives/objective.ts'
import { openObjective, rankingObjective } from '../objectives/open.ts'
import { penaltySettings } from '../penalty.ts'
import { samplingProblem } from '../problem.ts'
import type { Decision, StartTrial, TuningRecord } from '../result.ts'
import type { SamplingPlan } from '../rows.ts'
import { learnedSampler } from '../settings/index.ts'
import { DECISION_KEYS, decisionCost, screeningCost } from './cost.ts'
import { halved, roundsOf } from './halving.ts'
import { recordOf } from './record.ts'
import { roundEnd } from './rounds.ts'
import type { StartPoint } from './startPool.ts'
import { familyFrom, startOf, startPool, withStepOf } from './startPool.ts'
import type { SearchState, StartRun } from './state.ts'

/** What a search reports. */
export interface SearchHooks {
  readonly signal?: AbortSignal
  onTrial?(trial: StartTrial): void | Promise<void>
  onIteration?(record: TuningRecord, start: string, evaluations: number): void | Promise<void>
  /** Before the state that holds it. */
  onDecision?(decision: Decision): void | Promise<void>
  onState?(state: SearchState): void | Promise<void>
}

/** Start noise of its own for each purpose: a schedule is never measured where it was fitted. */
export const tuningSeed = (seed: number): number => (seed + 2 ** 32) % 2 ** 53
const screeningSeed = (seed: number): number => (seed + 2 ** 33) % 2 ** 53
const decisionSeed = (seed: number): number => (seed + 2 ** 34) % 2 ** 53

/** Log-SNR by which some level of two starts that are tuned must differ. */
const APART = 1

/** One learned schedule, and what it was learned from. */
export interface Found {
  readonly family: ScheduleFamily
  /** The average of the winner's last third of iterates. */
  readonly vector: Float64Array
  readonly sampling: SamplingSchedule
  readonly start: string
  readonly history: readonly TuningRecord[]
}

export class Search {
  readonly #job: Job
  readonly #denoiser: Denoiser
  readonly #pool: readonly StartPoint[]
  readonly #incumbent: SamplingPlan
  readonly #tuned: Objective

  /**
   * @param incumbent the best default, behind which nothing may end
   * @param neighbours further starts: what was learned at other numbers of steps
   */
  constructor(job: Job, denoiser: Denoiser, incumbent: SamplingPlan, neighbours: readonly StartPoint[] = []) {
    this.#job = job
    this.#denoiser = denoiser
    this.#incumbent = incumbent
    const pool = startPool(job.settings, job.schedule, denoiser.times, job.startPoint ?? null)
    const takes = samplerNamed(job.settings.sampler).solverNumbers === true && !job.startPoint
    const own = takes && job.settings.starts === 1 ? startOf(incumbent) : null
    const stepped = takes ? withStepOf(pool, incumbent) : pool
    // Of one start: the best default, which was chosen by more images than any screening has.
    const starts = own ? [own] : stepped
    this.#pool = pool.length > 1 ? [...neighbours, ...starts] : stepped
    const { tuningSamples: samples, seed } = job.settings
    this.#tuned = openObjective(job, denoiser, { samples, seed: tuningSeed(seed) })
  }

  async run(from: SearchState, hooks: SearchHooks = {}): Promise<SearchState> {
    let state = from
    const save = async (part: Partial<SearchState>) => {
      state = { ...state, ...part }
      await hooks.onState?.(state)
    }
    if (!state.trials) await save(await this.#screen(hooks))
    if (state.runs.length === 0) await save({ runs: this.#openRuns(state.trials ?? []) })
    const { iterations } = this.#job.settings
    for (;;) {
      const alive = state.runs.filter(({ out }) => !out)
      const until = roundEnd(alive.length, iterations)
      for (const { start } of alive) await this.#tune(start, until, () => state, save, hooks)
      if (alive.length === 1) break
      await save({ runs: halvedRuns(state.runs) })
    }
    if (!state.decision) await save(await this.#decide(state, hooks))
    return state
  }

  /** How many starts are tuned. */
  #starts(trials: readonly StartTrial[]): number {
    return Math.min(this.#job.settings.starts, trials.length)
  }

  /** The schedule that a search has learned so far. */
  found({ runs }: SearchState): Found {
    const winner = runs.find(({ out }) => !out)
    if (!winner) throw internalError('a search without a winner')
    const family = this.#familyOf(winner.start)
    const vector = averaged(family, winner)
    return { family, vector, sampling: family.toSchedule(vector), start: winner.start, history: winner.history }
  }

  #familyOf(name: string): ScheduleFamily {
    const point = this.#pool.find((one) => one.name === name)
    if (!point) throw internalError(`no start is called ${name}`)
    return familyFrom(this.#job.settings, this.#job.schedule, this.#denoiser.times, point.sampling)
  }

  async #screen(hooks: SearchHooks): Promise<Partial<SearchState>> {
    const pool = this.#pool
    if (pool.length === 1) return { trials: [{ name: pool[0].name, value: null, samples: 0 }] }
    const { settings } = this.#job
    const objectives = new Map<number, Objective>()
    const objectiveOn = (samples: number): Objective => {
      const known = objectives.get(samples)
      if (known) return known
      const made = openObjective(this.#job, this.#denoiser, {
        samples,
        seed: screeningSeed(settings.seed),
        ranking: true,
      })
      objectives.set(samples, made)
      return made
    }
    const ranked = await halved(
      pool,
      roundsOf(pool.length, settings.tuningSamples),
      async ({ name }, samples) => {
        throwIfInterrupted(hooks.signal)
        const family = this.#familyOf(name)
        return objectiveOn(samples).value(family.toSchedule(family.initial), 0)
      },
      ({ entrant: { name }, value, samples }) => hooks.onTrial?.({ name, value, samples }),
    )
    return {
      trials: ranked.map(({ entrant: { name }, value, samples }) => ({ name, value, samples })),
      evaluations: screeningCost(settings, pool.length),
    }
  }

  /** The best starts, as far apart as they can be had. */
  #openRuns(trials: readonly StartTrial[]): StartRun[] {
    const wanted = this.#starts(trials)
    const points = trials.map(({ name }) => this.#pool.find((point) => point.name === name))
    const known = points.filter((point) => point !== undefined)
    const chosen: StartPoint[] = []
    for (const apart of [APART, 0]) {
      for (const point of known) {
        if (chosen.length >= wanted || chosen.includes(point)) continue
        if (apart === 0 || chosen.every((other) => distance(other.sampling, point.sampling) >= apart))
          chosen.push(point)
      }
    }
    return chosen.map(({ name }) => {
      const problem = samplingProblem(this.#tuned, this.#familyOf(name))
      return { start: name, tuning: penaltyInit(problem, penaltySettings(this.#job.settings)), history: [], out: false }
    })
  }

  /** Tunes one start to the end of its round. */
  async #tune(
    name: string,
    until: number,
    now: () => SearchState,
    save: (part: Partial<SearchState>) => Promise<void>,
    { signal, onIteration }: SearchHooks,
  ): Promise<void> {
    const run = () => {
      const found = now().runs.find(({ start }) => start === name)
      if (!found) throw internalError(`no run starts at ${name}`)
      return found
    }
    const problem = samplingProblem(this.#tuned, this.#familyOf(name))
    const history = [...run().history]
    const hooks: DriveHooks<'samplingSchedule', null> = {
      from: run().tuning as PenaltyState<'samplingSchedule', null>,
      ...(signal && { signal }),
      onEvent: async (event) => {
        if (event.kind !== 'iteration') return
        const record = recordOf(problem.blocks, this.#tuned, event.report)
        history.push(record)
        const made = event.state.evaluations - run().tuning.evaluations
        await onIteration?.(record, name, now().evaluations + made)
      },
      onCheckpoint: (tuning) => {
        const before = run()
        return save({
          runs: now().runs.map((one) => (one === before ? { ...one, tuning, history: [...history] } : one)),
          evaluations: now().evaluations + tuning.evaluations - before.tuning.evaluations,
        })
      },
    }
    await drive(problem, penaltySettings(this.#job.settings), until, hooks)
  }

  async #decide(state: SearchState, { signal, onDecision }: SearchHooks): Promise<Partial<SearchState>> {
    const job = this.#job
    const { settings, decisionReference } = job
    const { candidateSamples: samples, seed } = settings
    const parts = { ...job, tuningReference: decisionReference ?? job.tuningReference }
    const objective = rankingObjective(parts, this.#denoiser, { samples, seed: decisionSeed(seed), ranking: true })
    const values = async (sampling: SamplingSchedule, sampler: SamplerSettings) => {
      const list: number[] = []
      for (let key = 0; key < DECISION_KEYS; key++) {
        throwIfInterrupted(signal)
        list.push(await objective.value(sampling, key, sampler))
      }
      return list
    }
    const incumbent = await values(this.#incumbent.schedule, this.#incumbent.settings)
    const learned = await values(this.found(state).sampling, learnedSampler(settings))
    const difference = pairedDifference(incumbent, learned)
    const { mean, standardError } = difference
    const decision: Decision = {
      kept: mean > (standardError ?? 0) ? 'learned' : 'start',
      difference,
      images: DECISION_KEYS * samples,
    }
    await onDecision?.(decision)
    return { decision, evaluations: state.evaluations + decisionCost(settings, this.#incumbent) }
  }
}

/** Largest difference of two schedules' levels, log-SNR. */
const distance = (a: SamplingSchedule, b: SamplingSchedule): number =>
  Math.max(...a.levels.map(({ logSnr }, i) => Math.abs(logSnr - b.levels[i].logSnr)))

/** The better half goes on: by the mean over the last half of the values there are, drawn from the same noise in all. */
function halvedRuns(runs: readonly StartRun[]): StartRun[] {
  const alive = runs.filter(({ out }) => !out)
  const worth = ({ history }: StartRun): number => {
    const values = history.slice(Math.floor(history.length / 2)).flatMap(({ value }) => (value === null ? [] : [value]))
    return values.length > 0 ? meanAndStandardError(values).mean : Number.POSITIVE_INFINITY
  }
  const kept = alive.toSorted((a, b) => worth(a) - worth(b)).slice(0, Math.ceil(alive.length / 2))
  return runs.map((run) => (run.out || kept.includes(run) ? run : { ...run, out: true }))
}

/** The last third of the iterates, averaged: what noise moved comes back. */
function averaged(family: ScheduleFamily, { tuning, history }: StartRun): Float64Array {
  const iterates = [
    ...history.map(({ parameters }) => family.names.map((name) => parameters[name])),
    [...tuning.upper.samplingSchedule],
  ]
  const last = iterates.slice(-Math.max(1, Math.round(history.length / 3)))
  return Float64Array.from(family.names, (_, i) => last.reduce((sum, iterate) => sum + iterate[i], 0) / last.length)
}

/**
 * Whether the objective was still falling when tuning ended: its values over the last half lie on a line that falls by more than two standard
 * errors of its slope. Noise is part of the values, so few iterations say nothing.
 */
export function stillMoving(history: readonly TuningRecord[]): boolean {
  const values = history.slice(Math.floor(history.length / 2)).flatMap(({ value }) => (value === null ? [] : [value]))
  const n = values.length
  if (n < 4) return false
  const middle = (n - 1) / 2
  const { mean } = meanAndStandardError(values)
  const spread = values.reduce((sum, _, i) => sum + (i - middle) ** 2, 0)
  const slope = values.reduce((sum, value, i) => sum + (i - middle) * (value - mean), 0) / spread
  const rest = values.reduce((sum, value, i) => sum + (value - mean - slope * (i - middle)) ** 2, 0)
  const error = Math.sqrt(rest / (n - 2) / spread)
  return slope < -2 * error
}
