/**
 * A bilevel problem of the user's own as a run: run folder with settings, events, TensorBoard and checkpoints, progress, a stop, and at the
 * end `result.json` and `report.html`. Stopped or killed at any moment it goes on to the bytes of a run that was never cut off.
 */
import { BilevelError, inputError } from '../../base/index.ts'
import type { BilevelProblem, PenaltyState, Upper } from '../../bilevel/index.ts'
import { drive, penaltyInit } from '../../bilevel/index.ts'
import type { Job, JobHooks, JobRun, Json } from '../../runs/index.ts'
import { encodeState, runJob, versions } from '../../runs/index.ts'
import { saveReport } from '../reporting/reportOutputs.ts'
import type { ProblemCheckpoint, ProblemEvent, ProblemProgress, ProblemRecord } from './record.ts'
import { recordOf } from './record.ts'
import { renderProblemReport } from './report.ts'
import type { ProblemJson } from './result.ts'
import { problemJson } from './result.ts'
import type { ProblemConfig, ProblemSettings } from './settings.ts'
import { checkProblemSettings, PROBLEM_DEFAULTS, PROBLEM_MAY_CHANGE, problemConfig, problemSource } from './settings.ts'

export interface ProblemRunOptions<B extends string, S, Batch>
  extends Omit<JobHooks<ProblemEvent, ProblemProgress>, 'caller'> {
  /** What the problem is called, on its page and where runs are listed. */
  readonly name: string
  /**
   * What is solved. The state of a trained lower problem goes to checkpoints, so it must be plain: objects, lists, numbers, words, float and
   * int32 arrays.
   */
  readonly problem: BilevelProblem<B, S, Batch>
  /** Those that are not given are `PROBLEM_DEFAULTS`. */
  readonly settings?: Partial<ProblemSettings>
  /** What else decides the problem's numbers (a seed, sizes, hashes of data): noted in the run, and a resumed run must have the same. */
  readonly problemSettings?: { readonly [key: string]: Json }
}

export interface ProblemRunResult<B extends string, S> {
  /** The upper variables at the end, by block. */
  readonly upper: Upper<B>
  readonly state: PenaltyState<B, S>
  readonly history: readonly ProblemRecord[]
  /** What `result.json` holds. */
  readonly json: ProblemJson
}

/**
 * Solves the problem in a run folder, or goes on with the run there (`resume`).
 * @throws `problem.*`, `bilevel.*` on what does not fit; `runs.*` on the folder; `interrupted` (kind `interrupted`) after a checkpoint when
 *   `signal` aborts; what the problem throws
 * @example const { upper } = await runProblem({ name: 'ridge', problem, settings: { gamma: 1e4, iterations: 200 }, folder: 'runs/ridge' })
 */
export async function runProblem<B extends string, S, Batch>(
  options: ProblemRunOptions<B, S, Batch>,
): Promise<ProblemRunResult<B, S>> {
  const { name, problem, folder, resume = false, signal, onNote, problemSettings = {} } = options
  const settings: ProblemSettings = { ...PROBLEM_DEFAULTS, ...options.settings }
  checkProblemSettings(settings)
  requirePlain(penaltyInit(problem, settings))
  const config = problemConfig(name, settings, problemSettings)
  const job: Job<ProblemCheckpoint<B, S>> = {
    folder,
    resume,
    ...(signal && { signal }),
    ...(onNote && { onNote }),
    command: 'problem',
    config,
    mayChange: PROBLEM_MAY_CHANGE,
    sources: { problem: problemSource(problem) },
    notes: [],
    goOnWith: `runProblem with folder ${JSON.stringify(folder)} and resume true`,
    stepOf: ({ state }) => state.iteration + (state.trained?.steps ?? 0),
  }
  return runJob(job, async (at) => {
    const solved = await solve(at, settings, options)
    const json = problemJson(problem, solved.state, solved.history, { settings: config, versions: await versions() })
    await finish(at, json, config)
    return { upper: solved.state.upper, ...solved, json }
  })
}

async function solve<B extends string, S, Batch>(
  at: JobRun<ProblemCheckpoint<B, S>>,
  settings: ProblemSettings,
  { name, problem, signal, onEvent, onProgress }: ProblemRunOptions<B, S, Batch>,
): Promise<ProblemCheckpoint<B, S>> {
  if (!at.has('start')) at.emit('start', { name, seed: settings.seed })
  const { from } = at
  const history = from ? from.history.slice(0, from.state.iteration) : []
  const state = await drive(problem, settings, settings.iterations, {
    ...(from && { from: from.state }),
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
    onEvent(event) {
      if (event.kind === 'warm-up') {
        const { loss } = event
        const step = event.state.trained?.steps ?? 0
        at.run.emit({ type: event.kind, step, loss })
        return onEvent?.({ kind: event.kind, step, loss })
      }
      const record = recordOf(problem.blocks, event.report, event.state.evaluations)
      history.push(record)
      const { iteration, ...values } = record
      at.run.emit({ type: 'tune', step: iteration, ...values })
      return onEvent?.({ kind: event.kind, ...record })
    },
    onCheckpoint: (state) => at.checkpoint({ state, history }),
  })
  return { state, history }
}

async function finish<B extends string, S>(
  at: JobRun<ProblemCheckpoint<B, S>>,
  json: ProblemJson,
  config: ProblemConfig,
): Promise<void> {
  await saveReport(at.run, await renderProblemReport(json))
  await at.run.write('result.json', `${JSON.stringify(json, null, 2)}\n`)
  at.run.summarise({ images: [], settings: config, metrics: ['done/value'] })
  at.emit('done', { value: json.value.last, networkEvaluations: json.networkEvaluations })
}

/** @throws `problem.state` on a state that no checkpoint could hold, before anything is done */
function requirePlain(state: PenaltyState<string, unknown>): void {
  try {
    encodeState(state)
  } catch (cause) {
    if (!(cause instanceof BilevelError)) throw cause
    const what = cause.message.replace(/^internal: a state/, 'it')
    throw inputError(
      'problem.state',
      `the state of a lower problem must be plain objects, lists, numbers, words and float or int32 arrays, but ${what}; keep what else it needs outside of it`,
      { cause },
    )
  }
}
