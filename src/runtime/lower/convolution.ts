/**
 * Dense convolutions whose weights change. ONNX Runtime takes its fast blocked convolution by itself only for constant weights,
 * so here it is put into the graph: image and weight are brought to the blocked layout, [b, c/k, h, w, k] and
 * [o/k, c/k, h, w, k (in), k (out)], k = 8 or 16. The three convolutions of training one:
 *
 *     y  = conv(x, w)
 *     dx = conv(g, w turned around, channel axes swapped)          at stride 1
 *     dw = conv(x with batch as channels, g as the kernel)         stride and dilation trade places
 *
 * For large images the last one is slow (a kernel as large as the image); there the nine shifts of a 3x3 kernel are spread over
 * three row shifts of g and three column shifts of x, so that one matrix product per image gives all of them.
 * Measured in docs/performance.md.
 */
import type { ConvAttributes, ConvLayout, SymbolicTensor } from '../../graph/index.ts'
import { concat, convLayout, reduceSum, reshape, slice, transpose } from '../../graph/index.ts'
import { blockedConv, fromBlocked, fusedMatMul, padOrCrop, toBlocked } from './operators.ts'

/** Output positions from which shifted matrix products beat a convolution with the gradient as its kernel. */
const LARGE_IMAGE = 144

type Inputs = readonly (SymbolicTensor | null)[]

/** A dense convolution over two axes, more than a pointwise one, float32. */
function isSpatial(x: SymbolicTensor, { groups, window }: ConvLayout): boolean {
  return (
    groups === 1 && window.input.length === 2 && x.dtype === 'float32' && window.kernel.some((extent) => extent > 1)
  )
}

/** [o,i,h,w] to [o/k, i/k, h, w, k (in), k (out)], still called [o,i,h,w]. */
function blockWeight(w: SymbolicTensor, block: number): SymbolicTensor {
  const [o, i, ...kernel] = w.shape
  const split = reshape(w, [o / block, block, i / block, block, ...kernel])
  return reshape(transpose(split, [0, 2, 4, 5, 3, 1]), w.shape)
}

/** Conv in the blocked layout; undefined where it does not fit or the engine does it by itself (a constant weight). */
export function blockedForward(
  [x, w, bias]: Inputs,
  attributes: ConvAttributes,
  block: number,
): SymbolicTensor | undefined {
  if (!x || !w || w.constant) return undefined
  const layout = convLayout(x.shape, w.shape, attributes)
  if (!isSpatial(x, layout) || layout.channels % block !== 0 || layout.filters % block !== 0) return undefined
  const { kernel: kernel_shape, strides, pads, dilations } = layout.window
  const all = { kernel_shape, strides, pads, dilations, group: 1 }
  return fromBlocked(blockedConv(toBlocked(x), blockWeight(w, block), bias ?? null, all))
}

/** Gradient in w for cotangent g. */
export function weightGradient(
  [x, g]: Inputs,
  attributes: ConvAttributes & { readonly weight_shape: readonly number[] },
  block: number | undefined,
): SymbolicTensor | undefined {
  if (!x || !g) return undefined
  const layout = convLayout(x.shape, attributes.weight_shape, attributes)
  const { batch, channels, filters, groups, window } = layout
  const pointwise = window.kernel.every((extent) => extent === 1) && window.pads.every((extent) => extent === 0)
  if (groups === 1 && pointwise && window.strides.every((stride) => stride === 1)) {
    const rows = reshape(g, [batch, filters, g.size / (batch * filters)])
    const columns = reshape(x, [batch, channels, x.size / (batch * channels)])
    return reshape(reduceSum(fusedMatMul(rows, columns, { transposeB: true }), [0]), attributes.weight_shape)
  }
  if (!isSpatial(x, layout)) return undefined
  const large = window.output[0] * window.output[1] >= LARGE_IMAGE
  const shifts = isSame3x3(layout)
  if (shifts && large) return byShifts(x, g, layout)
  const fits = block !== undefined && batch % block === 0 && filters % block === 0
  if (fits) return byBatchConvolution(x, g, layout, block)
  return shifts ? byShifts(x, g, layout) : undefined
}

/** 3x3, stride 1, zeros all around: the output is as large as the input. */
function isSame3x3({ window: { kernel, strides, pads, dilations } }: ConvLayout): boolean {
  return [kernel.map((k) => k / 3), strides, pads, dilations].every((values) => values.every((value) => value === 1))
}

/**
 * dw[o,c,k] = sum over n, p of x[n,c,p stride - pad + k dilation] g[n,o,p]: a convolution whose channels are the batch, whose
 * kernel is g, with stride and dilation exchanged.
 */
function byBatchConvolution(x: SymbolicTensor, g: SymbolicTensor, layout: ConvLayout, block: number): SymbolicTensor {
  const { input, output, kernel, strides, dilations, pads } = layout.window
  const ends = input.map((extent, axis) => {
    const reached = dilations[axis] * (kernel[axis] - 1) + strides[axis] * (output[axis] - 1) + 1
    return Math.max(0, reached - extent - pads[axis])
  })
  const attributes = {
    kernel_shape: output,
    strides: dilations,
    dilations: strides,
    pads: [...pads.slice(0, 2), ...ends],
    group: 1,
  }
  const images = toBlocked(transpose(x, [1, 0, 2, 3]))
  const kernels = blockWeight(transpose(g, [1, 0, 2, 3]), block)
  const taps = fromBlocked(blockedConv(images, kernels, null, attributes))
  const cut = [0, 1].flatMap((axis) =>
    taps.shape[axis + 2] === kernel[axis] ? [] : [{ axis: axis + 2, start: 0, end: kernel[axis] }],
  )
  return transpose(slice(taps, cut), [1, 0, 2, 3])
}

/**
 * With rows padded to h + 2, column-shifted copies X_l of x and row-shifted copies G_k of g, all taps are entries of one product:
 * dw[o,c,k,l] = sum over n of (G_k X_l^T)[o,c].
 */
function byShifts(
  x: SymbolicTensor,
  g: SymbolicTensor,
  { batch, channels, filters, window }: ConvLayout,
): SymbolicTensor {
  const positions = (window.input[0] + 2) * window.input[1]
  const shifted = (value: SymbolicTensor, [top, left, bottom, right]: readonly number[]) =>
    padOrCrop(value, [0, 0, top, left, 0, 0, bottom, right])
  const columns = concat(
    [
      [1, 1, 1, -1],
      [1, 0, 1, 0],
      [1, -1, 1, 1],
    ].map((extents) => shifted(x, extents)),
    1,
  )
  const rows = concat(
    [
      [0, 0, 2, 0],
      [1, 0, 1, 0],
      [2, 0, 0, 0],
    ].map((extents) => shifted(g, extents)),
    1,
  )
  const products = fusedMatMul(
    reshape(rows, [batch, 3 * filters, positions]),
    reshape(columns, [batch, 3 * channels, positions]),
    { transposeB: true },
  )
  const taps = reshape(reduceSum(products, [0]), [3, filters, 3, channels])
  return transpose(taps, [1, 3, 0, 2])
}
