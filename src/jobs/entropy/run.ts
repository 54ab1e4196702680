/** Tuning the entropy strength as a run: opens what it needs, tunes, and leaves guidance, samples and report in the run folder. */

import { join } from 'node:path'
import { writeGuidance } from '../../diffusion/files/index.ts'
import type { JobHooks, JobRun, Run } from '../../runs/index.ts'
import { peakMemoryMiB, readManifest, versions } from '../../runs/index.ts'
import type { EntropyCheckpoint, EntropyEvent, EntropyResult } from '../../tuners/index.ts'
import { tuneEntropyStrength } from '../../tuners/index.ts'
import type { JobProgress } from '../job.ts'
import type { RunReport, WorkHooks } from '../makesRun.ts'
import { classNumber } from '../opening/classChoice.ts'
import type { CodeHashes } from '../opening/namedCode.ts'
import { modulesIn, requireRecordedCode } from '../opening/namedCode.ts'
import { REWARD_SETTINGS } from '../opening/rewardNetworks.ts'
import type { EntropyContext } from '../reporting/context.ts'
import { saveReport } from '../reporting/reportOutputs.ts'
import { boardImages, saveSampleGrids } from '../reporting/sampleGrids.ts'
import type { EntropyInputs } from './open.ts'
import { rewardNotes } from './open.ts'
import type { EntropyJson } from './report/entropyJson.ts'
import { entropyJson } from './report/entropyJson.ts'
import { renderEntropyReport } from './report/entropyReport.ts'
import { entropySummary } from './report/entropyTerminal.ts'
import type { EntropyConfig } from './settings.ts'
import { rewardWords } from './settings.ts'
import { shownImages } from './shownImages.ts'

type EntropyRun = JobRun<EntropyCheckpoint>

/** A run goes on with, before any of it is loaded, the code it began with. */
export async function requireSameCode(folder: string, config: EntropyConfig): Promise<void> {
  const { sources } = await readManifest(folder)
  const { code } = (sources ?? {}) as { readonly code?: CodeHashes }
  await requireRecordedCode(join(folder, 'manifest.json'), rewardWords(config), code)
}

/** Tunes. */
export function tune(
  at: EntropyRun,
  { subject }: EntropyInputs,
  { preset, seed }: EntropyConfig,
  hooks: WorkHooks<EntropyEvent, EntropyCheckpoint>,
): Promise<EntropyResult> {
  if (!at.has('start')) at.emit('start', { preset, seed, target: subject.settings.target })
  return tuneEntropyStrength({ ...subject, ...hooks })
}

type Log = Pick<EntropyRun, 'emit'> & { readonly run: Pick<Run, 'emit'> }

/**
 * An event as it is kept.
 * @param before what its type begins with
 */
export function record(at: Log, event: EntropyEvent, before = ''): void {
  const type = `${before}${event.kind}`
  if (event.kind === 'iteration') {
    const { kind: _, iteration, gradient, ...rest } = event
    at.run.emit({ type, step: iteration, gradient: { ...gradient }, ...rest })
  } else if (event.kind === 'point') {
    const { kind: _, upper, lower, kl, diversity, ...rest } = event
    at.emit(type, {
      upper: { ...upper },
      lower: { ...lower },
      kl: { ...kl },
      diversity: diversity && { ...diversity },
      ...rest,
    })
  } else {
    const { kind: _, ...values } = event
    at.emit(type, values)
  }
}

type Hooks = JobHooks<EntropyEvent, JobProgress>

/** Leaves guidance, samples and report. */
export async function finish(
  at: EntropyRun,
  result: EntropyResult,
  inputs: EntropyInputs,
  config: EntropyConfig,
  hooks: Hooks,
): Promise<RunReport<EntropyJson>> {
  const { json, context } = await leave(at.run, result, inputs, config, hooks)
  at.run.summarise({ images: boardImages(result.grids), settings: context.config, metrics: METRICS })
  emitDone(at, 'done', result)
  return { json, summary: entropySummary(result, context) }
}

