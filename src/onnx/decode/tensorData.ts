/** The numbers of a tensor of a file, wherever they lie: raw, in a field of their type, or in a file beside the model. */
import type { DType, Tensor, TypedArrays } from '../../base/index.ts'
import { inputError, sizeOf, tensor } from '../../base/index.ts'
import { TENSOR } from '../schema.ts'
import type { ElementType } from './elementTypes.ts'
import { carriedAs, ELEMENT_TYPES, typeName } from './elementTypes.ts'
import type { OnnxTensor } from './model.ts'

/** The bytes of the files beside a model, by the paths that it names. */
export type ExternalFiles = Readonly<Record<string, Uint8Array>>

const MAKERS: { readonly [D in DType]: (size: number) => TypedArrays[D] } = {
  float32: (size) => new Float32Array(size),
  float64: (size) => new Float64Array(size),
  int64: (size) => new BigInt64Array(size),
  int32: (size) => new Int32Array(size),
  bool: (size) => new Uint8Array(size),
}

/** What was read already: a model is decoded for each shape of its inputs, its weights are read once. */
const read = new WeakMap<OnnxTensor, Tensor>()

/**
 * Reads a tensor. How many bytes there are is checked against its shape before anything of that size is made.
 * @throws `onnx.tensor` where they do not agree, the type is not read, or an outside file is missing or too short
 */
export function tensorData(source: OnnxTensor, files: ExternalFiles = {}): Tensor {
  const known = read.get(source) ?? readTensor(source, files)
  read.set(source, known)
  return known
}

function readTensor(source: OnnxTensor, files: ExternalFiles): Tensor {
  const { name, dims, dataType } = source
  const refuse = (why: string) =>
    inputError('onnx.tensor', `the tensor '${name}' ${typeName(dataType)}[${dims}]: ${why}`)
  let dtype: DType
  try {
    dtype = carriedAs(dataType)
  } catch (error) {
    throw refuse((error as Error).message)
  }
  const type = ELEMENT_TYPES[dataType]
  const size = sizeOf(dims)
  if (!Number.isSafeInteger(size)) throw refuse('it has more elements than any file holds')
  const raw = rawBytes(source, Math.ceil((size * type.bits) / 8), files, refuse)
  if (!raw) return tensor(dtype, dims, fieldNumbers(source, dtype, type, size, refuse))
  const wanted = Math.ceil((size * type.bits) / 8)
  if (raw.length !== wanted) throw refuse(`it must hold ${wanted} bytes, it holds ${raw.length}`)
  return tensor(dtype, dims, numbersIn(raw, dtype, type, size))
}

/** The raw bytes of a tensor; undefined where its numbers lie in a field of their type. */
function rawBytes(
  { external, message }: OnnxTensor,
  wanted: number,
  files: ExternalFiles,
  refuse: (why: string) => Error,
): Uint8Array | undefined {
  if (!external) return message.blobs(TENSOR.rawData).at(-1)
  const { location, offset, length = wanted } = external
  if (!Object.hasOwn(files, location)) throw refuse(`it lies in '${location}', which is not there`)
  const file = files[location]
  if (offset + length <= file.length) return file.subarray(offset, offset + length)
  throw refuse(`it lies at bytes ${offset} to ${offset + length} of '${location}', which has ${file.length}`)
}

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

function numbersIn(raw: Uint8Array, dtype: DType, type: ElementType, size: number): TypedArrays[DType] {
  const numbers = MAKERS[dtype](size)
  if (isLittleEndian && numbers.BYTES_PER_ELEMENT * 8 === type.bits && type.name === dtype && dtype !== 'bool') {
    new Uint8Array(numbers.buffer).set(raw)
    return numbers
  }
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  for (let i = 0; i < size; i++) setAt(numbers, i, type.read(view, i))
  return numbers
}

function setAt(numbers: TypedArrays[DType], i: number, value: number | bigint): void {
  if (numbers instanceof BigInt64Array) numbers[i] = typeof value === 'bigint' ? value : BigInt(value)
  else numbers[i] = Number(value)
}

/** Numbers of a field of their type: bits of halves and all small integers stand in `int32_data`. */
function fieldNumbers(
  { message, dataType }: OnnxTensor,
  dtype: DType,
  type: ElementType,
  size: number,
  refuse: (why: string) => Error,
): TypedArrays[DType] {
  const values = valuesOf()
  const packed = type.bits < 8
  const count = packed ? Math.ceil((size * type.bits) / 8) : size
  if (values.length !== count) throw refuse(`it must hold ${count} numbers, it holds ${values.length}`)
  const numbers = MAKERS[dtype](size)
  const word = new DataView(new ArrayBuffer(8))
  for (let i = 0; i < size; i++) {
    if (packed) {
      word.setUint8(0, Number(values[i >> 1]))
      setAt(numbers, i, type.read(word, i % 2))
    } else if (type.name === 'float16' || type.name === 'bfloat16') {
      word.setUint16(0, Number(values[i]) & 0xffff, true)
      setAt(numbers, i, type.read(word, 0))
    } else setAt(numbers, i, dtype === 'bool' ? Number(Number(values[i]) !== 0) : values[i])
  }
  return numbers

  function valuesOf(): readonly (number | bigint)[] {
    if (dataType === 1) return message.floats(TENSOR.floatData)
    if (dataType === 11) return message.doubles(TENSOR.doubleData)
    if (dataType === 7) return message.integers(TENSOR.int64Data)
    if (dataType === 12 || dataType === 13) return message.integers(TENSOR.uint64Data)
    return message.integers(TENSOR.int32Data)
  }
}
