/**
 * Learning a schedule, the whole job: train, tune, train the default side on by as much, compare. Every phase can go on from a
 * checkpoint to the numbers of a run that was never cut off.
 */
import { internalError } from '../../base/index.ts'
import type {
  Denoiser,
  NoiseSchedule,
  Prediction,
  SamplerSettings,
  SamplingSchedule,
  TrainedState,
  TrainingRecord,
  TrainingSchedule,
} from '../../diffusion/index.ts'
import { codeOf, networkEvaluations, predictionOf, trainingRecord } from '../../diffusion/index.ts'
import type { DenoisingNetwork, NetworkState } from '../../nn/index.ts'
import { evaluationsEach } from '../classGuidance.ts'
import type { Learned } from './assemble.ts'
import { assembled } from './assemble.ts'
import { planOf, rankDefaults, rankingCost } from './candidates.ts'
import type { LearnCheckpoint } from './checkpoint.ts'
import { comparedBy } from './compared.ts'
import type { States } from './comparison.ts'
import { compare } from './comparison.ts'
import type { Job } from './job.ts'
import { openJob } from './job.ts'
import { Ledger } from './ledger.ts'
import { neighbourOf } from './neighbour.ts'
import { OBJECTIVE_WORDS, toldText } from './objectives/names.ts'
import type { LearnOptions } from './options.ts'
import type { Decision, ScheduleResult } from './result.ts'
import { Search, stillMoving } from './search/search.ts'
import { familyFrom } from './search/startPool.ts'
import { SEARCH_START } from './search/state.ts'
import { learnedSampler, settingsAt, startingList, stepNumbers, weightingOf } from './settings/index.ts'
import { denoises, networkAt, openDenoiser, targetOf, weightsOf } from './subject.ts'
import { trainTo } from './training.ts'
import { openTrained, searchedSchedules, settle, settleTuned } from './tuning.ts'

/** A result and the model it belongs to. */
export interface LearnedModel {
  readonly result: ScheduleResult
  /** Null for foreign models, which stay where they are. */
  readonly model: { readonly network: DenoisingNetwork; readonly state: NetworkState } | null
  /**
   * The default side's network, which trained on by what tuning cost, and the schedule it was trained with; null where both sides have
   * the same.
   */
  readonly defaultModel: {
    readonly network: DenoisingNetwork
    readonly state: NetworkState
    readonly trainingSchedule: NoiseSchedule
    readonly trainedOn: TrainingRecord | null
  } | null
  /** The schedule the deployed network was trained with. */
  readonly trainingSchedule: NoiseSchedule
  /** Of the first number of steps. */
  readonly sampling: SamplingSchedule
  readonly settings: SamplerSettings
  /** What the network predicts, at the levels of its training schedule. */
  readonly prediction: Prediction
  /** What it was trained on here, where that is not every time of its schedule once; null: that, or it was not trained here. */
  readonly trainedOn: TrainingRecord | null
  /** Every number of steps that a schedule was learned for, in the order in which they were asked for. */
  readonly steps: readonly LearnedSteps[]
}

/** What was learned at one number of steps. */
export interface LearnedSteps {
  readonly result: ScheduleResult
  readonly sampling: SamplingSchedule
  readonly settings: SamplerSettings
}

/**
 * Learns a schedule and compares it with the defaults.
 * @throws `learn.*` on options that do not fit, `training.nan`, `bilevel.*`; `interrupted` (kind `interrupted`) through `signal`
 * @example await learnSchedule({ subject: { kind: 'train', network: unet({ size: 16 }) }, data, features, judge, settings: learnSettings() })
 */
export async function learnSchedule(options: LearnOptions): Promise<LearnedModel> {
  const job = await openJob(options)
  try {
    const run = new LearnRun(job)
    const shared = await run.train()
    const learned = await run.tune(shared)
    const continued = await run.continueDefault()
    return await run.measure(shared, learned, continued)
  } finally {
    await job.trainer?.dispose()
  }
}

/** The phases, around one growing checkpoint. */
class LearnRun {
  readonly #job: Job
  /** The job at each number of steps. */
  readonly #jobs: readonly Job[]
  readonly #ledger: Ledger

  constructor(job: Job) {
    this.#job = job
    this.#jobs = stepNumbers(job.settings).map((steps) => jobAt(job, steps))
    this.#ledger = new Ledger(job, this.#jobs)
  }

