/**
 * Learning a schedule, the whole job: train, tune, train the default side on by as much, compare. Every phase can go on from a
 * checkpoint to the numbers of a run that was never cut off.
 */
import { expectedCost } from '../../bilevel/index.ts'
import type {
  NoiseSchedule,
  Prediction,
  SamplerSettings,
  SamplingSchedule,
  TrainedState,
} from '../../diffusion/index.ts'
import { predictionOf } from '../../diffusion/index.ts'
import { frechetDistance, pairedDifference, RECOGNISED_ABOVE, verdictsOf } from '../../metrics/index.ts'
import type { DenoisingNetwork, NetworkState } from '../../nn/index.ts'
import type { LearnCheckpoint, Phase } from './checkpoint.ts'
import { LEARN_START, PHASES } from './checkpoint.ts'
import type { Comparison, Sides } from './comparison.ts'
import { compare, comparisonCost } from './comparison.ts'
import { scheduleProblemCost, scheduleTuningCost, trainingStepCost } from './cost.ts'
import type { Job, LearnOptions } from './job.ts'
import { imagesOfSplit, openJob } from './job.ts'
import { penaltySettings } from './penalty.ts'
import type { Protocol, ScheduleCurve, ScheduleResult, TuningRecord } from './result.ts'
import { learnedSampler } from './settings.ts'
import { startOf } from './start.ts'
import { denoises, hasStatistics, networkAt, targetOf } from './subject.ts'
import { equalSteps, trainTo } from './training.ts'
import type { LearnedSchedules, Tuning } from './tuning.ts'
import { openTuning, settle } from './tuning.ts'

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
  } | null
  /** The schedule the deployed network was trained with. */
  readonly trainingSchedule: NoiseSchedule
  readonly sampling: SamplingSchedule
  readonly settings: SamplerSettings
  /** What the network predicts, at the levels of its training schedule. */
  readonly prediction: Prediction
}

/**
 * Learns a schedule and compares it with the defaults.
 * @throws `learn.*` on options that do not fit, `training.nan`, `bilevel.*`; `interrupted` (kind `interrupted`) through `signal`
 * @example await learnSchedule({ subject: { kind: 'train', network: unet({ size: 16 }) }, data, features, judge, settings: learnSettings() })
 */
export async function learnSchedule(options: LearnOptions): Promise<LearnedModel> {
  const job = await openJob(options)
  const run = new LearnRun(job)
  try {
    const shared = await run.train()
    const tuning = await run.openTuning(shared)
    try {
      const learned = await run.tune(tuning)
      const continued = await run.continueDefault()
      const sides = await run.sides(shared, learned, continued)
      return run.assemble(sides, await run.measure(sides))
    } finally {
      await tuning.close()
    }
  } finally {
    await job.trainer?.dispose()
  }
}

/** Iterations from 1; runs of earlier versions counted from 0. */
const numbered = (history: readonly TuningRecord[]): TuningRecord[] =>
  history.map((record, i) => ({ ...record, iteration: i + 1 }))

/** The phases, around one growing checkpoint. What is done and what is spent is read off it, so a resumed job goes on where it was. */
class LearnRun {
  readonly #job: Job
  #at: LearnCheckpoint
  /** Network evaluations of the comparison, made now or before. */
  #measured = 0
  #clock = Date.now()
  readonly #comparisonCost: number

  constructor(job: Job) {
    this.#job = job
    this.#comparisonCost = comparisonCost(job)
    this.#at = job.from ? { ...job.from, history: numbered(job.from.history) } : LEARN_START
  }

