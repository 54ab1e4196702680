/**
 * The weight gradient of a convolution as a composite operator: a runtime may have a faster form, and `expand` writes it in standard
 * operators: the shifted views of x that each tap saw, against g, as matrix products; for depthwise convolutions one product per kernel
 * row, of which only the diagonals that belong to a tap are kept. (The gradient in x is the convolution's adjoint: `conv.ts`.)
 */
import { filled, internalError, sizeOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { constant } from '../symbolic.ts'
import { concat } from './concat.ts'
import type { ConvAttributes, ConvLayout, SlidingWindow } from './convWindow.ts'
import { CONV_ATTRIBUTES, checkCotangent, convLayout, forEachPlane, isPointwise, windowTaps } from './convWindow.ts'
import { matmul } from './matmul.ts'
import { reshape, transpose } from './shape.ts'
import { pad, slice } from './slice.ts'
import { reduceSum } from './sum.ts'

/** Attributes of the convolution, and the whole shape of its weight. */
export type ConvWeightGradientAttributes = ConvAttributes & { readonly weight_shape: readonly number[] }

const weightGradientOperator = defineOperator<ConvWeightGradientAttributes>({
  name: 'ConvWeightGradient',
  domain: 'composite',
  attributes: { ...CONV_ATTRIBUTES, weight_shape: 'ints' },
  infer([x, g], attributes) {
    checkCotangent(g!, convLayout(x!.shape, attributes.weight_shape, attributes))
    return [{ dtype: g!.dtype, shape: attributes.weight_shape }]
  },
  evaluate([x, g], attributes) {
    const layout = convLayout(x!.shape, attributes.weight_shape, attributes)
    const taps = windowTaps(layout.window)
    const kernelSize = sizeOf(layout.window.kernel)
    const result = new Float64Array(sizeOf(attributes.weight_shape))
    forEachPlane(layout, (xPlane, wPlane, yPlane) => {
      for (let at = 0; at < taps.length; at++) {
        if (taps[at] < 0) continue
        result[wPlane + (at % kernelSize)] += x!.data[xPlane + taps[at]] * g!.data[yPlane + Math.floor(at / kernelSize)]
      }
    })
    return [result]
  },
  expand([x, g], attributes) {
    const layout = convLayout(x!.shape, attributes.weight_shape, attributes)
    const { channels, filters, groups, window } = layout
    const depthwise = groups === channels && filters === groups && window.input.length === 2
    const gradient = depthwise && !isPointwise(window) ? byDiagonals(x!, g!, layout) : byPatches(x!, g!, layout)
    return [reshape(gradient, attributes.weight_shape)]
  },
})

/** Gradient of conv(x, w) in w [o, c / groups, ...kernel] for the cotangent g [b, o, ...]. It has no derivative of its own. */
export function convWeightGradient(
  x: SymbolicTensor,
  g: SymbolicTensor,
  attributes: ConvWeightGradientAttributes,
): SymbolicTensor {
  return apply(weightGradientOperator, [x, g], attributes)[0]
}

/** x with the zeros of the padding around it. */
function padded(x: SymbolicTensor, { input, pads }: SlidingWindow): SymbolicTensor {
  if (pads.every((extent) => extent === 0)) return x
  const axes = input.length
  return pad(x, { before: [0, 0, ...pads.slice(0, axes)], after: [0, 0, ...pads.slice(axes)] })
}

/** Positions of every axis that the tap with the given index along that axis sees, in padded coordinates. */
function seenBy({ output, strides, dilations }: SlidingWindow, axis: number, k: number) {
  const start = k * dilations[axis]
  return { axis: axis + 2, start, end: start + strides[axis] * (output[axis] - 1) + 1, step: strides[axis] }
}

/** The view of x that each tap sees, [b, c, ...output], taps in row-major order. */
function patches(x: SymbolicTensor, window: SlidingWindow): SymbolicTensor[] {
  const source = padded(x, window)
  const taps = window.kernel.reduce<number[][]>(
    (prefixes, extent) => prefixes.flatMap((prefix) => Array.from({ length: extent }, (_, k) => [...prefix, k])),
    [[]],
  )
  return taps.map((tap) =>
    slice(
      source,
      tap.map((k, axis) => seenBy(window, axis, k)),
    ),
  )
}

/** sum over b of g [b, groups, o / groups, p] times patches [b, groups, taps * c / groups, p] transposed. */
function byPatches(x: SymbolicTensor, g: SymbolicTensor, { batch, channels, filters, groups, window }: ConvLayout) {
  const perGroup = channels / groups
  const positions = sizeOf(window.output)
  const taps = sizeOf(window.kernel)
  const views = isPointwise(window) ? [x] : patches(x, window)
  const shaped = views.map((view) => reshape(view, [batch, groups, perGroup, positions]))
  const columns = shaped.length === 1 ? shaped[0] : concat(shaped, 2)
  const rows = reshape(g, [batch, groups, filters / groups, positions])
  const products = reduceSum(matmul(rows, transpose(columns, [0, 1, 3, 2])), [0])
  if (taps === 1) return products
  return transpose(reshape(products, [filters, taps, perGroup]), [0, 2, 1])
}

/**
 * Depthwise, two spatial axes: for kernel row k the product over all images and rows, M[c, i, j] = sum x[b, c, row + k, i] g[b, c, row, j],
 * holds the gradient of tap (k, l) on the diagonal i = j * stride + l * dilation: three deep matrix products in place of nine sums.
 */
function byDiagonals(x: SymbolicTensor, g: SymbolicTensor, { batch, channels, window }: ConvLayout): SymbolicTensor {
  const [height, width] = window.output
  const source = padded(transpose(x, [1, 0, 2, 3]), window)
  const columns = source.shape[3]
  const right = reshape(transpose(g, [1, 0, 2, 3]), [channels, batch * height, width])
  const diagonals = constant(diagonalsOf(window, columns))
  const rows = Array.from({ length: window.kernel[0] }, (_, k) => {
    const seen = reshape(slice(source, seenBy(window, 0, k)), [channels, batch * height, columns])
    const products = matmul(transpose(seen, [0, 2, 1]), right)
    return matmul(reshape(products, [channels, columns * width]), diagonals)
  })
  return rows.length === 1 ? rows[0] : concat(rows, 1)
}

/** [columns * width, kernel width]: 1 where element (i, j) lies on the diagonal of tap l. */
function diagonalsOf({ output, kernel, strides, dilations }: SlidingWindow, columns: number) {
  const [, width] = output
  const [, taps] = kernel
  const mask = filled([columns * width, taps])
  for (let j = 0; j < width; j++) {
    for (let tap = 0; tap < taps; tap++) {
      const i = j * strides[1] + tap * dilations[1]
      if (i >= columns) throw internalError('a window reaches beyond its padded input')
      mask.data[(i * width + j) * taps + tap] = 1
    }
  }
  return mask
}
