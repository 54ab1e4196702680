/** The guidance that a run of `bilevel entropy` brings: its own, or that of the set of prompts that is asked for. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { inputError } from '../../base/index.ts'
import { pathArgument, readEvents, requireIntact, shellWord } from '../../runs/index.ts'
import { SETS } from '../entropy/sets/folder.ts'
import { runRecordOf } from '../opening/runRecord.ts'

const GUIDANCE = 'guidance.json'

/**
 * The path of the file; undefined for other models.
 * @param set of prompts; null: none is named
 * @throws `runs.damaged` if it is not what the run wrote; `sample.guidance` where it tuned one for each of several sets, and none of them that is done is named
 */
export async function ownGuidance(model: string, set: string | null): Promise<string | undefined> {
  if ((await runRecordOf(model))?.command !== 'entropy') return undefined
  const sets = await setsOf(model)
  const place = sets.length === 0 ? GUIDANCE : join(SETS, doneSet(model, sets, set), GUIDANCE)
  await requireIntact(model, (path) => path === place.replaceAll('\\', '/'))
  return join(model, place)
}

interface RunSet {
  readonly name: string
  /** Whether its strength is known. */
  readonly isDone: boolean
}

/** The sets that a run tunes a strength for, in its order; empty: there is one strength. */
async function setsOf(run: string): Promise<RunSet[]> {
  const events = await readEvents(join(run, 'events.jsonl')).catch(() => [])
  const names = events.find(({ type }) => type === 'start')?.sets
  const sets = Array.isArray(names) ? names.map(String) : []
  const isThere = (name: string) => stat(join(run, SETS, name, GUIDANCE)).then(Boolean, () => false)
  return Promise.all(sets.map(async (name) => ({ name, isDone: await isThere(name) })))
}

/** @throws `sample.guidance` */
function doneSet(run: string, sets: readonly RunSet[], wanted: string | null): string {
  const named = (isDone: boolean) => sets.filter((set) => set.isDone === isDone).map(({ name }) => name)
  const [done, left] = [named(true), named(false)]
  const rule = `the run ${run} tunes lambda for each of its sets of prompts`
  if (wanted === null) {
    const not = left.length > 0 ? `; not yet: ${left.join(', ')}` : ''
    const say = done.length > 0 ? `say which, --prompt-set ${shellWord(done[0])}` : 'wait for one of them'
    throw inputError(
      'sample.guidance',
      `${rule} (${done.join(', ') || 'none is done'}${not}): ${say}, or --guidance none`,
    )
  }
  if (done.includes(wanted)) return wanted
  if (!left.includes(wanted)) {
    throw inputError(
      'sample.guidance',
      `${rule}, which are ${sets.map(({ name }) => name).join(', ')}; got '${wanted}'`,
    )
  }
  const others = done.length > 0 ? `, or sample one that is done: ${done.join(', ')}` : ''
  throw inputError(
    'sample.guidance',
    `${rule}, and '${wanted}' is not done; go on with the run (bilevel entropy --resume ${shellWord(pathArgument(run))})${others}`,
  )
}
