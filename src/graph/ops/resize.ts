/**
 * Resizing as separable linear maps: along each axis the result is a matrix [out, in] times the input, with one entry per row for
 * nearest and two for linear interpolation. The derivative is the transposed matrices.
 *
 * `upsampleNearest` and `upsampleBilinear` are composite operators for whole factors (a runtime may have a faster form);
 * `resize` is ONNX's operator.
 */
import type { Shape } from '../../base/index.ts'
import { sizeOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import type { PerAxis } from './convWindow.ts'
import { checkIntegers } from './convWindow.ts'
import { isFloat, mul } from './elementwise.ts'
import { averagePool } from './pool.ts'
import type { Interpolation } from './resizeMatrix.ts'
import { alongAxis, interpolate, interpolationMatrix } from './resizeMatrix.ts'
import { repeatElements } from './resizeOperator.ts'

type ScaleAttributes = { readonly scales: readonly number[] }

/** Checks whole factors, one per spatial axis, and gives the enlarged shape. */
function enlarged(shape: Shape, scales: readonly number[]): Shape {
  if (shape.length < 3) throw new Error(`the input must be [batch, channels, ...spatial], got [${shape}]`)
  checkIntegers('the scale', scales, shape.length - 2, 1)
  return shape.map((extent, axis) => (axis < 2 ? extent : extent * scales[axis - 2]))
}

/** The shape of which this is the enlarged one. */
function reduced(shape: Shape, scales: readonly number[]): Shape {
  return shape.map((extent, axis) => {
    if (axis < 2) return extent
    if (extent % scales[axis - 2] !== 0) throw new Error(`[${shape}] must be divisible by the scale [${scales}]`)
    return extent / scales[axis - 2]
  })
}

const NEAREST: Interpolation = { mode: 'nearest', coordinates: 'asymmetric', rounding: 'floor' }
const BILINEAR: Interpolation = { mode: 'linear', coordinates: 'half_pixel', rounding: 'floor' }

interface Upsampling {
  readonly how: Interpolation
  readonly expand: (x: SymbolicTensor, scales: readonly number[]) => SymbolicTensor
  readonly expandGradient: (g: SymbolicTensor, scales: readonly number[]) => SymbolicTensor
}

function upsampling(name: string, { how, expand, expandGradient }: Upsampling) {
  const gradient = defineOperator<ScaleAttributes>({
    name: `${name}Gradient`,
    domain: 'composite',
    attributes: { scales: 'ints' },
    infer: ([g], { scales }) => [{ dtype: g!.dtype, shape: reduced(g!.shape, scales) }],
    evaluate: ([g], _, [{ shape }]) => [interpolate(g!.data, g!.shape, shape, how, true)],
    expand: ([g], { scales }) => [expandGradient(g!, scales)],
  })
  const operator = defineOperator<ScaleAttributes>({
    name,
    domain: 'composite',
    attributes: { scales: 'ints' },
    infer([x], { scales }) {
      if (!isFloat(x!)) throw new Error('the input must be float; use cast')
      return [{ dtype: x!.dtype, shape: enlarged(x!.shape, scales) }]
    },
    evaluate: ([x], _, [{ shape }]) => [interpolate(x!.data, x!.shape, shape, how, false)],
    differentiate: ({ cotangents: [g], attributes }) => apply(gradient, [g], attributes),
    expand: ([x], { scales }) => [expand(x!, scales)],
  })
  return (x: SymbolicTensor, scale: PerAxis): SymbolicTensor => {
    const scales = typeof scale === 'number' ? new Array<number>(Math.max(0, x.rank - 2)).fill(scale) : scale
    return apply(operator, [x], { scales })[0]
  }
}

/**
 * Repeats each element of x [b, c, ...spatial] `scale` times along each spatial axis.
 * @param scale whole factor of at least 1, or one per spatial axis
 */
export const upsampleNearest = upsampling('UpsampleNearest', {
  how: NEAREST,
  expand: repeatElements,
  // The sum over a block is its average times its size, and average pooling is one fast operator.
  expandGradient: (g, scales) => mul(averagePool(g, { kernel: scales }), sizeOf(scales)),
})

/**
 * Linear interpolation along each spatial axis of x [b, c, ...spatial] (bilinear for images), pixels as areas (half-pixel centres,
 * edges repeated): PyTorch's `align_corners=False`.
 * @param scale whole factor of at least 1, or one per spatial axis
 */
export const upsampleBilinear = upsampling('UpsampleBilinear', {
  how: BILINEAR,
  expand: (x, scales) =>
    scales.reduceRight((value, scale, i) => {
      const extent = x.shape[i + 2]
      return scale === 1 ? value : alongAxis(value, interpolationMatrix(extent, extent * scale, BILINEAR), i + 2, false)
    }, x),
  expandGradient: (g, scales) =>
    scales.reduce((value, scale, i) => {
      const extent = g.shape[i + 2]
      return scale === 1 ? value : alongAxis(value, interpolationMatrix(extent / scale, extent, BILINEAR), i + 2, true)
    }, g),
})
