/**
 * Resizing in every way that ONNX knows, as matrices along the axes. The usual ways have an operator (`resizeOperator.ts`), which is one node and
 * what engines are fast at; this is for the others: cubic, antialiased, cropped.
 */
import type { Shape } from '../../base/index.ts'
import { sizeOf, tensor } from '../../base/index.ts'
import { constant, type SymbolicTensor } from '../symbolic.ts'
import { where } from './compare.ts'
import { isFloat } from './elementwise.ts'
import type { Interpolation } from './resizeMatrix.ts'
import { alongAxis, interpolationMatrix, outsideOf } from './resizeMatrix.ts'

/** Options of `resample`, each list with one entry per axis of the input. */
export interface ResampleOptions {
  readonly sizes: Shape
  /** Output over input; default by the sizes. */
  readonly scales?: readonly number[]
  /** How each axis is interpolated; undefined leaves it alone. */
  readonly along: readonly (Interpolation | undefined)[]
  /** What stands where a crop reaches beyond the input; default 0. */
  readonly beyond?: number
}

/** Resizes axes of a tensor one by one. @throws `graph.shape` */
export function resample(x: SymbolicTensor, { sizes, scales, along, beyond = 0 }: ResampleOptions): SymbolicTensor {
  if (!isFloat(x)) throw new Error('the input must be float; use cast')
  // From the axis that shrinks most: the others have less to do then.
  const order = x.shape.map((_, axis) => axis).sort((i, j) => sizes[i] / x.shape[i] - sizes[j] / x.shape[j])
  const resized = order.reduce((value, axis) => {
    const how = along[axis]
    if (!how) return value
    return alongAxis(value, interpolationMatrix(x.shape[axis], sizes[axis], how, scales?.[axis]), axis, false)
  }, x)
  return order.reduce((value, axis) => {
    const how = along[axis]
    const outside = how ? outsideOf(how, x.shape[axis], sizes[axis]) : []
    if (!outside.includes(true)) return value
    const shape = sizes.map((extent, i) => (i === axis ? extent : 1))
    const mask = tensor(
      'bool',
      shape,
      Uint8Array.from({ length: sizeOf(shape) }, (_, i) => Number(outside[i])),
    )
    return where(constant(mask), beyond, value)
  }, resized)
}
