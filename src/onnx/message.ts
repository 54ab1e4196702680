/** The fields of one protobuf message, by their numbers: what a reader of ONNX files asks for. */
import { inputError } from '../base/index.ts'
import type { ProtoField } from './protobuf.ts'
import { readFields, text } from './protobuf.ts'

/** A message with its fields grouped by number, in file order. */
export class Message {
  private readonly fields = new Map<number, ProtoField[]>()

  /** @throws `onnx.parse` on broken bytes */
  constructor(bytes: Uint8Array) {
    for (const field of readFields(bytes)) {
      const same = this.fields.get(field.field)
      if (same) same.push(field)
      else this.fields.set(field.field, [field])
    }
  }

  /** Whether the field is there at all. */
  has(field: number): boolean {
    return this.fields.has(field)
  }

  /** The bytes of each value of a field: nested messages, texts, raw data. Views. */
  blobs(field: number): Uint8Array[] {
    return (this.fields.get(field) ?? []).flatMap((entry) => (entry.kind === 'bytes' ? [entry.value] : []))
  }

  /** Nested messages. */
  messages(field: number): Message[] {
    return this.blobs(field).map((bytes) => new Message(bytes))
  }

  /** Texts. @throws `onnx.parse` if one is not UTF-8 */
  strings(field: number): string[] {
    return this.blobs(field).map(text)
  }

  /** The text of a field that stands once: the last one, as the format says; '' where it is absent. */
  string(field: number): string {
    return this.strings(field).at(-1) ?? ''
  }

  /** Repeated integers, signed 64 bit, packed or not. */
  integers(field: number): bigint[] {
    return (this.fields.get(field) ?? []).flatMap((entry) => {
      if (entry.kind === 'varint') return [BigInt.asIntN(64, entry.value)]
      return entry.kind === 'bytes' ? unpacked(entry.value) : []
    })
  }

  /** An integer that stands once; undefined where it is absent. */
  integer(field: number): number | undefined {
    const value = this.integers(field).at(-1)
    return value === undefined ? undefined : Number(value)
  }

  /** Repeated 32-bit floats, packed or not. */
  floats(field: number): number[] {
    return this.fixed(field, 'fixed32', 4, (view, at) => view.getFloat32(at, true))
  }

  /** Repeated 64-bit floats, packed or not. */
  doubles(field: number): number[] {
    return this.fixed(field, 'fixed64', 8, (view, at) => view.getFloat64(at, true))
  }

  private fixed(field: number, kind: string, size: number, read: (view: DataView, at: number) => number): number[] {
    const values: number[] = []
    for (const entry of this.fields.get(field) ?? []) {
      if (entry.kind === 'varint' || (entry.kind !== 'bytes' && entry.kind !== kind)) continue
      const { buffer, byteOffset, byteLength } = entry.value
      if (byteLength % size !== 0) {
        throw inputError('onnx.parse', `packed numbers of ${size} bytes must fill them whole, got ${byteLength} bytes`)
      }
      const view = new DataView(buffer, byteOffset, byteLength)
      for (let at = 0; at < byteLength; at += size) values.push(read(view, at))
    }
    return values
  }
}

/** Packed varints, signed 64 bit. */
function unpacked(bytes: Uint8Array): bigint[] {
  const values: bigint[] = []
  let low = 0
  let scale = 1
  let high = 0n
  let count = 0
  for (const byte of bytes) {
    // Seven times seven bits fit a number; the rest is added as a bigint.
    if (count < 7) low += (byte & 0x7f) * scale
    else high |= BigInt(byte & 0x7f) << BigInt(7 * count)
    scale *= 0x80
    count++
    if (count > 10) throw inputError('onnx.parse', 'a packed protobuf integer is longer than 10 bytes')
    if (byte < 0x80) {
      values.push(BigInt.asIntN(64, high | BigInt(low)))
      low = 0
      scale = 1
      high = 0n
      count = 0
    }
  }
  if (count > 0) throw inputError('onnx.parse', 'packed protobuf integers end in the middle of one')
  return values
}
