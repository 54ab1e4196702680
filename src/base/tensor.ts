/** Dense row-major tensors: a shape and one typed array. Everything that enters or leaves a compiled program is one. */
import { inputError } from './errors.ts'

/** Element types and the typed array that holds each. `bool` is one byte per element, 0 or 1. */
export interface TypedArrays {
  float32: Float32Array
  float64: Float64Array
  int64: BigInt64Array
  int32: Int32Array
  bool: Uint8Array
}

export type DType = keyof TypedArrays
export type Shape = readonly number[]

/** A dense tensor; `data.length` is the product of `shape`. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D
  readonly shape: Shape
  readonly data: TypedArrays[D]
}

/** Number of elements of a shape; 1 for a scalar `[]`. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1)
}

/** A tensor over existing data (not copied). @throws `tensor.size` if the lengths differ. */
export function tensor<D extends DType>(dtype: D, shape: Shape, data: TypedArrays[D]): Tensor<D> {
  if (data.length !== sizeOf(shape)) {
    throw inputError('tensor.size', `a tensor of shape [${shape}] needs ${sizeOf(shape)} elements, got ${data.length}`)
  }
  return { dtype, shape, data }
}

/** A float32 tensor from numbers; without a shape, a vector. */
export function float32(data: ArrayLike<number>, shape: Shape = [data.length]): Tensor<'float32'> {
  return tensor('float32', shape, data instanceof Float32Array ? data : Float32Array.from(data))
}

/** An int64 tensor from (safe) integers; without a shape, a vector. */
export function int64(data: ArrayLike<number>, shape: Shape = [data.length]): Tensor<'int64'> {
  return tensor(
    'int64',
    shape,
    BigInt64Array.from({ length: data.length }, (_, i) => BigInt(data[i])),
  )
}

/** A float32 tensor filled with one value. */
export function filled(shape: Shape, value = 0): Tensor<'float32'> {
  return tensor('float32', shape, new Float32Array(sizeOf(shape)).fill(value))
}

/** Row-major strides of a shape, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(1)
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1]
  return strides
}

/** Whether two shapes are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis])
}

/** Named tensors, the form in which parameters, statistics and checkpoints travel. */
export type NamedTensors = Readonly<Record<string, Tensor>>
