/** Tensors of any element type from plain numbers. */
import type { DType, Shape, Tensor, TypedArrays } from '../base/index.ts'
import { filled, sizeOf, tensor } from '../base/index.ts'

const MAKERS: { readonly [D in DType]: (numbers: ArrayLike<number>) => TypedArrays[D] } = {
  float32: (numbers) => new Float32Array(numbers),
  float64: (numbers) => new Float64Array(numbers),
  int64: (numbers) => BigInt64Array.from({ length: numbers.length }, (_, i) => toInt64(numbers[i])),
  int32: (numbers) => Int32Array.from(numbers),
  bool: (numbers) => Uint8Array.from(numbers, (value) => Number(value !== 0)),
}

const [LEAST, GREATEST] = [-(2n ** 63n), 2n ** 63n - 1n]

/** Towards zero; beyond the ends the end: files say "to the end of an axis" by the greatest one, which a double rounds up. */
function toInt64(value: number): bigint {
  if (value >= 2 ** 63) return GREATEST
  return value <= -(2 ** 63) ? LEAST : BigInt(Math.trunc(value))
}

/** A tensor of that element type, numbers rounded as the type needs. @throws `tensor.size` if the lengths differ */
export function tensorOf(dtype: DType, shape: Shape, numbers: ArrayLike<number>): Tensor {
  return tensor(dtype, shape, MAKERS[dtype](numbers))
}

/** A tensor filled with one number. */
export function filledTensor(dtype: DType, shape: Shape, value: number): Tensor {
  if (dtype === 'float32') return filled(shape, value)
  return tensorOf(dtype, shape, new Float64Array(sizeOf(shape)).fill(value))
}
