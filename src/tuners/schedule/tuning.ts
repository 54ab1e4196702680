/** The tuning phase: the bilevel problem of the mode, driven iteration by iteration from any state. */
import { internalError } from '../../base/index.ts'
import type { BilevelProblem, PenaltySettings } from '../../bilevel/index.ts'
import { estimatorByName, PENALTY_DEFAULTS, penaltyInit, penaltyStep } from '../../bilevel/index.ts'
import type {
  CompiledDenoiser,
  FamilySchedule,
  Minibatch,
  NoiseFamily,
  SamplingSchedule,
  ScheduleFamily,
  TrainedState,
  TrainingState,
} from '../../diffusion/index.ts'
import { compileDenoiser, noiseFamily } from '../../diffusion/index.ts'
import type { NetworkState } from '../../nn/index.ts'
import type { TuningState } from './checkpoint.ts'
import { startCost } from './cost.ts'
import { atOtherSteps } from './families.ts'
import type { Job } from './job.ts'
import { FrechetObjective } from './objective.ts'
import { samplingProblem, splitProblem, tiedProblem } from './problem.ts'
import type { StartTrial, TuningRecord } from './result.ts'
import type { LearnSettings } from './settings.ts'
import { givenParameters, learnedSampler } from './settings.ts'
import { bestPower, familyFrom, tryStarts } from './start.ts'
import type { OpenDenoiser } from './subject.ts'
import { denoises, openDenoiser, trainedHere, weightsOf } from './subject.ts'

type AnyProblem = BilevelProblem<string, TrainingState | null, Minibatch>

/** What was learned, as schedules and weights. */
export interface LearnedSchedules {
  readonly family: string
  readonly parameters: Readonly<Record<string, number>>
  readonly sampling: SamplingSchedule
  /** The training schedule, where it was learned; else null. */
  readonly training: FamilySchedule | null
  /** Deployed weights of the learned side; null for foreign models. */
  readonly state: NetworkState | null
  /** The learned schedule at another number of steps; null where the family is tied to its own. */
  atSteps(steps: number): SamplingSchedule | null
}

/** A tuning problem that is ready to run. */
export interface Tuning {
  /** The starts that were tried; none where there was no choice. */
  readonly starts: readonly StartTrial[]
  /** The state before the first iteration. */
  readonly initial: TuningState
  step(
    state: TuningState,
  ): Promise<{ readonly state: TuningState; readonly record: TuningRecord; readonly evaluations: number }>
  learned(state: TuningState): Promise<LearnedSchedules>
  close(): Promise<void>
}

/**
 * Opens the tuning problem of a job at the shared run's state (null: pretrained).
 * @param starts those tried before the job was cut off; null: none yet
 */
export async function openTuning(
  job: Job,
  shared: TrainedState | null,
  starts: readonly StartTrial[] | null,
): Promise<Tuning> {
  return job.settings.learn === 'sampling' ? openSampling(job, shared, starts) : openTrained(job, shared)
}

function penaltySettings(settings: LearnSettings): PenaltySettings {
  const { estimator, delta, iterations, seed, upperRate, gamma, lowerSteps, twinSteps, z, emaDecay, freshSamples } =
    settings
  const chosen = estimatorByName(estimator, estimator === 'backpropagation' ? {} : { delta })
  return {
    ...PENALTY_DEFAULTS,
    gamma,
    lowerSteps,
    twinSteps,
    z,
    averageDecay: emaDecay,
    estimator: chosen,
    // The gradient that pulls z is in the weights; coordinate differences cannot give it.
    weightsEstimator: chosen.inWeights ? chosen : estimatorByName('backpropagation'),
    adam: { ...PENALTY_DEFAULTS.adam, rate: upperRate, decayOver: iterations },
    freshSamples,
    seed,
  }
}

/** Tuning draws start noise of its own: in the final rows' noise a learned schedule would be measured where it was fitted. */
export const tuningSeed = (seed: number): number => (seed + 2 ** 32) % 2 ** 53

function objectiveOf(job: Job, denoiser: OpenDenoiser['denoiser']): FrechetObjective {
  const { features, tuningReference, settings, condition, signal } = job
  return new FrechetObjective({
    denoiser,
    features,
    reference: tuningReference,
    settings: learnedSampler(settings),
    samples: settings.tuningSamples,
    seed: tuningSeed(settings.seed),
    through: settings.through,
    ...(condition && { condition }),
    ...(signal && { signal }),
  })
}

