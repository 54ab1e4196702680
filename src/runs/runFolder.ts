/**
 * A run on disk: `config.yaml`, `manifest.json`, `events.jsonl`, `checkpoints/<step>/`, `tensorboard/`, and whatever the job
 * adds (`samples/`, `report.html`, `model/`). One process at a time; resumable at its newest whole checkpoint.
 */
import { appendFileSync, closeSync, existsSync, openSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { stringify as toYaml } from 'yaml'
import { failure, inputError } from '../base/index.ts'
import { diskFailure, isPartialName, makeFolder, writeAtomically } from '../files/index.ts'
import type { Checkpoint, NewestCheckpoint, SavedCheckpoint } from './checkpoint.ts'
import { newestCheckpoint, saveCheckpoint } from './checkpoint.ts'
import type { Settings } from './config.ts'
import { parseSettings, requireSameSettings, settingsHash } from './config.ts'
import type { RunEvent, TimedEvent } from './events.ts'
import { openEvents, restoreEvents } from './events.ts'
import type { Json } from './json.ts'
import type { Lock } from './lock.ts'
import { acquireLock } from './lock.ts'
import type { Manifest, RunStatus } from './manifest.ts'
import { CONFIG, hashesOfResults, MANIFEST, manifestText, readManifest, requireRun } from './manifest.ts'
import { encodeTensorBoard, eventRecord, nextTensorBoardFile } from './tensorboard.ts'
import type { RunSummary } from './tensorboardSummary.ts'
import { summaryRecords } from './tensorboardSummary.ts'

export interface OpenRunOptions<C = unknown> {
  /** Path of the run folder; its last part is the run's name. */
  readonly folder: string
  /** All settings of the job, resolved. */
  readonly config: Settings
  /** Version of this package. */
  readonly version: string
  /** Go on with the run that is there. Default false: the folder must not hold one. */
  readonly resume?: boolean
  /** Makes of a checkpoint what the job goes on from; one for which it throws is passed over. */
  readonly decode?: (checkpoint: SavedCheckpoint) => C
  /** Settings that a resumed run may change, as paths with dots (`checkpointSeconds`). */
  readonly mayChange?: readonly string[]
  /** Further fields for the manifest. */
  readonly manifest?: Readonly<Record<string, Json>>
  /** Checkpoints kept; default 2. */
  readonly keep?: number
  /** Milliseconds since 1970; default the system's clock. */
  readonly clock?: () => number
}

/** An open run folder, locked for this process until `close`. Whatever writes throws `runs.gone` once the folder is no longer there. */
export interface Run<C = unknown> {
  readonly folder: string
  readonly name: string
  /** Where to go on; null: from the start. */
  readonly resumedFrom: SavedCheckpoint | null
  /** What `decode` made of that. */
  readonly decoded: C | undefined
  /** What was damaged and is done without (newer checkpoints, the log), a sentence each, for a warning. */
  readonly warnings: readonly string[]
  /** The events so far (of a resumed run), oldest first. */
  readonly pastEvents: readonly TimedEvent[]
  /** Events in the file by now. */
  readonly eventCount: number
  /** Adds an event to `events.jsonl` and its numbers to `tensorboard/`. @throws `disk.write`, `runs.gone` */
  emit(event: RunEvent): TimedEvent
  /**
   * Saves a checkpoint; the previous one stays until it is whole. The first `events` events belong to it (default: all so far): a run
   * resumed there keeps them, and the job must emit everything later again. @throws `disk.write`
   */
  checkpoint(checkpoint: Checkpoint & { readonly events?: number }): Promise<void>
  /** Writes a file of the run, whole or not at all; `path` is relative to the folder. @throws `disk.write` */
  write(path: string, data: string | Uint8Array): Promise<void>
  /** @throws `runs.gone` where the folder, or the lock in it, is no longer there or no longer ours */
  requireHeld(): Promise<void>
  /** Shows in `tensorboard/` what a finished run comes to: images, settings and what runs are compared by. @throws `disk.write` */
  summarise(summary: RunSummary): void
  /** Adds to the manifest. @throws `disk.write` */
  note(fields: Readonly<Record<string, Json>>): Promise<void>
  /** Writes the status, closes the log and gives the lock back. A full disk is an error only for `done`, and leaves the run open. */
  close(status: Exclude<RunStatus, 'running'>): Promise<void>
}

const EVENTS = 'events.jsonl'
const CHECKPOINTS = 'checkpoints'
const TENSORBOARD = 'tensorboard'
/** Locks, and what a process killed while writing leaves. */
const isLeftover = (name: string): boolean => isPartialName(name) || /^lock(\.|$)/.test(name)

/**
 * Starts a run in a folder, or goes on with the one there.
 * @throws `runs.exists`, `runs.notARun`, `runs.damaged`, `runs.inUse`, `runs.lock`, `runs.configChanged` (naming the keys),
 * `runs.checkpointFormat`, `runs.events`, `disk.write`
 */
export async function openRun<C>(options: OpenRunOptions<C>): Promise<Run<C>> {
  const { folder, resume = false } = options
  if (resume) await requireRun(folder)
  const made = await makeFolder(folder).catch((error) => {
    throw diskFailure(folder, error)
  })
  const lock = await acquireLock(folder)
  try {
    return resume ? await resumeRun(options, lock) : await startRun(options, lock)
  } catch (error) {
    if (made !== undefined) await rm(folder, { recursive: true, force: true })
    await lock.release()
    throw error
  }
}

/** An unused folder for a run: `root/stem`, else `root/stem-2`, `root/stem-3`, … */
export async function freshFolder(root: string, stem: string): Promise<string> {
  const taken = new Set(await readdir(root).catch(() => []))
  let name = stem
  for (let n = 2; taken.has(name); n++) name = `${stem}-${n}`
  return join(root, name)
}

/** The settings of a run, as it began with them. @throws `runs.notARun`, `runs.damaged`, `config.file` */
export async function readRunConfig(folder: string): Promise<Settings> {
  const { configHash, configHashBefore } = await readManifest(folder)
  const path = join(folder, CONFIG)
  const settings = parseSettings(await readFile(path, 'utf8'), path)
  const hash = settingsHash(settings)
  if (hash === configHash || hash === configHashBefore) return settings
  throw inputError(
    'runs.damaged',
    `${path} must hold the settings that the run began with, and was damaged or changed since; bring it back, or start a new run with it (--config)`,
  )
}

/** What a process left that was killed before its run began: a manifest without settings, or these very settings alone. */
async function isUnbegun(folder: string, there: readonly string[], config: Settings): Promise<boolean> {
  if (there.length !== 1) return there.length === 0
  const path = join(folder, there[0])
  const text = await readFile(path, 'utf8').catch(() => '')
  if (there[0] === MANIFEST) return text.includes('"configHash"')
  try {
    return there[0] === CONFIG && settingsHash(parseSettings(text, path)) === settingsHash(config)
  } catch {
    return false
  }
}

async function startRun<C>(options: OpenRunOptions<C>, lock: Lock): Promise<Run<C>> {
  const { folder, config, version, clock = Date.now } = options
  const there = (await readdir(folder)).filter((name) => !isLeftover(name))
  if (!(await isUnbegun(folder, there, config))) {
    const found = there.includes(MANIFEST) ? 'holds a run' : `is not empty (${there[0]})`
    throw inputError(
      'runs.exists',
      `a new run needs a folder of its own, but ${folder} ${found}; use another one, or --resume`,
    )
  }
  await sweepPartials(folder)
  const manifest: Manifest = {
    format: 2,
    name: basename(folder),
    version,
    configHash: settingsHash(config),
    status: 'running',
    created: new Date(clock()).toISOString(),
    resumed: [],
    ended: null,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    ...options.manifest,
  }
  // The manifest first: with nothing beside it, it is known as what a run left that never began, and no file of anybody else's is.
  await writeAtomically(join(folder, MANIFEST), manifestText(manifest))
  await writeAtomically(join(folder, CONFIG), toYaml(config))
  return await runAt(options, lock, manifest, { checkpoint: null, decoded: undefined, passedOver: [] })
}

async function resumeRun<C>(options: OpenRunOptions<C>, lock: Lock): Promise<Run<C>> {
  const { folder, config, mayChange, decode, clock = Date.now } = options
  requireSameSettings(await readRunConfig(folder), config, mayChange)
  await sweepPartials(folder)
  const newest = await newestCheckpoint(join(folder, CHECKPOINTS), decode)
  // What the finished run left is about to be written over.
  const { files: _, ...before } = await readManifest(folder)
  const resumed = [...before.resumed, { time: new Date(clock()).toISOString(), step: newest.checkpoint?.step ?? 0 }]
  const configHash = settingsHash(config)
  const changed = configHash !== before.configHash
  const manifest: Manifest = {
    ...before,
    ...options.manifest,
    format: 2,
    configHash,
    // Until the settings are written too, both are right.
    ...(changed && { configHashBefore: before.configHash }),
    status: 'running',
    ended: null,
    resumed,
  }
  await writeAtomically(join(folder, MANIFEST), manifestText(manifest))
  if (changed) await writeAtomically(join(folder, CONFIG), toYaml(config))
  return await runAt(options, lock, manifest, newest)
}

/** Damaged checkpoints, and what was gone on from in their place. */
function passedOverNotes(passedOver: readonly string[], checkpoint: SavedCheckpoint | null): string[] {
  const from = checkpoint ? `the older one of step ${checkpoint.step}` : 'the start, since there is no other'
  return passedOver.map((reason) => `a checkpoint was passed over: ${reason}; the run goes on from ${from}`)
}

/** Removes what killed processes left half written: whoever holds the lock is the only one who writes. */
async function sweepPartials(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true })
  for (const entry of entries.filter((one) => isPartialName(basename(one)))) {
    await rm(join(folder, entry), { recursive: true, force: true })
  }
}

