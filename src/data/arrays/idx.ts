/**
 * The IDX format of the MNIST files: two zero bytes, an element type, the number of dimensions, big-endian extents, data
 * (http://yann.lecun.com/exdb/mnist/). Plain or gzipped. Files whose extents were written in the other byte order are told by their length.
 */
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { constants, gunzip } from 'node:zlib'
import { inputError, MOST_INFLATION, sizeOf } from '../../base/index.ts'
import type { NumberType } from './numberType.ts'
import { numberType, UINT8 } from './numberType.ts'

/** Extents and the bytes, row-major. */
export interface Idx {
  readonly shape: readonly number[]
  readonly data: Uint8Array
  /** Default unsigned bytes. */
  readonly type?: NumberType
}

const UNSIGNED_BYTE = 0x08
/** What an element is, by its code. */
const TYPES: Readonly<Record<number, (little: boolean) => NumberType>> = {
  [UNSIGNED_BYTE]: () => UINT8,
  9: (little) => numberType('int', 1, little),
  11: (little) => numberType('int', 2, little),
  12: (little) => numberType('int', 4, little),
  13: (little) => numberType('float', 4, little),
  14: (little) => numberType('float', 8, little),
}

/** What a header promises: of the two byte orders its own, unless the other one is right about the length. */
interface Header {
  readonly shape: readonly number[]
  readonly type: NumberType
  /** Bytes of the whole file. */
  readonly promised: number
}

/** Null where it is no header. `length`: bytes of the whole file, as far as they are known. */
function headerOf(bytes: Uint8Array, length: number | null): Header | null {
  const [zero0, zero1, code, rank] = bytes
  const kind = TYPES[code]
  if (zero0 !== 0 || zero1 !== 0 || !kind || !rank || bytes.length < 4 + 4 * rank) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [big, little] = [false, true].map((order) => {
    const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis, order))
    const type = kind(order)
    return { shape, type, promised: 4 + 4 * rank + sizeOf(shape) * type.bytes }
  })
  return big.promised !== length && little.promised === length ? little : big
}
const inflate = promisify(gunzip)

/** Whether a file begins as IDX files do. */
export const isIdx = ([zero0, zero1, type, rank]: Uint8Array): boolean =>
  zero0 === 0 && zero1 === 0 && TYPES[type] !== undefined && rank > 0 && rank <= MOST_AXES

const MOST_AXES = 8

/** Reads plain IDX bytes; `name` is what errors call them. @throws `data.idxMagic`, `data.idxTruncated`, `data.idxTrailing`, `data.idxEmpty` */
export function parseIdx(bytes: Uint8Array, name: string): Idx {
  const truncated = (needed: number): Error =>
    inputError('data.idxTruncated', `${name} is truncated: its header promises ${needed} bytes, got ${bytes.length}`)
  if (bytes.length < 4) throw truncated(4)
  const [zero0, zero1, type, rank] = bytes
  if (zero0 !== 0 || zero1 !== 0 || rank === 0) {
    const magic = Buffer.from(bytes.subarray(0, 4)).toString('hex')
    throw inputError(
      'data.idxMagic',
      `${name} is not an IDX file: it must begin with 00 00, a type and a rank, got ${magic}`,
    )
  }
  if (!TYPES[type]) {
    throw inputError(
      'data.idxMagic',
      `${name} must hold bytes or numbers of a type of IDX (0x08 to 0x0e), got type 0x${type.toString(16).padStart(2, '0')}`,
    )
  }
  const header = 4 + 4 * rank
  if (bytes.length < header) throw truncated(header)
  const { shape, type: kind, promised: needed } = headerOf(bytes, bytes.length)!
  if (bytes.length < needed) throw truncated(needed)
  if (bytes.length > needed) {
    throw inputError(
      'data.idxTrailing',
      `${name} has ${bytes.length - needed} bytes after the ${needed} its header promises`,
    )
  }
  if (needed === header) throw inputError('data.idxEmpty', `${name} holds nothing: its shape is [${shape}]`)
  return { shape, data: bytes.subarray(header), ...(kind !== UINT8 && { type: kind }) }
}

/** IDX bytes of unsigned bytes. @throws `data.idxShape` if shape and data disagree */
export function encodeIdx({ shape, data }: Idx): Uint8Array {
  if (sizeOf(shape) !== data.length) {
    throw inputError('data.idxShape', `IDX data of shape [${shape}] needs ${sizeOf(shape)} bytes, got ${data.length}`)
  }
  const header = 4 + 4 * shape.length
  const bytes = new Uint8Array(header + data.length)
  bytes.set([0, 0, UNSIGNED_BYTE, shape.length])
  const view = new DataView(bytes.buffer)
  for (const [axis, extent] of shape.entries()) view.setUint32(4 + 4 * axis, extent)
  bytes.set(data, header)
  return bytes
}

/** Reads an IDX file, gzipped or not (told by content). @throws also `data.unreadable`, `data.gzip` */
export async function readIdx(path: string): Promise<Idx> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw inputError('data.unreadable', `${path} cannot be read: ${cause.message}`, { cause })
  })
  return parseIdx(await gunzipped(bytes, path), path)
}

/** The bytes themselves, or what is inside if they are gzipped: no more than its header promises. @throws `data.gzip`, `data.idxTruncated`, `data.idxTrailing` */
async function gunzipped(bytes: Uint8Array, name: string): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  const notWhole = (cause: Error): Error =>
    inputError('data.gzip', `${name} is not a whole gzip file (${cause.message}); fetch it again`, { cause })
  const first = await inflate(bytes.subarray(0, FIRST_BYTES), { finishFlush: constants.Z_SYNC_FLUSH }).catch(
    (cause) => {
      throw notWhole(cause)
    },
  )
  // Gzip ends with the length of what is inside, modulo 2^32.
  const length = bytes.length < 4 ? null : Buffer.from(bytes.subarray(-4)).readUInt32LE()
  const promised = headerOf(first, length)?.promised ?? null
  // Of what is no IDX file of bytes the beginning is enough to say so.
  if (promised === null && bytes.length > FIRST_BYTES) return first
  const most = promised ?? Math.max(1, first.length)
  if (most > bytes.length * MOST_INFLATION) {
    const came = `its ${bytes.length} gzipped ones cannot hold them`
    throw inputError('data.idxTruncated', `${name} is truncated: its header promises ${most} bytes, ${came}`)
  }
  return await inflate(bytes, { maxOutputLength: most }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ERR_BUFFER_TOO_LARGE') throw notWhole(cause)
    throw inputError('data.idxTrailing', `${name} has bytes after the ${most} its header promises`, { cause })
  })
}

/** Gzipped bytes that surely hold the header, a file name before it included. */
const FIRST_BYTES = 2 ** 16
