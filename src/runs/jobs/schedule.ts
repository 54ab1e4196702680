/**
 * Learning a schedule as a run: a folder with settings, events, checkpoints, samples, model and report. Killed at any moment it goes on from its
 * newest checkpoint to the numbers and bytes of a run that was never cut off.
 */
import { rm, stat } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { resolve } from 'node:path'
import { BilevelError, inputError } from '../../base/index.ts'
import type { LearnCheckpoint, LearnEvent, LearnedModel, LearnProgress } from '../../tuners/index.ts'
import { learnSchedule, PHASES } from '../../tuners/index.ts'
import { requireSameSettings } from '../config.ts'
import type { Json } from '../json.ts'
import { canonicalJson } from '../json.ts'
import type { ReportContext } from '../report/context.ts'
import type { ScheduleJson } from '../report/scheduleJson.ts'
import { scheduleJson } from '../report/scheduleJson.ts'
import { terminalSummary } from '../report/terminal.ts'
import type { Run } from '../runFolder.ts'
import { openRun, readManifest, readRunConfig } from '../runFolder.ts'
import type { ScheduleConfig } from './scheduleConfig.ts'
import { MAY_CHANGE } from './scheduleConfig.ts'
import type { ScheduleInputs } from './scheduleInputs.ts'
import { openScheduleInputs } from './scheduleInputs.ts'
import { saveScheduleOutputs } from './scheduleOutputs.ts'
import { decodeState, encodeState } from './stateCodec.ts'
import { versions } from './versions.ts'

export interface ScheduleJobOptions {
  /** The run folder. */
  readonly folder: string
  /** Go on with the run in it. Default false. */
  readonly resume?: boolean
  /** Stops the job at its next step, with a checkpoint. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: LearnProgress) => void
  readonly onEvent?: (event: LearnEvent) => void
  /** What the user must know, a sentence each. */
  readonly onNote?: (note: string) => void
}

export interface ScheduleJobResult {
  readonly learned: LearnedModel
  readonly json: ScheduleJson
  /** For a person at a terminal. */
  readonly summary: string
}

/**
 * Runs the job to its end and saves everything.
 * @throws what opening and learning throw; `runs.*`; `interrupted` (kind `interrupted`) after a checkpoint when `signal` aborts
 */
export async function runScheduleJob(config: ScheduleConfig, options: ScheduleJobOptions): Promise<ScheduleJobResult> {
  const { folder, resume = false, onNote } = options
  if (resume) requireSameSettings(await readRunConfig(folder), config, MAY_CHANGE)
  const inputs = await openScheduleInputs(config)
  try {
    for (const note of inputs.notes) onNote?.(note)
    if (resume) await requireSameSources(folder, inputs)
    const isNew = !resume && !(await stat(folder).catch(() => null))
    const run = await openRun({
      // A relative path would lead nowhere once the working directory is gone.
      folder: resolve(folder),
      resume,
      config,
      version: (await versions())['bilevel-diffusion'],
      mayChange: MAY_CHANGE,
      manifest: { command: 'schedule', ...machine(), sources: inputs.sources, notes: inputs.notes },
    })
    for (const reason of run.passedOver) onNote?.(`a checkpoint was passed over: ${reason}`)
    return await new ScheduleRun(config, options, inputs, run).toEnd(isNew)
  } finally {
    await inputs.close()
  }
}

/** Where it ran, for the manifest. */
function machine(): Readonly<Record<string, Json>> {
  return { cpu: cpus()[0]?.model ?? 'unknown', threads: availableParallelism() }
}

/** A run goes on with the bytes it began with. @throws `schedule.sources` naming what has changed */
async function requireSameSources(folder: string, { sources }: ScheduleInputs): Promise<void> {
  const before = ((await readManifest(folder)).sources ?? {}) as Readonly<Record<string, Json>>
  const changed = Object.keys(sources).filter((name) => canonicalJson(before[name]) !== canonicalJson(sources[name]))
  if (changed.length === 0) return
  throw inputError(
    'schedule.sources',
    `a resumed run must find what it began with, but ${changed.join(' and ')} changed since; bring it back or start a new run`,
  )
}

class ScheduleRun {
  readonly #config: ScheduleConfig
  readonly #options: ScheduleJobOptions
  readonly #inputs: ScheduleInputs
  readonly #run: Run
  #latest: LearnCheckpoint | undefined
  #saved: LearnCheckpoint | undefined
  #savedAt = performance.now()
  /** Events so far by type, which number those that have no step of their own. */
  readonly #counts = new Map<string, number>()

  constructor(config: ScheduleConfig, options: ScheduleJobOptions, inputs: ScheduleInputs, run: Run) {
    this.#config = config
    this.#options = options
    this.#inputs = inputs
    this.#run = run
    for (const { type } of run.pastEvents) this.#counts.set(type, (this.#counts.get(type) ?? 0) + 1)
  }

