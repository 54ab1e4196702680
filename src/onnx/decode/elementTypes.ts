/**
 * ONNX's element types and how each is carried here: float16, bfloat16 as float32, small and unsigned integers as int32 or int64. What engines
 * compute in float16 is computed in float32.
 */
import type { DType } from '../../base/index.ts'
import { brainToFloat, halfToFloat } from '../../base/index.ts'

/** An element type of files. */
export interface ElementType {
  readonly name: string
  /** What it is here; null: it has no numbers that a network could use. */
  readonly dtype: DType | null
  /** Bits of an element in `raw_data`. */
  readonly bits: number
  /** Element i of raw little-endian bytes. */
  readonly read: (view: DataView, i: number) => number | bigint
  /** The least and the greatest integer, of types narrower than what carries them. */
  readonly range?: readonly [number, number]
}

const nibble = (view: DataView, i: number) => (view.getUint8(i >> 1) >> (i % 2 === 0 ? 0 : 4)) & 0xf
const notNumbers = (name: string, bits: number): ElementType => ({ name, dtype: null, bits, read: () => 0 })

/** By TensorProto.DataType. */
export const ELEMENT_TYPES: Readonly<Record<number, ElementType>> = {
  1: { name: 'float32', dtype: 'float32', bits: 32, read: (view, i) => view.getFloat32(4 * i, true) },
  2: { name: 'uint8', dtype: 'int32', bits: 8, read: (view, i) => view.getUint8(i), range: [0, 255] },
  3: { name: 'int8', dtype: 'int32', bits: 8, read: (view, i) => view.getInt8(i), range: [-128, 127] },
  4: { name: 'uint16', dtype: 'int32', bits: 16, read: (view, i) => view.getUint16(2 * i, true), range: [0, 65535] },
  5: { name: 'int16', dtype: 'int32', bits: 16, read: (view, i) => view.getInt16(2 * i, true), range: [-32768, 32767] },
  6: { name: 'int32', dtype: 'int32', bits: 32, read: (view, i) => view.getInt32(4 * i, true) },
  7: { name: 'int64', dtype: 'int64', bits: 64, read: (view, i) => view.getBigInt64(8 * i, true) },
  8: notNumbers('string', 0),
  9: { name: 'bool', dtype: 'bool', bits: 8, read: (view, i) => Number(view.getUint8(i) !== 0) },
  10: { name: 'float16', dtype: 'float32', bits: 16, read: (view, i) => halfToFloat(view.getUint16(2 * i, true)) },
  11: { name: 'float64', dtype: 'float64', bits: 64, read: (view, i) => view.getFloat64(8 * i, true) },
  12: {
    name: 'uint32',
    dtype: 'int64',
    bits: 32,
    read: (view, i) => view.getUint32(4 * i, true),
    range: [0, 2 ** 32 - 1],
  },
  13: { name: 'uint64', dtype: 'int64', bits: 64, read: (view, i) => view.getBigUint64(8 * i, true) },
  14: notNumbers('complex64', 64),
  15: notNumbers('complex128', 128),
  16: { name: 'bfloat16', dtype: 'float32', bits: 16, read: (view, i) => brainToFloat(view.getUint16(2 * i, true)) },
  17: notNumbers('float8e4m3fn', 8),
  18: notNumbers('float8e4m3fnuz', 8),
  19: notNumbers('float8e5m2', 8),
  20: notNumbers('float8e5m2fnuz', 8),
  21: { name: 'uint4', dtype: 'int32', bits: 4, read: nibble, range: [0, 15] },
  22: { name: 'int4', dtype: 'int32', bits: 4, read: (view, i) => (nibble(view, i) ^ 8) - 8, range: [-8, 7] },
  23: notNumbers('float4e2m1', 4),
  24: notNumbers('float8e8m0', 8),
  25: notNumbers('uint2', 2),
  26: notNumbers('int2', 2),
}

/** What a file calls its type, for errors. */
export const typeName = (dataType: number): string => ELEMENT_TYPES[dataType]?.name ?? `element type ${dataType}`

/** What carries a type here. @throws Error naming it where nothing does */
export function carriedAs(dataType: number): DType {
  const dtype = ELEMENT_TYPES[dataType]?.dtype
  if (dtype) return dtype
  const read = Object.values(ELEMENT_TYPES).flatMap((type) => (type.dtype ? [type.name] : []))
  throw new Error(`${typeName(dataType)} is not read; read are ${read.join(', ')}`)
}
