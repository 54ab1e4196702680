/**
 * Where the files of a model lie: in the folders of a pipeline (`unet/`, `scheduler/`), side by side as the hub's older repositories have
 * them (`config.json`, `scheduler_config.json`, weights), or the network alone, as `unet.save_pretrained` leaves it.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { inputError, parseJson, standInError } from '../../base/index.ts'
import { networkKinds } from '../../nn/index.ts'
import { MODEL_FILES, PRODUCER } from './modelFolder.ts'
import { PICKLE, pickleError } from './modelWeights.ts'

export type Json = Readonly<Record<string, unknown>>

/** Paths of the parts of a model. */
export interface ModelLayout {
  /** The network's config, and the folder that it and the weights are in. */
  readonly config: string
  readonly networkFolder: string
  /** The training schedule; null: there is none. */
  readonly scheduler: string | null
  /** Whether this project wrote the folder. */
  readonly own: boolean
}

/**
 * Looks at a folder.
 * @throws `model.open` naming what is missing and what is there, `model.pickle` on a pickle in place of a folder, `model.json`, `model.class`
 */
export async function layoutOf(folder: string): Promise<ModelLayout> {
  await requireFolder(folder)
  const names = await readdir(folder)
  const index = names.includes(MODEL_FILES.index) ? await readJson(join(folder, MODEL_FILES.index)) : null
  if (index) checkClass(folder, index)
  const config = [MODEL_FILES.config, basename(MODEL_FILES.config)].map((name) => join(folder, name))
  const found = await firstFile(config)
  if (found === null) throw missing(folder, names, `${MODEL_FILES.config}, or config.json beside its weights`)
  const schedulers = [MODEL_FILES.scheduler, basename(MODEL_FILES.scheduler)].map((name) => join(folder, name))
  return {
    config: found,
    networkFolder: dirname(found),
    scheduler: await firstFile(schedulers),
    own: (index ?? (await indexAbove(folder)))?._producer === PRODUCER,
  }
}

/** The index of the pipeline whose `unet/` (or `unet_ema/`) a folder is; null: of none. */
async function indexAbove(folder: string): Promise<Json | null> {
  const path = resolve(folder)
  return basename(path).startsWith('unet') ? readJson(join(path, '..', MODEL_FILES.index)).catch(() => null) : null
}

/** @throws `model.open`: no schedule is known, and how it is given */
export async function missingScheduler(folder: string): Promise<Error> {
  const inPipeline = (await indexAbove(folder)) !== null
  const instead = inPipeline ? `, or give the whole pipeline, '${dirname(resolve(folder))}'` : ''
  return inputError(
    'model.open',
    `a model folder needs ${MODEL_FILES.scheduler}, or scheduler_config.json beside its config.json, '${folder}' has neither; ` +
      `give the schedule it was trained with (--scheduler FILE: a diffusers scheduler_config.json, or {"betas": [...]})${instead}`,
  )
}

async function requireFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((cause: Error) => {
    throw inputError('model.open', `a model must be a readable folder, '${folder}' is none: ${cause.message}`, {
      cause,
    })
  })
  if (found.isDirectory()) return
  if (PICKLE.test(folder)) throw pickleError(folder)
  const rule = `a model must be a folder with ${MODEL_FILES.config} or config.json, '${folder}' is a file`
  if (folder.endsWith('.onnx')) {
    throw inputError('model.open', `${rule}; an ONNX file is opened by itself, with its schedule (--scheduler FILE)`)
  }
  throw inputError('model.open', `${rule}; give the folder that holds it`)
}

async function firstFile(paths: readonly string[]): Promise<string | null> {
  for (const path of paths) {
    const found = await stat(path).catch(() => null)
    if (found?.isFile()) return path
  }
  return null
}

function missing(folder: string, names: readonly string[], wanted: string): Error {
  const there = names.length > 0 ? names.toSorted().join(', ') : 'nothing'
  const message = `a model folder needs ${wanted}, '${folder}' has none (it holds: ${there})`
  return inputError('model.open', `${message}; give the folder that a pipeline or its network was saved to`)
}

/** A file of a model as text. @throws `model.open` naming what is beside its place, `file.lfsPointer`, `file.webPage` */
export async function readModelText(path: string): Promise<string> {
  const bytes = await readFile(path).catch(async (cause: Error) => {
    const beside = await readdir(dirname(path)).catch(() => [])
    const there = beside.length > 0 ? beside.toSorted().join(', ') : 'nothing'
    const message = `a model folder needs ${basename(path)}, '${dirname(path)}' has none (beside its place: ${there})`
    throw inputError('model.open', `${message}; give the folder that a pipeline was saved to`, { cause })
  })
  const standIn = standInError(bytes, path)
  if (standIn) throw standIn
  return bytes.toString('utf8')
}

/** @throws `model.json`, and what `readModelText` throws */
export async function readJson(path: string): Promise<Json> {
  const text = await readModelText(path)
  let value: unknown
  try {
    value = parseJson(text)
  } catch (cause) {
    throw inputError('model.json', `${path} must hold JSON: ${(cause as Error).message}`, { cause })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw inputError('model.json', `${path} must hold a JSON object`)
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
