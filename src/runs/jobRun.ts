/**
 * A job as a run: a folder with settings, events, checkpoints and whatever the job writes. Killed at any moment it goes on from its newest
 * checkpoint to the numbers and bytes of a run that was never cut off.
 */
import { rm, stat } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { resolve } from 'node:path'
import { BilevelError, inputError } from '../base/index.ts'
import type { Caller } from './commands.ts'
import { commandLine, pathArgument, UNKNOWN_CALLER } from './commands.ts'
import type { Settings } from './config.ts'
import type { Json } from './json.ts'
import { canonicalJson, isRecord } from './json.ts'
import { readManifest } from './manifest.ts'
import type { Run } from './runFolder.ts'
import { openRun } from './runFolder.ts'
import { decodeState, encodeState } from './stateCodec.ts'
import { versions } from './versions.ts'

/** How a job is run, for all kinds of jobs. */
export interface JobHooks<Event, Progress> {
  /** The run folder. */
  readonly folder: string
  /** Go on with the run in it. Default false. */
  readonly resume?: boolean
  /** How the user called us, for the commands that are printed. */
  readonly caller?: Caller
  /** Stops the job at its next step, with a checkpoint. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
  readonly onEvent?: (event: Event) => void
  /** What the user must know, a sentence each. */
  readonly onNote?: (note: string) => void
}

/** A kind of job, with checkpoints C, on its inputs. */
export interface Job<C> extends Pick<JobHooks<never, never>, 'folder' | 'resume' | 'caller' | 'signal' | 'onNote'> {
  readonly command: string
  readonly config: Settings & { readonly checkpointSeconds: number }
  /** Settings that a resumed run may change. */
  readonly mayChange: readonly string[]
  /** Settings of `mayChange` that name files which lie elsewhere now: the sources of those names must be the recorded ones. */
  readonly moved?: readonly string[]
  /** Names and hashes of what was read; a resumed run must find the same. */
  readonly sources: Readonly<Record<string, Json>>
  readonly notes: readonly string[]
  /** How the user goes on with a run that was stopped. Default: the command with `--resume`. */
  readonly goOnWith?: string
  /** Number of a checkpoint, growing with everything the job does. */
  stepOf(checkpoint: C): number
  /** Whether so much was done since the last one that it is saved at once, not only every so often. */
  isDue?(before: C | undefined, now: C): boolean
}

/** What a job does with its run. */
export interface JobRun<C> {
  readonly run: Run<C>
  /** Where to go on; undefined: from the start. */
  readonly from: C | undefined
  /** Adds an event numbered by how many of its type there are. */
  emit(type: string, values: Readonly<Record<string, Json>>): void
  /** Whether there is an event of a type. */
  has(type: string): boolean
  /** Takes note of where the job stands, and saves it when that is due. */
  checkpoint(checkpoint: C): Promise<void>
}

/**
 * Opens the run, does the work and closes the run.
 * @throws what the work throws; `runs.*`; `<command>.sources`; `interrupted` (kind `interrupted`) after a checkpoint when `signal` aborts
 */
export async function runJob<C, R>(job: Job<C>, work: (at: JobRun<C>) => Promise<R>): Promise<R> {
  const { folder, resume = false, onNote } = job
  for (const note of job.notes) onNote?.(note)
  if (resume) await requireSameSources(job)
  const isNew = !resume && !(await stat(folder).catch(() => null))
  const run = await openRun<C>({
    // A relative path would lead nowhere once the working directory is gone.
    folder: resolve(folder),
    resume,
    config: job.config,
    version: (await versions())['bilevel-diffusion'],
    mayChange: job.mayChange,
    decode: (checkpoint) => decodeState(checkpoint) as C,
    manifest: { command: job.command, ...machine(), sources: job.sources, notes: job.notes },
  })
  for (const warning of run.warnings) onNote?.(warning)
  return new OpenJob(job, run).toEnd(work, isNew)
}

/** Where it ran, for the manifest. */
function machine(): Readonly<Record<string, Json>> {
  return { cpu: cpus()[0]?.model ?? 'unknown', threads: availableParallelism() }
}

/** A run goes on with the bytes it began with, wherever they lie. @throws `<command>.sources` naming what has changed */
async function requireSameSources({ folder, sources, command, moved = [] }: Job<never>): Promise<void> {
  const before = ((await readManifest(folder)).sources ?? {}) as Readonly<Record<string, Json>>
  // What earlier releases did not record is not compared.
  const other = Object.keys(sources).filter((name) => name in before && !isSame(name, before[name], sources[name]))
  const changed = [...other, ...moved.filter((name) => !(name in sources))]
  if (changed.length === 0) return
  throw inputError(
    `${command}.sources`,
    `a resumed run must find what it began with, but ${changed.join(' and ')} changed since; bring it back or start a new run`,
  )
}

