/**
 * Learning a schedule, the whole job: train, tune, train the default side on by as much, compare. Every phase can go on from a
 * checkpoint to the numbers of a run that was never cut off.
 */
import { inputError, internalError } from '../../base/index.ts'
import { expectedCost } from '../../bilevel/index.ts'
import type {
  Denoiser,
  NoiseSchedule,
  Prediction,
  SamplerSettings,
  SamplingSchedule,
  TrainedState,
} from '../../diffusion/index.ts'
import { networkEvaluations, predictionOf } from '../../diffusion/index.ts'
import { frechetDistance, pairedDifference, RECOGNISED_ABOVE, verdictsOf } from '../../metrics/index.ts'
import type { DenoisingNetwork, NetworkState } from '../../nn/index.ts'
import { evaluationsEach } from '../classGuidance.ts'
import { finalSamples, planOf, rankDefaults, rankingCost } from './candidates.ts'
import type { LearnCheckpoint, Phase, StepsCheckpoint } from './checkpoint.ts'
import { LEARN_START, PHASES, STEPS_START } from './checkpoint.ts'
import { comparedBy, gainOver } from './compared.ts'
import type { Comparison, States } from './comparison.ts'
import { compare, comparisonCost, networksOf } from './comparison.ts'
import { scheduleProblemCost, scheduleTuningCost, trainingStepCost } from './cost.ts'
import type { Job, LearnOptions } from './job.ts'
import { imagesOfSplit, openJob } from './job.ts'
import { neighbourOf } from './neighbour.ts'
import { OBJECTIVE_WORDS, toldText } from './objectives/names.ts'
import { penaltySettings } from './penalty.ts'
import type { Decision, Protocol, ScheduleCurve, ScheduleResult } from './result.ts'
import type { SamplingPlan } from './rows.ts'
import { Search, stillMoving } from './search/search.ts'
import { familyFrom } from './search/startPool.ts'
import { SEARCH_START } from './search/state.ts'
import type { LearnSettings } from './settings/index.ts'
import { learnedSampler, settingsAt, startingList, stepNumbers } from './settings/index.ts'
import { denoises, hasStatistics, networkAt, openDenoiser, targetOf, weightsOf } from './subject.ts'
import { equalSteps, trainTo } from './training.ts'
import type { LearnedSchedules } from './tuning.ts'
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
  } | null
  /** The schedule the deployed network was trained with. */
  readonly trainingSchedule: NoiseSchedule
  /** Of the first number of steps. */
  readonly sampling: SamplingSchedule
  readonly settings: SamplerSettings
  /** What the network predicts, at the levels of its training schedule. */
  readonly prediction: Prediction
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

/** What the objective compares with or asks. */
function objectiveWords({ settings, features, reward }: Job): string | null {
  const { objective, teacherSampler, teacherSteps, teacherList, teacherSpace, teacherSoft } = settings
  if (objective === 'fid') return null
  if (objective === 'reward') return reward?.name ?? null
  const space = teacherSpace === 'features' ? `features of ${features?.name}` : 'pixels'
  const soft = teacherSoft === null ? '' : `, start noise within ${teacherSoft} (root mean square) while tuning`
  return `${teacherSampler}, ${teacherSteps} steps on ${teacherList}, in ${space}${soft}`
}

/** What was learned at one number of steps, and where its search ended. */
interface Learned {
  readonly job: Job
  readonly schedules: LearnedSchedules
  /** What is there without tuning. */
  readonly start: SamplingPlan
  readonly outcome: Pick<ScheduleResult, 'starts' | 'tuned' | 'history' | 'decision' | 'stillMoving'>
}

/** The phases, around one growing checkpoint. What is done and what is spent is read off it, so a resumed job goes on where it was. */
class LearnRun {
  readonly #job: Job
  /** The job at each number of steps. */
  readonly #jobs: readonly Job[]
  #at: LearnCheckpoint
  /** Network evaluations of the comparison, made now or before. */
  #measured = 0
  /** Of a ranking or a screening that is under way, which is counted whole when it is over. */
  #underWay = 0
  #clock = Date.now()

