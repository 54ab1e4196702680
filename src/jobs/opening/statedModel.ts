/** What is stated of a model by its description and its scheduler file: the levels it was trained on, and of its convention what is said. */
import { inputError } from '../../base/index.ts'
import type { ForeignScheduler, ModelDescription, OwnSampling } from '../../diffusion/files/index.ts'
import { loadScheduler, readScheduler } from '../../diffusion/files/index.ts'
import type { ConventionPrediction, NoiseSchedule, StatedConvention } from '../../diffusion/index.ts'
import { levelsOfPrediction, sigmaSchedule, stepList, TOLD_LEVELS } from '../../diffusion/index.ts'

/** What is stated. */
export interface StatedModel {
  readonly stated: StatedConvention
  /** The levels it was trained on. */
  readonly trained: NoiseSchedule
  readonly sampling: OwnSampling
}

/** Times of a flow where nothing says how many. */
const FLOW_TIMES = 1000

/**
 * @param path of the model, for errors
 * @throws `schedule.scheduler` where its levels are not known; `model.description` where description and scheduler contradict each other; `scheduler.*`
 */
export async function statedModel(path: string, described: ModelDescription): Promise<StatedModel> {
  const { scheduler } = described
  const file = scheduler === undefined ? withoutFile(path, described) : await loadScheduler(scheduler)
  return statedBeside(file, String(scheduler), described)
}

/**
 * What is stated beside a scheduler that is read.
 * @param name of the scheduler's file, for errors
 * @throws `model.description`
 */
export function statedBeside(file: ForeignScheduler, name: string, described: ModelDescription): StatedModel {
  const { prediction, pixels, time, timeScale, sigmaData } = described
  const levels = prediction === undefined ? file : levelsFor(prediction, file, name)
  const { schedule: trained, prediction: predicts, assumedPrediction, ...sampling } = levels
  const ofFile = trained.path === 'flow' && predicts === 'velocity' ? 'flow' : predicts
  const said = prediction ?? (assumedPrediction ? undefined : ofFile)
  const stated = { prediction: said, pixels, time, timeScale, sigmaData }
  return {
    stated: Object.fromEntries(Object.entries(stated).filter(([, value]) => value !== undefined)),
    trained,
    sampling,
  }
}

/** The levels of a network that is told its level, or is a flow: nothing else says what they are. @throws `schedule.scheduler` */
function withoutFile(path: string, { prediction, time }: ModelDescription): ForeignScheduler {
  const levels = prediction === undefined ? 'betas' : levelsOfPrediction(prediction)
  if (levels === 'flow') return flowOf(FLOW_TIMES, `a flow of T = ${FLOW_TIMES}`)
  if (levels === 'sigmas' || (time !== undefined && TOLD_LEVELS.includes(time))) return sigmasOf(path)
  throw inputError(
    'schedule.scheduler',
    `an ONNX model does not say what schedule it was trained with, ${path} neither; ` +
      'give it with --scheduler FILE: a diffusers scheduler_config.json, or {"betas": [...]}',
  )
}

/** The levels that a prediction is of, with the file's number of times. @throws `model.description` */
function levelsFor(prediction: ConventionPrediction, file: ForeignScheduler, name: string): ForeignScheduler {
  const { schedule } = file
  const levels = levelsOfPrediction(prediction)
  const isFlow = schedule.path === 'flow'
  if (levels === 'flow') return isFlow ? file : flowOf(schedule.timesteps, name)
  if (!isFlow) return file
  if (levels === 'sigmas') return sigmasOf(name)
  throw inputError(
    'model.description',
    `a model that predicts ${prediction} must come with the betas it was trained on, but ${name} is the scheduler of a flow; give --scheduler FILE with its betas`,
  )
}

const flowOf = (timesteps: number, name: string): ForeignScheduler =>
  readScheduler(
    JSON.stringify({ _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: timesteps }),
    name,
  )

function sigmasOf(name: string): ForeignScheduler {
  const schedule = sigmaSchedule()
  const plain = readScheduler(JSON.stringify({ betas: [...schedule.betas] }), name)
  return {
    ...plain,
    stepList: 'karras',
    timesOf: (steps) => stepList('karras', plain.schedule, steps),
    notes: ['it is told its level, so its levels are sigma .002 to 80, sampled at those of Karras et al. by default'],
  }
}
