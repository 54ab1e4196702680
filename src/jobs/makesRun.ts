/** A job that makes a run: opened, worked on, recorded, reported, in a folder that it can be gone on with from. What it works on is its own affair. */
import { stat } from 'node:fs/promises'
import { BilevelError } from '../base/index.ts'
import type { JobHooks, JobRun, Json, Settings, SettingsLayer } from '../runs/index.ts'
import {
  durationText,
  isRecord,
  ProgressFile,
  readManifest,
  readRunConfig,
  requireSameSettings,
  runJob,
} from '../runs/index.ts'
import type { Job, JobProgress, JobTelling, RunSettings } from './job.ts'
import type { JobPlan } from './planning/forecast.ts'
import { expectedText } from './planning/forecast.ts'

/** What a run is made on. */
export interface RunInputs {
  /** Names and hashes of what was read, for the manifest; a resumed run must find the same. */
  readonly sources: Readonly<Record<string, Json>>
  /** What was measured of them, for the manifest. */
  readonly found?: Readonly<Record<string, Json>>
  /** What the user must know, a sentence each. */
  readonly notes: readonly string[]
  /** Seconds that a network evaluation was measured to take; absent or null: not known. */
  readonly secondsPerEvaluation?: number | null
  close(): Promise<void>
}

export interface RunReport<J> {
  readonly json: J
  /** For a person at a terminal. */
  readonly summary: string
}

/** What happened inside a run, told one by one. */
type Events<E> = { readonly kind: string } & E

/**
 * A run-making job with settings C, inputs I, events E, checkpoints K, result R and the object J that `--json` prints.
 * `line`, `record`: an event as a line for a person (null: not worth one), and as it is kept in `events.jsonl`.
 */
export interface RunMaker<C extends RunSettings, I extends RunInputs, E, K, R, J>
  extends Pick<Job<C>, 'name' | 'summary' | 'description' | 'example' | 'plan' | 'best' | 'folder'> {
  readonly settings: Job<C>['settings'] & {
    resolve(layers: readonly SettingsLayer[]): C
    /** Settings that do not change the result, so that a resumed run may have others. */
    readonly mayChange: readonly string[]
    /** Settings that say where something lies, of the names of its sources: a resumed run may find the same, by its hash, elsewhere. */
    readonly places: readonly string[]
    /** What settings that runs of earlier versions do not name were then. Default: null. */
    readonly earlier?: Settings
  }
  /** What is asked of settings before anything is opened, of a run that begins and of its plan: one that goes on may have begun before it was asked. */
  requireUsed?(config: C): Promise<void>
  /** What else a resumed run must find as it was, before anything of it is loaded. */
  requireSame?(folder: string, config: C): Promise<void>
  open(config: C): Promise<I>
  /** What it is expected to take at most, of what is open; seconds are left to the progress. @throws `plan.memory` where it cannot fit into memory */
  expected?(inputs: I, config: C): Promise<Pick<JobPlan, 'networkEvaluations' | 'memoryMiB'>>
  /** Every setting is known and everything open: does it. */
  work(at: JobRun<K>, inputs: I, config: C, hooks: WorkHooks<E, K>): Promise<R>
  record(at: JobRun<K>, event: Events<E>): void
  line(event: E): string | null
  /** Leaves the results in the run folder. */
  report(at: JobRun<K>, result: R, inputs: I, config: C, hooks: JobHooks<E, JobProgress>): Promise<RunReport<J>>
  /** Number of a checkpoint, growing with everything the job does. */
  stepOf(checkpoint: K): number
  /** Whether so much was done since the last one that it is saved at once. */
  isDue?(before: K | undefined, now: K): boolean
}

/** Where the work begins, and what it tells. */
export interface WorkHooks<E, K> extends Pick<JobHooks<E, JobProgress>, 'folder' | 'caller' | 'onNote'> {
  readonly from?: K
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: JobProgress) => void
  readonly onEvent: (event: Events<E>) => void
  readonly onCheckpoint: (checkpoint: K) => Promise<void>
}

/**
 * Runs it to its end and saves everything.
 * @throws what opening and working throw; `runs.*`; `interrupted` (kind `interrupted`) after a checkpoint when `signal` aborts
 */