type Strength = Pick<EntropyResult['entropyStrength'], 'value' | 'low' | 'high' | 'resolved'>

export function emitDone(
  at: Pick<EntropyRun, 'emit'>,
  type: string,
  { entropyStrength }: { readonly entropyStrength: Strength },
): void {
  const { value, low, high, resolved } = entropyStrength
  at.emit(type, { value, low, high, resolved })
}

/** What is known of a result once its files are there. */
export interface LeftResult {
  readonly json: EntropyJson
  readonly context: EntropyContext
}

/**
 * Writes the files of one strength.
 * @param guidance path of its guidance file, where it is not the run's own
 */
export async function leave(
  files: Pick<Run, 'write'>,
  result: EntropyResult,
  inputs: EntropyInputs,
  config: EntropyConfig,
  { folder, caller, onNote }: Hooks,
  guidance?: string,
): Promise<LeftResult> {
  const { reward, judge } = inputs.subject
  const shown = await shownImages(result, inputs)
  const after = [...rewardNotes([reward, judge, ...(inputs.witness ? [inputs.witness] : [])]), ...unratedNotes(result)]
  const later = after.filter((note) => !inputs.notes.includes(note))
  for (const note of later) onNote?.(note)
  const batch = inputs.model.batch ?? undefined
  const context: EntropyContext = {
    run: folder,
    preset: config.preset,
    config: config as unknown as EntropyContext['config'],
    peakMemoryMiB: peakMemoryMiB(),
    versions: await versions(),
    ...(caller && { caller }),
    ...(batch !== undefined && { batch }),
    checking: inputs.checking,
    model: config.model,
    shown,
    ...(guidance !== undefined && { guidance }),
    sources: inputs.sources,
    notes: [...inputs.notes, ...later],
  }
  const json = entropyJson(result, context)
  await saveSampleGrids(files, result.grids)
  await files.write('guidance.json', guidanceText(result, inputs, config))
  await saveReport(files, await renderEntropyReport(result, context, json))
  await files.write('result.json', `${JSON.stringify(json, null, 2)}\n`)
  return { json, context }
}

/** Said of images that were left out. */
function unratedNotes({ unrated = 0, estimator }: EntropyResult): string[] {
  if (unrated === 0) return []
  const how = estimator === 'smc' ? 'have weight 0, or were drawn again' : 'were drawn again from other noise'
  return [
    `${unrated} images, to which reward or judge gave no finite number, ${how}: what is tuned is the distribution of the others`,
  ]
}

/** Of the event `done`: what runs are compared by. */
const METRICS = ['done/value', 'done/low', 'done/high']

/** What `bilevel sample --guidance` reads. */
function guidanceText(result: EntropyResult, inputs: EntropyInputs, config: EntropyConfig): string {
  const { subject, model, code } = inputs
  const { value, low, high, resolved } = result.entropyStrength
  const { settings, reward, schedule, sampler } = subject
  return writeGuidance({
    entropyStrength: { value, low, high, resolved },
    target: result.target,
    reward: config.reward,
    rewardHash: reward.hash,
    judge: config.judge,
    through: settings.through,
    minimumAlphaBar: settings.minimumAlphaBar,
    settings: sampler,
    samplingSchedule: schedule,
    learnedFor: model.hash,
    class: classNumber(model, config.class),
    ...(config.guidanceScale !== null && { guidanceScale: config.guidanceScale }),
    rewardSettings: Object.fromEntries(
      REWARD_SETTINGS.filter((name) => name !== 'promptSet' || config[name] !== null).map((name) => [
        name,
        config[name],
      ]),
    ),
    code: Object.fromEntries(modulesIn([config.reward]).map((path) => [path, code[path]])),
  })
}

/** Every checkpoint holds one draw more. */
export const stepOf = ({ draws }: EntropyCheckpoint): number => draws.length