  /** The run that both sides share; null for a pretrained model. */
  async train(): Promise<TrainedState | null> {
    const { shared, phase } = this.#at
    if (!this.#job.trainer || phase !== 'train') return shared
    const trained = await trainTo(this.#job, shared, this.#job.settings.trainSteps, (state, loss) =>
      this.#trained('train', { shared: state }, state, loss),
    )
    if (this.#at.shared !== trained) await this.#save({ shared: trained })
    return trained
  }

  async openTuning(shared: TrainedState | null): Promise<Tuning> {
    await this.#enter('tune')
    const tuning = await openTuning(this.#job, shared, this.#at.starts)
    if (!this.#at.starts) await this.#save({ starts: tuning.starts })
    return tuning
  }

  async tune(tuning: Tuning): Promise<LearnedSchedules> {
    const { signal, onEvent, settings } = this.#job
    const { history } = this.#at
    const records = [...history]
    const state = await tuning.drive({
      ...(this.#at.tuning && { from: this.#at.tuning }),
      ...(signal && { signal }),
      onEvent: async (event) => {
        if (event.kind !== 'iteration') return
        const record = tuning.record(event.report)
        records.push(record)
        await onEvent?.({ kind: 'iteration', evaluations: event.state.evaluations, ...record })
      },
      onCheckpoint: (tuning) => this.#save({ tuning, history: [...records] }),
      onProgress: () => {
        const { iteration, fid } = records[records.length - 1]
        this.#progress('tune', `iteration ${iteration} of ${settings.iterations}, FID ${fid?.toFixed(2) ?? 'priming'}`)
      },
    })
    if (!this.#at.tuning) await this.#save({ tuning: state })
    return tuning.learned(state)
  }

  /** The default side at equal total cost; null for a pretrained model, where both sides have the same network. */
  async continueDefault(): Promise<TrainedState | null> {
    const { shared, continued } = this.#at
    await this.#enter('continue')
    if (!shared) return null
    return trainTo(this.#job, continued ?? shared, this.#defaultSteps, (state, loss) =>
      this.#trained('continue', { continued: state }, state, loss),
    )
  }

  /** The networks and schedules that are compared. */
  async sides(shared: TrainedState | null, learned: LearnedSchedules, continued: TrainedState | null): Promise<Sides> {
    const { settings, schedule, subject } = this.#job
    const start = startOf(settings, schedule, this.#at.starts ?? [], denoises(subject).times)
    const retrained = shared !== null && learned.training !== null
    return {
      start: { ...start, state: retrained ? await settle(this.#job, shared) : learned.state },
      learned,
      defaultState: continued ? await settle(this.#job, continued) : learned.state,
    }
  }

  async measure(sides: Sides): Promise<Comparison> {
    await this.#enter('measure')
    return compare(this.#job, sides, {
      candidates: this.#at.candidates,
      rows: this.#at.rows,
      onCandidates: (candidates) => this.#save({ candidates }),
      onRow: async (name, measured) => {
        const { label, steps, fid, recognised } = measured.row
        await this.#job.onEvent?.({ kind: 'row', label, steps, fid: fid.mean, recognised })
        await this.#save({ rows: { ...this.#at.rows, [name]: measured } })
      },
      onEvaluations: (count) => {
        this.#measured += count
        this.#progress('measure', 'comparing on held-out images')
      },
    })
  }

  async assemble({ learned, defaultState }: Sides, comparison: Comparison): Promise<LearnedModel> {
    const job = this.#job
    const { subject, settings, schedule, features, judge } = job
    const { rows, candidates, grids, fidBySteps } = comparison
    this.#tick(this.#at.phase)
    const { seconds } = this.#at
    const tuningEvaluations = this.#at.tuning?.evaluations ?? 0
    const result: ScheduleResult = {
      seed: settings.seed,
      learn: settings.learn,
      sampler: settings.sampler,
      samplingSteps: settings.samplingSteps,
      featureNetwork: features.name,
      judgeNetwork: judge?.name ?? null,
      protocol: this.#protocol(),
      default: rows.default.row,
      bestDefault: rows.bestDefault.row,
      start: rows.start.row,
      manySteps: rows.manySteps.row,
      learned: rows.learned.row,
      gain: {
        overDefault: pairedDifference(rows.default.fidBySeed, rows.learned.fidBySeed),
        overBestDefault: pairedDifference(rows.bestDefault.fidBySeed, rows.learned.fidBySeed),
        overStart: pairedDifference(rows.start.fidBySeed, rows.learned.fidBySeed),
        overManySteps: pairedDifference(rows.manySteps.fidBySeed, rows.learned.fidBySeed),
        judgeOverDefault:
          rows.default.judgeFidBySeed && rows.learned.judgeFidBySeed
            ? pairedDifference(rows.default.judgeFidBySeed, rows.learned.judgeFidBySeed)
            : null,
      },
      real: await realRow(job),
      candidates,
      schedule: { family: learned.family, parameters: learned.parameters, sampling: learned.sampling },
      settings: learnedSampler(settings),
      starts: this.#at.starts ?? [],
      history: this.#at.history,
      curves: curvesOf(comparison),
      fidBySteps,
      grids,
      networkEvaluations: {
        learned: this.#trainedSteps * this.#stepCost + tuningEvaluations,
        default: job.trainer ? this.#defaultSteps * this.#stepCost : 0,
      },
      seconds: {
        training: seconds.train + seconds.continue,
        tuning: seconds.tune,
        evaluation: seconds.measure,
        total: seconds.train + seconds.tune + seconds.continue + seconds.measure,
      },
    }
    const other = defaultState === learned.state ? null : networkAt(subject, defaultState)
    return {
      result,
      model: networkAt(subject, learned.state),
      defaultModel: other && { ...other, trainingSchedule: schedule },
      trainingSchedule: learned.training ?? schedule,
      sampling: learned.sampling,
      settings: learnedSampler(settings),
      prediction: predictionOf(targetOf(subject, settings)),
    }
  }

  get #stepCost(): number {
    return trainingStepCost(this.#job.settings)
  }

  get #trainedSteps(): number {
    return this.#at.shared?.training.step ?? 0
  }

  /** Network evaluations of tuning: what is spent, and what is still planned. */
  get #tuningCost(): number {
    const { settings, subject, family } = this.#job
    const { tuning } = this.#at
    const size = { parameters: family.names.length, statistics: hasStatistics(subject) }
    if (!tuning) return scheduleTuningCost(settings, size).total
    return expectedCost(scheduleProblemCost(settings, size), penaltySettings(settings), settings.iterations, tuning)
  }

  /** Steps of the default side: those it shares, and what tuning costs. */
  get #defaultSteps(): number {
    return this.#trainedSteps + equalSteps(this.#job, this.#at.tuning?.evaluations ?? 0)
  }

  #protocol(): Protocol {
    const { settings, data, trainer } = this.#job
    const { iterations, tuningSamples: samples, estimator } = settings
    return {
      data: `${data.name} (${data.provenance.source}): ${data.provenance.rule}`,
      heldOutImages: data.splits.heldOut.count,
      samplesPerSeed: settings.evaluationSamples,
      samplingSeeds: settings.samplingSeeds,
      trainingSteps: trainer
        ? { learned: this.#at.tuning?.trained?.steps ?? this.#trainedSteps, default: this.#defaultSteps }
        : { learned: 0, default: 0 },
      batch: settings.batch,
      tuning: { iterations, samples, estimator },
      bestDefaultChosenOn: `${settings.candidateSamples} generated images against the tuning split`,
      clip: settings.clip,
      clippedNoise: settings.clippedNoise,
      budget:
        'per image: forward 1, derivative in the input 1, derivative in the weights 1, recomputed forward counts; ' +
        'the default side trains on by what tuning costs, the choice among defaults is charged to neither',
    }
  }

  async #trained(
    phase: 'train' | 'continue',
    part: Partial<LearnCheckpoint>,
    state: TrainedState,
    loss: number,
  ): Promise<void> {
    const { step } = state.training
    await this.#job.onEvent?.({ kind: 'step', phase, step, loss })
    await this.#save(part)
    this.#progress(phase, `training step ${step}, loss ${loss.toFixed(4)}`)
  }

  /** Reports what the checkpoint holds against the whole job. */
  #progress(phase: Phase, detail: string): void {
    const { trainer, settings, onProgress } = this.#job
    const { shared, continued, tuning } = this.#at
    const cost = this.#stepCost
    const steps = continued?.training.step ?? shared?.training.step ?? 0
    const done = steps * cost + (tuning?.evaluations ?? 0) + this.#measured
    const allSteps = trainer
      ? Math.max(settings.trainSteps, this.#trainedSteps) + equalSteps(this.#job, this.#tuningCost)
      : 0
    const total = allSteps * cost + this.#tuningCost + this.#comparisonCost
    onProgress?.({ phase, done, total, detail })
  }

  async #enter(phase: Phase): Promise<void> {
    this.#tick(this.#at.phase)
    if (this.#at.phase !== phase && isBefore(this.#at.phase, phase)) await this.#save({ phase })
  }

  async #save(part: Partial<LearnCheckpoint>): Promise<void> {
    this.#tick(this.#at.phase)
    this.#at = { ...this.#at, ...part }
    await this.#job.onCheckpoint?.(this.#at)
  }

  /** Adds the time since the last call to a phase. */
  #tick(phase: Phase): void {
    const now = Date.now()
    const { seconds } = this.#at
    this.#at = { ...this.#at, seconds: { ...seconds, [phase]: seconds[phase] + (now - this.#clock) / 1000 } }
    this.#clock = now
  }
}

const isBefore = (a: Phase, b: Phase): boolean => PHASES.indexOf(a) < PHASES.indexOf(b)

/** Real tuning images against held-out images: what a perfect model would score. */
async function realRow({ data, features, judge, heldOut }: Job): Promise<ScheduleResult['real']> {
  const tuning = imagesOfSplit(data.splits.tuning)
  const fid = frechetDistance(await features.features(tuning), heldOut.features).value
  if (!judge?.probabilities) return { fid, recognised: null }
  const { confidence } = verdictsOf(await judge.probabilities(imagesOfSplit(data.splits.heldOut)))
  const known = confidence.reduce((sum, value) => sum + Number(value > RECOGNISED_ABOVE), 0)
  return { fid, recognised: known / confidence.length }
}

function curvesOf({ plans }: Comparison): ScheduleCurve[] {
  return (['default', 'bestDefault', 'start', 'learned'] as const).map((name) => ({
    label: plans[name].label,
    logSnr: plans[name].schedule.levels.map(({ logSnr }) => logSnr),
    times: [...plans[name].schedule.times],
  }))
}
