/**
 * What happened in a run, one JSON object per line: `{type, step, …values, time}`. Lines are only ever added; a resumed run first brings
 * the file back to what it was at its checkpoint, so that in the end it is the one an uninterrupted run writes, times aside.
 */
import { appendFileSync, closeSync, fsyncSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { inputError, parseJson } from '../base/index.ts'
import { diskFailure, writeAtomically } from '../files/index.ts'

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
  /** The first `count` of them as lines, each with its end: from memory, so that it does not matter what becomes of the file. */
  linesOf(count: number): string
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

/** Opens a log for adding; `past` are the lines that are there. `clock`: milliseconds since 1970. */
export function openEvents(path: string, past: readonly string[], clock: () => number): EventLog {
  const file = openSync(path, 'a')
  const lines = [...past]
  return {
    get count() {
      return lines.length
    },
    linesOf: (count) => textOf(lines.slice(0, count)),
    append(event) {
      const { time: _, ...values } = event
      const timed = { ...values, time: new Date(clock()).toISOString() } as TimedEvent
      const line = encodeEvent(timed)
      try {
        appendFileSync(file, textOf([line]))
      } catch (error) {
        throw diskFailure(path, error)
      }
      lines.push(line)
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

const textOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')

/** Whole lines; a last one that was cut off by a crash is left out. */
const linesIn = (text: string): string[] => text.split('\n').slice(0, -1)

/** No file, no lines. */
async function readLines(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return ''
    throw inputError('runs.events', `${path} cannot be read: ${cause.message}`, { cause })
  })
  return linesIn(text)
}

/** Null: the line is no event. */
function decodeEvent(line: string): TimedEvent | null {
  try {
    const event = parseJson(line) as TimedEvent
    return typeof event.type === 'string' && Number.isSafeInteger(event.step) && event.step >= 0 ? event : null
  } catch {
    return null
  }
}

/** Reads a log; a last line that was cut off by a crash is left out. @throws `runs.events` naming a line that is no event */
export async function readEvents(path: string): Promise<TimedEvent[]> {
  return (await readLines(path)).map((line, i) => {
    const event = decodeEvent(line)
    if (event) return event
    throw inputError(
      'runs.events',
      `${path}: every line must be a JSON object with a type and a step, a whole number from 0, line ${i + 1} is not`,
    )
  })
}

/** A log brought back to a checkpoint. */
export interface RestoredEvents {
  readonly events: readonly TimedEvent[]
  readonly lines: readonly string[]
  /** What was wrong with the file, for a warning; null: nothing. */
  readonly warning: string | null
}

/**
 * Brings a log back to its first `count` events, from the checkpoint's own copy of them; a checkpoint without one gets those that can
 * still be read. @throws `runs.events` if the file cannot be read; `disk.write`
 */
export async function restoreEvents(
  path: string,
  { events: count, log }: { readonly events: number; readonly log: string | null },
): Promise<RestoredEvents> {
  const there = (await readLines(path)).slice(0, count)
  const lines = log === null ? there.filter((line) => decodeEvent(line) !== null) : linesIn(log)
  await writeAtomically(path, textOf(lines))
  const events = lines.flatMap((line) => decodeEvent(line) ?? [])
  return { events, lines, warning: warningOf(path, there, lines, count) }
}

function warningOf(path: string, there: readonly string[], lines: readonly string[], count: number): string | null {
  if (lines.length < count) {
    return `${path} holds ${lines.length} of the ${count} events before its checkpoint: the run goes on without the others`
  }
  if (textOf(there) === textOf(lines)) return null
  const what = there.length < count ? `had lost ${count - there.length} of its events` : 'had been changed'
  return `${path} ${what}, and is as it was again: its checkpoint holds a copy`
}

/** Events without their times, for comparing two runs. */
export function withoutTimes(events: readonly TimedEvent[]): RunEvent[] {
  return events.map(({ time: _, ...event }) => event as RunEvent)
}
