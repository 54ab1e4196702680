/** Learning a schedule as a run: opens what it needs, learns, and leaves samples, model and report in the run folder. */

import { join } from 'node:path'
import { internalError } from '../../base/index.ts'
import type { JobHooks, JobRun } from '../../runs/index.ts'
import { peakMemoryMiB, readEvents, versions } from '../../runs/index.ts'
import type { LearnCheckpoint, LearnEvent, LearnedModel } from '../../tuners/index.ts'
import { learnSchedule, PHASES } from '../../tuners/index.ts'
import type { JobProgress } from '../job.ts'
import type { RunReport, WorkHooks } from '../makesRun.ts'
import type { PythonNetwork, ReportContext } from '../reporting/context.ts'
import { boardImages } from '../reporting/sampleGrids.ts'
import { lossesOf } from '../reporting/stepLoss.ts'
import { kinkNotes } from './kinkNotes.ts'
import type { ScheduleInputs } from './open.ts'
import { saveScheduleOutputs } from './outputs.ts'
import { ownInputs } from './report/python.ts'
import type { ScheduleJson } from './report/scheduleJson.ts'
import { scheduleJson } from './report/scheduleJson.ts'
import { terminalSummary } from './report/terminal.ts'
import type { ScheduleConfig } from './settings.ts'

/** Learns. */
export async function learn(
  at: ScheduleRun,
  { subject, data, features, judge, settings }: ScheduleInputs,
  { preset, device }: ScheduleConfig,
  hooks: WorkHooks<LearnEvent, LearnCheckpoint>,
): Promise<LearnedModel> {
  if (!at.has('start')) at.emit('start', { preset, seed: settings.seed })
  return learnSchedule({ subject, data, features, judge, settings, device, ...hooks })
}

type ScheduleRun = JobRun<LearnCheckpoint>

/** Leaves samples, model and report. */
export async function finish(
  at: ScheduleRun,
  learned: LearnedModel,
  inputs: ScheduleInputs,
  config: ScheduleConfig,
  { folder, caller, onNote }: JobHooks<LearnEvent, JobProgress>,
): Promise<RunReport<ScheduleJson>> {
  const { result } = learned
  const later = kinkNotes(result.history)
  for (const note of later) onNote?.(note)
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
    notes: [...inputs.notes, ...later],
    prediction: learned.prediction,
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
  return { json, summary: terminalSummary(result, context) }
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

/** An event as it is kept. */
export function record(at: ScheduleRun, event: LearnEvent): void {
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
export const isDue = (before: LearnCheckpoint | undefined, now: LearnCheckpoint): boolean =>
  before === undefined || before.phase !== now.phase || workOf(before) !== workOf(now)

/** Grows with everything a job does. */
export function stepOf(checkpoint: LearnCheckpoint): number {
  const { shared, continued, phase } = checkpoint
  const trained = Math.max(shared?.training.step ?? 0, continued?.training.step ?? 0)
  return trained + workOf(checkpoint) + PHASES.indexOf(phase)
}
