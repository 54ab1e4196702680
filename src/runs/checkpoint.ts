/**
 * Checkpoints: `checkpoints/<step>/` with `state.json`, `tensors.safetensors` and `events.jsonl` (the log so far), written under another
 * name and renamed when whole. A hash covers every field and file; the newest one that loads counts, a damaged one is passed over, never
 * half loaded. Format 1, of earlier releases, has no log and a hash of its tensors alone; it is still read.
 */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { NamedTensors } from '../base/index.ts'
import { BilevelError, inputError, parseJson, sha256 } from '../base/index.ts'
import { diskFailure, isPartialName, partialName, writeFlushed } from '../files/index.ts'
import { decodeSafetensors, encodeSafetensors } from '../nn/index.ts'
import type { Json } from './json.ts'
import { isRecord, jsonHash, requireJson } from './json.ts'

/** All that a run needs to go on. */
export interface Checkpoint {
  /** Of the job as a whole, growing: names the folder. */
  readonly step: number
  /** Plain JSON; numbers come back exactly (float64). */
  readonly state: Json
  readonly tensors: NamedTensors
}

/** A checkpoint as saved: with the events that were written before it. */
export interface SavedCheckpoint extends Checkpoint {
  readonly events: number
  /** Those events as lines; null in a checkpoint of format 1. */
  readonly log: string | null
}

const FORMAT = 2
const STATE = 'state.json'
const TENSORS = 'tensors.safetensors'
const LOG = 'events.jsonl'
const STEP_NAME = /^\d+$/
/** Behind the name of a checkpoint that another one is about to replace. */
const REPLACED = '.replaced'

/** `state.json` of format 2. `sha256` is that of everything else in it, in canonical form; `tensors` and `log` are those of the files. */
interface StateFile {
  readonly format: number
  /** Of this package, that wrote it. */
  readonly version: string
  readonly step: number
  readonly events: number
  readonly tensors: string
  readonly log: string
  readonly state: Json
}

/** Steps that have a folder, newest first, whole or not. */
export async function checkpointSteps(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch(() => [])
  return names
    .filter((name) => STEP_NAME.test(name))
    .map(Number)
    .sort((a, b) => b - a)
}

/** `version`: of this package. `keep`: how many are kept, default 2. */
export interface SaveOptions {
  readonly version: string
  readonly keep?: number
}

/**
 * Saves a checkpoint under `folder` and removes all but the newest ones. Until the new one is whole the old ones stay, on a full disk too.
 * @throws `disk.write`
 */
export async function saveCheckpoint(
  folder: string,
  checkpoint: SavedCheckpoint,
  { version, keep = 2 }: SaveOptions,
): Promise<void> {
  const { step, state, events, tensors } = checkpoint
  requireJson(state)
  const target = join(folder, String(step))
  const partial = partialName(target)
  const bytes = encodeSafetensors(tensors)
  const log = checkpoint.log ?? ''
  const file: StateFile = { format: FORMAT, version, step, events, tensors: sha256(bytes), log: sha256(log), state }
  try {
    // Not the folders above: a run folder that was deleted meanwhile is not made again.
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    await mkdir(partial, { recursive: true })
    await writeFlushed(join(partial, TENSORS), bytes)
    await writeFlushed(join(partial, LOG), log)
    await writeFlushed(join(partial, STATE), `${JSON.stringify({ ...file, sha256: jsonHash(file) })}\n`)
    const replaced = `${target}${REPLACED}`
    await rm(replaced, { recursive: true, force: true })
    await rename(target, replaced).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    await rename(partial, target)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw diskFailure(target, error)
  }
  await sweep(folder, step, keep)
}

/** Removes leftovers and all but the newest `keep` checkpoints up to `step`; later ones belong to a run that was cut off. */
async function sweep(folder: string, step: number, keep: number): Promise<void> {
  const steps = await checkpointSteps(folder)
  const old = steps.filter((other) => other > step || steps.filter((s) => s > other && s <= step).length >= keep)
  const leftovers = (await readdir(folder)).filter((name) => isPartialName(name) || name.endsWith(REPLACED))
  for (const name of [...old.map(String), ...leftovers]) await rm(join(folder, name), { recursive: true, force: true })
}

/**
 * Loads one checkpoint.
 * @throws `runs.checkpoint` saying what is wrong with it; `runs.checkpointFormat` if a later release wrote it
 */
export async function loadCheckpoint(folder: string, step: number): Promise<SavedCheckpoint> {
  const path = join(folder, String(step))
  try {
    const file = checkedState(parseJson(await readFile(join(path, STATE), 'utf8')), path)
    if (file.step !== step) throw new Error(`it says it is step ${file.step}`)
    const bytes = await readFile(join(path, TENSORS))
    if (sha256(bytes) !== file.tensors) throw new Error(`${TENSORS} is not the file it was saved with`)
    const log = file.format === 1 ? null : await readFile(join(path, LOG), 'utf8')
    if (log !== null && sha256(log) !== file.log) throw new Error(`${LOG} is not the file it was saved with`)
    const { tensors } = decodeSafetensors(bytes, join(path, TENSORS))
    return { step, state: file.state, events: file.events, log, tensors }
  } catch (cause) {
    if (cause instanceof BilevelError && cause.code === 'runs.checkpointFormat') throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw inputError('runs.checkpoint', `${path} is not a whole checkpoint: ${reason}`, { cause })
  }
}

/** What `state.json` holds, as it was written. @throws what is wrong with it */
function checkedState(value: unknown, path: string): StateFile {
  if (!isRecord(value)) throw new Error(`${STATE} must hold an object`)
  const { sha256: hash, ...rest } = value
  const file = rest as unknown as StateFile
  if (file.format === 1) {
    if (!Number.isSafeInteger(file.events)) throw new Error(`${STATE} does not say how many events came before`)
    return file
  }
  // The hash comes first: it tells a later format from a damaged number.
  if (hash !== jsonHash(rest)) throw new Error(`${STATE} is not the file it was saved with`)
  if (file.format === FORMAT) return file
  throw inputError(
    'runs.checkpointFormat',
    `${path} is of format ${file.format}, written by version ${file.version}, and this version reads formats up to ${FORMAT}; go on with that version, or a later one`,
  )
}

/** The newest checkpoint that loads, and why each newer one was passed over. Null: there is none. */
export interface NewestCheckpoint<C> {
  readonly checkpoint: SavedCheckpoint | null
  /** What `decode` made of it. */
  readonly decoded: C | undefined
  readonly passedOver: readonly string[]
}

/**
 * Finds the newest checkpoint under `folder` that loads and decodes.
 * @throws `runs.checkpointFormat` if a later release wrote it: to pass it over would lose what it holds
 */
export async function newestCheckpoint<C = undefined>(
  folder: string,
  decode?: (checkpoint: SavedCheckpoint) => C,
): Promise<NewestCheckpoint<C>> {
  const passedOver: string[] = []
  for (const step of await checkpointSteps(folder)) {
    try {
      const checkpoint = await loadCheckpoint(folder, step)
      return { checkpoint, decoded: decode?.(checkpoint), passedOver }
    } catch (error) {
      if (error instanceof BilevelError && error.code === 'runs.checkpointFormat') throw error
      const { message } = error as Error
      const where = join(folder, String(step))
      passedOver.push(message.startsWith(where) ? message : `${where} is not a whole checkpoint: ${message}`)
    }
  }
  return { checkpoint: null, decoded: undefined, passedOver }
}
