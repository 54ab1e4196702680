/**
 * What happened in a run, one JSON object per line: `{type, step, …values, time}`. Lines are only ever added; a resumed run first cuts off
 * what came after its checkpoint, so that in the end the file is the one an uninterrupted run writes, times aside.
 */
import { appendFileSync, closeSync, fsyncSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { diskFailure, inputError, parseJson, writeAtomically } from '../base/index.ts'

/** A value that JSON can hold. Numbers that it cannot (NaN, ±Infinity) are written as those words. */
export type EventValue =
  | string
  | number
  | boolean
  | null
  | readonly EventValue[]
  | { readonly [key: string]: EventValue }

/** An event before it is written. `step`: of whatever `type` counts (training steps, tuning iterations, …). */
export interface RunEvent {
  readonly type: string
  readonly step: number
  readonly [key: string]: EventValue
}

/** An event as read back; `time` is when it was written, ISO 8601, UTC. */
export interface TimedEvent extends RunEvent {
  readonly time: string
}

/** An open log. */
export interface EventLog {
  /** Number of events in the file. */
  readonly count: number
  /** Adds one, on disk before this returns (in the system's cache: it survives the process). @throws `disk.write` */
  append(event: RunEvent): TimedEvent
  /** Makes what was added survive the machine too. @throws `disk.write` */
  flush(): void
  close(): void
}

/** A line of the file, without its end. */
function encodeEvent(event: RunEvent): string {
  return JSON.stringify(event, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  )
}

/** Opens a log for adding; `count` is the number of events that are there. `clock`: milliseconds since 1970. */
export function openEvents(path: string, count: number, clock: () => number): EventLog {
  const file = openSync(path, 'a')
  let written = count
  return {
    get count() {
      return written
    },
    append(event) {
      const { time: _, ...values } = event
      const timed = { ...values, time: new Date(clock()).toISOString() } as TimedEvent
      try {
        appendFileSync(file, `${encodeEvent(timed)}\n`)
      } catch (error) {
        throw diskFailure(path, error)
      }
      written++
      return timed
    },
    flush() {
      try {
        fsyncSync(file)
      } catch (error) {
        throw diskFailure(path, error)
      }
    },
    close: () => closeSync(file),
  }
}

/** Whole lines of a file; a last one that was cut off by a crash is left out; no file, no lines. */
async function readLines(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return ''
    throw inputError('runs.events', `${path} cannot be read: ${cause.message}`, { cause })
  })
  return text.split('\n').slice(0, -1)
}

function decodeEvents(lines: readonly string[], path: string): TimedEvent[] {
  return lines.map((line, i) => {
    try {
      const event = parseJson(line) as TimedEvent
      if (typeof event.type === 'string' && Number.isSafeInteger(event.step) && event.step >= 0) return event
    } catch {}
    throw inputError(
      'runs.events',
      `${path}: every line must be a JSON object with a type and a step, a whole number from 0, line ${i + 1} is not`,
    )
  })
}

/** Reads a log; a last line that was cut off by a crash is left out. @throws `runs.events` naming a line that is no event */
export async function readEvents(path: string): Promise<TimedEvent[]> {
  return decodeEvents(await readLines(path), path)
}

/** Keeps the first `count` events of a log, and returns them. @throws `runs.events` if there are fewer; `disk.write` */
export async function truncateEvents(path: string, count: number): Promise<TimedEvent[]> {
  const lines = await readLines(path)
  if (lines.length < count) {
    throw inputError(
      'runs.events',
      `${path} must hold the ${count} events its checkpoint was made after, has ${lines.length}; start a new run`,
    )
  }
  const kept = lines.slice(0, count)
  const events = decodeEvents(kept, path)
  await writeAtomically(path, kept.map((line) => `${line}\n`).join(''))
  return events
}

/** Events without their times, for comparing two runs. */
export function withoutTimes(events: readonly TimedEvent[]): RunEvent[] {
  return events.map(({ time: _, ...event }) => event as RunEvent)
}
