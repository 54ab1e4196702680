/**
 * Dense and depthwise convolutions whose weights change. ONNX Runtime takes its fast blocked convolution by itself only for constant weights,
 * so here it is put into the graph: image and weight are brought to the blocked layout, [b, c/k, h, w, k] and
 * [o/k, c/k, h, w, k (in), k (out)] (depthwise [c/k, h, w, k]), k = 8 or 16. The three convolutions of training one:
 *
 *     y  = conv(x, w)
 *     dx = conv(g, w turned around, channel axes swapped)          at stride 1
 *     dw = conv(x with batch as channels, g as the kernel)         dense; stride and dilation trade places
 *     dw = sum over images of depthwise conv(x, g as the kernel)   depthwise
 *
 * Measured in docs/performance.md.
 */
import { sizeOf } from '../../base/index.ts'
import type {
  ConvAttributes,
  ConvInputGradientAttributes,
  ConvLayout,
  ConvWeightGradientAttributes,
  SlidingWindow,
  SymbolicTensor,
} from '../../graph/index.ts'
import { adjointWeight, convLayout, foldConstants, reduceSum, reshape, slice, transpose } from '../../graph/index.ts'
import { blockedPhaseWeights, convolveDoubled } from './doubled.ts'
import { frozenForward } from './frozen.ts'
import type { BlockSize } from './operators.ts'
import { blockedConv, fromBlocked, fusedMatMul, padOrCrop, toBlocked } from './operators.ts'

type Inputs = readonly (SymbolicTensor | null)[]

/** Over two axes, more than a pointwise one, float32: what the blocked layout is faster for. */
function isSpatial(x: SymbolicTensor, { window }: ConvLayout): boolean {
  return window.input.length === 2 && x.dtype === 'float32' && window.kernel.some((extent) => extent > 1)
}

/** One filter for each channel. */
const isDepthwise = ({ channels, filters, groups }: ConvLayout): boolean => groups === channels && filters === groups

/** [o,i,h,w] as [o/k, k, i/k, h w, k]: the engine's own reordering, which is far faster than a Transpose of six axes. */
function blockInputs(w: SymbolicTensor, block: number): SymbolicTensor {
  const [o, i, ...kernel] = w.shape
  return reshape(toBlocked(w), [o / block, block, i / block, sizeOf(kernel), block])
}

/** [o,i,h,w] to [o/k, i/k, h, w, k (in), k (out)], still called [o,i,h,w]: blocks of inputs, then of filters. */
function blockWeight(w: SymbolicTensor, block: number): SymbolicTensor {
  const [o, i, ...kernel] = w.shape
  const rows = reshape(blockInputs(w, block), [o / block, block, (i / block) * sizeOf(kernel), block])
  return reshape(toBlocked(rows), [o, i, ...kernel])
}

/** The weight of the convolution backwards, blocked: [i/k, o/k, h, w, k (out), k (in)], every kernel turned around. */
function blockAdjointWeight(w: SymbolicTensor, block: number): SymbolicTensor {
  const [o, i, ...kernel] = w.shape
  const swapped = transpose(blockInputs(w, block), [2, 0, 3, 1, 4])
  return reshape(reversed(swapped, 2), [i, o, ...kernel])
}

/** Elements along an axis in reverse order. */
function reversed(x: SymbolicTensor, axis: number): SymbolicTensor {
  return x.shape[axis] === 1 ? x : slice(x, { axis, step: -1 })
}

/** [c,1,h,w] to [c/k, h, w, k]. */
function blockDepthwise(w: SymbolicTensor): SymbolicTensor {
  const [channels, , ...kernel] = w.shape
  return toBlocked(reshape(w, [1, channels, ...kernel]))
}

/** The same of the convolution backwards: every kernel turned around. */
function blockAdjointDepthwise(w: SymbolicTensor, block: number): SymbolicTensor {
  const [channels, , ...kernel] = w.shape
  return reversed(reshape(blockDepthwise(w), [channels / block, sizeOf(kernel), block]), 1)
}

/** Whether the blocked layout takes the convolution: dense or depthwise, channel counts of whole blocks. */
function isBlocked(x: SymbolicTensor, layout: ConvLayout, block: number): boolean {
  const { channels, filters, groups } = layout
  const whole = channels % block === 0 && filters % block === 0
  return isSpatial(x, layout) && whole && (groups === 1 || isDepthwise(layout))
}

/** Conv in the blocked layout; undefined where it does not fit or the engine does it by itself (a constant weight). */
export function forward(
  [x, w, bias]: Inputs,
  attributes: ConvAttributes,
  block: BlockSize,
): SymbolicTensor | undefined {
  if (!x || !w || w.constant || !block) return undefined
  const layout = convLayout(x.shape, w.shape, attributes)
  if (!isBlocked(x, layout, block)) return undefined
  const doubled = forwardDoubled(x, w, bias ?? null, layout, block)
  if (doubled) return doubled
  const { kernel: kernel_shape, strides, pads, dilations } = layout.window
  const weight = layout.groups === 1 ? blockWeight(w, block) : reshape(blockDepthwise(w), w.shape)
  const all = { kernel_shape, strides, pads, dilations, group: layout.groups }
  return fromBlocked(blockedConv(toBlocked(x), weight, bias ?? null, all))
}

