/** Sets of prompts tuned one after the other, each as if it were alone, and left in folders of the one run. */
import { join } from 'node:path'
import type { JobRun } from '../../../runs/index.ts'
import type { EntropyCheckpoint, EntropyEvent, EntropyResult } from '../../../tuners/index.ts'
import { tuneEntropyStrength } from '../../../tuners/index.ts'
import type { RunReport, WorkHooks } from '../../makesRun.ts'
import { boardImages } from '../../reporting/sampleGrids.ts'
import { entropyLine } from '../lines.ts'
import type { EntropyInputs } from '../open.ts'
import { lambdaText } from '../report/entropyVerdict.ts'
import { emitDone, leave, record, stepOf } from '../run.ts'
import type { EntropyConfig } from '../settings.ts'
import { SETS } from './folder.ts'
import type { OneSet, SetsInputs } from './open.ts'
import { saidOf } from './open.ts'
import type { SetResult, SetsJson } from './report.ts'
import { renderSetsReport, setsJson, setsSummary } from './report.ts'

/** What came out for a set, when its files are there. */
type SetDone = { readonly kind: 'done' } & Pick<EntropyResult['entropyStrength'], 'value' | 'low' | 'high' | 'resolved'>

/** An event of a set. */
export type SetEvent = (EntropyEvent | SetDone) & { readonly set: string }

/** Where each set stands that was begun, in order: the last alone may go on. */
export interface SetsCheckpoint {
  readonly sets: readonly EntropyCheckpoint[]
}

/** Every checkpoint holds one draw more. */
export const stepOfSets = ({ sets }: SetsCheckpoint): number => sets.reduce((sum, set) => sum + stepOf(set), 0)

/** Tunes each with its own rewards open alone, and leaves guidance, samples and report of it in `sets/NAME/`. Results in the order of the sets. */
export async function tuneSets(
  at: JobRun<SetsCheckpoint>,
  { sets }: SetsInputs,
  { preset, seed }: EntropyConfig,
  hooks: SetHooks,
): Promise<readonly SetResult[]> {
  if (!at.has('start')) at.emit('start', { preset, seed, sets: sets.map(({ name }) => name) })
  const reached: EntropyCheckpoint[] = [...(hooks.from?.sets ?? [])]
  const results: SetResult[] = []
  for (const [i, set] of sets.entries()) {
    const done = results.reduce((sum, { result }) => sum + result.networkEvaluations.total, 0)
    const inputs = await saidOf(set, () => set.open())
    try {
      const standing = { i, done, left: sets.length - i }
      const { result, isTold } = await saidOf(set, () => tuneSet(set, inputs, reached, standing, hooks))
      results.push(await leaveSet(at, set, inputs, result, hooks))
      if (!isTold || !at.has(`${set.name}/done`)) hooks.onEvent(doneEvent(set, result))
    } finally {
      await inputs.close()
    }
  }
  return results
}

type SetHooks = WorkHooks<SetEvent, SetsCheckpoint>

const doneEvent = ({ name }: OneSet, { entropyStrength }: EntropyResult): SetEvent & SetDone => {
  const { value, low, high, resolved } = entropyStrength
  return { kind: 'done', set: name, value, low, high, resolved }
}

/**
 * @param at number of the set, evaluations that those before took, and how many sets there still are with it
 * @returns also whether nothing was new of it, so that the log has all its events
 */
async function tuneSet(
  { name }: OneSet,
  { subject }: EntropyInputs,
  reached: EntropyCheckpoint[],
  { i, done, left }: { readonly i: number; readonly done: number; readonly left: number },
  { signal, onProgress, onEvent, onCheckpoint }: SetHooks,
): Promise<{ readonly result: EntropyResult; readonly isTold: boolean }> {
  // The log has a finished set's events already, also those that came after its last draw.
  let isTold = i < reached.length - 1
  const result = await tuneEntropyStrength({
    ...subject,
    ...(reached[i] && { from: reached[i] }),
    ...(signal && { signal }),
    // What later sets take is not known; that of this one is the best guess.
    onProgress: ({ detail, ...own }) =>
      onProgress?.({
        ...own,
        done: done + own.done,
        total: done + own.total * left,
        detail: `set ${name}${detail === '' ? '' : `, ${detail}`}`,
      }),
    onEvent: (event) => {
      if (!isTold) onEvent({ ...event, set: name })
    },
    onCheckpoint: (checkpoint) => {
      isTold = false
      reached[i] = checkpoint
      return onCheckpoint({ sets: [...reached] })
    },
  })
  return { result, isTold }
}

async function leaveSet(
  at: JobRun<SetsCheckpoint>,
  { name, prompts, config }: OneSet,
  inputs: EntropyInputs,
  result: EntropyResult,
  { folder, caller, onNote }: SetHooks,
): Promise<SetResult> {
  const place = join(SETS, name)
  const files = { write: (path: string, data: string | Uint8Array) => at.run.write(join(place, path), data) }
  const told = {
    folder,
    ...(caller && { caller }),
    ...(onNote && { onNote: (note: string) => onNote(`${name}: ${note}`) }),
  }
  const left = await leave(files, result, inputs, config, told, join(folder, place, 'guidance.json'))
  return { name, prompts, place, result, ...left }
}

/** Types of a set's events begin with its name: iterations are counted anew in each. */
export function recordSet(at: JobRun<SetsCheckpoint>, event: SetEvent): void {
  const { set, ...own } = event
  if (event.kind === 'done') emitDone(at, `${set}/done`, { entropyStrength: event })
  else record(at, own as EntropyEvent, `${set}/`)
}

export function setLine(told: SetEvent): string | null {
  const { set, ...event } = told
  if (told.kind === 'done') {
    const { value, low, high, resolved } = told
    return `${set} is done: lambda ${lambdaText(value)}, ${lambdaText(low)} to ${lambdaText(high)}${resolved ? '' : ' (not resolved)'}; ${SETS}/${set}/report.html`
  }
  const line = entropyLine(event as EntropyEvent)
  return line === null ? null : `${set}: ${line}`
}

/** Leaves the report of all. */
export async function finishSets(
  at: JobRun<SetsCheckpoint>,
  found: readonly SetResult[],
  { notes }: SetsInputs,
  config: EntropyConfig,
): Promise<RunReport<SetsJson>> {
  const [{ context: shared }] = found
  const context = { ...shared, config: config as unknown as typeof shared.config, notes }
  const json = setsJson(found, context)
  await at.run.write('report.html', renderSetsReport(found, context, json))
  await at.run.write('result.json', `${JSON.stringify(json, null, 2)}\n`)
  const images = found.flatMap(({ name, result }) =>
    boardImages(result.grids).map((image) => ({ ...image, tag: `${name}/${image.tag}` })),
  )
  const metrics = found.map(({ name }) => `${name}/done/value`)
  at.run.summarise({ images, settings: context.config, metrics })
  return { json, summary: setsSummary(found, context) }
}
