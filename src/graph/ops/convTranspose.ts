/**
 * Transposed convolution: the adjoint of `conv` with the same weight and attributes, plus a bias. It spreads each input element over
 * a window of the output: y[b, o, i * stride - pad + k * dilation] += w[c, o, k] x[b, c, i].
 */
import type { Shape } from '../../base/index.ts'
import { sizeOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import type { ConvOptions } from './conv.ts'
import { biasPlanes, checkBias, conv, sumToChannels } from './conv.ts'
import { convWeightGradient, spread } from './convGradient.ts'
import type { ConvAttributes, ConvLayout, PerAxis } from './convWindow.ts'
import {
  CONV_ATTRIBUTES,
  checkIntegers,
  convLayout,
  kernelOfWeight,
  reach,
  windowAttributes,
  zerosPerAxis,
} from './convWindow.ts'

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
