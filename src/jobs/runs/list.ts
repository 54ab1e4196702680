/** The runs in a folder: of what kind, in what state, how good so far, how long they took or still take. Only reads. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { inputError } from '../../base/index.ts'
import type { Manifest, TimedEvent } from '../../runs/index.ts'
import { isInUse, isRun, readEvents, readManifest, readProgress } from '../../runs/index.ts'
import type { Best, BestOfSets, Job } from '../job.ts'

/** `stopped`: its process was killed; `damaged`: its manifest is not the one that it wrote. The others as the run says itself. */
export const RUN_STATES = ['running', 'stopped', 'interrupted', 'failed', 'done', 'damaged'] as const
export type RunState = (typeof RUN_STATES)[number]

export interface ListedRun {
  readonly run: string
  /** The command that made it; null where that cannot be read. */
  readonly kind: string | null
  readonly state: RunState
  /** What its kind is compared by, so far; null where there is nothing yet. */
  readonly best: Best | BestOfSets | null
  /** Share of the network evaluations that is done, of a run that goes on or was killed; null where it is not known. */
  readonly done: number | null
  /** Of a running one, at its present pace; null while there is none. */
  readonly secondsLeft: number | null
  /** That it was worked on, pauses between resumptions left out. */
  readonly secondsTaken: number | null
  /** ISO 8601, UTC. */
  readonly created: string | null
}

/**
 * The runs in a folder, newest first; the folder itself where it is one.
 * @param jobs the kinds of runs there are
 * @throws `runs.folder` where there is no such folder
 */
export async function listRuns(folder: string, jobs: readonly Pick<Job, 'name' | 'best'>[]): Promise<ListedRun[]> {
  if (await isRun(folder)) return [await listed(folder, jobs)]
  const found = await stat(folder).catch(() => null)
  if (!found?.isDirectory()) {
    const came = found ? 'is a file' : 'is not there'
    throw inputError(
      'runs.folder',
      `runs are listed of a folder, but ${folder} ${came}; name the folder that holds them`,
    )
  }
  const runs: ListedRun[] = []
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    if (await isRun(path)) runs.push(await listed(path, jobs))
  }
  return runs.toSorted((a, b) => (b.created ?? '').localeCompare(a.created ?? '') || a.run.localeCompare(b.run))
}

async function listed(run: string, jobs: readonly Pick<Job, 'name' | 'best'>[]): Promise<ListedRun> {
  const manifest = await readManifest(run).catch(() => null)
  // A line that a killed process left half written is no reason to show nothing.
  const events = await readEvents(join(run, 'events.jsonl')).catch(() => [])
  if (!manifest) {
    const nothing = { kind: null, best: null, done: null, secondsLeft: null, secondsTaken: null, created: null }
    return { run, state: 'damaged', ...nothing }
  }
  const state = manifest.status !== 'running' ? manifest.status : (await isInUse(run)) ? 'running' : 'stopped'
  const progress = state === 'running' || state === 'stopped' ? await readProgress(run) : null
  const kind = typeof manifest.command === 'string' ? manifest.command : null
  return {
    run,
    kind,
    state,
    best: jobs.find(({ name }) => name === kind)?.best?.(events) ?? null,
    done: progress && progress.total > 0 ? progress.done / progress.total : null,
    secondsLeft: state === 'running' ? (progress?.secondsLeft ?? null) : null,
    secondsTaken: secondsOf(manifest, events),
    created: manifest.created,
  }
}

/** Seconds from the beginning of each session to the last that was heard of it. */
function secondsOf({ created, resumed, ended }: Manifest, events: readonly TimedEvent[]): number {
  const begins = [created, ...resumed.map(({ time }) => time)].map((time) => Date.parse(time))
  const heard = events.map(({ time }) => Date.parse(time))
  if (ended !== null) heard.push(Date.parse(ended))
  const spans = begins.map((begin, i) => {
    const until = begins[i + 1] ?? Number.POSITIVE_INFINITY
    const last = Math.max(begin, ...heard.filter((time) => time >= begin && time < until))
    return last - begin
  })
  return spans.reduce((sum, span) => sum + span, 0) / 1000
}
