/**
 * Convolution (cross-correlation, as everywhere in this field): y[b, o, p] = bias[o] + sum over c, k of
 * w[o, c, k] x[b, c, p * stride - pad + k * dilation]. Pointwise, depthwise, grouped, strided, dilated; any number of spatial axes.
 *
 * Beside it its adjoint in x, with the same weight and attributes, as each is in the rules of the other. It comes as two operators:
 * transposed convolution, with a bias, spreads each input element over a window of the output,
 * y[b, o, i * stride - pad + k * dilation] += w[c, o, k] x[b, c, i]; and the input gradient is a composite, as a runtime may have a faster
 * form: `expand` writes it, at stride 1, as a convolution of g with the kernel turned around and its channel axes swapped, otherwise as a
 * transposed convolution.
 */
import type { Shape } from '../../base/index.ts'
import { sizeOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { Reference, SymbolicTensor } from '../symbolic.ts'
import { convWeightGradient } from './convWeightGradient.ts'
import type { ConvAttributes, ConvLayout, PerAxis, WindowOptions } from './convWindow.ts'
import {
  CONV_ATTRIBUTES,
  checkCotangent,
  checkIntegers,
  convLayout,
  convOutput,
  forEachPlane,
  kernelOfWeight,
  reach,
  windowAttributes,
  windowTaps,
  zerosPerAxis,
} from './convWindow.ts'
import { reshape, transpose } from './shape.ts'
import { slice } from './slice.ts'
import { reduceSum } from './sum.ts'

/** Options of `conv`. */
export interface ConvOptions extends WindowOptions {
  /** [filters]; default none. */
  readonly bias?: SymbolicTensor | null
  /** Channels are split into that many independent convolutions; default 1. */
  readonly groups?: number
}

/** Checks that a bias, if any, holds one number per filter. */
function checkBias(bias: SymbolicTensor | null | undefined, filters: number): void {
  if (bias && (bias.rank !== 1 || bias.size !== filters)) {
    throw new Error(`the bias must be [${filters}], one number per output channel, got [${bias.shape}]`)
  }
}

/** A [batch, channels, plane] array that holds the bias of each channel, or zeros. */
function biasPlanes(bias: Reference | null | undefined, batch: number, channels: number, plane: number): Float64Array {
  const values = new Float64Array(batch * channels * plane)
  if (bias) {
    for (let i = 0; i < batch * channels; i++) values.fill(bias.data[i % channels], i * plane, (i + 1) * plane)
  }
  return values
}

/** Sum of a cotangent [b, c, ...] over everything but the channel: the gradient of a bias. */
export function sumToChannels(g: SymbolicTensor): SymbolicTensor {
  // In two steps: the first runs along memory, the second is small.
  return reduceSum(
    reduceSum(
      g,
      g.shape.slice(2).map((_, axis) => axis + 2),
    ),
    [0],
  )
}

const convOperator = defineOperator<ConvAttributes>({
  name: 'Conv',
  inputs: ['X', 'W', 'B?'],
  attributes: CONV_ATTRIBUTES,
  assumed: { auto_pad: 'NOTSET', kernel_shape: kernelOfWeight },
  infer([x, w, bias], attributes) {
    if (x!.dtype !== w!.dtype) throw new Error('input and weight must have the same element type')
    const layout = convLayout(x!.shape, w!.shape, attributes)
    checkBias(bias, layout.filters)
    return [{ dtype: x!.dtype, shape: convOutput(layout) }]
  },
  evaluate([x, w, bias], attributes) {
    const layout = convLayout(x!.shape, w!.shape, attributes)
    const result = biasPlanes(bias, layout.batch, layout.filters, sizeOf(layout.window.output))
    collect(layout, w!.data, x!.data, result)
    return [result]
  },
  differentiate({ inputs: [x, w, bias], attributes, cotangents: [g], wanted }) {
    return [
      wanted[0] ? convInputGradient(w!, g!, { ...attributes, input_shape: x!.shape }) : null,
      wanted[1] ? convWeightGradient(x!, g!, { ...attributes, weight_shape: w!.shape }) : null,
      bias && wanted[2] ? sumToChannels(g!) : null,
    ]
  },
})

/**
 * Convolution of x [b, c, ...spatial] with w [o, c / groups, ...kernel].
 * @returns [b, o, ...output], output = floor((spatial + padding - dilation (kernel - 1) - 1) / stride) + 1
 * @throws `graph.shape`
 * @example conv(x, w, { bias, padding: 1, strides: 2 })
 */
export function conv(x: SymbolicTensor, w: SymbolicTensor, options: ConvOptions = {}): SymbolicTensor {
  const attributes = { ...windowAttributes(options, x.rank - 2), group: options.groups ?? 1 }
  return apply(convOperator, options.bias ? [x, w, options.bias] : [x, w], attributes)[0]
}

/** Adds to y (planes of `window.output`) what each of its elements collects of x (planes of `window.input`) through w. */
function collect(layout: ConvLayout, w: Float64Array, x: Float64Array, y: Float64Array): void {
  const taps = windowTaps(layout.window)
  const positions = sizeOf(layout.window.output)
  const kernelSize = sizeOf(layout.window.kernel)
  forEachPlane(layout, (xPlane, wPlane, yPlane) => {
    for (let p = 0, at = 0; p < positions; p++) {
      let sum = 0
      for (let k = 0; k < kernelSize; k++) {
        const offset = taps[at++]
        if (offset >= 0) sum += w[wPlane + k] * x[xPlane + offset]
      }
      y[yPlane + p] += sum
    }
  })
}

/** Adds to x (planes of `window.input`) what each element of y (planes of `window.output`) spreads through w. */
function spread(layout: ConvLayout, w: Float64Array, y: Float64Array, x: Float64Array): void {
  const taps = windowTaps(layout.window)
  const kernelSize = sizeOf(layout.window.kernel)
  forEachPlane(layout, (xPlane, wPlane, yPlane) => {
    for (let at = 0; at < taps.length; at++) {
      if (taps[at] < 0) continue
      x[xPlane + taps[at]] += w[wPlane + (at % kernelSize)] * y[yPlane + Math.floor(at / kernelSize)]
    }
  })
}

/** Options of `convTranspose`. */
export interface ConvTransposeOptions extends ConvOptions {
  /** Extra extent at the end of each axis, below the stride: which of the inputs of a strided convolution is meant; default 0. */
  readonly outputPadding?: PerAxis
}

type ConvTransposeAttributes = ConvAttributes & { readonly output_padding: readonly number[] }

/** The convolution of which this is the adjoint: its input is our output. */
function adjointLayout(x: Shape, w: Shape, attributes: ConvTransposeAttributes): ConvLayout {
  const { strides, pads, dilations, group, output_padding } = attributes
  if (x.length < 3) throw new Error(`the input must be [batch, channels, ...spatial], got [${x}]`)
  if (w.length !== x.length) throw new Error(`the weight must have ${x.length} axes as the input has, got [${w}]`)
  const axes = x.length - 2
  if (x[1] !== w[0]) throw new Error(`the weight needs ${x[1]} as first extent, the input channels, got ${w[0]}`)
  checkIntegers('output padding', output_padding, axes, 0)
  const [batch, , ...spatial] = x
  const output = spatial.map((extent, axis) => {
    if (output_padding[axis] >= strides[axis]) {
      throw new Error(`output padding [${output_padding}] must be below the strides [${strides}]`)
    }
    const whole = strides[axis] * (extent - 1) + reach(w[axis + 2], dilations[axis]) + output_padding[axis]
    return whole - pads[axis] - pads[axes + axis]
  })
  if (output.some((extent) => extent < 1)) throw new Error(`padding [${pads}] leaves no output: [${output}]`)
  return convLayout([batch, w[1] * group, ...output], w, attributes)
}

const convTransposeOperator = defineOperator<ConvTransposeAttributes>({
  name: 'ConvTranspose',
  inputs: ['X', 'W', 'B?'],
  attributes: { ...CONV_ATTRIBUTES, output_padding: { kind: 'ints', default: zerosPerAxis } },
  assumed: { auto_pad: 'NOTSET', kernel_shape: kernelOfWeight, output_shape: null },
  infer([x, w, bias], attributes) {
    if (x!.dtype !== w!.dtype) throw new Error('input and weight must have the same element type')
    const { batch, channels, window } = adjointLayout(x!.shape, w!.shape, attributes)
    checkBias(bias, channels)
    return [{ dtype: x!.dtype, shape: [batch, channels, ...window.input] }]
  },
  evaluate([x, w, bias], attributes) {
    const layout = adjointLayout(x!.shape, w!.shape, attributes)
    const result = biasPlanes(bias, layout.batch, layout.channels, sizeOf(layout.window.input))
    spread(layout, w!.data, x!.data, result)
    return [result]
  },
  differentiate({ inputs: [x, w, bias], attributes, cotangents: [g], wanted }) {
    const { output_padding: _, group: groups, pads: padding, strides, dilations } = attributes
    return [
      wanted[0] ? conv(g!, w!, { strides, padding, dilations, groups }) : null,
      wanted[1]
        ? convWeightGradient(g!, x!, { strides, pads: padding, dilations, group: groups, weight_shape: w!.shape })
        : null,
      bias && wanted[2] ? sumToChannels(g!) : null,
    ]
  },
})

/**
 * Transposed convolution of x [b, c, ...spatial] with w [c, o / groups, ...kernel].
 * @returns [b, o, ...output], output = stride (spatial - 1) + dilation (kernel - 1) + 1 - padding + outputPadding
 * @throws `graph.shape`
 */
export function convTranspose(
  x: SymbolicTensor,
  w: SymbolicTensor,
  options: ConvTransposeOptions = {},
): SymbolicTensor {
  const axes = x.rank - 2
  const { outputPadding = 0, groups = 1, bias } = options
  const attributes = {
    ...windowAttributes(options, axes),
    group: groups,
    output_padding: typeof outputPadding === 'number' ? new Array<number>(axes).fill(outputPadding) : outputPadding,
  }
  return apply(convTransposeOperator, bias ? [x, w, bias] : [x, w], attributes)[0]
}

/** Attributes of the convolution, and the whole shape of its input. */
export type ConvInputGradientAttributes = ConvAttributes & { readonly input_shape: readonly number[] }

const inputGradientOperator = defineOperator<ConvInputGradientAttributes>({
  name: 'ConvInputGradient',
  domain: 'composite',
  attributes: { ...CONV_ATTRIBUTES, input_shape: 'ints' },
  infer([w, g], attributes) {
    checkCotangent(g!, convLayout(attributes.input_shape, w!.shape, attributes))
    return [{ dtype: g!.dtype, shape: attributes.input_shape }]
  },
  evaluate([w, g], attributes) {
    const result = new Float64Array(sizeOf(attributes.input_shape))
    spread(convLayout(attributes.input_shape, w!.shape, attributes), w!.data, g!.data, result)
    return [result]
  },
  expand([w, g], attributes) {
    const layout = convLayout(attributes.input_shape, w!.shape, attributes)
    return [convolvedBack(w!, g!, layout) ?? transposedBack(w!, g!, layout)]
  },
})

/** Gradient of conv(x, w) in x [b, c, ...] for the cotangent g [b, o, ...]. It has no derivative of its own. */
export function convInputGradient(
  w: SymbolicTensor,
  g: SymbolicTensor,
  attributes: ConvInputGradientAttributes,
): SymbolicTensor {
  return apply(inputGradientOperator, [w, g], attributes)[0]
}

/** As a convolution with the adjoint weight; only where no stride leaves holes and no padding exceeds the kernel. */
function convolvedBack(
  w: SymbolicTensor,
  g: SymbolicTensor,
  { groups, window }: ConvLayout,
): SymbolicTensor | undefined {
  const { input, kernel, output, strides, dilations, pads } = window
  if (strides.some((stride) => stride !== 1)) return undefined
  const begins = kernel.map((k, axis) => reach(k, dilations[axis]) - 1 - pads[axis])
  const ends = input.map((extent, axis) => extent - output[axis] + pads[axis])
  const padding = [...begins, ...ends]
  if (padding.some((extent) => extent < 0)) return undefined
  return conv(g, adjointWeight(w, groups), { padding, dilations, groups })
}

/** The weight of the adjoint convolution: [o, c / groups, ...k] to [c, o / groups, ...k], every kernel turned around. */
export function adjointWeight(w: SymbolicTensor, groups: number): SymbolicTensor {
  const [filters, perGroup, ...kernel] = w.shape
  const taps = sizeOf(kernel)
  const flat = reshape(w, [groups, filters / groups, perGroup, taps])
  // Reversing all axes of a kernel reverses its elements as they lie in memory.
  const turned = taps === 1 ? flat : slice(flat, { axis: 3, step: -1 })
  const swapped = filters === groups || perGroup === 1 ? turned : transpose(turned, [0, 2, 1, 3])
  return reshape(swapped, [groups * perGroup, filters / groups, ...kernel])
}

function transposedBack(w: SymbolicTensor, g: SymbolicTensor, { groups, window }: ConvLayout): SymbolicTensor {
  const { input, kernel, output, strides, dilations, pads } = window
  const axes = input.length
  const outputPadding = input.map((extent, axis) => {
    const whole = strides[axis] * (output[axis] - 1) + reach(kernel[axis], dilations[axis])
    return extent + pads[axis] + pads[axes + axis] - whole
  })
  return convTranspose(g, w, { strides, dilations, padding: pads, groups, outputPadding })
}
