/**
 * Element types of models that a `Tensor` does not hold: they are carried as another one. float16 and uint8 are fed from float32, rounded to nearest
 * (uint8: cut to 0 to 255), and read as float32.
 */
import type { DType, Shape, Tensor } from '../base/index.ts'
import { failure, floatToHalf, halfToFloat, tensor } from '../base/index.ts'

/** What an engine is fed: a tensor, half-precision numbers as bits, or bytes. */
export type Fed =
  | Tensor
  | { readonly dtype: 'float16'; readonly shape: Shape; readonly data: Uint16Array }
  | { readonly dtype: 'uint8'; readonly shape: Shape; readonly data: Uint8Array }

/** What is carried in the place of a type that a `Tensor` does not hold. */
const CARRIED: Readonly<Record<string, DType>> = { float16: 'float32', uint8: 'float32' }

/** The element type of the tensors that are fed to, and come from, a value that a model declares so. */
export const carriedType = (declared: string): string => CARRIED[declared] ?? declared

/** A tensor in the element type that a model declares. */
export function asDeclared(value: Tensor, declared: string): Fed {
  if (value.dtype !== 'float32') return value
  if (declared === 'uint8') {
    return {
      dtype: 'uint8',
      shape: value.shape,
      data: Uint8Array.from(Uint8ClampedArray.from(value.data as Float32Array)),
    }
  }
  if (declared !== 'float16') return value
  return { dtype: 'float16', shape: value.shape, data: Uint16Array.from(value.data as Float32Array, floatToHalf) }
}

const HELD: readonly DType[] = ['float32', 'float64', 'int64', 'int32', 'bool']

/** A tensor from what an engine gives. @throws `runtime.run` on an element type that is not carried */
export function fromEngine(name: string, value: { type: string; dims: Shape; data: unknown }): Tensor {
  const { type, dims, data } = value
  if (type === 'float16') return tensor('float32', dims, widened(data as Uint16Array | Float32Array))
  if (type === 'uint8') return tensor('float32', dims, Float32Array.from(data as Uint8Array))
  if (!HELD.some((known) => known === type))
    throw failure('runtime.run', `output '${name}' has element type ${type}, which is not supported`)
  return tensor(type as 'float32', dims, data as Float32Array)
}

/** Newer versions of Node have arrays of half-precision numbers, which the engine then gives; else it gives bits. */
const widened = (data: Uint16Array | ArrayLike<number>): Float32Array =>
  data instanceof Uint16Array ? Float32Array.from(data, halfToFloat) : Float32Array.from(data)