export async function makeRun<C extends RunSettings, I extends RunInputs, E, K, R, J>(
  maker: RunMaker<C, I, E, K, R, J>,
  config: C,
  hooks: JobHooks<E, JobProgress> & { readonly onLine?: (line: string) => void },
): Promise<RunReport<J> & { readonly result: R }> {
  const { name: command, stepOf, isDue } = maker
  const { places } = maker.settings
  const mayChange = [...maker.settings.mayChange]
  const { folder, resume = false, caller, signal, onProgress, onEvent, onNote } = hooks
  const moved: string[] = []
  const finding = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      throw resume ? await movedError(error, config, places) : error
    }
  }
  if (resume) {
    const before = await readRunConfig(folder)
    mayChange.push(...unnamed(before, config, maker.settings.earlier ?? {}))
    const recorded = (await readManifest(folder)).sources
    // Only what was recorded can be known again somewhere else.
    const mayMove = places.filter((name) => isRecord(recorded) && isRecord(recorded[name]))
    moved.push(...mayMove.filter((name) => before[name] !== config[name] && typeof config[name] === 'string'))
    mayChange.push(...moved)
    requireSameSettings(before, config, mayChange)
    await finding(maker.requireSame?.(folder, config) ?? Promise.resolve())
  } else {
    await maker.requireUsed?.(config)
  }
  const inputs = await finding(maker.open(config))
  try {
    const expected = await maker.expected?.(inputs, config)
    if (expected) hooks.onLine?.(expectedText(expected))
  } catch (error) {
    await inputs.close()
    throw error
  }
  const { sources, found, notes, secondsPerEvaluation } = inputs
  const shared = { folder, resume, ...(caller && { caller }), ...(signal && { signal }), ...(onNote && { onNote }) }
  const job = {
    ...shared,
    command,
    config,
    mayChange,
    moved,
    sources,
    ...(found && { found }),
    notes,
    stepOf,
    ...(isDue && { isDue }),
  }
  try {
    return await runJob<K, RunReport<J> & { readonly result: R }>(job, async (at) => {
      const shown = new ProgressFile(at.run.folder)
      try {
        const result = await maker.work(at, inputs, config, {
          folder,
          ...(at.from !== undefined && { from: at.from }),
          ...(signal && { signal }),
          ...(caller && { caller }),
          ...(onNote && { onNote }),
          onProgress: (reached) => {
            const progress = secondsPerEvaluation ? { ...reached, forecastRate: 1 / secondsPerEvaluation } : reached
            shown.show(progress)
            onProgress?.(progress)
          },
          onEvent: (event) => {
            maker.record(at, event)
            onEvent?.(event)
          },
          onCheckpoint: (checkpoint) => at.checkpoint(checkpoint),
        })
        return { result, ...(await maker.report(at, result, inputs, config, hooks)) }
      } finally {
        await shown.end()
      }
    })
  } finally {
    await inputs.close()
  }
}

/** Whether an error is about a file that a setting names, perhaps in a reward of several terms, and that is not there. */
async function isLost(setting: string, message: string): Promise<boolean> {
  const names = [setting, ...setting.split(/[\s+*]+/)]
  const paths = names.filter((name) => (/[./\\]/.test(name) && message.includes(name)) || message.includes(`'${name}'`))
  const found = await Promise.all(paths.map((path) => stat(path).catch(() => null)))
  return paths.length > 0 && found.every((one) => one === null)
}

/** The error of a run whose files are no longer where it found them, with what to say then. */
async function movedError(error: unknown, config: Settings, places: readonly string[]): Promise<unknown> {
  if (!(error instanceof BilevelError) || error.kind !== 'input') return error
  for (const name of places) {
    const given = config[name]
    if (typeof given !== 'string' || !(await isLost(given, error.message))) continue
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} NEW`
    const hint = `if it was moved, ${flag} says where it lies now: what has the same hash is taken`
    return new BilevelError(error.kind, error.code, `${error.message}; ${hint}`, { cause: error })
  }
  return error
}

/** Tells how long it will take, once, where that is forecast. */
function forecastFirst({ onProgress, onLine }: JobTelling): (progress: JobProgress) => void {
  let told = false
  return (progress) => {
    const { done, total, forecastRate } = progress
    if (!told && forecastRate) {
      const left = total - done
      const pace = `${(1000 / forecastRate).toPrecision(2)} ms each, as measured just now`
      onLine(
        `forecast: about ${durationText(left / forecastRate)} for ${left.toLocaleString('en')} network evaluations of ${pace}`,
      )
    }
    told = true
    onProgress(progress)
  }
}

/** Settings that a run of an earlier version does not name, and that are as they were then. */
const unnamed = (before: Settings, config: Settings, earlier: Settings): string[] =>
  Object.keys(earlier).filter((name) => !(name in before) && config[name] === earlier[name])

/** The command of a run-making job. */
export function runJobOf<C extends RunSettings, I extends RunInputs, E, K, R, J>(
  maker: RunMaker<C, I, E, K, R, J>,
): Job<C> {
  const { name, summary, description, example, settings, plan, best, folder } = maker
  return {
    name,
    summary,
    description,
    jsonHelp: 'print the result as one JSON object on one line',
    settings,
    leaves: 'run',
    ...(example !== undefined && { example }),
    ...(plan && {
      async plan(config: C, argument: string) {
        await maker.requireUsed?.(config)
        return plan(config, argument)
      },
    }),
    ...(best && { best }),
    ...(folder && { folder }),
    async run({ config, folder, resume, caller }, telling) {
      const { signal, onLine, onNote } = telling
      const onEvent = (event: E) => {
        const line = maker.line(event)
        if (line !== null) onLine(line)
      }
      const onProgress = forecastFirst(telling)
      const made = await makeRun(maker, config, {
        ...{ folder, resume, caller, signal, onProgress, onEvent, onNote, onLine },
      })
      return { json: made.json, text: made.summary }
    },
  }
}
