/**
 * A run on disk: `config.yaml`, `manifest.json`, `events.jsonl`, `checkpoints/<step>/`, `tensorboard/`, and whatever the job
 * adds (`samples/`, `report.html`, `model/`). One process at a time; resumable at its newest whole checkpoint.
 */
import { appendFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { stringify as toYaml } from 'yaml'
import { diskFailure, inputError, isPartialName, parseJson, writeAtomically } from '../base/index.ts'
import type { Checkpoint, SavedCheckpoint } from './checkpoint.ts'
import { newestCheckpoint, saveCheckpoint } from './checkpoint.ts'
import type { Settings } from './config.ts'
import { parseSettings, requireSameSettings, settingsHash } from './config.ts'
import type { EventLog, RunEvent, TimedEvent } from './events.ts'
import { openEvents, truncateEvents } from './events.ts'
import type { Json } from './json.ts'
import type { Lock } from './lock.ts'
import { acquireLock } from './lock.ts'
import { encodeTensorBoard, eventRecord } from './tensorboard.ts'

/** How a run ended; `running` while it does (or was killed). */
export type RunStatus = 'running' | 'done' | 'failed' | 'interrupted'

/** `manifest.json`: what ran, where and when. Further fields are the job's. */
export interface Manifest {
  readonly format: 1
  readonly name: string
  readonly version: string
  readonly configHash: string
  readonly status: RunStatus
  /** Times are ISO 8601, UTC. */
  readonly created: string
  readonly resumed: readonly { readonly time: string; readonly step: number }[]
  readonly ended: string | null
  readonly node: string
  readonly platform: string
  readonly [field: string]: Json
}

export interface OpenRunOptions {
  /** Path of the run folder; its last part is the run's name. */
  readonly folder: string
  /** All settings of the job, resolved. */
  readonly config: Settings
  /** Version of this package. */
  readonly version: string
  /** Go on with the run that is there. Default false: the folder must not hold one. */
  readonly resume?: boolean
  /** Settings that a resumed run may change, as paths with dots (`checkpointSeconds`). */
  readonly mayChange?: readonly string[]
  /** Further fields for the manifest. */
  readonly manifest?: Readonly<Record<string, Json>>
  /** Checkpoints kept; default 2. */
  readonly keep?: number
  /** Milliseconds since 1970; default the system's clock. */
  readonly clock?: () => number
}

/** An open run folder, locked for this process until `close`. */
export interface Run {
  readonly folder: string
  readonly name: string
  /** Where to go on; null: from the start. */
  readonly resumedFrom: SavedCheckpoint | null
  /** Why newer checkpoints were passed over (damaged ones), for a warning. */
  readonly passedOver: readonly string[]
  /** The events so far (of a resumed run), oldest first. */
  readonly pastEvents: readonly TimedEvent[]
  /** Events in the file by now. */
  readonly eventCount: number
  /** Adds an event to `events.jsonl` and its numbers to `tensorboard/`. @throws `disk.write` */
  emit(event: RunEvent): TimedEvent
  /**
   * Saves a checkpoint; the previous one stays until it is whole. The first `events` events belong to it (default: all so far): a run
   * resumed there keeps them, and the job must emit everything later again. @throws `disk.write`
   */
  checkpoint(checkpoint: Checkpoint & { readonly events?: number }): Promise<void>
  /** Writes a file of the run, whole or not at all; `path` is relative to the folder. @throws `disk.write` */
  write(path: string, data: string | Uint8Array): Promise<void>
  /** Adds to the manifest. @throws `disk.write` */
  note(fields: Readonly<Record<string, Json>>): Promise<void>
  /** Writes the status, closes the log and gives the lock back. A full disk is an error only for `done`. */
  close(status: Exclude<RunStatus, 'running'>): Promise<void>
}

const CONFIG = 'config.yaml'
const MANIFEST = 'manifest.json'
const EVENTS = 'events.jsonl'
const CHECKPOINTS = 'checkpoints'
/** Locks, and what a process killed while writing leaves. */
const isLeftover = (name: string): boolean => isPartialName(name) || /^lock(\.|$)/.test(name)
/** TensorBoard shows every file with `tfevents` in its name. */
const TENSORBOARD = join('tensorboard', 'events.out.tfevents.bilevel')

/**
 * Starts a run in a folder, or goes on with the one there.
 * @throws `runs.exists`, `runs.notARun`, `runs.inUse`, `runs.configChanged` (naming the keys), `runs.events`, `disk.write`
 */
export async function openRun(options: OpenRunOptions): Promise<Run> {
  const { folder, resume = false } = options
  if (resume) await requireRun(folder)
  const made = await mkdir(folder, { recursive: true }).catch((error) => {
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

/** The settings of a run. @throws `runs.notARun`, `config.file` */
export async function readRunConfig(folder: string): Promise<Settings> {
  await requireRun(folder)
  const path = join(folder, CONFIG)
  return parseSettings(await readFile(path, 'utf8'), path)
}

/** The manifest of a run. @throws `runs.notARun` */
export async function readManifest(folder: string): Promise<Manifest> {
  await requireRun(folder)
  try {
    return parseJson(await readFile(join(folder, MANIFEST), 'utf8')) as Manifest
  } catch (cause) {
    throw inputError('runs.notARun', `${join(folder, MANIFEST)} must be JSON: ${(cause as Error).message}`, { cause })
  }
}

async function requireRun(folder: string): Promise<void> {
  const names: readonly string[] = await readdir(folder).catch(() => [])
  const missing = [CONFIG, MANIFEST].filter((name) => !names.includes(name))
  if (missing.length === 0) return
  throw inputError(
    'runs.notARun',
    `${folder} must be a run folder, but has no ${missing.join(' and no ')}; give the folder of an existing run`,
  )
}

async function startRun(options: OpenRunOptions, lock: Lock): Promise<Run> {
  const { folder, config, version, clock = Date.now } = options
  const there = (await readdir(folder)).filter((name) => !isLeftover(name))
  if (there.length > 0) {
    const found = there.includes(MANIFEST) ? 'holds a run' : `is not empty (${there[0]})`
    throw inputError(
      'runs.exists',
      `a new run needs a folder of its own, but ${folder} ${found}; use another one, or --resume`,
    )
  }
  const manifest: Manifest = {
    format: 1,
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
  await writeAtomically(join(folder, CONFIG), toYaml(config))
  await writeAtomically(join(folder, MANIFEST), manifestText(manifest))
  return await runAt(options, lock, manifest, { checkpoint: null, passedOver: [] })
}

async function resumeRun(options: OpenRunOptions, lock: Lock): Promise<Run> {
  const { folder, config, mayChange, clock = Date.now } = options
  requireSameSettings(await readRunConfig(folder), config, mayChange)
  const newest = await newestCheckpoint(join(folder, CHECKPOINTS))
  const before = await readManifest(folder)
  const resumed = [...before.resumed, { time: new Date(clock()).toISOString(), step: newest.checkpoint?.step ?? 0 }]
  const configHash = settingsHash(config)
  const manifest: Manifest = { ...before, ...options.manifest, configHash, status: 'running', ended: null, resumed }
  if (configHash !== before.configHash) await writeAtomically(join(folder, CONFIG), toYaml(config))
  await writeAtomically(join(folder, MANIFEST), manifestText(manifest))
  return await runAt(options, lock, manifest, newest)
}

const manifestText = (manifest: Manifest): string => `${JSON.stringify(manifest, null, 2)}\n`

async function runAt(
  options: OpenRunOptions,
  lock: Lock,
  first: Manifest,
  { checkpoint, passedOver }: { checkpoint: SavedCheckpoint | null; passedOver: readonly string[] },
): Promise<Run> {
  const { folder, keep, clock = Date.now } = options
  const at = (...path: string[]): string => join(folder, ...path)
  const pastEvents = await truncateEvents(at(EVENTS), checkpoint?.events ?? 0)
  await writeAtomically(at(TENSORBOARD), encodeTensorBoard(Date.parse(first.created) / 1000, pastEvents))
  const log = openEvents(at(EVENTS), pastEvents.length, clock)
  let manifest = first
  const note: Run['note'] = async (fields) => {
    manifest = { ...manifest, ...fields }
    await writeAtomically(at(MANIFEST), manifestText(manifest))
  }
  return {
    folder,
    name: basename(folder),
    resumedFrom: checkpoint,
    passedOver,
    pastEvents,
    get eventCount() {
      return log.count
    },
    emit: (event) => emit(log, at(TENSORBOARD), event),
    async checkpoint(saved) {
      log.flush()
      await saveCheckpoint(at(CHECKPOINTS), { ...saved, events: saved.events ?? log.count }, keep)
    },
    write: (path, data) => writeAtomically(at(path), data),
    note,
    async close(status) {
      try {
        await note({ status, ended: new Date(clock()).toISOString() })
      } catch (error) {
        // The error that ended the run is the one to show.
        if (status === 'done') throw error
      } finally {
        log.close()
        await lock.release()
      }
    },
  }
}

function emit(log: EventLog, tensorBoard: string, event: RunEvent): TimedEvent {
  const timed = log.append(event)
  try {
    appendFileSync(tensorBoard, eventRecord(timed))
  } catch (error) {
    throw diskFailure(tensorBoard, error)
  }
  return timed
}
