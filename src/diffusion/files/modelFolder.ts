/**
 * A trained model as a folder in the layout of diffusers:
 *
 *     model_index.json
 *     scheduler/scheduler_config.json                    the training schedule
 *     unet/config.json, unet/diffusion_pytorch_model.safetensors
 *     unet/model.onnx                                    on request
 *     schedules/<sampler>-<N>/sampling_schedule.json     learned sampling schedules, and where diffusers can be told them:
 *     schedules/<sampler>-<N>/scheduler_config.json      for a pipeline
 *     schedules/<sampler>-<N>/per_step/scheduler_config.json   for a loop
 *     schedules/<sampler>-<N>/bilevel/                   for any pipeline, by bilevel_scheduler.py
 *     schedules/<sampler>-<N>/sigmas.txt, sigmas.json    for ComfyUI and k-diffusion
 *
 * A `UNet2DModel` loads in diffusers as it is. Other networks have no class there: their config says so, their ONNX file runs
 * anywhere. Each file is written whole or not at all, the index first, so that an unfinished folder is known as this project's.
 */
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tensor } from '../../base/index.ts'
import { inputError, tensor } from '../../base/index.ts'
import { isPartialName, writeAtomically, writeSafetensors } from '../../files/index.ts'
import { bind } from '../../graph/index.ts'
import type { DenoisingNetwork, NetworkState } from '../../nn/index.ts'
import { stateTensors } from '../../nn/index.ts'
import { encodeOpenBatch } from '../../onnx/index.ts'
import type { Prediction } from '../denoiser.ts'
import { denoiseGraph } from '../denoisers/programs.ts'
import type { SamplerSettings } from '../samplers/settings.ts'
import type { FamilySchedule, NoiseSchedule } from '../schedules/noiseSchedule.ts'
import type { TrainingRecord } from '../training/trainingRecord.ts'
import { SCHEDULE_FILES, scheduleFiles } from './exportedFiles.ts'
import { float32Note, trainingClass, trainingSchedulerConfig } from './modelFolderScheduler.ts'
import type { SavedSchedule } from './scheduleFile.ts'

/** A learned sampling schedule under the name of its folder. */
export interface NamedSchedule extends SavedSchedule {
  readonly name: string
}

/** A trained network with the schedules that belong to it. */
export interface Model {
  readonly network: DenoisingNetwork
  readonly state: NetworkState
  /** The schedule it was trained with. A family's is kept exactly. */
  readonly noiseSchedule: NoiseSchedule | FamilySchedule
  /** What the network predicts. Default `noise`. */
  readonly prediction?: Prediction
  /** Range of the data, [-r, r], to which samplers clip x0Hat; null: none. Default [-1, 1]. */
  readonly clip?: SamplerSettings['clip']
  readonly samplingSchedules: readonly NamedSchedule[]
  /** What levels it was trained on, and what their losses counted, where that is not every time of its schedule once: kept, and not needed to sample. */
  readonly trainedOn?: TrainingRecord
  /** Names of its classes, the index being the class; absent: numbers. */
  readonly classNames?: readonly string[]
}

/** Paths inside a model folder. */
export const MODEL_FILES = {
  index: 'model_index.json',
  scheduler: 'scheduler/scheduler_config.json',
  config: 'unet/config.json',
  weights: 'unet/diffusion_pytorch_model.safetensors',
  onnx: 'unet/model.onnx',
  schedules: 'schedules',
} as const

/** `_producer` in `model_index.json`: that a folder is this project's, and may be written over; in `unet/config.json`: that `_null_class` is known there. */
export const PRODUCER = 'bilevel-diffusion'

/** In `model_index.json`: the names of the classes; diffusers passes over what begins so. */
export const CLASS_NAMES = '_class_names'

/** In `scheduler_config.json`: what the network was trained on; diffusers passes over what begins so. */
export const TRAINED_ON = '_trained_on'

/** A schedule's name in a model folder: `<sampler>-<N>`. */
export const scheduleName = ({ settings, schedule }: SavedSchedule): string =>
  `${settings.sampler}-${schedule.levels.length}`

/**
 * A network at fixed weights as an ONNX file. Inputs `sample` float32 [batch,c,h,w], `timestep` [batch], float32 where the network
 * takes real times, int64 where it has a table of times, and `class_labels` int64 [batch] where it has classes; output
 * `out_sample`. The batch is open; standard operators only.
 */
export function exportOnnx(network: DenoisingNetwork, { weights, statistics }: NetworkState): Uint8Array {
  const constants: Record<string, Tensor> = {
    weights: tensor('float32', [weights.length], weights),
    ...(statistics.length > 0 && { statistics: tensor('float32', [statistics.length], statistics) }),
  }
  return encodeOpenBatch((batch) => bind(denoiseGraph(network, batch), constants), { name: 'unet' })
}

/**
 * Writes a model, over an older one of this project if the folder holds one. Schedules that the model no longer has, and an
 * ONNX file of older weights, are removed.
 * @param options onnx: also write `unet/model.onnx`. Default false
 * @returns notes: what diffusers will not read as it is here, a sentence each
 * @throws `model.folder` if the folder holds anything else; `model.schedules` if two schedules have one name;
 * `export.clip` unless the clip is [-r, r]; `disk.write`
 * @example await saveModel('out/model', { network, state, noiseSchedule, samplingSchedules: [] }, { onnx: true })
 */
