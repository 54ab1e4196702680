/** Learning a schedule as a run: opens what it needs, learns, and leaves samples, model and report in the run folder. */

import { join } from 'node:path'
import { internalError } from '../../base/index.ts'
import { trainingWords } from '../../diffusion/index.ts'
import type { JobHooks, JobRun } from '../../runs/index.ts'
import { pathArgument, peakMemoryMiB, readEvents, readManifest, versions } from '../../runs/index.ts'
import type { LearnCheckpoint, LearnEvent, LearnedModel, ScheduleResult } from '../../tuners/index.ts'
import { learnSchedule, PHASES, requireNoFewerIterations } from '../../tuners/index.ts'
import type { JobProgress } from '../job.ts'
import type { RunReport, WorkHooks } from '../makesRun.ts'
import type { CodeHashes } from '../opening/namedCode.ts'
import { requireRecordedCode } from '../opening/namedCode.ts'
import { pipelineNetwork } from '../opening/pipelineNetwork.ts'
import type { PythonNetwork, ReportContext } from '../reporting/context.ts'
import { learnsVariance, ownInputs } from '../reporting/python.ts'
import { pythonTime } from '../reporting/pythonTime.ts'
import { boardImages } from '../reporting/sampleGrids.ts'
import { lossesOf } from '../reporting/stepLoss.ts'
import { gradientNotes } from './gradientNotes.ts'
import { namedValue } from './namedValue.ts'
import type { ScheduleInputs } from './open.ts'
import { saveScheduleOutputs } from './outputs.ts'
import type { ScheduleJson } from './report/scheduleJson.ts'
import { scheduleJson } from './report/scheduleJson.ts'
import { terminalSummary } from './report/terminal.ts'
import type { ScheduleConfig } from './schema.ts'

/**
 * A run goes on with, before any of it is loaded, the code it began with, and with no fewer iterations than it has made.
 * @throws `learn.iterations`; as `requireRecordedCode`
 */
export async function requireSameRun(folder: string, config: ScheduleConfig): Promise<void> {
  await requireSameCode(folder, config)
  const events = await readEvents(join(folder, 'events.jsonl')).catch(() => [])
  const made = events.flatMap(({ type, step }) => (type === 'tune' && typeof step === 'number' ? step : []))
  requireNoFewerIterations(config.iterations, Math.max(0, ...made))
}

async function requireSameCode(folder: string, { reward }: ScheduleConfig): Promise<void> {
  if (reward === null) return
  const { sources } = await readManifest(folder)
  const { code } = (sources ?? {}) as { readonly code?: CodeHashes }
  await requireRecordedCode(join(folder, 'manifest.json'), [reward], code)
}

/** Learns. */
export async function learn(
  at: ScheduleRun,
  { subject, data, features, judge, reward, startPoint, settings }: ScheduleInputs,
  { preset, device }: ScheduleConfig,
  hooks: WorkHooks<LearnEvent, LearnCheckpoint>,
): Promise<LearnedModel> {
  if (!at.has('start')) at.emit('start', { preset, seed: settings.seed })
  return learnSchedule({ subject, data, features, judge, reward, startPoint, settings, device, ...hooks })
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
  const later = [
    ...learned.steps.flatMap(({ result }) => [
      ...gradientNotes(result.history, config),
      ...searchNotes(result, folder),
    ]),
    ...(inputs.reward?.notes?.() ?? []).filter((note) => !inputs.notes.includes(note)),
  ]
  for (const note of later) onNote?.(note)
  const batch = inputs.model?.batch ?? undefined
  const context: ReportContext = {
    run: folder,
    preset: config.preset,
    config: config as unknown as ReportContext['config'],
    peakMemoryMiB: peakMemoryMiB(),
    savedModel: inputs.model?.saves !== 'schedules',
    ...(typeof inputs.settings.class === 'number' && { class: inputs.settings.class }),
    ...(inputs.model && { checking: inputs.model.evaluations }),
    losses: lossesOf(await readEvents(join(folder, 'events.jsonl'))),
    ...(inputs.judge && { judgeKnowledge: inputs.judgeKnowledge }),
    heldOut: inputs.heldOut,
    ...(batch !== undefined && { batch }),
    notes: [...inputs.notes, ...later],
    prediction: learned.prediction,
    ...(learned.trainedOn && { trainedOn: trainingWords(learned.trainedOn) }),
    versions: await versions(),
    ...(caller && { caller }),
    network: await pythonNetwork(learned, inputs, config),
  }
  const all = learned.steps.map((one) => one.result)
  const json = scheduleJson(result, context, all)
  const notes = await saveScheduleOutputs(at.run, { learned, inputs, context, json })
  for (const note of notes) onNote?.(note)
  at.run.summarise({ images: boardImages(result.grids), settings: context.config, metrics: metricsOf(result) })
  const { overDefault, overBestDefault } = result.gain
  at.emit('done', {
    ...(result.learned.fid && { fid: result.learned.fid.mean }),
    ...(result.learned.objective && namedValue(result.objective, result.learned.objective.mean)),
    overDefault: overDefault.mean,
    overBestDefault: overBestDefault.mean,
  })
  return { json, summary: terminalSummary(result, context, all) }
}

