/**
 * Protocol-buffer wire format, the part that ONNX files need: varints, fixed 32-bit floats, length-delimited fields.
 * A writer of our own is 100 lines, has no generated code, and gives the same bytes for the same calls.
 * https://protobuf.dev/programming-guides/encoding/
 */
import { inputError } from '../base/index.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** Appends fields of one message. Nested messages are written by a function, which tells where they end. */
export class ProtoWriter {
  private bytes = new Uint8Array(256)
  private length = 0

  /** An integer field (int32, int64, enum, bool); negative numbers take ten bytes, as the format demands. */
  int(field: number, value: number | bigint): this {
    this.varint(field * 8)
    this.varint64(value)
    return this
  }

  /** A 32-bit float field. */
  float(field: number, value: number): this {
    this.varint(field * 8 + 5)
    this.reserve(4)
    new DataView(this.bytes.buffer).setFloat32(this.length, value, true)
    this.length += 4
    return this
  }

  /** A string field (UTF-8). */
  string(field: number, value: string): this {
    this.varint(field * 8 + 2)
    const start = this.length
    // Names are ASCII, one byte a letter.
    this.varint(value.length)
    this.reserve(value.length)
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      if (code >= 0x80) {
        this.length = start
        return this.sized(encoder.encode(value))
      }
      this.bytes[this.length++] = code
    }
    return this
  }

  /** A bytes field. */
  blob(field: number, value: Uint8Array): this {
    this.varint(field * 8 + 2)
    return this.sized(value)
  }

  /** Packed repeated 64-bit integers. */
  packedInts(field: number, values: readonly number[]): this {
    return this.message(field, () => {
      for (const value of values) this.varint64(value)
    })
  }

  /** Packed repeated 32-bit floats. */
  packedFloats(field: number, values: readonly number[]): this {
    const view = new DataView(new ArrayBuffer(4 * values.length))
    values.forEach((value, i) => {
      view.setFloat32(4 * i, value, true)
    })
    return this.blob(field, new Uint8Array(view.buffer))
  }

  /** A nested message. It is written in place after one byte for its length, and moved where the length takes more. */
  message(field: number, write: (nested: ProtoWriter) => void): this {
    this.varint(field * 8 + 2)
    const start = this.length
    this.varint(0)
    write(this)
    const size = this.length - start - 1
    const sizeBytes = varintBytes(size)
    this.reserve(sizeBytes)
    this.bytes.copyWithin(start + sizeBytes, start + 1, this.length)
    this.length = start
    this.varint(size)
    this.length += size
    return this
  }

  /** The bytes so far, copied to their exact length. */
  finish(): Uint8Array {
    return this.bytes.slice(0, this.length)
  }

  private sized(value: Uint8Array): this {
    this.varint(value.length)
    this.reserve(value.length)
    this.bytes.set(value, this.length)
    this.length += value.length
    return this
  }

  private varint(value: number): void {
    this.reserve(10)
    let rest = value
    while (rest >= 0x80) {
      this.bytes[this.length++] = (rest % 0x80) + 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.bytes[this.length++] = rest
  }

  private varint64(value: number | bigint): void {
    if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) {
      this.varint(Number(value))
      return
    }
    this.reserve(10)
    let rest = BigInt.asUintN(64, BigInt(value))
    while (rest >= 0x80n) {
      this.bytes[this.length++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.bytes[this.length++] = Number(rest)
  }

  private reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(2 * this.bytes.length, this.length + count))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
  }
}

/** How many bytes a varint takes. */
function varintBytes(value: number): number {
  let count = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) count++
  return count
}

/** One field as it stands in a message. */
export type ProtoField =
  | { readonly field: number; readonly kind: 'varint'; readonly value: bigint }
  | { readonly field: number; readonly kind: 'fixed32' | 'fixed64' | 'bytes'; readonly value: Uint8Array }

/**
 * The fields of a message in file order; `bytes` values are views.
 * @throws `onnx.parse` where the bytes end too early or a wire type is unknown
 */
export function* readFields(bytes: Uint8Array): Generator<ProtoField> {
  let at = 0
  const take = (count: number): Uint8Array => {
    if (!(count <= bytes.length - at)) {
      throw inputError(
        'onnx.parse',
        `protobuf field needs ${count} bytes at offset ${at}, ${bytes.length - at} are left`,
      )
    }
    at += count
    return bytes.subarray(at - count, at)
  }
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = take(1)[0]
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw inputError('onnx.parse', `protobuf integer at offset ${at} is longer than 10 bytes`)
  }
  while (at < bytes.length) {
    const tag = Number(varint())
    const field = Math.floor(tag / 8)
    const wire = tag % 8
    if (wire === 0) yield { field, kind: 'varint', value: varint() }
    else if (wire === 1) yield { field, kind: 'fixed64', value: take(8) }
    else if (wire === 2) yield { field, kind: 'bytes', value: take(Number(varint())) }
    else if (wire === 5) yield { field, kind: 'fixed32', value: take(4) }
    else throw inputError('onnx.parse', `protobuf wire type ${wire} at offset ${at} is none that ONNX uses`)
  }
}

/** A bytes field as text. @throws `onnx.parse` if it is not UTF-8 */
export function text(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw inputError('onnx.parse', 'a protobuf string must be UTF-8', { cause })
  }
}