async function openSampling(
  job: Job,
  shared: TrainedState | null,
  tried: readonly StartTrial[] | null,
): Promise<Tuning> {
  const { subject, settings, schedule, device, onEvent } = job
  const settled = shared && (await settle(job, shared))
  const open = await openDenoiser(subject, settled, { chunk: settings.chunk, ...(device && { device }) })
  const objective = objectiveOf(job, open.denoiser)
  const starts =
    tried ?? (await tryStarts(objective, settings, schedule, (trial) => onEvent?.({ kind: 'trial', ...trial })))
  const family = familyFrom(settings, schedule, bestPower(settings, starts), open.denoiser.times)
  const problem = samplingProblem(objective, family) as unknown as AnyProblem
  const initial = penaltyInit(problem, penaltySettings(settings))
  const state = weightsOf(subject, settled)
  return {
    starts,
    // The trials' samples are behind it, and paid for.
    initial: starts.length === 0 ? initial : { ...initial, samples: 1, evaluations: startCost(settings) },
    step: (at) => iterate(job, problem, objective, at),
    learned: async ({ upper: { samplingSchedule: vector } }) => ({
      family: family.kind,
      parameters: named(family, vector),
      sampling: family.toSchedule(vector),
      training: null,
      state,
      atSteps: (steps) => scheduleAtSteps(job, steps, vector),
    }),
    close: open.close,
  }
}

async function openTrained(job: Job, shared: TrainedState | null): Promise<Tuning> {
  const { settings, family: sampling, trainer, device } = job
  const trainedNetwork = trainedHere(job.subject)
  if (!trainedNetwork || !trainer || !shared) throw internalError('a trained problem without a trainer')
  const denoiser: CompiledDenoiser = await compileDenoiser({
    network: trainedNetwork.network,
    state: shared.training,
    batch: settings.chunk,
    binding: 'fed',
    ...(device && { device }),
  })
  const { trainingFamily, timesteps } = settings
  const training = noiseFamily({ family: trainingFamily, timesteps, initial: givenParameters(settings) })
  const objective = objectiveOf(job, denoiser)
  const parts = { trainer, objective, denoiser, training, sampling, learningRate: job.rate, initial: shared.training }
  const tied = settings.learn === 'tied'
  const problem = (tied ? tiedProblem(parts) : splitProblem(parts)) as unknown as AnyProblem
  const start = penaltyInit(problem, penaltySettings(settings))
  const { step } = shared.training
  const trained = { y: shared.training, average: shared.ema, offset: new Float64Array(shared.ema.length), steps: step }
  return {
    starts: [],
    initial: { ...start, trained, draws: step },
    step: (at) => iterate(job, problem, objective, at),
    learned: (state) => learnedOf(job, state, { training, sampling, tied }),
    close: () => denoiser.dispose(),
  }
}

async function learnedOf(
  job: Job,
  { upper, trained }: TuningState,
  { training, sampling, tied }: { training: NoiseFamily; sampling: ScheduleFamily; tied: boolean },
): Promise<LearnedSchedules> {
  const y = trained?.y
  if (!trained || !y || !job.trainer) throw internalError('a trained problem without its state')
  const trainingVector = upper[tied ? 'schedule' : 'trainingSchedule']
  const vector = upper[tied ? 'schedule' : 'samplingSchedule']
  const schedule = training.toSchedule(trainingVector)
  const state = await job.trainer.settle({ ...y, weights: Float32Array.from(trained.average) }, schedule)
  return {
    family: sampling.kind,
    parameters: named(sampling, vector),
    sampling: sampling.toSchedule(vector),
    training: schedule,
    state,
    atSteps: (steps) => scheduleAtSteps(job, steps, vector),
  }
}

async function iterate(job: Job, problem: AnyProblem, objective: FrechetObjective, state: TuningState) {
  const before = state.upper
  const { state: next, report } = await penaltyStep(problem, penaltySettings(job.settings), state)
  const parameters: Record<string, number> = {}
  const gradient: Record<string, number> = {}
  const blocks = Object.keys(problem.blocks)
  for (const name of blocks) {
    problem.blocks[name].names.forEach((parameter, i) => {
      const key = blocks.length === 1 ? parameter : `${name}.${parameter}`
      parameters[key] = before[name][i]
      gradient[key] = report.gradient[name][i]
    })
  }
  const record: TuningRecord = {
    iteration: report.iteration,
    fid: report.value,
    standardError: report.value === null ? null : objective.lastStandardError,
    parameters,
    gradient,
    loss: report.loss,
    offsetConverged: report.offset?.converged ?? null,
  }
  return { state: next, record, evaluations: report.evaluations }
}

const named = ({ names }: { readonly names: readonly string[] }, vector: Float64Array): Record<string, number> =>
  Object.fromEntries(names.map((name, i) => [name, vector[i]]))

/** A family of as many parameters at any number of steps gives the learned schedule there; free levels do not. */
function scheduleAtSteps({ subject, settings, schedule }: Job, steps: number, vector: Float64Array) {
  const { samplingFamily, stepList } = settings
  const { times } = denoises(subject)
  return atOtherSteps(samplingFamily, schedule, steps, stepList, times)?.toSchedule(vector) ?? null
}

/** The averaged network of a training run, its running statistics made for the averaged weights. */
export async function settle(
  { trainer, schedule }: Pick<Job, 'trainer' | 'schedule'>,
  run: TrainedState,
): Promise<NetworkState> {
  const averaged = { ...run.training, weights: run.ema.slice() }
  return trainer ? trainer.settle(averaged, schedule) : averaged
}
