/** The tuning phase: the bilevel problem of the mode, opened for the driver. */
import { internalError } from '../../base/index.ts'
import type { BilevelProblem, DriveHooks, PenaltyReport } from '../../bilevel/index.ts'
import { drive, penaltyInit } from '../../bilevel/index.ts'
import type {
  CompiledDenoiser,
  Minibatch,
  SamplerSettings,
  SamplingSchedule,
  ScheduleFamily,
  TrainedState,
  TrainingFamily,
  TrainingSchedule,
  TrainingState,
} from '../../diffusion/index.ts'
import { compileDenoiser, densityFamily, isDensity, noiseFamily, predictionOf } from '../../diffusion/index.ts'
import type { NetworkState } from '../../nn/index.ts'
import type { TuningState } from './checkpoint.ts'
import { atOtherSteps } from './families.ts'
import type { Job } from './job.ts'
import type { Objective } from './objectives/objective.ts'
import { openObjective } from './objectives/open.ts'
import { penaltySettings } from './penalty.ts'
import { splitProblem, tiedProblem } from './problem.ts'
import type { TuningRecord } from './result.ts'
import type { SamplingPlan } from './rows.ts'
import { recordOf } from './search/record.ts'
import type { Search } from './search/search.ts'
import { tuningSeed } from './search/search.ts'
import type { SearchState } from './search/state.ts'
import { givenParameters, learnedSampler, startingList } from './settings/index.ts'
import { denoises, targetOf, trainedHere } from './subject.ts'

type AnyProblem = BilevelProblem<string, TrainingState | null, Minibatch>

/** The problem of a mode, and what measures its upper objective. */
interface Opened {
  readonly problem: AnyProblem
  readonly objective: Objective
}

/** What was learned, as schedules and weights. */
export interface LearnedSchedules {
  readonly family: string
  readonly parameters: Readonly<Record<string, number>>
  readonly sampling: SamplingSchedule
  /** Of its sampler: the one it was learned for, or a default's where that is what is kept. */
  readonly settings: SamplerSettings
  /** The training schedule, where it was learned; else null. */
  readonly training: TrainingSchedule | null
  /** The learned schedule at another number of steps; null where the family is tied to its own. */
  atSteps(steps: number): SamplingSchedule | null
}

/** A tuning problem of a network that is trained for its schedule. */
export interface TrainedTuning {
  /** Tunes from the start or a checkpoint to the last iteration. */
  drive(hooks: DriveHooks<string, TrainingState | null>): Promise<TuningState>
  /** What an iteration is noted as, while it is the last one. */
  record(report: PenaltyReport<string>): TuningRecord
  learned(state: TuningState): LearnedSchedules
  close(): Promise<void>
}

/** What a search has learned, or the best default where that is what is kept. */
export function searchedSchedules(
  job: Job,
  search: Search,
  state: SearchState,
  incumbent: SamplingPlan,
): LearnedSchedules {
  const { family, vector, sampling } = search.found(state)
  const kept = state.decision?.kept === 'start'
  return {
    family: kept ? incumbent.stepList : family.kind,
    parameters: kept ? {} : named(family, vector),
    sampling: kept ? incumbent.schedule : sampling,
    settings: kept ? incumbent.settings : learnedSampler(job.settings),
    training: null,
    atSteps: (steps) => (kept ? null : scheduleAtSteps(job, steps, vector)),
  }
}

/** Opens the problem of a network that is trained for its schedule, at the run that both sides share. */
export async function openTrained(job: Job, shared: TrainedState): Promise<TrainedTuning> {
  const { settings, family: sampling, trainer, device } = job
  const trainedNetwork = trainedHere(job.subject)
  if (!trainedNetwork || !trainer) throw internalError('a trained problem without a trainer')
  const denoiser: CompiledDenoiser = await compileDenoiser({
    network: trainedNetwork.network,
    state: shared.training,
    batch: settings.chunk,
    binding: 'fed',
    prediction: predictionOf(targetOf(job.subject, settings)),
    ...(device && { device }),
  })
  const { trainingFamily, timesteps } = settings
  const training = isDensity(job.trainedOn)
    ? densityFamily(job.trainedOn)
    : noiseFamily({ family: trainingFamily, timesteps, initial: givenParameters(settings) })
  const { tuningSamples: samples, seed } = settings
  const objective = openObjective(job, denoiser, { samples, seed: tuningSeed(seed) })
  const parts = { trainer, objective, denoiser, training, sampling, learningRate: job.rate, initial: shared.training }
  const tied = settings.learn === 'tied'
  const problem = (tied ? tiedProblem(parts) : splitProblem(parts)) as unknown as AnyProblem
  const start = penaltyInit(problem, penaltySettings(settings))
  const { step } = shared.training
  const trained = { y: shared.training, average: shared.ema, offset: new Float64Array(shared.ema.length), steps: step }
  return {
    ...driven(job, { problem, objective }, { ...start, trained, draws: step }),
    learned: (state) => learnedOf(job, state, { training, sampling, tied }),
    close: () => denoiser.dispose(),
  }
}

/** The averaged network of a tuning run that trains, its running statistics made under the learned schedule. */
export async function settleTuned(
  { trainer }: Job,
  { trained }: TuningState,
  training: TrainingSchedule,
): Promise<NetworkState> {
  const y = trained?.y
  if (!trained || !y || !trainer) throw internalError('a trained problem without its state')
  return trainer.settle({ ...y, weights: Float32Array.from(trained.average) }, training)
}

function learnedOf(
  job: Job,
  { upper }: TuningState,
  { training, sampling, tied }: { training: TrainingFamily; sampling: ScheduleFamily; tied: boolean },
): LearnedSchedules {
  const trainingVector = upper[tied ? 'schedule' : 'trainingSchedule']
  const vector = upper[tied ? 'schedule' : 'samplingSchedule']
  const schedule = training.toSchedule(trainingVector)
  return {
    family: sampling.kind,
    parameters: named(sampling, vector),
    sampling: sampling.toSchedule(vector),
    settings: learnedSampler(job.settings),
    training: schedule,
    atSteps: (steps) => scheduleAtSteps(job, steps, vector),
  }
}

/** The driver on the problem of a mode, from `initial` unless a checkpoint is given. */
const driven = ({ settings }: Job, opened: Opened, initial: TuningState): Pick<TrainedTuning, 'drive' | 'record'> => ({
  drive: ({ from = initial, ...hooks }) =>
    drive(opened.problem, penaltySettings(settings), settings.iterations, { from, ...hooks }),
  record: (report) => recordOf(opened.problem.blocks, opened.objective, report),
})

const named = ({ names }: { readonly names: readonly string[] }, vector: Float64Array): Record<string, number> =>
  Object.fromEntries(names.map((name, i) => [name, vector[i]]))

/** A family of as many parameters at any number of steps gives the learned schedule there; free levels do not. */
function scheduleAtSteps({ subject, settings, schedule }: Job, steps: number, vector: Float64Array) {
  const { times } = denoises(subject)
  return (
    atOtherSteps(settings.samplingFamily, schedule, steps, startingList(settings), times)?.toSchedule(vector) ?? null
  )
}

/** The averaged network of a training run, its running statistics made for the averaged weights. */
export async function settle(
  { trainer, trainedOn }: Pick<Job, 'trainer' | 'trainedOn'>,
  run: TrainedState,
): Promise<NetworkState> {
  const averaged = { ...run.training, weights: run.ema.slice() }
  return trainer ? trainer.settle(averaged, trainedOn) : averaged
}
