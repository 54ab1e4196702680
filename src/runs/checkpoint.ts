/**
 * Checkpoints: `checkpoints/<step>/` with `state.json` and `tensors.safetensors`, written under another name and renamed when whole.
 * The newest one that is whole counts; a damaged one is passed over, never half loaded.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { NamedTensors } from '../base/index.ts'
import { diskFailure, inputError, isPartialName, parseJson, partialName, writeFlushed } from '../base/index.ts'
import { decodeSafetensors, encodeSafetensors } from '../nn/index.ts'
import type { Json } from './json.ts'
import { requireJson } from './json.ts'

/** All that a run needs to go on. */
export interface Checkpoint {
  /** Of the job as a whole, growing: names the folder. */
  readonly step: number
  /** Plain JSON; numbers come back exactly (float64). */
  readonly state: Json
  readonly tensors: NamedTensors
}

/** A checkpoint as saved: with the number of events that were written before it. */
export interface SavedCheckpoint extends Checkpoint {
  readonly events: number
}

const FORMAT = 1
const STATE = 'state.json'
const TENSORS = 'tensors.safetensors'
const STEP_NAME = /^\d+$/
/** Behind the name of a checkpoint that another one is about to replace. */
const REPLACED = '.replaced'

/** Contents of `state.json`. */
interface StateFile {
  readonly format: number
  readonly step: number
  readonly events: number
  readonly tensors: string
  readonly state: Json
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Steps that have a folder, newest first, whole or not. */
export async function checkpointSteps(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch(() => [])
  return names
    .filter((name) => STEP_NAME.test(name))
    .map(Number)
    .sort((a, b) => b - a)
}

/**
 * Saves a checkpoint under `folder` and removes all but the newest `keep` (default 2). Until the new one is whole the old
 * ones stay, on a full disk too.
 * @throws `disk.write`
 */
export async function saveCheckpoint(folder: string, checkpoint: SavedCheckpoint, keep = 2): Promise<void> {
  const { step, state, events, tensors } = checkpoint
  requireJson(state)
  const target = join(folder, String(step))
  const partial = partialName(target)
  const bytes = encodeSafetensors(tensors)
  const file: StateFile = { format: FORMAT, step, events, tensors: sha256(bytes), state }
  try {
    await mkdir(partial, { recursive: true })
    await writeFlushed(join(partial, TENSORS), bytes)
    await writeFlushed(join(partial, STATE), `${JSON.stringify(file)}\n`)
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

/** Loads one checkpoint. @throws `runs.checkpoint` saying what is wrong with it */
export async function loadCheckpoint(folder: string, step: number): Promise<SavedCheckpoint> {
  const path = join(folder, String(step))
  try {
    const file = parseJson(await readFile(join(path, STATE), 'utf8')) as StateFile
    if (file.format !== FORMAT) throw new Error(`format ${FORMAT} is known, got ${file.format}`)
    if (file.step !== step) throw new Error(`it says it is step ${file.step}`)
    const bytes = await readFile(join(path, TENSORS))
    if (sha256(bytes) !== file.tensors) throw new Error(`${TENSORS} is not the file it was saved with`)
    return {
      step,
      state: file.state,
      events: file.events,
      tensors: decodeSafetensors(bytes, join(path, TENSORS)).tensors,
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw inputError('runs.checkpoint', `${path} is not a whole checkpoint: ${reason}`, { cause })
  }
}

/** The newest whole checkpoint, and why each newer one was passed over. Null: there is none. */
export interface NewestCheckpoint {
  readonly checkpoint: SavedCheckpoint | null
  readonly passedOver: readonly string[]
}

/** Finds the newest whole checkpoint under `folder`. */
export async function newestCheckpoint(folder: string): Promise<NewestCheckpoint> {
  const passedOver: string[] = []
  for (const step of await checkpointSteps(folder)) {
    try {
      return { checkpoint: await loadCheckpoint(folder, step), passedOver }
    } catch (error) {
      passedOver.push((error as Error).message)
    }
  }
  return { checkpoint: null, passedOver }
}