  constructor(job: Job) {
    this.#job = job
    this.#jobs = stepNumbers(job.settings).map((steps) => jobAt(job, steps))
    this.#at = job.from ? reopened(job.from, job.settings) : LEARN_START
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

  /** What is learned, at every number of steps. */
  async tune(shared: TrainedState | null): Promise<Learned[]> {
    await this.#enter('tune')
    this.#progress('tune', 'before the first iteration')
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
    const words = OBJECTIVE_WORDS[objective].label
    const told = (value: number | null) => (value === null ? 'priming' : toldText(objective, value))
    const defaults =
      this.#stepsAt(steps).defaults ??
      (await rankDefaults(job, denoiser, async (candidate) => {
        await onEvent?.({ kind: 'candidate', steps, objective: comparedBy(job), ...candidate })
        this.#underWay += candidate.samples * evaluationsEach(job.settings) * networkEvaluations(job.settings, steps)
        this.#progress('tune', `default ${candidate.sampler}, ${candidate.stepList}: ${words} ${told(candidate.value)}`)
      }))
    this.#underWay = 0
    this.#measured += rankingCost(job)
    if (!this.#stepsAt(steps).defaults) await this.#saveSteps(steps, { defaults })
    const incumbent = planOf(job, defaults[0])
    const neighbours = before.flatMap((other) => neighbourOf(job, other))
    const search = new Search(job, denoiser, incumbent, neighbours)
    const state = await search.run(this.#stepsAt(steps).search ?? SEARCH_START, {
      ...(signal && { signal }),
      onTrial: async (trial) => {
        await onEvent?.({ kind: 'trial', steps, objective, ...trial })
        this.#underWay += trial.samples * evaluationsEach(job.settings) * networkEvaluations(job.settings, steps)
        this.#progress('tune', `start ${trial.name}: ${words} ${told(trial.value)}`)
      },
      onIteration: async (record, start, evaluations) => {
        await onEvent?.({ kind: 'iteration', steps, start, evaluations, objective, ...record })
        const of = `iteration ${record.iteration} of ${job.settings.iterations}`
        this.#progress('tune', `${of}, from ${start}, ${words} ${told(record.value)}`)
      },
      onDecision: (decision) => onEvent?.({ kind: 'decision', steps, objective, ...decisionEvent(decision) }),
      onState: (state) => {
        this.#underWay = 0
        return this.#saveSteps(steps, { search: state })
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
      const { tuning: from, history } = this.#stepsAt(steps)
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
        onCheckpoint: (tuning) => this.#saveSteps(steps, { tuning, history: [...records] }),
        onProgress: () => {
          const { iteration, value } = records[records.length - 1]
          const told = value === null ? 'priming' : toldText(objective, value)
          const of = `iteration ${iteration} of ${settings.iterations}`
          this.#progress('tune', `${of}, ${OBJECTIVE_WORDS[objective].label} ${told}`)
        },
      })
      if (!from) await this.#saveSteps(steps, { tuning: state })
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
    const { shared, continued } = this.#at
    await this.#enter('continue')
    if (!shared) return null
    return trainTo(this.#job, continued ?? shared, this.#defaultSteps, (state, loss) =>
      this.#trained('continue', { continued: state }, state, loss),
    )
  }

  /** Compares at every number of steps, and puts together what came out. */
  async measure(
    shared: TrainedState | null,
    all: readonly Learned[],
    continued: TrainedState | null,
  ): Promise<LearnedModel> {
    await this.#enter('measure')
    const job = this.#job
    const { subject, schedule } = job
    const states = await this.#states(shared, all[0], continued)
    const compared: LearnedSteps[] = []
    for (const learned of all) {
      const { sampling, settings } = learned.schedules
      compared.push({ result: await this.#compared(learned, states), sampling, settings })
    }
    const [{ result, sampling, settings }] = compared
    const other = states.default === states.learned ? null : networkAt(subject, states.default)
    return {
      result,
      model: networkAt(subject, states.learned),
      defaultModel: other && { ...other, trainingSchedule: schedule },
      trainingSchedule: all[0].schedules.training ?? schedule,
      sampling,
      settings,
      prediction: predictionOf(targetOf(subject, job.settings)),
      steps: compared,
    }
  }

  /** Deployed weights: of both sides, and of the network before tuning. */
  async #states(shared: TrainedState | null, { job, schedules }: Learned, continued: TrainedState | null) {
    const { subject, settings } = job
    const before = shared ? await settle(job, shared) : null
    const { tuning } = this.#stepsAt(settings.samplingSteps)
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
    const at = () => this.#stepsAt(steps)
    const before = this.#measured
    const comparison = await compare(
      job,
      { learned: schedules, start, states, defaults: at().defaults },
      {
        candidates: at().candidates,
        rows: at().rows,
        onCandidates: (candidates) => this.#saveSteps(steps, { candidates }),
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
          await this.#saveSteps(steps, { rows: { ...at().rows, [name]: measured } })
        },
        onEvaluations: (count) => {
          this.#measured += count
          this.#progress('measure', 'comparing on held-out images')
        },
      },
    )
    // A best default that takes fewer evaluations than it may leaves less to do than was planned.
    const ranked = at().defaults ? rankingCost(job) : 0
    this.#measured = before + comparisonCost(job, networksOf(job), at().search?.decision?.kept) - ranked
    this.#progress('measure', 'comparing on held-out images')
    return this.#assemble(learned, comparison)
  }

  async #assemble({ job, schedules: learned, outcome }: Learned, comparison: Comparison): Promise<ScheduleResult> {
    const { settings, features, judge } = job
    const { rows, candidates, grids, bySteps } = comparison
    this.#tick(this.#at.phase)
    const { seconds } = this.#at
    const tuningEvaluations = this.#tuningEvaluations
    return {
      seed: settings.seed,
      learn: settings.learn,
      sampler: settings.sampler,
      samplingSteps: settings.samplingSteps,
      objective: settings.objective,
      objectiveWords: objectiveWords(job),
      comparedBy: comparedBy(job),
      featureNetwork: features?.name ?? null,
      judgeNetwork: judge?.name ?? null,
      protocol: this.#protocol(job),
      default: rows.default.row,
      bestDefault: rows.bestDefault.row,
      start: rows.start.row,
      manySteps: rows.manySteps.row,
      learned: rows.learned.row,
      ceiling: comparison.ceiling?.row ?? null,
      gain: {
        overDefault: gainOver(job, rows.default, rows.learned),
        overBestDefault: gainOver(job, rows.bestDefault, rows.learned),
        overStart: gainOver(job, rows.start, rows.learned),
        overManySteps: gainOver(job, rows.manySteps, rows.learned),
        judgeOverDefault:
          rows.default.judgeFidBySeed && rows.learned.judgeFidBySeed
            ? pairedDifference(rows.default.judgeFidBySeed, rows.learned.judgeFidBySeed)
            : null,
      },
      real: await realRow(job),
      candidates,
      schedule: { family: learned.family, parameters: learned.parameters, sampling: learned.sampling },
      settings: learned.settings,
      ...outcome,
      curves: curvesOf(comparison),
      bySteps,
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
  }

  get #stepCost(): number {
    return trainingStepCost(this.#job.settings)
  }

  get #trainedSteps(): number {
    return this.#at.shared?.training.step ?? 0
  }

  /** Network evaluations of tuning at all numbers of steps, so far. */
  get #tuningEvaluations(): number {
    return Object.values(this.#at.steps).reduce(
      (sum, { search, tuning }) => sum + (search?.evaluations ?? 0) + (tuning?.evaluations ?? 0),
      0,
    )
  }

