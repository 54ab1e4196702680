/** A model that exists: one that comes with the project, a model folder, a run that left one, or somebody else's ONNX file. */

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { inputError, sha256Stream } from '../../base/index.ts'
import type { LoadedModel, OwnSampling } from '../../diffusion/files/index.ts'
import { loadModel, loadScheduler, SHIPPED_MODELS, shippedModelFolder } from '../../diffusion/files/index.ts'
import type { Denoiser, ForeignDenoiser, NoiseSchedule } from '../../diffusion/index.ts'
import { compileDenoiser, openForeignDenoiser } from '../../diffusion/index.ts'
import { modelFileHash } from '../../files/index.ts'
import { changeNotes, isRun, requireIntactModel } from '../../runs/index.ts'
import type { Device } from '../../runtime/index.ts'

/** What is said of every model. */
interface ModelFacts {
  /** [channels, height, width] of its images. */
  readonly imageShape: readonly number[]
  /** The schedule it was trained with. */
  readonly schedule: NoiseSchedule
  /** How its scheduler file says that it is sampled. */
  readonly sampling: OwnSampling
  /** SHA-256 of its weights or file, with the data that it keeps in files beside it. */
  readonly hash: string
  /** What a reader must know, a sentence each. */
  readonly notes: readonly string[]
}

export interface FolderModel extends ModelFacts {
  readonly kind: 'folder'
  /** The model folder, of a run the one inside. */
  readonly folder: string
  readonly model: LoadedModel
}

export interface FileModel extends ModelFacts {
  readonly kind: 'file'
  readonly denoiser: ForeignDenoiser
}

export type GivenModel = FolderModel | FileModel

export interface OpenModelOptions {
  /** Schedule of an ONNX file, or of a folder in place of its own; null: none is given. */
  readonly scheduler: string | null
  /** What stands before the names of a folder's tensors; null: nothing. */
  readonly weightsPrefix: string | null
  readonly timeScale: number
  /** Side of the images of an ONNX file that leaves it open. */
  readonly size: number | null
  /** Images per run. */
  readonly chunk: number
  readonly device: Device
}

/**
 * @throws `schedule.scheduler` on an ONNX file without its schedule, `schedule.model`, `schedule.pictures` on images that are no pictures,
 * `model.*`, `scheduler.*`, `nn.*`, `onnx.open`
 */
export async function openGivenModel(path: string, options: OpenModelOptions): Promise<GivenModel> {
  const given = path.endsWith('.onnx') ? await openFile(path, options) : await openFolder(path, options)
  const [channels] = given.imageShape
  if (channels === 1 || channels === 3) return given
  if (given.kind === 'file') await given.denoiser.dispose()
  throw inputError(
    'schedule.pictures',
    `a model's images must have 1 or 3 channels to be written, measured and compared with pictures, those of ${path} are ` +
      `[${given.imageShape.join(', ')}]; of a latent space they would need its decoder: in TypeScript, loadModel and generate take any number of channels`,
  )
}

/**
 * The model folder at a path: itself, or of a run the one inside; of a name that is no path, the model that comes with the project.
 * @throws `schedule.model` naming those that come with the project
 */
export async function modelFolderOf(path: string): Promise<string> {
  const inside = join(path, 'model')
  // An empty path would be the working directory.
  if (path !== '' && (await exists(join(inside, 'model_index.json')))) return inside
  if (await exists(path)) return path
  const shipped = shippedModelFolder(path)
  if (shipped) return shipped
  throw inputError(
    'schedule.model',
    `a model is a run, a model folder, an ONNX file, or one that comes with the project, ${SHIPPED_MODELS.join(' or ')}; '${path}' is none of them`,
  )
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

async function openFolder(path: string, { scheduler, weightsPrefix }: OpenModelOptions): Promise<FolderModel> {
  const folder = await modelFolderOf(path)
  const ofRun = folder !== path && (await isRun(path))
  if (ofRun) await requireIntactModel(path)
  const model = await loadModel(folder, { scheduler, weightsPrefix })
  if (model.prediction !== 'noise') {
    throw inputError(
      'schedule.model',
      `a model folder must hold a network that predicts noise, ${folder} predicts ${model.prediction}; use its ONNX file`,
    )
  }
  const { weights, statistics } = model.state
  const hash = sha256Stream()
  for (const { buffer, byteOffset, byteLength } of [weights, statistics]) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength))
  }
  const { noiseSchedule: schedule, network } = model
  return {
    kind: 'folder',
    folder,
    model,
    imageShape: network.imageShape,
    schedule,
    sampling: model.sampler,
    hash: hash.hex(),
    notes: [...model.notes, ...model.sampler.notes, ...(ofRun ? [] : await changeNotes(folder))],
  }
}

async function openFile(path: string, options: OpenModelOptions): Promise<FileModel> {
  const { scheduler, weightsPrefix, chunk, device, timeScale, size } = options
  if (weightsPrefix !== null) {
    throw inputError(
      'schedule.model',
      `weightsPrefix is for the tensors of a model folder, got '${weightsPrefix}' with the ONNX file ${path}; leave it out`,
    )
  }
  if (scheduler === null) {
    throw inputError(
      'schedule.scheduler',
      `an ONNX model does not say what schedule it was trained with, ${path} neither; ` +
        'give it with --scheduler FILE: a diffusers scheduler_config.json, or {"betas": [...]}',
    )
  }
  const { schedule, prediction, ...sampling } = await loadScheduler(scheduler)
  const denoiser = await openForeignDenoiser({
    model: path,
    noiseSchedule: schedule,
    batch: chunk,
    prediction,
    device,
    timeScale,
    ...(size !== null && { imageShape: [1, size, size] }),
  })
  const hash = await modelFileHash(path)
  const { imageShape } = denoiser
  return { kind: 'file', denoiser, imageShape, schedule, sampling, hash, notes: sampling.notes }
}

/** The model for sampling, and what frees it. */
export async function denoiserOf(
  given: GivenModel,
  { chunk, device }: Pick<OpenModelOptions, 'chunk' | 'device'>,
): Promise<{ readonly denoiser: Denoiser; close(): Promise<void> }> {
  if (given.kind === 'file') return { denoiser: given.denoiser, close: () => given.denoiser.dispose() }
  const { network, state } = given.model
  const denoiser = await compileDenoiser({ network, state, batch: chunk, binding: 'bound', device })
  return { denoiser, close: () => denoiser.dispose() }
}
