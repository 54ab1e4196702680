/**
 * The safetensors format: 8 bytes little-endian length of a JSON header, the header (name to dtype, shape and byte range, plus
 * `__metadata__`), then the numbers. Read strictly: a range outside the file, a gap, an overlap, a name that stands twice or a size that
 * does not fit its shape is refused. Written aligned, largest elements first, names in order: the same tensors give the same bytes.
 */
import type { DType, NamedTensors, Shape, Tensor } from '../base/index.ts'
import {
  type BilevelError,
  brainToFloat,
  halfToFloat,
  inputError,
  parseJson,
  sizeOf,
  standInError,
  tensor,
} from '../base/index.ts'
import { repeatedKey } from './repeatedKey.ts'

/** Tensors by name and the file's free text, name to text. */
export interface SafetensorsFile {
  readonly tensors: NamedTensors
  readonly metadata: Readonly<Record<string, string>>
}

/** How an element type of the file is read. */
interface Format {
  readonly bytes: number
  readonly read: (shape: Shape, buffer: ArrayBuffer) => Tensor
}

const FORMATS: Readonly<Record<string, Format>> = {
  F64: { bytes: 8, read: (shape, buffer) => tensor('float64', shape, new Float64Array(buffer)) },
  F32: { bytes: 4, read: (shape, buffer) => tensor('float32', shape, new Float32Array(buffer)) },
  F16: { bytes: 2, read: (shape, buffer) => tensor('float32', shape, widened(buffer, halfToFloat)) },
  BF16: { bytes: 2, read: (shape, buffer) => tensor('float32', shape, widened(buffer, brainToFloat)) },
  I64: { bytes: 8, read: (shape, buffer) => tensor('int64', shape, new BigInt64Array(buffer)) },
  I32: { bytes: 4, read: (shape, buffer) => tensor('int32', shape, new Int32Array(buffer)) },
  U8: { bytes: 1, read: (shape, buffer) => tensor('int32', shape, Int32Array.from(new Uint8Array(buffer))) },
  BOOL: { bytes: 1, read: (shape, buffer) => tensor('bool', shape, new Uint8Array(buffer)) },
}

const WRITTEN: Readonly<Record<DType, string>> = {
  float64: 'F64',
  float32: 'F32',
  int64: 'I64',
  int32: 'I32',
  bool: 'BOOL',
}

function widened(buffer: ArrayBuffer, value: (bits: number) => number): Float32Array {
  return Float32Array.from(new Uint16Array(buffer), value)
}

/**
 * Bytes of a safetensors file.
 * @param tensors any dtype; `__metadata__` is no name
 * @throws `safetensors.name` on that name, `safetensors.size` if an element count does not fit its shape
 */
export function encodeSafetensors(tensors: NamedTensors, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const bytesOf = ({ dtype }: Tensor) => FORMATS[WRITTEN[dtype]].bytes
  const entries = Object.entries(tensors).sort(
    ([a, x], [b, y]) => bytesOf(y) - bytesOf(x) || (a < b ? -1 : Number(a > b)),
  )
  let end = 0
  const ranges = entries.map(([name, value]) => {
    checkWritable(name, value)
    const begin = end
    end += value.data.byteLength
    return [name, { dtype: WRITTEN[value.dtype], shape: value.shape, data_offsets: [begin, end] }] as const
  })
  const described = Object.keys(metadata).length > 0 ? [['__metadata__', metadata] as const] : []
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries([...described, ...ranges])))
  const headerLength = Math.ceil(json.length / 8) * 8
  const file = new Uint8Array(8 + headerLength + end)
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true)
  file.fill(0x20, 8, 8 + headerLength).set(json, 8)
  entries.forEach(([, { data }], i) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    file.set(bytes, 8 + headerLength + ranges[i][1].data_offsets[0])
  })
  return file
}

function checkWritable(name: string, { shape, data }: Tensor): void {
  if (name === '__metadata__') {
    throw inputError('safetensors.name', "no tensor may be named '__metadata__', the format's own key; rename it")
  }
  if (data.length !== sizeOf(shape)) {
    const message = `tensor '${name}' of shape [${shape}] needs ${sizeOf(shape)} elements, got ${data.length}`
    throw inputError('safetensors.size', message)
  }
}

/** One header entry, checked. */
interface Entry {
  readonly name: string
  readonly format: Format
  readonly shape: Shape
  readonly begin: number
  readonly end: number
}

/**
 * Reads a safetensors file; F16 and BF16 become float32, U8 int32.
 * @param source what to call the file in errors
 * @throws `safetensors.pickle` for a PyTorch pickle or zip, `safetensors.truncated` if the file ends early, `safetensors.header`
 * if the header is no valid one, `safetensors.dtype` on an element type that is not read here; `file.lfsPointer`, `file.webPage` for
 * what only stands in for the file
 */
