/** The tuning phase: the bilevel problem of the mode, opened for the driver. */
import { internalError } from '../../base/index.ts'
import type { BilevelProblem, DriveHooks, PenaltyReport } from '../../bilevel/index.ts'
import { byParameter, drive, penaltyInit } from '../../bilevel/index.ts'
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
import { compileDenoiser, noiseFamily, predictionOf } from '../../diffusion/index.ts'
import type { NetworkState } from '../../nn/index.ts'
import type { TuningState } from './checkpoint.ts'
import { startCost } from './cost.ts'
import { atOtherSteps } from './families.ts'
import type { Job } from './job.ts'
import { FrechetObjective } from './objective.ts'
import { penaltySettings } from './penalty.ts'
import { samplingProblem, splitProblem, tiedProblem } from './problem.ts'
import type { StartTrial, TuningRecord } from './result.ts'
import { givenParameters, learnedSampler } from './settings.ts'
import { bestPower, familyFrom, tryStarts } from './start.ts'
import type { OpenDenoiser } from './subject.ts'
import { denoises, openDenoiser, targetOf, trainedHere, weightsOf } from './subject.ts'

type AnyProblem = BilevelProblem<string, TrainingState | null, Minibatch>

/** The problem of a mode, and what measures its upper objective. */
interface Opened {
  readonly problem: AnyProblem
  readonly objective: FrechetObjective
}

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
  /** Tunes from the start or a checkpoint to the last iteration. */
  drive(hooks: DriveHooks<string, TrainingState | null>): Promise<TuningState>
  /** What an iteration is noted as, while it is the last one. */
  record(report: PenaltyReport<string>): TuningRecord
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
    ...driven(
      job,
      { problem, objective },
      starts.length === 0 ? initial : { ...initial, samples: 1, evaluations: startCost(settings) },
    ),
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
    prediction: predictionOf(targetOf(job.subject, settings)),
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
    ...driven(job, { problem, objective }, { ...start, trained, draws: step }),
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

/** The driver on the problem of a mode, from `initial` unless a checkpoint is given. */
const driven = ({ settings }: Job, opened: Opened, initial: TuningState): Pick<Tuning, 'drive' | 'record'> => ({
  drive: ({ from = initial, ...hooks }) =>
    drive(opened.problem, penaltySettings(settings), settings.iterations, { from, ...hooks }),
  record: (report) => recordOf(opened, report),
})

/** What an iteration is noted as; of the one the objective was last asked in. */
function recordOf({ problem: { blocks }, objective }: Opened, report: PenaltyReport<string>): TuningRecord {
  return {
    iteration: report.iteration,
    fid: report.value,
    standardError: report.value === null ? null : objective.lastStandardError,
    parameters: byParameter(blocks, report.upper),
    gradient: byParameter(blocks, report.gradient),
    ...(objective.lastDropped > 0 && { droppedDirections: objective.lastDropped }),
    loss: report.loss,
    offsetConverged: report.offset?.converged ?? null,
  }
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