  /** The run that both sides share; null for a pretrained model. */
  async train(): Promise<TrainedState | null> {
    const { shared, phase } = this.#ledger.at
    if (!this.#job.trainer || phase !== 'train') return shared
    const trained = await trainTo(this.#job, shared, this.#job.settings.trainSteps, (state, loss) =>
      this.#trained('train', { shared: state }, state, loss),
    )
    if (this.#ledger.at.shared !== trained) await this.#ledger.save({ shared: trained })
    return trained
  }

  /** What is learned, at every number of steps. */
  async tune(shared: TrainedState | null): Promise<Learned[]> {
    await this.#ledger.enter('tune')
    this.#ledger.progress('tune', 'before the first iteration')
    return this.#job.settings.learn === 'sampling' ? this.#search(shared) : [await this.#tuneTrained(shared)]
  }

  /** The sampling schedule of a frozen network. */
  async #search(shared: TrainedState | null): Promise<Learned[]> {
    const { subject, settings, device } = this.#job
    const settled = shared && (await settle(this.#job, shared))
    const open = await openDenoiser(subject, settled, { ...settings, ...(device && { device }) })
    try {
      const all: Learned[] = []
      for (const job of this.#jobs) all.push(await this.#searchAt(job, open.denoiser, all))
      return all
    } finally {
      await open.close()
    }
  }

  async #searchAt(job: Job, denoiser: Denoiser, before: readonly Learned[]): Promise<Learned> {
    const { samplingSteps: steps, objective } = job.settings
    const { signal, onEvent } = job
    const evaluationsOfAnImage = evaluationsEach(job.settings) * networkEvaluations(job.settings, steps)
    const words = OBJECTIVE_WORDS[objective].label
    const told = (value: number | null) => (value === null ? 'priming' : toldText(objective, value))
    const defaults =
      this.#ledger.stepsAt(steps).defaults ??
      (await rankDefaults(job, denoiser, async (candidate) => {
        await onEvent?.({ kind: 'candidate', steps, objective: comparedBy(job), ...candidate })
        this.#ledger.begin(candidate.samples * evaluationsOfAnImage)
        this.#ledger.progress(
          'tune',
          `default ${candidate.sampler}, ${candidate.stepList}: ${words} ${told(candidate.value)}`,
        )
      }))
    this.#ledger.over(rankingCost(job))
    if (!this.#ledger.stepsAt(steps).defaults) await this.#ledger.saveSteps(steps, { defaults })
    const incumbent = planOf(job, defaults[0])
    const neighbours = before.flatMap((other) => neighbourOf(job, other))
    const search = new Search(job, denoiser, incumbent, neighbours)
    const state = await search.run(this.#ledger.stepsAt(steps).search ?? SEARCH_START, {
      ...(signal && { signal }),
      onTrial: async (trial) => {
        await onEvent?.({ kind: 'trial', steps, objective, ...trial })
        this.#ledger.begin(trial.samples * evaluationsOfAnImage)
        this.#ledger.progress('tune', `start ${trial.name}: ${words} ${told(trial.value)}`)
      },
      onIteration: async (record, start, evaluations) => {
        await onEvent?.({ kind: 'iteration', steps, start, evaluations, objective, ...record })
        const of = `iteration ${record.iteration} of ${job.settings.iterations}`
        this.#ledger.progress('tune', `${of}, from ${start}, ${words} ${told(record.value)}`)
      },
      onDecision: (decision) => onEvent?.({ kind: 'decision', steps, objective, ...decisionEvent(decision) }),
      onState: (state) => {
        this.#ledger.over()
        return this.#ledger.saveSteps(steps, { search: state })
      },
    })
    const { decision } = state
    const winner = search.found(state)
    return {
      job,
      schedules: searchedSchedules(job, search, state, incumbent),
      start: incumbent,
      outcome: {
        starts: state.trials ?? [],
        tuned: state.runs.map(({ start: name, history, out }) => ({
          name,
          values: history.map(({ value }) => value),
          won: !out,
        })),
        history: winner.history,
        decision,
        stillMoving: stillMoving(winner.history),
      },
    }
  }

  /** Schedule and network together. */
  async #tuneTrained(shared: TrainedState | null): Promise<Learned> {
    const job = this.#jobs[0]
    const { signal, onEvent, settings, family } = job
    const { samplingSteps: steps, objective } = settings
    if (!shared) throw internalError('a trained problem without its network')
    const tuning = await openTrained(job, shared)
    try {
      const { tuning: from, history } = this.#ledger.stepsAt(steps)
      const records = [...history]
      const state = await tuning.drive({
        ...(from && { from }),
        ...(signal && { signal }),
        onEvent: async (event) => {
          if (event.kind !== 'iteration') return
          const record = tuning.record(event.report)
          records.push(record)
          const { evaluations } = event.state
          await onEvent?.({ kind: 'iteration', steps, start: null, evaluations, objective, ...record })
        },
        onCheckpoint: (tuning) => this.#ledger.saveSteps(steps, { tuning, history: [...records] }),
        onProgress: () => {
          const { iteration, value } = records[records.length - 1]
          const told = value === null ? 'priming' : toldText(objective, value)
          const of = `iteration ${iteration} of ${settings.iterations}`
          this.#ledger.progress('tune', `${of}, ${OBJECTIVE_WORDS[objective].label} ${told}`)
        },
      })
      if (!from) await this.#ledger.saveSteps(steps, { tuning: state })
      return {
        job,
        schedules: tuning.learned(state),
        start: {
          label: '',
          stepList: startingList(settings),
          schedule: family.toSchedule(family.initial),
          settings: learnedSampler(settings),
        },
        outcome: { starts: [], tuned: [], history: records, decision: null, stillMoving: stillMoving(records) },
      }
    } finally {
      await tuning.close()
    }
  }

  /** The default side at equal total cost; null for a pretrained model, where both sides have the same network. */
  async continueDefault(): Promise<TrainedState | null> {
    const { shared, continued } = this.#ledger.at
    await this.#ledger.enter('continue')
    if (!shared) return null
    return trainTo(this.#job, continued ?? shared, this.#ledger.defaultSteps, (state, loss) =>
      this.#trained('continue', { continued: state }, state, loss),
    )
  }

  /** Compares at every number of steps, and puts together what came out. */
  async measure(
    shared: TrainedState | null,
    all: readonly Learned[],
    continued: TrainedState | null,
  ): Promise<LearnedModel> {
    await this.#ledger.enter('measure')
    const job = this.#job
    const { subject, schedule } = job
    const states = await this.#states(shared, all[0], continued)
    const compared: LearnedSteps[] = []
    for (const learned of all) {
      const { sampling, settings } = learned.schedules
      compared.push({ result: await this.#compared(learned, states), sampling, settings })
    }
    const [{ result, sampling, settings }] = compared
    const trainedOn = all[0].schedules.training ?? job.trainedOn
    const recordOf = (on: TrainingSchedule) => job.trainer && trainingRecord(on, weightingOf(job.settings))
    const other = states.default === states.learned ? null : networkAt(subject, states.default)
    return {
      result,
      model: networkAt(subject, states.learned),
      defaultModel: other && { ...other, trainingSchedule: schedule, trainedOn: recordOf(job.trainedOn) },
      trainingSchedule: codeOf(trainedOn),
      sampling,
      settings,
      prediction: predictionOf(targetOf(subject, job.settings)),
      trainedOn: recordOf(trainedOn),
      steps: compared,
    }
  }

  /** Deployed weights: of both sides, and of the network before tuning. */
  async #states(shared: TrainedState | null, { job, schedules }: Learned, continued: TrainedState | null) {
    const { subject, settings } = job
    const before = shared ? await settle(job, shared) : null
    const { tuning } = this.#ledger.stepsAt(settings.samplingSteps)
    const own =
      schedules.training && tuning ? await settleTuned(job, tuning, schedules.training) : weightsOf(subject, before)
    return {
      start: schedules.training ? before : own,
      learned: own,
      default: continued ? await settle(job, continued) : own,
    }
  }

  async #compared(learned: Learned, states: States): Promise<ScheduleResult> {
    const { job, schedules, start } = learned
    const { samplingSteps: steps } = job.settings
    const at = () => this.#ledger.stepsAt(steps)
    const comparing = this.#ledger.comparing()
    const comparison = await compare(
      job,
      { learned: schedules, start, states, defaults: at().defaults },
      {
        candidates: at().candidates,
        rows: at().rows,
        onCandidates: (candidates) => this.#ledger.saveSteps(steps, { candidates }),
        onRow: async (name, measured) => {
          const { label, steps: taken, fid, objective: found, recognised } = measured.row
          const { objective } = job.settings
          const value = found && { value: found.mean }
          await job.onEvent?.({
            kind: 'row',
            label,
            steps: taken,
            objective,
            fid: fid?.mean ?? null,
            ...value,
            recognised,
          })
          await this.#ledger.saveSteps(steps, { rows: { ...at().rows, [name]: measured } })
        },
        onEvaluations: (count) => {
          comparing.count(count)
          this.#ledger.progress('measure', 'comparing on held-out images')
        },
      },
    )
    comparing.over(this.#ledger.comparisonLeft(job))
    this.#ledger.progress('measure', 'comparing on held-out images')
    return assembled(learned, comparison, this.#ledger)
  }

  async #trained(
    phase: 'train' | 'continue',
    part: Partial<LearnCheckpoint>,
    state: TrainedState,
    loss: number,
  ): Promise<void> {
    const { step } = state.training
    await this.#job.onEvent?.({ kind: 'step', phase, step, loss })
    await this.#ledger.save(part)
    this.#ledger.progress(phase, `training step ${step}, loss ${loss.toFixed(4)}`)
  }
}

const decisionEvent = ({ kept, difference: { mean, standardError }, images }: Decision) => ({
  kept,
  difference: mean,
  standardError,
  images,
})

/** The job at one number of steps: all that is the same is shared. */
function jobAt(job: Job, steps: number): Job {
  const settings = settingsAt(job.settings, steps)
  const family = familyFrom(settings, job.schedule, denoises(job.subject).times, job.startPoint?.sampling)
  return { ...job, settings, family }
}
