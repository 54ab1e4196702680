/**
 * Convolution (cross-correlation, as everywhere in this field): y[b, o, p] = bias[o] + sum over c, k of
 * w[o, c, k] x[b, c, p * stride - pad + k * dilation]. Pointwise, depthwise, grouped, strided, dilated; any number of spatial axes.
 */
import { sizeOf } from '../../base/index.ts'
import type { Reference } from '../operator.ts'
import { apply, defineOperator } from '../operator.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { convInputGradient, convWeightGradient } from './convGradient.ts'
import type { ConvAttributes, WindowOptions } from './convWindow.ts'
import {
  CONV_ATTRIBUTES,
  convLayout,
  convOutput,
  forEachPlane,
  kernelOfWeight,
  windowAttributes,
  windowTaps,
} from './convWindow.ts'
import { reduceSum } from './sum.ts'

/** Options of `conv`. */
export interface ConvOptions extends WindowOptions {
  /** [filters]; default none. */
  readonly bias?: SymbolicTensor | null
  /** Channels are split into that many independent convolutions; default 1. */
  readonly groups?: number
}

/** Checks that a bias, if any, holds one number per filter. */
export function checkBias(bias: SymbolicTensor | null | undefined, filters: number): void {
  if (bias && (bias.rank !== 1 || bias.size !== filters)) {
    throw new Error(`the bias must be [${filters}], one number per output channel, got [${bias.shape}]`)
  }
}

/** A [batch, channels, plane] array that holds the bias of each channel, or zeros. */
export function biasPlanes(
  bias: Reference | null | undefined,
  batch: number,
  channels: number,
  plane: number,
): Float64Array {
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
    const taps = windowTaps(layout.window)
    const positions = sizeOf(layout.window.output)
    const kernelSize = sizeOf(layout.window.kernel)
    const result = biasPlanes(bias, layout.batch, layout.filters, positions)
    forEachPlane(layout, (xPlane, wPlane, yPlane) => {
      for (let p = 0, at = 0; p < positions; p++) {
        let sum = 0
        for (let k = 0; k < kernelSize; k++) {
          const offset = taps[at++]
          if (offset >= 0) sum += w!.data[wPlane + k] * x!.data[xPlane + offset]
        }
        result[yPlane + p] += sum
      }
    })
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