/** Files of earlier sessions that are kept: a page that watches goes on from the one it is at only while that is there. */
const SESSIONS_KEPT = 5

/** A file that events are added to as TensorBoard's records. */
interface Board {
  append(record: Uint8Array): void
  close(): void
}

/** Starts a file of what TensorBoard is to show so far, which voids those of earlier sessions. */
async function startTensorBoard(
  folder: string,
  { created, resumed }: Manifest,
  events: readonly TimedEvent[],
): Promise<Board> {
  const names: readonly string[] = await readdir(folder).catch(() => [])
  const name = nextTensorBoardFile(names, resumed.length)
  const path = join(folder, name)
  await writeAtomically(path, encodeTensorBoard(Date.parse(created) / 1000, events, resumed.length > 0))
  const earlier = names.filter((one) => one.includes('tfevents') && one < name).toSorted()
  for (const old of earlier.slice(0, -SESSIONS_KEPT)) await rm(join(folder, old), { force: true })
  const file = openSync(path, 'a')
  return {
    append(record) {
      try {
        appendFileSync(file, record)
      } catch (error) {
        throw diskFailure(path, error)
      }
    },
    close: () => closeSync(file),
  }
}

async function runAt<C>(
  options: OpenRunOptions<C>,
  lock: Lock,
  first: Manifest,
  { checkpoint, decoded, passedOver }: NewestCheckpoint<C>,
): Promise<Run<C>> {
  const { folder, version, keep, clock = Date.now } = options
  const at = (...path: string[]): string => join(folder, ...path)
  const restored = await restoreEvents(at(EVENTS), checkpoint ?? { events: 0, log: '' })
  const board = await startTensorBoard(at(TENSORBOARD), first, restored.events)
  const log = openEvents(at(EVENTS), restored.lines, clock)
  let manifest = first
  const requireHeld = async (): Promise<void> => {
    if (!(await lock.isHeld())) throw goneError(lock.path, folder)
  }
  const note: Run['note'] = async (fields) => {
    await requireHeld()
    manifest = { ...manifest, ...fields }
    await writeAtomically(at(MANIFEST), manifestText(manifest))
  }
  return {
    folder,
    name: basename(folder),
    resumedFrom: checkpoint,
    decoded,
    warnings: [
      ...passedOverNotes(passedOver, checkpoint),
      ...(restored.warning && checkpoint ? [restored.warning] : []),
    ],
    pastEvents: restored.events,
    get eventCount() {
      return log.count
    },
    emit(event) {
      // Both files are open, and take what is written to them when their folder is long gone.
      if (!existsSync(lock.path)) throw goneError(lock.path, folder)
      const timed = log.append(event)
      board.append(eventRecord(timed))
      return timed
    },
    async checkpoint(saved) {
      await requireHeld()
      log.flush()
      const events = saved.events ?? log.count
      await saveCheckpoint(at(CHECKPOINTS), { ...saved, events, log: log.linesOf(events) }, { version, keep })
    },
    async write(path, data) {
      await requireHeld()
      await writeAtomically(at(path), data)
    },
    requireHeld,
    summarise: (summary) => board.append(summaryRecords(clock() / 1000, basename(folder), summary)),
    note,
    async close(status) {
      const ended = new Date(clock()).toISOString()
      if (status === 'done') {
        await requireHeld()
        await note({ files: await hashesOfResults(folder), status, ended })
      }
      // The error that ended the run is the one to show.
      else await note({ status, ended }).catch(() => undefined)
      log.close()
      board.close()
      await lock.release()
    },
  }
}

function goneError(lock: string, folder: string): Error {
  const came = existsSync(lock)
    ? `another process took ${lock}`
    : `${folder}, or the lock in it, was deleted or moved while it went on`
  const next = 'start the run again, or go on with --resume where its folder is now'
  return failure('runs.gone', `a run needs its folder for itself to the end, but ${came}; ${next}`)
}
