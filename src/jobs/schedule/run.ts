/** Learning a schedule as a run: opens what it needs, learns, and leaves samples, model and report in the run folder. */

import { join } from 'node:path'
import { internalError } from '../../base/index.ts'
import type { JobHooks, JobRun } from '../../runs/index.ts'
import { peakMemoryMiB, readEvents, readRunConfig, requireSameSettings, runJob, versions } from '../../runs/index.ts'
import type { LearnCheckpoint, LearnEvent, LearnedModel, LearnProgress } from '../../tuners/index.ts'
import { learnSchedule, PHASES } from '../../tuners/index.ts'
import type { PythonNetwork, ReportContext } from '../reporting/context.ts'
import { boardImages } from '../reporting/sampleGrids.ts'
import type { ScheduleInputs } from './open.ts'
import { openScheduleInputs } from './open.ts'
import { saveScheduleOutputs } from './outputs.ts'
import { ownInputs } from './report/python.ts'
import type { ScheduleJson } from './report/scheduleJson.ts'
import { scheduleJson } from './report/scheduleJson.ts'
import { lossesOf } from './report/stepLoss.ts'
import { terminalSummary } from './report/terminal.ts'
import type { ScheduleConfig } from './settings.ts'
import { MAY_CHANGE } from './settings.ts'

export type ScheduleJobOptions = JobHooks<LearnEvent, LearnProgress>

export interface ScheduleJobResult {
  readonly learned: LearnedModel
  readonly json: ScheduleJson
  /** For a person at a terminal. */
  readonly summary: string
}

type ScheduleRun = JobRun<LearnCheckpoint>

/**
 * Runs the job to its end and saves everything.
 * @throws what opening and learning throw; `runs.*`; `interrupted` (kind `interrupted`) after a checkpoint when `signal` aborts
 */
export async function runScheduleJob(config: ScheduleConfig, options: ScheduleJobOptions): Promise<ScheduleJobResult> {
  const { folder, resume = false, caller, signal, onNote } = options
  if (resume) requireSameSettings(await readRunConfig(folder), config, MAY_CHANGE)
  const inputs = await openScheduleInputs(config)
  const { sources, notes } = inputs
  const shared = { folder, resume, ...(caller && { caller }), ...(signal && { signal }), ...(onNote && { onNote }) }
  const job = { ...shared, command: 'schedule', config, mayChange: MAY_CHANGE, sources, notes, stepOf, isDue }
  try {
    return await runJob<LearnCheckpoint, ScheduleJobResult>(job, async (at) => {
      const learned = await learn(at, inputs, config, options)
      return finish(at, learned, inputs, config, options)
    })
  } finally {
    await inputs.close()
  }
}

function learn(
  at: ScheduleRun,
  { subject, data, features, judge, settings }: ScheduleInputs,
  { preset, device }: ScheduleConfig,
  { signal, onProgress, onEvent }: ScheduleJobOptions,
): Promise<LearnedModel> {
  if (!at.has('start')) at.emit('start', { preset, seed: settings.seed })
  return learnSchedule({
    subject,
    data,
    features,
    judge,
    settings,
    device,
    ...(at.from && { from: at.from }),
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
    onEvent: (event) => {
      record(at, event)
      onEvent?.(event)
    },
    onCheckpoint: (checkpoint) => at.checkpoint(checkpoint),
  })
}

async function finish(
  at: ScheduleRun,
  learned: LearnedModel,
  inputs: ScheduleInputs,
  config: ScheduleConfig,
  { folder, caller, onNote }: ScheduleJobOptions,
): Promise<ScheduleJobResult> {
  const { result } = learned
  const batch = inputs.model?.batch ?? undefined
  const context: ReportContext = {
    run: folder,
    preset: config.preset,
    config: config as unknown as ReportContext['config'],
    peakMemoryMiB: peakMemoryMiB(),
    savedModel: inputs.model?.saves !== 'schedules',
    losses: lossesOf(await readEvents(join(folder, 'events.jsonl'))),
    ...(inputs.judge && { judgeKnowledge: inputs.judgeKnowledge }),
    heldOut: inputs.heldOut,
    ...(batch !== undefined && { batch }),
    notes: inputs.notes,
    versions: await versions(),
    ...(caller && { caller }),
    network: pythonNetwork(learned, inputs, config),
  }
  const json = scheduleJson(result, context)
  const notes = await saveScheduleOutputs(at.run, { learned, inputs, context, json })
  for (const note of notes) onNote?.(note)
  at.run.summarise({ images: boardImages(result.grids), settings: context.config, metrics: METRICS })
  const { overDefault, overBestDefault } = result.gain
  at.emit('done', {
    fid: result.learned.fid.mean,
    overDefault: overDefault.mean,
    overBestDefault: overBestDefault.mean,
  })
  return { learned, json, summary: terminalSummary(result, context) }
}

/** Of the event `done`: what runs are compared by. */
const METRICS = ['done/fid', 'done/overDefault', 'done/overBestDefault']

/** How Python calls the network that the schedule is for. */
function pythonNetwork(
  { model }: LearnedModel,
  { model: given, data }: ScheduleInputs,
  { model: file }: ScheduleConfig,
): PythonNetwork {
  if (model) {
    const { kind, classes, times } = model.network
    if (kind === 'UNet2DModel') return { kind, classes }
    const inputs = ownInputs(times, classes !== undefined)
    return { kind: 'onnx', path: 'model/unet/model.onnx', inRun: true, inputs, timeScale: 1, classes }
  }
  if (!given?.inputs) throw internalError('a run without a model must be for a file')
  const { inputs, timeScale } = given
  const classes = inputs.classes ? data.classes.length : undefined
  return { kind: 'onnx', path: String(file), inRun: false, inputs, timeScale, classes }
}

function record(at: ScheduleRun, event: LearnEvent): void {
  const { kind, ...values } = event
  if (event.kind === 'step') {
    at.run.emit({ type: event.phase, step: event.step, loss: event.loss })
  } else if (event.kind === 'iteration') {
    const { kind: _, iteration, ...rest } = event
    at.run.emit({ type: 'tune', step: iteration, ...rest })
  } else if (event.kind === 'candidate') {
    const { sampler, stepList, steps, fid } = event
    at.run.emit({ type: kind, step: steps, label: `${sampler}, ${stepList}`, sampler, stepList, fid })
  } else if (event.kind === 'row') {
    const { steps, label, fid, recognised } = event
    at.run.emit({ type: kind, step: steps, label, fid, recognised })
  } else {
    at.emit(kind, values)
  }
}

/** Tuning iterations, candidates and rows: minutes of work each. */
const workOf = ({ history, candidates, rows }: LearnCheckpoint): number =>
  history.length + (candidates ? 1 : 0) + Object.keys(rows).length

/** Training steps are cheap to lose; whatever takes long is saved at once. */
const isDue = (before: LearnCheckpoint | undefined, now: LearnCheckpoint): boolean =>
  before === undefined || before.phase !== now.phase || workOf(before) !== workOf(now)

/** Grows with everything a job does. */
function stepOf(checkpoint: LearnCheckpoint): number {
  const { shared, continued, phase } = checkpoint
  const trained = Math.max(shared?.training.step ?? 0, continued?.training.step ?? 0)
  return trained + workOf(checkpoint) + PHASES.indexOf(phase)
}