export async function saveModel(
  folder: string,
  model: Model,
  { onnx = false }: { readonly onnx?: boolean } = {},
): Promise<{ readonly notes: readonly string[] }> {
  const { network, state, noiseSchedule, prediction = 'noise', clip = [-1, 1], samplingSchedules, classNames } = model
  checkNames(samplingSchedules)
  const schedules = samplingSchedules.map((saved) => ({
    name: saved.name,
    ...scheduleFiles(saved, prediction, saved.name),
  }))
  const scheduler = {
    ...trainingSchedulerConfig(noiseSchedule, prediction, clip),
    ...(model.trainedOn && { [TRAINED_ON]: model.trainedOn }),
  }
  const onnxBytes = onnx ? exportOnnx(network, state) : null
  await requireOwn(folder)
  const path = (name: string) => join(folder, name)
  await writeAtomically(
    path(MODEL_FILES.index),
    json({ ...modelIndex(network, noiseSchedule), ...(classNames && { [CLASS_NAMES]: classNames }) }),
  )
  await removeStale(folder, samplingSchedules)
  await writeAtomically(path(MODEL_FILES.scheduler), json(scheduler))
  await writeAtomically(path(MODEL_FILES.config), json({ ...network.config, _producer: PRODUCER }))
  await writeSafetensors(path(MODEL_FILES.weights), stateTensors(network, state), { format: 'pt' })
  if (onnxBytes) await writeAtomically(path(MODEL_FILES.onnx), onnxBytes)
  for (const { name, files } of schedules) {
    for (const [file, text] of files) await writeAtomically(path(join(MODEL_FILES.schedules, name, file)), text)
  }
  const levels = float32Note(noiseSchedule, scheduler)
  return {
    notes: [...(levels ? [levels] : []), ...(network.notes ?? []), ...schedules.flatMap(({ note }) => note ?? [])],
  }
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/**
 * diffusers' index; for a network without a class there, names that it will not find, and why. `DDPMPipeline` runs whatever scheduler it is
 * given, `DDIMPipeline` turns every one into DDIM without a word.
 */
function modelIndex({ kind }: DenoisingNetwork, schedule: NoiseSchedule): Record<string, unknown> {
  const shared = { _producer: PRODUCER, scheduler: ['diffusers', trainingClass(schedule)] }
  if (kind === 'UNet2DModel') {
    return {
      _class_name: 'DDPMPipeline',
      _diffusers_version: '0.33.0',
      ...shared,
      unet: ['diffusers', kind],
    }
  }
  const note = `diffusers has no ${kind}: run unet/model.onnx with the scheduler, or load the folder with ${PRODUCER}`
  return { _class_name: 'BilevelPipeline', _note: note, ...shared, unet: [PRODUCER, kind] }
}

function checkNames(schedules: readonly NamedSchedule[]): void {
  const seen = new Set<string>()
  for (const { name } of schedules) {
    const fix = 'name each by its sampler and steps'
    if (!/^\w[\w.+-]*$/.test(name) || seen.has(name)) {
      const rule = 'sampling schedules need different names of letters, digits and .+-_'
      throw inputError('model.schedules', `${rule}, got ${seen.has(name) ? `two of ` : ''}'${name}'; ${fix}`)
    }
    seen.add(name)
  }
}

/** @throws `model.folder` unless the folder is missing, empty or a model folder of this project */
async function requireOwn(folder: string): Promise<void> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    const message = `a model is written to a folder, '${folder}' cannot be one: ${error.message}`
    throw inputError('model.folder', message, { cause: error })
  })
  if (entries.every(isPartialName)) return
  const path = join(folder, MODEL_FILES.index)
  const index = await readFile(path, 'utf8').catch(() => null)
  if (index !== null && producerOf(index) === PRODUCER) return
  const fix = 'choose another folder, or empty it'
  throw inputError(
    'model.folder',
    `a model is written to a new folder or over a model saved by ${PRODUCER}, '${folder}' holds other files${index === null ? '' : `, or ${path} was damaged or changed`}; ${fix}`,
  )
}

function producerOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { readonly _producer?: unknown } | null)?._producer
  } catch {
    return undefined
  }
}

async function removeStale(folder: string, kept: readonly NamedSchedule[]): Promise<void> {
  await rm(join(folder, MODEL_FILES.onnx), { force: true })
  const schedules = join(folder, MODEL_FILES.schedules)
  const names = await readdir(schedules).catch(() => [])
  for (const name of names) {
    if (!kept.some((schedule) => schedule.name === name))
      await rm(join(schedules, name), { recursive: true, force: true })
  }
  // What is kept may have become one that diffusers cannot be told.
  for (const { name } of kept) {
    for (const file of [SCHEDULE_FILES.plain, SCHEDULE_FILES.perStep, SCHEDULE_FILES.ownClass]) {
      await rm(join(schedules, name, file), { recursive: true, force: true })
    }
  }
}