/** The same of a doubled image. */
function forwardDoubled(
  x: SymbolicTensor,
  w: SymbolicTensor,
  bias: SymbolicTensor | null,
  layout: ConvLayout,
  block: number,
): SymbolicTensor | undefined {
  let weights: readonly SymbolicTensor[] | undefined
  return convolveDoubled(x, layout, block, (half, { row, column, pads }) => {
    weights ??= blockedPhaseWeights(w, block, (taps) => blockWeight(taps, block))
    const all = { kernel_shape: [2, 2], strides: [1, 1], dilations: [1, 1], pads, group: 1 }
    return fromBlocked(blockedConv(toBlocked(half), weights[2 * row + column], bias, all))
  })
}

/** Gradient in x for cotangent g, at stride 1, of a changing or constant weight; undefined where the plain form is best. */
export function inputGradient(
  [w, g]: Inputs,
  attributes: ConvInputGradientAttributes,
  block: BlockSize,
): SymbolicTensor | undefined {
  if (!w || !g || !block) return undefined
  const layout = convLayout(attributes.input_shape, w.shape, attributes)
  const { input, output, kernel: kernel_shape, strides, dilations, pads: before } = layout.window
  const begins = kernel_shape.map((extent, axis) => dilations[axis] * (extent - 1) - before[axis])
  const ends = input.map((extent, axis) => extent - output[axis] + before[axis])
  const fits = strides.every((stride) => stride === 1) && [...begins, ...ends].every((extent) => extent >= 0)
  if (!fits) return undefined
  const pads = [...begins, ...ends]
  if (w.constant) {
    const { turned } = foldConstants({ inputs: {}, outputs: { turned: adjointWeight(w, layout.groups) } }).outputs
    return frozenForward([g, turned, null], { strides, pads, dilations, group: layout.groups }, block)
  }
  if (!isBlocked(g, layout, block)) return undefined
  const weight = layout.groups === 1 ? blockAdjointWeight(w, block) : reshape(blockAdjointDepthwise(w, block), w.shape)
  const all = { kernel_shape, strides, pads, dilations, group: layout.groups }
  return fromBlocked(blockedConv(toBlocked(g), weight, null, all))
}

/** Gradient in w for cotangent g; undefined where the plain form is best. */
export function weightGradient(
  [x, g]: Inputs,
  attributes: ConvWeightGradientAttributes,
  block: BlockSize,
): SymbolicTensor | undefined {
  if (!x || !g) return undefined
  const layout = convLayout(x.shape, attributes.weight_shape, attributes)
  if (isPointwise(layout)) return byMatrices(x, g, layout)
  if (!block || !isSpatial(x, layout)) return undefined
  if (layout.groups === 1) return byBatch(x, g, layout, block)
  return isDepthwise(layout) && layout.channels % block === 0 ? byImage(x, g, layout, block) : undefined
}

function isPointwise({ groups, window: { kernel, strides, pads } }: ConvLayout): boolean {
  return groups === 1 && [...kernel, ...strides].every((one) => one === 1) && pads.every((extent) => extent === 0)
}

/** 1x1: the sum over images of g [o, p] x [c, p]^T. */
function byMatrices(x: SymbolicTensor, g: SymbolicTensor, { batch, channels, filters, window }: ConvLayout) {
  const rows = reshape(g, [batch, filters, sizeOf(window.output)])
  const columns = reshape(x, [batch, channels, sizeOf(window.input)])
  const sum = reduceSum(fusedMatMul(rows, columns, { transposeB: true }), [0])
  return reshape(sum, [filters, channels, ...window.kernel])
}

/**
 * dw[o,c,k] = sum over n, p of x[n,c,p stride - pad + k dilation] g[n,o,p] as a convolution whose channels are the batch. Either x is
 * the data and g the kernel, with stride and dilation exchanged, which gives [c,o,...k]; or, at stride 1, g is the data and x the
 * kernel, which gives [o,c,...k] with the taps in reverse order. The one with more channels is the better kernel.
 */