  /** The same: what is spent where it is over, and what is planned elsewhere. */
  get #tuningCost(): number {
    const { subject } = this.#job
    return this.#jobs.reduce((sum, { settings, family }, neighbours) => {
      const { search, tuning } = this.#stepsAt(settings.samplingSteps)
      if (search?.decision) return sum + search.evaluations
      const size = { parameters: family.names.length, statistics: hasStatistics(subject) }
      const planned = scheduleTuningCost(settings, size, neighbours).total
      if (!tuning) return sum + Math.max(planned, search?.evaluations ?? 0)
      const problem = scheduleProblemCost(settings, size)
      return sum + expectedCost(problem, penaltySettings(settings), settings.iterations, tuning)
    }, 0)
  }

  /** Of the comparison: the learned schedule stands at other numbers of steps too, unless the best default was kept. */
  get #comparisonCost(): number {
    return this.#jobs.reduce((sum, at) => {
      const { search } = this.#stepsAt(at.settings.samplingSteps)
      return sum + comparisonCost(at, networksOf(at), search?.decision?.kept)
    }, 0)
  }

  /** Steps of the default side: those it shares, and what tuning costs. */
  get #defaultSteps(): number {
    return this.#trainedSteps + equalSteps(this.#job, this.#tuningEvaluations)
  }

  #protocol({ settings, data, trainer }: Job): Protocol {
    const { iterations, tuningSamples: samples, estimator } = settings
    return {
      data: data && `${data.name} (${data.provenance.source}): ${data.provenance.rule}`,
      heldOutImages: data?.splits.heldOut.count ?? 0,
      samplesPerSeed: settings.evaluationSamples,
      samplingSeeds: settings.samplingSeeds,
      trainingSteps: trainer
        ? {
            learned: this.#stepsAt(settings.samplingSteps).tuning?.trained?.steps ?? this.#trainedSteps,
            default: this.#defaultSteps,
          }
        : { learned: 0, default: 0 },
      batch: settings.batch,
      tuning: { iterations, samples, estimator },
      bestDefaultChosenOn: `${finalSamples(settings)} generated images${comparedBy(this.#job) === 'fid' ? ' against the tuning split' : ''}`,
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
    const { shared, continued } = this.#at
    const cost = this.#stepCost
    const steps = continued?.training.step ?? shared?.training.step ?? 0
    const done = steps * cost + this.#tuningEvaluations + this.#measured + this.#underWay
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

  #stepsAt(steps: number): StepsCheckpoint {
    return this.#at.steps[steps] ?? STEPS_START
  }

  #saveSteps(steps: number, part: Partial<StepsCheckpoint>): Promise<void> {
    return this.#save({ steps: { ...this.#at.steps, [steps]: { ...this.#stepsAt(steps), ...part } } })
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

