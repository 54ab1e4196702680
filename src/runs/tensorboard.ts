/**
 * TensorBoard's event files: the scalars of our events, so that tools people have show our runs. Each record is
 * length (uint64), masked CRC-32C of the length, data, masked CRC-32C of the data; the data is a protobuf `Event`
 * {1: wall_time double, 2: step int64, 3: file_version string, 5: summary {1: value {1: tag string, 2: simple_value float}},
 * 7: session_log {1: status enum}}.
 *
 * A page that watches a run never reads a file again that was written anew under its name. So a resumed run writes all that it keeps to
 * a new file, of a name that sorts behind the old ones, whose first records say that what was read before no longer counts.
 */
import type { EventValue, TimedEvent } from './events.ts'

const CASTAGNOLI = 0x82f63b78
const MASK_DELTA = 0xa282ead8

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ CASTAGNOLI : crc >>> 1
  return crc >>> 0
})

/** CRC-32C (Castagnoli). */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8)
  return ~crc >>> 0
}

/** The record format's mask: rotated right by 15 bits, plus a constant. */
const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0

/** One framed record. */
function frameRecord(data: Uint8Array): Uint8Array {
  const out = Buffer.alloc(16 + data.length)
  out.writeUInt32LE(data.length, 0)
  out.writeUInt32LE(masked(crc32c(out.subarray(0, 8))), 8)
  out.set(data, 12)
  out.writeUInt32LE(masked(crc32c(data)), 12 + data.length)
  return out
}

const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  return [...bytes, rest]
}

const tagged = (field: number, wire: number, payload: Uint8Array | number[]): Buffer =>
  Buffer.from([(field << 3) | wire, ...payload])
/** A field of a message, here and below. */
export const doubleField = (field: number, value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return tagged(field, WIRE.fixed64, bytes)
}
const floatField = (field: number, value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return tagged(field, WIRE.fixed32, bytes)
}
export const varintField = (field: number, value: number): Buffer => tagged(field, WIRE.varint, varint(value))
export const bytesField = (field: number, bytes: Uint8Array): Buffer =>
  tagged(field, WIRE.bytes, [...varint(bytes.length), ...bytes])

/** The record every file begins with. `wallTime`: seconds since 1970. */
export function versionRecord(wallTime: number): Uint8Array {
  return frameRecord(Buffer.concat([doubleField(1, wallTime), bytesField(3, Buffer.from('brain.Event:2'))]))
}

const SESSION_START = 1

/** A record that says: a session starts, and all steps from 0 that were read so far are void. `wallTime`: seconds since 1970. */
export function sessionStartRecord(wallTime: number): Uint8Array {
  const status = tagged(1, WIRE.varint, varint(SESSION_START))
  return frameRecord(Buffer.concat([doubleField(1, wallTime), bytesField(7, status)]))
}

/** A record of scalars at one step (a non-negative integer). `wallTime`: seconds since 1970. */
export function scalarRecord(wallTime: number, step: number, scalars: Readonly<Record<string, number>>): Uint8Array {
  const values = Object.entries(scalars).map(([tag, value]) =>
    bytesField(1, Buffer.concat([bytesField(1, Buffer.from(tag)), floatField(2, value)])),
  )
  return frameRecord(summaryEvent(wallTime, step, values))
}

/** A record of summary values at one step, each an encoded message. `wallTime`: seconds since 1970. */
export const summaryRecord = (wallTime: number, step: number, values: readonly Uint8Array[]): Uint8Array =>
  frameRecord(
    summaryEvent(
      wallTime,
      step,
      values.map((value) => bytesField(1, value)),
    ),
  )

const summaryEvent = (wallTime: number, step: number, values: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat([doubleField(1, wallTime), varintField(2, step), bytesField(5, Buffer.concat(values))])

const NOT_FINITE = new Set(['NaN', 'Infinity', '-Infinity'])

/**
 * Numbers of an event by tag, `type/key` or `type/key/inner`; lists, words and the step itself are left out. What has a label is a curve of
 * its own: `type/label/key`.
 */
export function scalarsOf({ type, step: _, time: __, label, ...values }: TimedEvent): Record<string, number> {
  const stem = typeof label === 'string' ? `${type}/${label}` : type
  const scalars: Record<string, number> = {}
  const collect = (tag: string, value: EventValue): void => {
    if (typeof value === 'number') scalars[tag] = value
    else if (typeof value === 'string' && NOT_FINITE.has(value)) scalars[tag] = Number(value)
    else if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) collect(`${tag}/${key}`, inner)
    }
  }
  for (const [key, value] of Object.entries(values)) collect(`${stem}/${key}`, value as EventValue)
  return scalars
}

/** The bytes an event adds to the file; none if it has no numbers. */
export function eventRecord(event: TimedEvent): Uint8Array {
  const scalars = scalarsOf(event)
  if (Object.keys(scalars).length === 0) return new Uint8Array(0)
  return scalarRecord(Date.parse(event.time) / 1000, event.step, scalars)
}

/** A whole file. `wallTime`: seconds since 1970, of its beginning. `resumed`: it takes the place of earlier ones. */
export function encodeTensorBoard(wallTime: number, events: readonly TimedEvent[], resumed = false): Uint8Array {
  // Twice, since the first session that a reader sees voids nothing, and the files before this one may have named none.
  const start = resumed ? [sessionStartRecord(wallTime), sessionStartRecord(wallTime)] : []
  return Buffer.concat([versionRecord(wallTime), ...start, ...events.map(eventRecord)])
}

/** TensorBoard shows every file with `tfevents` in its name, in the order of their names. */
const FILE_NAME = 'events.out.tfevents.bilevel'

/** Name of a new file beside those that are there: the first one plain, then numbered, so that it sorts behind all of them. */
export function nextTensorBoardFile(there: readonly string[], resumed: number): string {
  const numbers = there.flatMap((name) =>
    name.startsWith(FILE_NAME) ? [Number(name.slice(FILE_NAME.length + 1))] : [],
  )
  const number = Math.max(resumed, ...numbers.filter(Number.isSafeInteger).map((one) => one + 1))
  return number === 0 ? FILE_NAME : `${FILE_NAME}.${String(number).padStart(6, '0')}`
}