  /** @param isNew whether the folder was made for this run, and may go if the run cannot even start */
  async toEnd(isNew: boolean): Promise<ScheduleJobResult> {
    const run = this.#run
    try {
      const result = await this.#learn()
      await run.close('done')
      return result
    } catch (error) {
      const kept = await this.#keepLatest()
      const interrupted = this.#options.signal?.aborted === true
      await run.close(interrupted ? 'interrupted' : 'failed')
      if (isNew && !kept && error instanceof BilevelError && ['input', 'device'].includes(error.kind)) {
        await rm(run.folder, { recursive: true, force: true })
      }
      throw interrupted ? interruptedAt(this.#options.folder, kept) : error
    }
  }

  async #learn(): Promise<ScheduleJobResult> {
    const { subject, data, features, judge, settings } = this.#inputs
    const { signal, onProgress } = this.#options
    const from = this.#run.resumedFrom
    const at = from && (decodeState(from) as LearnCheckpoint)
    this.#latest = this.#saved = at ?? undefined
    if (!this.#counts.has('start')) this.#emit('start', { preset: this.#config.preset, seed: settings.seed })
    const learned = await learnSchedule({
      subject,
      data,
      features,
      judge,
      settings,
      device: this.#config.device,
      ...(at && { from: at }),
      ...(signal && { signal }),
      ...(onProgress && { onProgress }),
      onEvent: (event) => this.#event(event),
      onCheckpoint: (checkpoint) => this.#checkpoint(checkpoint),
    })
    return this.#finish(learned)
  }

  async #finish(learned: LearnedModel): Promise<ScheduleJobResult> {
    const { result } = learned
    const config = this.#config
    const context: ReportContext = {
      run: this.#options.folder,
      preset: config.preset,
      config: config as unknown as ReportContext['config'],
      peakMemoryMiB: Math.round(process.resourceUsage().maxRSS / 1024),
      savedModel: learned.model !== null,
      versions: await versions(),
    }
    const json = scheduleJson(result, context)
    const notes = await saveScheduleOutputs(this.#run, { learned, inputs: this.#inputs, context, json })
    for (const note of notes) this.#options.onNote?.(note)
    const { overDefault, overBestDefault } = result.gain
    this.#emit('done', {
      fid: result.learned.fid.mean,
      overDefault: overDefault.mean,
      overBestDefault: overBestDefault.mean,
    })
    return { learned, json, summary: terminalSummary(result, context) }
  }

  #event(event: LearnEvent): void {
    const { kind, ...values } = event
    if (event.kind === 'step') {
      this.#run.emit({ type: event.phase, step: event.step, loss: event.loss })
    } else if (event.kind === 'iteration') {
      const { kind: _, iteration, ...rest } = event
      this.#run.emit({ type: 'tune', step: iteration, ...rest })
    } else {
      this.#emit(kind, values)
    }
    this.#options.onEvent?.(event)
  }

  /** An event numbered by how many of its type there are. */
  #emit(type: string, values: Readonly<Record<string, Json>>): void {
    const step = this.#counts.get(type) ?? 0
    this.#counts.set(type, step + 1)
    this.#run.emit({ type, step, ...values })
  }

  /** Saves where a step is cheap to lose only every so often, and after whatever takes long at once. */
  async #checkpoint(checkpoint: LearnCheckpoint): Promise<void> {
    const before = this.#latest
    this.#latest = checkpoint
    const due = performance.now() - this.#savedAt >= 1000 * this.#config.checkpointSeconds
    if (due || before?.phase !== checkpoint.phase || workOf(before) !== workOf(checkpoint)) await this.#save(checkpoint)
  }

  async #save(checkpoint: LearnCheckpoint): Promise<void> {
    await this.#run.checkpoint({ step: stepOf(checkpoint), ...encodeState(checkpoint) })
    this.#saved = checkpoint
    this.#savedAt = performance.now()
  }

  /** After a stop or a failure: the last good state, on disk if the disk takes it. */
  async #keepLatest(): Promise<boolean> {
    if (this.#latest && this.#latest !== this.#saved) {
      await this.#save(this.#latest).catch((error: unknown) => {
        this.#options.onNote?.(`the last checkpoint could not be written: ${(error as Error).message}`)
      })
    }
    return this.#saved !== undefined
  }
}

/** Tuning iterations, candidates and rows: minutes of work each. */
const workOf = ({ history, candidates, rows }: LearnCheckpoint): number =>
  history.length + (candidates ? 1 : 0) + Object.keys(rows).length

/** Grows with everything a job does. */
function stepOf(checkpoint: LearnCheckpoint): number {
  const { shared, continued, phase } = checkpoint
  const trained = Math.max(shared?.training.step ?? 0, continued?.training.step ?? 0)
  return trained + workOf(checkpoint) + PHASES.indexOf(phase)
}

function interruptedAt(folder: string, kept: boolean): Error {
  const where = kept ? 'its checkpoint is kept' : 'nothing was done yet'
  const rest = `go on with: bilevel schedule --resume ${folder}`
  return new BilevelError('interrupted', 'interrupted', `the run was interrupted, ${where}; ${rest}`)
}
