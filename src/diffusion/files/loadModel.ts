/**
 * Reads a model folder: one that `saveModel` wrote, or one of diffusers with a `UNet2DModel` and a scheduler that is read, whatever the network
 * predicts. Only safetensors are read: a pickle can run code.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { inputError } from '../../base/index.ts'
import type { DenoisingNetwork } from '../../nn/index.ts'
import { networkFromConfig, stateFromTensors } from '../../nn/index.ts'
import type { Prediction } from '../denoiser.ts'
import type { SamplerSettings } from '../samplers/settings.ts'
import { pathOf } from '../schedules/level.ts'
import { DENSITY_NAMES } from '../schedules/logSnrDensity.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import type { TrainingRecord } from '../training/trainingRecord.ts'
import { WEIGHTING_NAMES } from '../training/weighting.ts'
import type { ForeignScheduler, OwnSampling } from './foreignScheduler.ts'
import { readSchedulerText } from './loadScheduler.ts'
import type { Model, NamedSchedule } from './modelFolder.ts'
import { CLASS_NAMES, MODEL_FILES, TRAINED_ON } from './modelFolder.ts'
import { readTrainingScheduler } from './modelFolderScheduler.ts'
import type { Json, ModelLayout } from './modelLayout.ts'
import { layoutOf, missingScheduler, readJson, readModelText } from './modelLayout.ts'
import { readWeights } from './modelWeights.ts'
import { readSamplingSchedule } from './scheduleFile.ts'

const trainingRecordSchema = z.strictObject({
  density: z
    .strictObject({
      ...{ name: z.enum(DENSITY_NAMES), mean: z.number(), width: z.number().positive() },
      importance: z.literal(true).optional(),
    })
    .optional(),
  weighting: z.strictObject({ name: z.enum(WEIGHTING_NAMES), gamma: z.number().positive().optional() }).optional(),
})

/** A model from disk. */
export interface LoadedModel extends Model {
  readonly prediction: Prediction
  readonly clip: SamplerSettings['clip']
  /** The sampler that the folder's scheduler describes, and what is sampled otherwise here. */
  readonly sampler: OwnSampling
  /** Whether this project wrote it, schedule and all: then its convention is known. */
  readonly own: boolean
  /** What a reader must know of the network and its files, a sentence each. */
  readonly notes: readonly string[]
}

/** How a folder is read where it does not say everything itself. */
export interface LoadModelOptions {
  /** The training schedule, in place of the folder's own; default null: that is read. */
  readonly scheduler?: string | null
  /** What stands before the names of the tensors (`module.`, `_orig_mod.`) and is taken off; default null: nothing. */
  readonly weightsPrefix?: string | null
}

/**
 * Reads a model folder: of a pipeline, with all files side by side, or with a network alone (then `scheduler` must be given).
 * @throws `model.open` naming the folder or file that is missing, `model.pickle` where the weights are a pickle, `model.class` on a
 * pipeline or network of another class, `model.json`, `model.shards`, `model.schedules`; `file.lfsPointer` and `file.webPage` where a file
 * stands in for another; and what the readers of network configs, safetensors, schedulers and sampling schedules throw
 */
export async function loadModel(folder: string, options: LoadModelOptions = {}): Promise<LoadedModel> {
  const { weightsPrefix = null } = options
  const layout = await layoutOf(folder)
  const network = await loadNetwork(layout)
  const { tensors, source } = await readWeights(layout.networkFolder, weightsPrefix)
  const state = stateFromTensors(network, tensors, source)
  const { schedule, prediction, ...sampler } = await loadTrainingScheduler(folder, layout, options)
  const { schedules, leftOut } = await fittingSchedules(folder, schedule, options)
  return {
    network,
    state,
    noiseSchedule: schedule,
    prediction,
    ...(await classNamesIn(folder)),
    ...(layout.own && (await trainedOnIn(layout))),
    clip: sampler.settings.clip,
    samplingSchedules: schedules,
    sampler,
    own: layout.own && (options.scheduler ?? null) === null,
    notes: [...(network.notes ?? []), ...scheduleNotes(layout, options), ...leftOut],
  }
}

async function loadNetwork({ config: path, own }: ModelLayout): Promise<DenoisingNetwork> {
  const config = await readJson(path)
  return networkFromConfig(own ? withNullClass(config) : config)
}