/** Says where a source lies, and what it is called there. */
const PLACE = ['path', 'source', 'name']

/** Whether a source is the recorded one: in all that was recorded of it but its place, where there is a hash. Of `code`, hashes by paths: the same modules. */
function isSame(name: string, before: Json, now: Json): boolean {
  if (!isRecord(before) || !isRecord(now)) return canonicalJson(before) === canonicalJson(now)
  if (name === 'code') {
    return canonicalJson(Object.values(before).toSorted()) === canonicalJson(Object.values(now).toSorted())
  }
  if (!('sha256' in before)) return canonicalJson(before) === canonicalJson(now)
  const kept = Object.keys(before).filter((key) => !PLACE.includes(key))
  return kept.every((key) => canonicalJson(before[key] as Json) === canonicalJson((now[key] ?? null) as Json))
}

/** Where a job stands, and the events that came before. */
interface Standing<C> {
  readonly checkpoint: C
  readonly events: number
}

class OpenJob<C> implements JobRun<C> {
  readonly run: Run<C>
  readonly from: C | undefined
  readonly #job: Job<C>
  #latest: Standing<C> | undefined
  #saved: C | undefined
  #savedAt = performance.now()
  /** Events so far by type, which number those that have no step of their own. */
  readonly #counts = new Map<string, number>()

  constructor(job: Job<C>, run: Run<C>) {
    this.#job = job
    this.run = run
    this.from = run.decoded
    this.#saved = this.from
    if (this.from !== undefined) this.#latest = { checkpoint: this.from, events: run.eventCount }
    for (const { type } of run.pastEvents) this.#counts.set(type, (this.#counts.get(type) ?? 0) + 1)
  }

  /** @param isNew whether the folder was made for this run, and may go if the run cannot even start */
  async toEnd<R>(work: (at: JobRun<C>) => Promise<R>, isNew: boolean): Promise<R> {
    const { run } = this
    try {
      const result = await work(this)
      await run.close('done')
      return result
    } catch (thrown) {
      // Where the folder is gone, that is what ended the run, in whatever words it was met with first.
      const gone: unknown = await run.requireHeld().then(
        () => null,
        (error: unknown) => error,
      )
      const error = gone ?? thrown
      const kept = gone === null && (await this.#keepLatest())
      const interrupted = this.#job.signal?.aborted === true
      await run.close(interrupted ? 'interrupted' : 'failed')
      if (isNew && !kept && error instanceof BilevelError && ['input', 'device'].includes(error.kind)) {
        await rm(run.folder, { recursive: true, force: true })
      }
      throw interrupted && gone === null ? this.#interrupted(kept) : error
    }
  }

  has(type: string): boolean {
    return this.#counts.has(type)
  }

  emit(type: string, values: Readonly<Record<string, Json>>): void {
    const step = this.#counts.get(type) ?? 0
    this.#counts.set(type, step + 1)
    this.run.emit({ type, step, ...values })
  }

  async checkpoint(checkpoint: C): Promise<void> {
    const before = this.#latest?.checkpoint
    this.#latest = { checkpoint, events: this.run.eventCount }
    const due = performance.now() - this.#savedAt >= 1000 * this.#job.config.checkpointSeconds
    if (due || this.#job.isDue?.(before, checkpoint)) await this.#save(this.#latest)
  }

  async #save({ checkpoint, events }: Standing<C>): Promise<void> {
    await this.run.checkpoint({ step: this.#job.stepOf(checkpoint), events, ...encodeState(checkpoint) })
    this.#saved = checkpoint
    this.#savedAt = performance.now()
  }

  /** After a stop or a failure: the last good state, on disk if the disk takes it. */
  async #keepLatest(): Promise<boolean> {
    const latest = this.#latest
    if (latest && latest.checkpoint !== this.#saved) {
      await this.#save(latest).catch((error: unknown) => {
        this.#job.onNote?.(`the last checkpoint could not be written: ${(error as Error).message}`)
      })
    }
    return this.#saved !== undefined
  }

  #interrupted(kept: boolean): Error {
    const { command, folder, sources, caller = UNKNOWN_CALLER } = this.#job
    const where = kept ? 'its checkpoint is kept' : 'nothing was done yet'
    const code = 'code' in sources ? ['--allow-code'] : []
    const { goOnWith = commandLine(caller, [command, '--resume', pathArgument(folder), ...code]) } = this.#job
    return new BilevelError('interrupted', 'interrupted', `the run was interrupted, ${where}; go on with: ${goOnWith}`)
  }
}
