/** A `.npy` file (NumPy Enhancement Proposal 1): magic, version, a Python dictionary as header, then the numbers. */
import { inputError, sizeOf } from '../../base/index.ts'
import type { NumberRows, NumberType } from './numberType.ts'
import { isRead, numberType, textType } from './numberType.ts'

export interface NpyHeader {
  readonly shape: readonly number[]
  readonly type: NumberType
  /** First axis fastest. */
  readonly columnMajor: boolean
  /** Where the numbers begin. */
  readonly start: number
}

const MAGIC = '\u0093NUMPY'

export const isNpy = (head: Uint8Array): boolean => String.fromCharCode(...head.subarray(0, MAGIC.length)) === MAGIC

/** Bytes that surely hold a header of numbers. */
export const NPY_HEAD_BYTES = 4096

const KINDS = { b: 'bool', i: 'int', u: 'uint', f: 'float' } as const

/** Kinds of texts, with the bytes of a character. */
const TEXTS: Readonly<Record<string, readonly ['unicode' | 'bytes', number]>> = { U: ['unicode', 4], S: ['bytes', 1] }

/**
 * @param head the first bytes, `NPY_HEAD_BYTES` of them if there are as many
 * @param texts whether they may be texts
 * @throws `data.npy`
 */
export function npyHeader(head: Uint8Array, name: string, texts = false): NpyHeader {
  const refuse = (came: string, fix: string) => {
    const rule = 'an array must be a .npy of numbers (bool, int, uint or float)'
    return inputError('data.npy', `${rule}, but ${name} ${came}; ${fix}`)
  }
  if (!isNpy(head) || head.length < 12) throw refuse('is none, or cut short', 'write it anew with numpy.save')
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  const [lengthBytes, length] = head[6] === 1 ? [2, view.getUint16(8, true)] : [4, view.getUint32(8, true)]
  const start = 8 + lengthBytes + length
  const header = new TextDecoder('latin1').decode(head.subarray(8 + lengthBytes, Math.min(start, head.length)))
  const described = /'descr':\s*'([<>|=])([a-zA-Z])(\d+)'/.exec(header)
  const extents = /'shape':\s*\(([\d\sL,]*)\)/.exec(header)
  const kind = described && KINDS[described[2] as keyof typeof KINDS]
  if (/'descr':\s*'\|O/.test(header)) {
    throw refuse('holds Python objects, which would have to be run', 'make numbers of them: numpy.stack(list(x))')
  }
  const text = described && TEXTS[described[2]]
  if (text && !texts) throw refuse('holds texts', 'only labels may be texts; save numbers')
  if (!described || !(kind || text) || !extents) {
    throw refuse(`says ${header.trim().slice(0, 120)}`, 'save numbers, such as x.astype("uint8")')
  }
  const [width, little] = [Number(described[3]), described[1] !== '>']
  const type = text ? textType(text[0], text[1] * width, little) : numberType(kind!, width, little)
  if (!text && !isRead(type)) throw refuse(`holds ${type.name}`, 'save it as float32 or uint8')
  const shape = extents[1].split(',').flatMap((extent) => (extent.trim() ? [Number.parseInt(extent, 10)] : []))
  return { shape, type, columnMajor: /'fortran_order':\s*True/.test(header), start }
}

/** Bytes of the whole file. */
export const npyLength = ({ shape, type, start }: NpyHeader): number => start + sizeOf(shape) * type.bytes

/** @throws `data.npy` where a file has another length than its header says */
export function requireNpyLength(header: NpyHeader, length: number, name: string): void {
  const due = npyLength(header)
  if (length === due) return
  throw inputError(
    'data.npy',
    `${name} must have ${due} bytes for ${header.type.name} of [${header.shape}], got ${length}; it is cut short or damaged: fetch or write it anew`,
  )
}

/** The bytes of all numbers, in C's order. @param bytes behind the header */
export const rowMajorBytes = ({ shape, type, columnMajor }: NpyHeader, bytes: Uint8Array): Uint8Array =>
  columnMajor ? inRows(bytes, shape, type.bytes) : bytes

/** Rows of numbers that are in memory, in C's order. */
export function rowsInMemory(name: string, header: NpyHeader, bytes: Uint8Array): NumberRows {
  const { shape, type } = header
  const data = rowMajorBytes(header, bytes)
  const size = sizeOf(shape.slice(1)) * type.bytes
  return { name, shape, type, row: (index) => data.subarray(index * size, (index + 1) * size) }
}

/** Numbers whose first axis ran fastest, with the last one fastest. */
function inRows(bytes: Uint8Array, shape: readonly number[], width: number): Uint8Array {
  const out = new Uint8Array(bytes.length)
  const index = new Array<number>(shape.length).fill(0)
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)))
  for (let to = 0; to < bytes.length; to += width) {
    const from = width * index.reduce((sum, i, axis) => sum + i * strides[axis], 0)
    for (let byte = 0; byte < width; byte++) out[to + byte] = bytes[from + byte]
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]++
      if (index[axis] < shape[axis]) break
      index[axis] = 0
    }
  }
  return out
}
