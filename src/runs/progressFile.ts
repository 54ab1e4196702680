/**
 * `progress.json`: how far a run is while it goes on, for whoever looks at its folder from outside. It is there until the run ends of its own
 * accord; what a killed run left says how far it came. No part of the results.
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAtomically } from '../files/index.ts'
import { isRecord } from './json.ts'
import type { Progress } from './progress.ts'
import { advanceProgress, secondsLeft, startProgress } from './progress.ts'

export const PROGRESS_FILE = 'progress.json'

/** `done` and `total` in network evaluations. */
export interface SavedProgress {
  readonly phase: string
  readonly detail: string
  readonly done: number
  readonly total: number
  /** At the pace of the last half minute or so; null while there is none. */
  readonly secondsLeft: number | null
  /** When that was, ISO 8601, UTC. */
  readonly time: string
}

/** Milliseconds between writings. */
const EVERY = 2000

/** What is shown; `forecastRate`: items a second, which count until there is a rate. */
type ShownProgress = Pick<SavedProgress, 'phase' | 'detail' | 'done' | 'total'> & { readonly forecastRate?: number }

/** What writes it. A disk that does not take it costs the run nothing. */
export class ProgressFile {
  readonly #path: string
  readonly #clock: () => number
  #progress: Progress | undefined
  #writtenAt = Number.NEGATIVE_INFINITY
  #pending: Promise<void> = Promise.resolve()

  /** @param clock milliseconds since 1970 */
  constructor(folder: string, clock: () => number = Date.now) {
    this.#path = join(folder, PROGRESS_FILE)
    this.#clock = clock
  }

  show({ phase, detail, done, total, forecastRate }: ShownProgress): void {
    const now = this.#clock()
    this.#progress = this.#progress
      ? advanceProgress({ ...this.#progress, total }, done, now / 1000)
      : startProgress(total, now / 1000, done, forecastRate)
    if (now - this.#writtenAt < EVERY) return
    this.#writtenAt = now
    const left = secondsLeft(this.#progress)
    const saved: SavedProgress = { phase, detail, done, total, secondsLeft: left, time: new Date(now).toISOString() }
    this.#pending = this.#pending.then(() =>
      writeAtomically(this.#path, `${JSON.stringify(saved)}\n`).catch(() => undefined),
    )
  }

  /** Takes it away: the run has ended, and says itself how. */
  async end(): Promise<void> {
    await this.#pending
    await rm(this.#path, { force: true })
  }
}

/** What a run folder says of its progress; null where it says nothing that can be read. */
export async function readProgress(folder: string): Promise<SavedProgress | null> {
  const text = await readFile(join(folder, PROGRESS_FILE), 'utf8').catch(() => 'null')
  try {
    const value: unknown = JSON.parse(text)
    const isWhole = isRecord(value) && typeof value.done === 'number' && typeof value.total === 'number'
    return isWhole ? (value as unknown as SavedProgress) : null
  } catch {
    return null
  }
}