/** Folders that this project wrote before their config said so have a null class, the last row of the table. */
function withNullClass(config: Json): Json {
  const { _producer, _null_class, num_class_embeds: rows } = config
  if (_producer !== undefined || _null_class !== undefined || typeof rows !== 'number') return config
  return { ...config, _null_class: rows - 1 }
}

async function loadTrainingScheduler(
  folder: string,
  layout: ModelLayout,
  { scheduler: given = null }: LoadModelOptions,
): Promise<ForeignScheduler> {
  if (given !== null) return readTrainingScheduler(await readSchedulerText(given), given)
  if (layout.scheduler === null) throw await missingScheduler(folder)
  return readTrainingScheduler(await readModelText(layout.scheduler), layout.scheduler)
}

function scheduleNotes({ scheduler: own }: ModelLayout, { scheduler: given = null }: LoadModelOptions): string[] {
  if (given === null || own === null) return []
  return [`its schedule is read from ${given}, not from the folder's own ${own}`]
}

/** Learned sampling schedules that fit the training schedule; where that is another one than the folder's own, the others are left out and said. */
async function fittingSchedules(
  folder: string,
  schedule: NoiseSchedule,
  { scheduler = null }: LoadModelOptions,
): Promise<{ readonly schedules: readonly NamedSchedule[]; readonly leftOut: readonly string[] }> {
  const all = await loadSchedules(folder)
  const unfit = all.filter((one) => misfit(one, schedule) !== null)
  if (unfit.length === 0) return { schedules: all, leftOut: [] }
  const [first] = unfit
  if (scheduler === null) {
    const file = join(folder, MODEL_FILES.schedules, first.name, 'sampling_schedule.json')
    throw inputError('model.schedules', `${file} must be for ${misfit(first, schedule)}`)
  }
  const names = unfit.map(({ name }) => name).join(', ')
  return {
    schedules: all.filter((one) => !unfit.includes(one)),
    leftOut: [`its learned schedules ${names} are left out: they must be for ${misfit(first, schedule)}`],
  }
}

/** What a learned schedule must be for and is not; null: it fits. */
function misfit({ schedule: own }: NamedSchedule, { timesteps, path }: NoiseSchedule): string | null {
  if (own.timesteps !== timesteps) {
    return `the model's number of timesteps, it has T = ${own.timesteps}, the model ${timesteps}`
  }
  if (pathOf(own.levels) === path) return null
  return `the model's process, it is for ${path === 'flow' ? 'no flow, the model is one' : 'a flow, the model is none'}`
}

/** Learned sampling schedules by name, in order; none where there is no such folder. */
async function loadSchedules(folder: string): Promise<NamedSchedule[]> {
  const names = await readdir(join(folder, MODEL_FILES.schedules)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return Promise.all(
    names.toSorted().map(async (name) => {
      const file = join(MODEL_FILES.schedules, name, 'sampling_schedule.json')
      return { name, ...readSamplingSchedule(await readModelText(join(folder, file)), join(folder, file)) }
    }),
  )
}

/** Nothing where it is not said, or in no form that is known here: nothing is decided by it. */
async function trainedOnIn({ scheduler }: ModelLayout): Promise<Pick<Model, 'trainedOn'>> {
  const config = scheduler === null ? null : await readJson(scheduler)
  const { data } = trainingRecordSchema.safeParse(config?.[TRAINED_ON])
  return data ? { trainedOn: data as TrainingRecord } : {}
}

/** Names of classes in `model_index.json`: ours, or those of diffusers' DiT pipelines (`id2label`). Nothing where there are none. */
async function classNamesIn(folder: string): Promise<Pick<Model, 'classNames'>> {
  const index = await readJson(join(folder, MODEL_FILES.index)).catch(() => null)
  const own = index?.[CLASS_NAMES]
  if (Array.isArray(own) && own.every((name) => typeof name === 'string')) return { classNames: own }
  const labels = index?.id2label
  if (typeof labels !== 'object' || labels === null) return {}
  const names = Object.values(labels)
  const inOrder = Object.keys(labels).every((key, i) => key === String(i))
  return inOrder && names.every((name) => typeof name === 'string') ? { classNames: names } : {}
}