/** Of the event `done`: what runs are compared by. */
const metricsOf = ({ objective, learned }: LearnedModel['result']): string[] => [
  ...(learned.fid ? ['done/fid'] : []),
  ...(learned.objective ? [`done/${objective}`] : []),
  'done/overDefault',
  'done/overBestDefault',
]

/** What was kept where it is not what was learned, and that more iterations would help. */
function searchNotes(
  { decision, stillMoving, samplingSteps, history, start }: ScheduleResult,
  folder: string,
): string[] {
  const kept =
    decision?.kept === 'start'
      ? [
          `nothing better than the best default was found at ${samplingSteps} steps: the schedule that is returned is ${start.sampler}, ${start.stepList}`,
        ]
      : []
  if (!stillMoving) return kept
  const more = 2 * history.length
  return [
    ...kept,
    `the objective was still falling when the iterations at ${samplingSteps} steps were over; --resume ${pathArgument(folder)} --iterations ${more} goes on`,
  ]
}

const OTHER_CONVENTION = {
  kind: 'none',
  why: 'the network is of a convention that takes more than a few lines there',
} as const

/** How Python calls the network that the schedule is for. */
async function pythonNetwork(
  { model }: LearnedModel,
  { model: given, data }: ScheduleInputs,
  { model: file }: ScheduleConfig,
): Promise<PythonNetwork> {
  if (model) {
    const { kind, classes, nullClass, times, config } = model.network
    if (kind === 'UNet2DModel') return { kind, classes, nullClass, learnsVariance: learnsVariance(config) }
    const inputs = ownInputs(times, classes !== undefined)
    return { kind: 'onnx', path: 'model/unet/model.onnx', inRun: true, inputs, timeScale: 1, classes, nullClass }
  }
  if (!given) throw internalError('a run without a model must be for one that was given')
  if (given.pipeline) {
    const network = await pipelineNetwork(given, given.pipeline)
    return network?.kind === 'pipeline' ? { ...network, folder: given.pipeline.folder } : OTHER_CONVENTION
  }
  if (!given.inputs) return { kind: 'none', why: 'nothing says how its file is called' }
  const { inputs, sampling } = given
  const told = pythonTime(given.convention)
  if (!told) return OTHER_CONVENTION
  // Of unlabelled data all images are of one class.
  const classes = inputs.classes ? given.classes || data?.classes.length || 1 : undefined
  return {
    kind: 'onnx',
    path: String(file),
    inRun: false,
    inputs,
    ...told,
    classes,
    nullClass: given.nullClass,
    learnsVariance: sampling.learnedVariance,
  }
}

/** An event as it is kept. */
export function record(at: ScheduleRun, event: LearnEvent): void {
  const { kind } = event
  if (event.kind === 'step') {
    at.run.emit({ type: event.phase, step: event.step, loss: event.loss })
  } else if (event.kind === 'iteration') {
    const { kind: _, iteration, objective, value, evaluations, steps, ...rest } = event
    at.run.emit({
      type: 'tune',
      step: iteration,
      samplingSteps: steps,
      evaluations,
      ...namedValue(objective, value),
      ...rest,
    })
  } else if (event.kind === 'candidate') {
    const { sampler, stepList, steps, objective, value, samples } = event
    const label = `${sampler}, ${stepList}`
    at.run.emit({ type: kind, step: steps, label, sampler, stepList, samples, ...namedValue(objective, value) })
  } else if (event.kind === 'row') {
    const { steps, label, objective, fid, value, recognised } = event
    const named = value === undefined ? {} : namedValue(objective, value)
    at.run.emit({ type: kind, step: steps, label, fid, ...named, recognised })
  } else if (event.kind === 'trial') {
    const { steps, name, objective, value, samples } = event
    at.run.emit({ type: kind, step: steps, label: name, samples, ...namedValue(objective, value) })
  } else {
    const { kind: _, steps, ...rest } = event
    at.run.emit({ type: kind, step: steps, ...rest })
  }
}

/** Rankings, screened starts, tuning iterations, decisions and rows: minutes of work each. */
const workOf = ({ steps }: LearnCheckpoint): number =>
  Object.values(steps).reduce((sum, at) => {
    const { defaults, search, history, candidates, rows } = at
    const runs = search?.runs.reduce((all, run) => all + run.history.length + (run.out ? 1 : 0), 0) ?? 0
    const done = [defaults, search?.trials, search?.decision, candidates].filter((part) => part).length
    return sum + done + runs + history.length + Object.keys(rows).length
  }, 0)

/** Training steps are cheap to lose; whatever takes long is saved at once. */
export const isDue = (before: LearnCheckpoint | undefined, now: LearnCheckpoint): boolean =>
  before === undefined || before.phase !== now.phase || workOf(before) !== workOf(now)

/** Grows with everything a job does. */
export function stepOf(checkpoint: LearnCheckpoint): number {
  const { shared, continued, phase } = checkpoint
  const trained = Math.max(shared?.training.step ?? 0, continued?.training.step ?? 0)
  return trained + workOf(checkpoint) + PHASES.indexOf(phase)
}
