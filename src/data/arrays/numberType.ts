/** Kinds of numbers that arrays in files are made of. */
import { inputError } from '../../base/index.ts'

export interface NumberType {
  /** As NumPy names it: `uint8`, `float32`. */
  readonly name: string
  readonly bytes: number
  /** Whole numbers, and not truth values. */
  readonly whole: boolean
  readonly little: boolean
  /** Texts and no numbers: in Unicode (`<U5`), or in bytes (`|S5`), filled up with zeros. */
  readonly text?: 'unicode' | 'bytes'
}

type Kind = 'bool' | 'int' | 'uint' | 'float'

export const numberType = (kind: Kind, bytes: number, little: boolean): NumberType => ({
  name: kind === 'bool' ? 'bool' : `${kind}${8 * bytes}`,
  bytes,
  whole: kind === 'int' || kind === 'uint',
  little,
})

/** Texts of as many bytes each. */
export const textType = (text: 'unicode' | 'bytes', bytes: number, little: boolean): NumberType => ({
  name: `texts of ${bytes} bytes`,
  bytes,
  whole: false,
  little,
  text,
})

export const UINT8: NumberType = numberType('uint', 1, true)

/** Numbers along the first axis of an array, read as they are asked for. */
export interface NumberRows {
  /** What errors call it. */
  readonly name: string
  /** [n, ...]: n rows. */
  readonly shape: readonly number[]
  readonly type: NumberType
  /** Whether channels stand before rows and columns, where that could be asked. */
  readonly channelsFirst?: boolean
  /** The bytes of one row, row-major. */
  row(index: number): Uint8Array | Promise<Uint8Array>
}

/** The numbers in bytes; bytes themselves where they are that. */
export function numbersIn(bytes: Uint8Array, { name, bytes: width, little }: NumberType): Uint8Array | Float64Array {
  if (name === 'uint8') return bytes
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const read = READERS[name](view, little)
  return Float64Array.from({ length: bytes.length / width }, (_, i) => read(i * width))
}

type Reader = (view: DataView, little: boolean) => (at: number) => number

const READERS: Readonly<Record<string, Reader>> = {
  bool: (view) => (at) => Number(view.getUint8(at) !== 0),
  uint8: (view) => (at) => view.getUint8(at),
  int8: (view) => (at) => view.getInt8(at),
  uint16: (view, little) => (at) => view.getUint16(at, little),
  int16: (view, little) => (at) => view.getInt16(at, little),
  uint32: (view, little) => (at) => view.getUint32(at, little),
  int32: (view, little) => (at) => view.getInt32(at, little),
  uint64: (view, little) => (at) => Number(view.getBigUint64(at, little)),
  int64: (view, little) => (at) => Number(view.getBigInt64(at, little)),
  float16: (view, little) => (at) => half(view.getUint16(at, little)),
  float32: (view, little) => (at) => view.getFloat32(at, little),
  float64: (view, little) => (at) => view.getFloat64(at, little),
}

/** Whether there is a reader. */
export const isRead = ({ name }: NumberType): boolean => Object.hasOwn(READERS, name)

/** IEEE 754 binary16. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const [exponent, fraction] = [(bits >> 10) & 0x1f, bits & 0x3ff]
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** A class for each row: of [n], of [n, 1], or of rows that name one class by a 1 among zeros. Null: several classes a row. @throws `data.labels` */
export async function labelsIn(rows: NumberRows): Promise<readonly number[] | null> {
  const { shape, type, name } = rows
  const [count, ...rest] = shape
  const each = rest.reduce((a, b) => a * b, 1)
  const labels: number[] = []
  for (let i = 0; i < count; i++) {
    const values = Array.from(numbersIn(await rows.row(i), type))
    const label = each === 1 ? values[0] : oneHot(values)
    if (label === null) return null
    if (!(Number.isInteger(label) && label >= 0)) {
      throw inputError('data.labels', `labels must be whole numbers from 0, but ${name} has ${label} in row ${i}`)
    }
    labels.push(label)
  }
  return labels
}

/** A class's name for each row, of [n] or [n, 1]. @throws `data.labels` */
export async function namesIn({ shape, type, name, row }: NumberRows): Promise<readonly string[]> {
  const [count, ...rest] = shape
  if (rest.some((extent) => extent !== 1)) {
    throw inputError('data.labels', `labels that are texts must be [n] or [n, 1], got [${shape}] in ${name}`)
  }
  const names: string[] = []
  for (let i = 0; i < count; i++) {
    const label = textIn(await row(i), type)
    if (label === '') throw inputError('data.labels', `labels that are texts must not be empty, as row ${i} of ${name}`)
    names.push(label)
  }
  return names
}

function textIn(bytes: Uint8Array, { text, little }: NumberType): string {
  const whole =
    text === 'bytes'
      ? new TextDecoder().decode(bytes)
      : Array.from({ length: bytes.length / 4 }, (_, i) => codePoint(bytes, 4 * i, little)).join('')
  return whole.replace(/\0+$/, '')
}

const codePoint = (bytes: Uint8Array, at: number, little: boolean): string => {
  const code = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at, little)
  return code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd'
}

function oneHot(values: readonly number[]): number | null {
  const at = values.indexOf(1)
  return at >= 0 && values.every((value, i) => value === (i === at ? 1 : 0)) ? at : null
}