/**
 * A run goes on where more iterations are asked for than its tuning ended with, at every number of steps where it did: with the iterations
 * there are, and all that came after them made anew.
 */
function reopened(from: LearnCheckpoint, { iterations }: LearnSettings): LearnCheckpoint {
  const doneOf = ({ search, history }: StepsCheckpoint) =>
    search ? Math.max(0, ...search.runs.map((run) => run.history.length)) : history.length
  const over = isBefore('tune', from.phase)
  const done = Math.max(0, ...Object.values(from.steps).map(doneOf))
  requireNoFewerIterations(iterations, done)
  const ended = (at: StepsCheckpoint) => (over || at.search?.decision) && doneOf(at) < iterations
  if (!Object.values(from.steps).some(ended)) return from
  const steps = Object.entries(from.steps).map(([name, at]) => {
    const { defaults, search, tuning, history } = at
    const again = { ...STEPS_START, defaults, search: search && { ...search, decision: null }, tuning, history }
    return [name, ended(at) ? again : at]
  })
  return { ...from, phase: 'tune', steps: Object.fromEntries(steps) }
}

/** @throws `learn.iterations` on fewer iterations than are done */
export function requireNoFewerIterations(iterations: number, done: number): void {
  if (iterations >= done) return
  throw inputError(
    'learn.iterations',
    `a run may go on with more iterations, not with fewer: ${done} are done, got ${iterations}; give ${done} or more`,
  )
}

const isBefore = (a: Phase, b: Phase): boolean => PHASES.indexOf(a) < PHASES.indexOf(b)

/** Real tuning images against held-out images: what a perfect model would score. */
async function realRow({ data, features, judge, heldOut }: Job): Promise<ScheduleResult['real']> {
  if (!data || !features || !heldOut) return null
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
