/** Derivatives of pooling as composite operators. */
import { filled, float32, sameShape, sizeOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { constant } from '../symbolic.ts'
import { convTranspose } from './conv.ts'
import { mul } from './elementwise.ts'
import { scatterElements } from './gather.ts'
import type { AveragePoolAttributes } from './poolWindow.ts'
import { averageCounts, averageWindow, forEachSeen } from './poolWindow.ts'
import { repeatElements } from './resizeOperator.ts'
import { reshape } from './shape.ts'

type AveragePoolGradientAttributes = AveragePoolAttributes & { readonly input_shape: readonly number[] }

const averageGradientOperator = defineOperator<AveragePoolGradientAttributes>({
  name: 'AveragePoolGradient',
  domain: 'composite',
  attributes: { kernel_shape: 'ints', strides: 'ints', pads: 'ints', count_include_pad: 'int', input_shape: 'ints' },
  infer([g], attributes) {
    const { output } = averageWindow({ shape: attributes.input_shape }, attributes)
    if (!sameShape(g!.shape.slice(2), output)) throw new Error(`the cotangent must be [b, c, ${output}]`)
    return [{ dtype: g!.dtype, shape: attributes.input_shape }]
  },
  evaluate([g], attributes, [type]) {
    const window = averageWindow(type, attributes)
    const counts = averageCounts(window, attributes.count_include_pad === 1)
    const result = new Float64Array(sizeOf(type.shape))
    forEachSeen(type.shape[0] * type.shape[1], window, (to, from) => {
      result[to] += g!.data[from] / counts[from % counts.length]
    })
    return [result]
  },
  expand([g], attributes) {
    return [spreadAverages(g!, attributes)]
  },
})

/**
 * Each element of g, divided by its count, over its window: plain repetition where windows tile the input, otherwise a transposed
 * convolution with ones, plane by plane.
 */
function spreadAverages(g: SymbolicTensor, attributes: AveragePoolGradientAttributes): SymbolicTensor {
  const { input_shape, kernel_shape, count_include_pad } = attributes
  const window = averageWindow({ shape: input_shape }, attributes)
  const { input, output, strides, pads } = window
  if (kernel_shape.every((k, axis) => k === strides[axis] && k * output[axis] === input[axis])) {
    return repeatElements(mul(g, 1 / sizeOf(kernel_shape)), kernel_shape)
  }
  const shares = averageCounts(window, count_include_pad === 1).map((count) => 1 / count)
  const planes = mul(reshape(g, [g.shape[0] * g.shape[1], 1, ...output]), constant(float32(shares, output)))
  const axes = input.length
  const spread = convTranspose(planes, constant(filled([1, 1, ...kernel_shape], 1)), {
    strides,
    padding: pads,
    outputPadding: input.map(
      (extent, axis) =>
        extent + pads[axis] + pads[axes + axis] - strides[axis] * (output[axis] - 1) - kernel_shape[axis],
    ),
  })
  return reshape(spread, input_shape)
}

/** Gradient of averagePool in its input, for the cotangent g. It has no derivative of its own. */
export function averagePoolGradient(
  inputShape: readonly number[],
  g: SymbolicTensor,
  attributes: AveragePoolAttributes,
) {
  return apply(averageGradientOperator, [g], { ...attributes, input_shape: inputShape })[0]
}

const maxGradientOperator = defineOperator<{ readonly input_shape: readonly number[] }>({
  name: 'MaxPoolGradient',
  domain: 'composite',
  attributes: { input_shape: 'ints' },
  infer([indices, g], { input_shape }) {
    if (!sameShape(indices!.shape, g!.shape)) throw new Error('indices and cotangent must have the same shape')
    return [{ dtype: g!.dtype, shape: input_shape }]
  },
  evaluate([indices, g], { input_shape }) {
    const result = new Float64Array(sizeOf(input_shape))
    g!.data.forEach((value, i) => {
      result[indices!.data[i]] += value
    })
    return [result]
  },
  expand([indices, g], { input_shape }) {
    const zeros = constant(filled([sizeOf(input_shape)]))
    const flat = scatterElements(zeros, reshape(indices!, [indices!.size]), reshape(g!, [g!.size]), {
      axis: 0,
      reduction: 'add',
    })
    return [reshape(flat, input_shape)]
  },
})

/**
 * Gradient of maxPool in its input: each element of g goes to where its maximum was found.
 * @param indices int64, flat offsets into the whole input, as MaxPool's second output gives them
 */
export function maxPoolGradient(
  indices: SymbolicTensor,
  g: SymbolicTensor,
  inputShape: readonly number[],
): SymbolicTensor {
  return apply(maxGradientOperator, [indices, g], { input_shape: inputShape })[0]
}
