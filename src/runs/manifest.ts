/**
 * `manifest.json`: what ran, where and when, and the hashes of what the run left. It carries a hash of itself, and its hash of the settings
 * and of every result tells a file that was damaged from the one that the run wrote.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { inputError, parseJson } from '../base/index.ts'
import { fileHash } from '../files/index.ts'
import type { Json } from './json.ts'
import { isRecord, jsonHash } from './json.ts'
import { PROGRESS_FILE } from './progressFile.ts'

/** How a run ended; `running` while it does (or was killed). */
export type RunStatus = 'running' | 'done' | 'failed' | 'interrupted'

/** Further fields are the job's. Format 1, of earlier releases, has neither `files` nor a hash of itself. */
export interface Manifest {
  readonly format: 1 | 2
  readonly name: string
  readonly version: string
  readonly configHash: string
  /** Of the settings that a resumed run replaced by those of `configHash`. */
  readonly configHashBefore?: string
  readonly status: RunStatus
  /** Times are ISO 8601, UTC. */
  readonly created: string
  readonly resumed: readonly { readonly time: string; readonly step: number }[]
  readonly ended: string | null
  readonly node: string
  readonly platform: string
  /** SHA-256 of what a finished run left, by path with slashes. */
  readonly files?: Readonly<Record<string, string>>
  readonly [field: string]: Json | undefined
}

export const CONFIG = 'config.yaml'
export const MANIFEST = 'manifest.json'
const FORMAT = 2

/** The file's text, with the hash of everything in it. */
export const manifestText = (manifest: Manifest): string =>
  `${JSON.stringify({ ...manifest, sha256: jsonHash(manifest) }, null, 2)}\n`

/** The manifest of a run. @throws `runs.notARun`, `runs.damaged` */
export async function readManifest(folder: string): Promise<Manifest> {
  await requireRun(folder)
  const path = join(folder, MANIFEST)
  const value = await readFile(path, 'utf8')
    .then((text) => parseJson(text))
    .catch((cause: Error) => {
      throw damaged(path, `it cannot be read: ${cause.message}`)
    })
  if (!isRecord(value)) throw damaged(path, 'it holds no object')
  const { sha256, ...manifest } = value
  // The hash comes first: it tells a later format from a damaged number.
  if (manifest.format !== 1 && sha256 !== jsonHash(manifest)) throw damaged(path, 'its own hash says so')
  if (manifest.format !== 1 && manifest.format !== FORMAT) {
    throw inputError(
      'runs.format',
      `${path} is of format ${manifest.format}, written by version ${manifest.version}, and this version reads formats up to ${FORMAT}; use that version, or a later one`,
    )
  }
  return manifest as unknown as Manifest
}

const damaged = (path: string, why: string) =>
  inputError(
    'runs.damaged',
    `${path} must be as the run wrote it, and was damaged or changed (${why}); bring it back, or use the run's model/ by itself`,
  )

/** @throws `runs.notARun` saying what is missing */
export async function requireRun(folder: string): Promise<void> {
  const names: readonly string[] = await readdir(folder).catch(() => [])
  const missing = [CONFIG, MANIFEST].filter((name) => !names.includes(name))
  if (missing.length === 0) return
  const begun = missing.length < 2 ? 'a run that was stopped before it began is started anew, without --resume' : ''
  throw inputError(
    'runs.notARun',
    `${folder} must be a run folder, but has no ${missing.join(' and no ')}; ${begun || 'give the folder of an existing run'}`,
  )
}

/** Whether a folder is a run: one that lost its settings or its manifest still is. */
export async function isRun(folder: string): Promise<boolean> {
  const names: readonly string[] = await readdir(folder).catch(() => [])
  const found = [CONFIG, MANIFEST].filter((name) => names.includes(name)).length
  return found === 2 || (found === 1 && names.includes('events.jsonl'))
}

/** What a run goes on from, and keeps while it does: all but its results. */
const OWN = new Set([CONFIG, MANIFEST, 'events.jsonl', 'checkpoints', 'tensorboard', 'lock', PROGRESS_FILE])

/** SHA-256 of every result in a run folder, by path with slashes. */
export async function hashesOfResults(folder: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep))
    .filter(([top]) => !OWN.has(top))
    .map((parts) => parts.join('/'))
    .toSorted()
  const hashes: [string, string][] = []
  for (const path of paths) hashes.push([path, await fileHash(join(folder, path))])
  return Object.fromEntries(hashes)
}

/** The results of a finished run that are no longer what it wrote, among those wanted, as paths. @throws `runs.damaged` */
async function changedResults(folder: string, isWanted: (path: string) => boolean): Promise<string[]> {
  const { files = {} } = await readManifest(folder)
  const changed: string[] = []
  for (const [path, hash] of Object.entries(files)) {
    if (isWanted(path) && (await fileHash(join(folder, path)).catch(() => null)) !== hash) changed.push(path)
  }
  return changed.map((path) => join(folder, path))
}

/** What of a run's results is read again: `model.onnx` and what other programs are told of schedules are not. */
const isRead = (path: string): boolean =>
  /^model(-default)?\/(?!unet\/model\.onnx$|schedules\/.*\/scheduler_config\.json$)/.test(path)

/** @throws `runs.damaged` where a file of its model is not the one that a run wrote */
export async function requireIntactModel(folder: string): Promise<void> {
  await requireIntact(folder, isRead)
}

/** @throws `runs.damaged` naming the first wanted result that is not the one that a run wrote */
export async function requireIntact(folder: string, isWanted: (path: string) => boolean): Promise<void> {
  const [changed] = await changedResults(folder, isWanted)
  if (changed === undefined) return
  throw inputError(
    'runs.damaged',
    `${changed} must be the file that its run wrote, and was damaged or changed since; bring it back, or give ${join(folder, 'model')} or the file itself to use it as it is`,
  )
}

/** The sentences of `changeNotes` for settings that may be paths. */
export async function changeNotesOf(paths: readonly (string | null)[]): Promise<string[]> {
  const notes = await Promise.all(paths.map((path) => (path === null ? [] : changeNotes(path))))
  return notes.flat()
}

/** How deep in a run folder files lie that somebody may name by themselves: `model/schedules/<name>/sampling_schedule.json`. */
const DEPTH = 4

/** A sentence for each file, at a path in a run folder or below it, that is not the one that the run wrote. */
export async function changeNotes(path: string): Promise<string[]> {
  const absolute = resolve(path)
  let folder = absolute
  for (let level = 0; level < DEPTH; level++) {
    folder = dirname(folder)
    if (!(await stat(join(folder, MANIFEST)).catch(() => null)) || !(await isRun(folder))) continue
    const inside = relative(folder, absolute).split(sep).join('/')
    const isWanted = (name: string) => name === inside || (name.startsWith(`${inside}/`) && isRead(name))
    try {
      const changed = await changedResults(folder, isWanted)
      return changed.map((file) => `${file} is not the file that its run wrote: it was damaged or changed since`)
    } catch (error) {
      return [(error as Error).message]
    }
  }
  return []
}