function byBatch(x: SymbolicTensor, g: SymbolicTensor, layout: ConvLayout, block: number): SymbolicTensor | undefined {
  const { channels, filters, window } = layout
  const { input, output, kernel, strides, dilations, pads } = window
  const reaches = kernel.map((extent, axis) => dilations[axis] * (extent - 1) + 1)
  const unitStride = strides.every((stride) => stride === 1)
  if (unitStride && channels % block === 0 && (channels > filters || filters % block !== 0)) {
    const begins = reaches.map((reach, axis) => reach - 1 - pads[axis])
    const ends = reaches.map((reach, axis) => reach - 1 + input[axis] - output[axis] - begins[axis])
    const taps = convolveBatch({ data: g, kernel: x, begins, ends, strides: dilations, dilations: strides }, block)
    return fromBlocked(
      reshape(reversed(reshape(taps, [filters, channels / block, sizeOf(kernel), block]), 2), taps.shape),
    )
  }
  if (filters % block !== 0) return undefined
  const taps = convolveBatch(
    { data: x, kernel: g, begins: pads, ends: endsFor(window), strides: dilations, dilations: strides },
    block,
  )
  return transpose(fromBlocked(taps), [1, 0, 2, 3])
}

/** Zeros to add behind the input (negative: elements to crop) for the kernel's taps to be all there is to see. */
function endsFor({ input, output, kernel, strides, dilations, pads }: SlidingWindow): number[] {
  return kernel.map(
    (extent, axis) =>
      dilations[axis] * (extent - 1) + 1 + strides[axis] * (output[axis] - 1) - input[axis] - pads[axis],
  )
}

/**
 * dw[c,k] = sum over n of (sum over p of x[n,c,p stride - pad + k dilation] g[n,c,p]): the inner sum is a depthwise convolution of n c
 * channels with g as the kernels, for which blocked x and g lie right as they are.
 */
function byImage(x: SymbolicTensor, g: SymbolicTensor, layout: ConvLayout, block: number): SymbolicTensor {
  const { batch, channels, window } = layout
  const { input, output, kernel, strides, dilations, pads } = window
  const blocks = (batch * channels) / block
  const ends = endsFor(window)
  const crop = (extent: number) => Math.min(extent, 0)
  const widths = [0, crop(pads[0]), pads[1], 0, 0, crop(ends[0]), ends[1], 0]
  const data = padOrCrop(reshape(toBlocked(x), [blocks, ...input, block]), widths)
  const taps = blockedConv(
    reshape(data, [1, batch * channels, data.shape[1], data.shape[2]]),
    reshape(toBlocked(g), [batch * channels, 1, ...output]),
    null,
    {
      kernel_shape: output,
      strides: dilations,
      dilations: strides,
      pads: [pads[0], 0, Math.max(ends[0], 0), 0],
      group: batch * channels,
    },
  )
  const sum = reduceSum(reshape(taps, [batch, channels, ...kernel]), [0])
  return reshape(fromBlocked(reshape(sum, [1, channels, ...kernel])), [channels, 1, ...kernel])
}

interface BatchConvolution {
  /** [n,a,h,w] */
  readonly data: SymbolicTensor
  /** [n,b,h,w] */
  readonly kernel: SymbolicTensor
  /** Zeros around the data, rows then columns; negative: cropped. */
  readonly begins: readonly number[]
  readonly ends: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
}

/**
 * [a,b,...k], blocked: data convolved with the kernel, summed over n. The engine is fast where it makes several output columns at once,
 * which it does away from padding only; so columns are padded beforehand (in the blocked layout, where that is cheap).
 */
function convolveBatch(parts: BatchConvolution, block: number): SymbolicTensor {
  const { begins, ends, strides, dilations } = parts
  const data = wholeBlocks(parts.data, block)
  const kernel = wholeBlocks(parts.kernel, block)
  const [n, a, h, w] = data.shape
  const [, b, ...kernelShape] = kernel.shape
  const blocks = n / block
  const blockedData = reshape(toBlocked(reshape(data, [1, n, a * h, w])), [blocks, a, h, w, block])
  const crop = (extent: number) => Math.min(extent, 0)
  const widths = [0, 0, crop(begins[0]), begins[1], 0, 0, 0, crop(ends[0]), ends[1], 0]
  const padded = padOrCrop(transpose(blockedData, [1, 0, 2, 3, 4]), widths)
  const blockedKernel = reshape(toBlocked(kernel), [blocks, block, b / block, sizeOf(kernelShape), block])
  return blockedConv(
    reshape(padded, [a, n, padded.shape[2], padded.shape[3]]),
    reshape(transpose(blockedKernel, [2, 0, 3, 1, 4]), [b, n, ...kernelShape]),
    null,
    {
      kernel_shape: kernelShape,
      strides,
      dilations,
      pads: [Math.max(begins[0], 0), 0, Math.max(ends[0], 0), 0],
      group: 1,
    },
  )
}

/** x with images of zeros added until the batch is a multiple of the block. */
function wholeBlocks(x: SymbolicTensor, block: number): SymbolicTensor {
  const missing = (block - (x.shape[0] % block)) % block
  return missing === 0 ? x : padOrCrop(x, [0, 0, 0, 0, missing, 0, 0, 0])
}