export function decodeSafetensors(bytes: Uint8Array, source = 'the file'): SafetensorsFile {
  refusePickle(bytes, source)
  const standIn = standInError(bytes, source)
  if (standIn) throw standIn
  const { header, start } = readHeader(bytes, source)
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => readEntry(name, entry, source))
  checkRanges(entries, bytes.length - start, source)
  const tensors = entries.map(({ name, format, shape, begin, end }): [string, Tensor] => [
    name,
    format.read(shape, new Uint8Array(bytes.subarray(start + begin, start + end)).buffer),
  ])
  return { tensors: Object.fromEntries(tensors), metadata: readMetadata(header, source) }
}

function refusePickle(bytes: Uint8Array, source: string): void {
  const zip = bytes.length >= 4 && bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4
  const pickle = bytes.length >= 2 && bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5 && bytes[8] !== 0x7b
  if (zip || pickle) {
    throw inputError(
      'safetensors.pickle',
      `${source} must be a safetensors file, but it is a PyTorch pickle, which can run code when it is read; ` +
        'convert it in Python with safetensors.torch.save_file(torch.load(path, weights_only=True), "model.safetensors")',
    )
  }
}

function truncated(source: string, needed: number, came: number): BilevelError {
  return inputError(
    'safetensors.truncated',
    `${source} must hold ${needed} bytes by its own account, it has ${came}; copy or download it again`,
  )
}

function badHeader(source: string, reason: string): BilevelError {
  const rule = `${source} must be a safetensors file with a valid header: ${reason}`
  return inputError('safetensors.header', `${rule}; save it again with the safetensors library, or download it again`)
}

/** What a file that is JSON from its first byte on is; safetensors begins with a length. */
function jsonReason(bytes: Uint8Array): string {
  const start = new TextDecoder().decode(bytes.subarray(0, 4096))
  if (!/^\s*\{/.test(start)) return 'it does not begin with "{"'
  if (!start.includes('"weight_map"') && !start.includes('"total_size"')) return 'it is JSON text'
  return 'it is the index of weights in several files, which keeps its own name (ending in .safetensors.index.json) beside them'
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readHeader(bytes: Uint8Array, source: string): { header: Record<string, unknown>; start: number } {
  if (bytes.length < 8) throw truncated(source, 8, bytes.length)
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true))
  if (bytes.length > 8 && bytes[8] !== 0x7b) throw badHeader(source, jsonReason(bytes))
  if (8 + length > bytes.length) throw truncated(source, 8 + length, bytes.length)
  let header: unknown
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length))
    header = parseJson(text)
  } catch (error) {
    throw inputError(
      'safetensors.header',
      badHeader(source, `it is not JSON that is read: ${(error as Error).message}`).message,
      { cause: error },
    )
  }
  if (!isRecord(header)) throw badHeader(source, 'it is not a JSON object')
  const twice = repeatedKey(text)
  if (twice !== null) throw badHeader(source, `'${twice}' stands in it twice, so which one is meant is not known`)
  return { header, start: 8 + length }
}

function readMetadata(header: Record<string, unknown>, source: string): Record<string, string> {
  const metadata = header.__metadata__ ?? {}
  if (!isRecord(metadata)) throw badHeader(source, '__metadata__ must map names to text')
  const odd = Object.entries(metadata).find(([, value]) => typeof value !== 'string')
  if (odd)
    throw badHeader(
      source,
      `__metadata__ must map names to text, '${odd[0]}' is ${JSON.stringify(odd[1]).slice(0, 40)}`,
    )
  return metadata as Record<string, string>
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

function readEntry(name: string, entry: unknown, source: string): Entry {
  if (!isRecord(entry)) throw badHeader(source, `the entry of '${name}' is not an object`)
  const { dtype, shape, data_offsets: offsets } = entry
  if (typeof dtype !== 'string' || !Object.hasOwn(FORMATS, dtype)) {
    throw inputError(
      'safetensors.dtype',
      `${source}: tensor '${name}' must have an element type of ${Object.keys(FORMATS).join(', ')}, ` +
        `got ${JSON.stringify(dtype)}; convert it before saving, in Python with tensor.float()`,
    )
  }
  if (!Array.isArray(shape) || !shape.every(isCount))
    throw badHeader(source, `the shape of '${name}' is no list of sizes`)
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw badHeader(source, `the data_offsets of '${name}' are not two byte positions`)
  }
  const format = FORMATS[dtype]
  const [begin, end] = offsets as [number, number]
  if (end - begin !== sizeOf(shape) * format.bytes) {
    throw badHeader(source, `'${name}' of shape [${shape}] and type ${dtype} does not fill its ${end - begin} bytes`)
  }
  return { name, format, shape, begin, end }
}

/** The ranges must cover the data exactly, one after another. */
function checkRanges(entries: readonly Entry[], available: number, source: string): void {
  let covered = 0
  for (const { name, begin, end } of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      throw badHeader(source, `'${name}' begins at byte ${begin}, the tensor before it ends at ${covered}`)
    }
    covered = end
  }
  if (covered > available) throw truncated(source, covered, available)
  if (covered < available) throw badHeader(source, `${available - covered} bytes belong to no tensor`)
}
