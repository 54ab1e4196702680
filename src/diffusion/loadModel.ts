/**
 * Reads a model folder: one that `saveModel` wrote, or one of diffusers with a `UNet2DModel` and a DDIM, DDPM or DPM-Solver
 * scheduler. Only safetensors are read: a pickle can run code.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { inputError } from '../base/index.ts'
import type { DenoisingNetwork } from '../nn/index.ts'
import { networkFromConfig, networkKinds, readSafetensors, stateFromTensors } from '../nn/index.ts'
import type { Prediction } from './denoiser.ts'
import type { OwnSampling } from './diffusersScheduler.ts'
import type { Model, NamedSchedule } from './modelFolder.ts'
import { MODEL_FILES } from './modelFolder.ts'
import { readTrainingScheduler } from './modelFolderScheduler.ts'
import type { SamplerSettings } from './samplingSchedule.ts'
import { readSamplingSchedule } from './scheduleFile.ts'

/** A model from disk. */
export interface LoadedModel extends Model {
  readonly prediction: Prediction
  readonly clip: SamplerSettings['clip']
  /** The sampler that the folder's scheduler describes, and what is sampled otherwise here. */
  readonly sampler: OwnSampling
}

/**
 * Reads a model folder.
 * @throws `model.open` naming the folder or file that is missing, `model.pickle` where the weights are a pickle, `model.class` on a
 * pipeline or network of another class, `model.json`, `model.schedules`; and what the readers of network configs, safetensors,
 * schedulers and sampling schedules throw
 */
export async function loadModel(folder: string): Promise<LoadedModel> {
  await requireFolder(folder)
  const index = await readJson(folder, MODEL_FILES.index)
  checkClass(folder, index)
  const network = await loadNetwork(folder)
  const { tensors } = await readSafetensors(await weightsPath(folder))
  const state = stateFromTensors(network, tensors)
  const scheduler = join(folder, MODEL_FILES.scheduler)
  const text = await readText(folder, MODEL_FILES.scheduler)
  const { schedule, prediction, ...sampler } = readTrainingScheduler(text, scheduler)
  return {
    network,
    state,
    noiseSchedule: schedule,
    prediction,
    clip: sampler.settings.clip,
    samplingSchedules: await loadSchedules(folder, schedule.timesteps),
    sampler,
  }
}

const CONVERT =
  'convert it in Python with safetensors.torch.save_file(torch.load(path, weights_only=True), ' +
  `"${basename(MODEL_FILES.weights)}"), or with diffusers: pipeline.save_pretrained(folder, safe_serialization=True)`

const PICKLE = /\.(bin|ckpt|pt|pth|pkl|pickle)$/i

function pickleError(path: string) {
  const why = 'which can run code when it is read'
  return inputError('model.pickle', `weights must be safetensors, '${path}' is a PyTorch pickle, ${why}; ${CONVERT}`)
}

async function requireFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((cause: Error) => {
    throw inputError('model.open', `a model must be a readable folder, '${folder}' is none: ${cause.message}`, {
      cause,
    })
  })
  if (found.isDirectory()) return
  if (PICKLE.test(folder)) throw pickleError(folder)
  const rule = `a model must be a folder with ${MODEL_FILES.index}, '${folder}' is a file`
  if (folder.endsWith('.onnx')) {
    throw inputError('model.open', `${rule}; an ONNX file is opened by itself, with its schedule (--scheduler FILE)`)
  }
  throw inputError('model.open', `${rule}; give the folder that holds it`)
}

async function readText(folder: string, name: string): Promise<string> {
  return readFile(join(folder, name), 'utf8').catch(async (cause: Error) => {
    const inside = await readdir(dirname(join(folder, name))).catch(() => null)
    const there = inside?.length ? inside.toSorted().join(', ') : 'nothing'
    const message = `a model folder needs ${name}, '${folder}' has none (beside its place: ${there})`
    throw inputError('model.open', `${message}; give the folder that a pipeline was saved to`, { cause })
  })
}

type Json = Readonly<Record<string, unknown>>

async function readJson(folder: string, name: string): Promise<Json> {
  const text = await readText(folder, name)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw inputError('model.json', `${join(folder, name)} must hold JSON: ${(cause as Error).message}`, { cause })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw inputError('model.json', `${join(folder, name)} must hold a JSON object`)
}

/** Parts of pipelines that work in a latent space or on text. */
const FOREIGN_PARTS = ['vae', 'vqvae', 'movq', 'text_encoder', 'transformer', 'prior', 'mel']

/** @throws `model.class` unless the pipeline is one network on pixels */
function checkClass(folder: string, index: Json): void {
  const rule = `a model folder must hold one network on pixels of class ${networkKinds().join(', ')}`
  const other = FOREIGN_PARTS.find((part) => Array.isArray(index[part]) && (index[part] as unknown[])[1])
  if (other) {
    throw inputError('model.class', `${rule}; '${folder}' is a ${index._class_name} with a ${other}, which is not read`)
  }
  const { unet } = index
  const name: unknown = Array.isArray(unet) ? unet[1] : undefined
  if (typeof name === 'string' && networkKinds().includes(name)) return
  const fix = 'a network of another class can be used through its ONNX file'
  throw inputError('model.class', `${rule}; '${folder}' names ${JSON.stringify(unet ?? null)} as its unet; ${fix}`)
}

async function loadNetwork(folder: string): Promise<DenoisingNetwork> {
  return networkFromConfig(await readJson(folder, MODEL_FILES.config))
}

/** @throws `model.pickle`, `model.open` saying what is there instead */
async function weightsPath(folder: string): Promise<string> {
  const names = await readdir(join(folder, dirname(MODEL_FILES.weights)))
  const wanted = basename(MODEL_FILES.weights)
  if (names.includes(wanted)) return join(folder, MODEL_FILES.weights)
  const pickle = names.find((name) => PICKLE.test(name))
  if (pickle) throw pickleError(join(folder, 'unet', pickle))
  const rule = `a model folder needs ${MODEL_FILES.weights}, '${folder}' has none`
  if (names.includes(basename(MODEL_FILES.onnx))) {
    const fix = `its ${MODEL_FILES.onnx} can be opened by itself, with ${MODEL_FILES.scheduler} as its schedule`
    throw inputError('model.open', `${rule}; ${fix}`)
  }
  const fix = 'save it again without a variant and in one file'
  throw inputError('model.open', `${rule} (in unet/: ${names.toSorted().join(', ')}); ${fix}`)
}

/** Learned sampling schedules by name, in order; none where there is no such folder. */
async function loadSchedules(folder: string, timesteps: number): Promise<NamedSchedule[]> {
  const names = await readdir(join(folder, MODEL_FILES.schedules)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return Promise.all(
    names.toSorted().map(async (name) => {
      const file = join(MODEL_FILES.schedules, name, 'sampling_schedule.json')
      const saved = readSamplingSchedule(await readText(folder, file), join(folder, file))
      if (saved.schedule.timesteps === timesteps) return { name, ...saved }
      const came = `T = ${saved.schedule.timesteps}, the model ${timesteps}`
      throw inputError(
        'model.schedules',
        `${join(folder, file)} must be for the model's number of timesteps, it has ${came}`,
      )
    }),
  )
}
