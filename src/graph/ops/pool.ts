/** Pooling over spatial windows: averages, maxima, and the average of everything. */
import { inputError, sizeOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import type { PerAxis, WindowAttributes, WindowOptions } from './convWindow.ts'
import { onesPerAxis, windowAttributes, zerosPerSide } from './convWindow.ts'
import { isFloat, mul } from './elementwise.ts'
import { averagePoolGradient, maxPoolGradient } from './poolGradient.ts'
import type { AveragePoolAttributes } from './poolWindow.ts'
import { averageCounts, averageWindow, forEachSeen, poolWindow } from './poolWindow.ts'
import { expand } from './sum.ts'

/** Options of `maxPool`. */
export interface MaxPoolOptions extends WindowOptions {
  /** Extent of the window: one number, or one per spatial axis. */
  readonly kernel: PerAxis
}

/** Options of `averagePool`. */
export interface AveragePoolOptions extends Omit<MaxPoolOptions, 'dilations'> {
  /** Whether zeros of the padding count in the average; default false: the mean of the real elements seen. */
  readonly countPadding?: boolean
}

const averagePoolOperator = defineOperator<AveragePoolAttributes>({
  name: 'AveragePool',
  since: 7,
  inputs: ['X'],
  attributes: {
    kernel_shape: 'ints',
    strides: { kind: 'ints', default: onesPerAxis },
    pads: { kind: 'ints', default: zerosPerSide },
    count_include_pad: { kind: 'int', default: 0 },
  },
  assumed: { auto_pad: 'NOTSET', ceil_mode: 0, dilations: onesPerAxis },
  infer([x], attributes) {
    if (!isFloat(x!)) throw new Error('the input must be float; use cast')
    return [{ dtype: x!.dtype, shape: [...x!.shape.slice(0, 2), ...averageWindow(x!, attributes).output] }]
  },
  evaluate([x], attributes) {
    const [batch, channels] = x!.shape
    const window = averageWindow(x!, attributes)
    const counts = averageCounts(window, attributes.count_include_pad === 1)
    const result = new Float64Array(batch * channels * counts.length)
    forEachSeen(batch * channels, window, (from, to) => {
      result[to] += x!.data[from] / counts[to % counts.length]
    })
    return [result]
  },
  differentiate: ({ inputs: [x], attributes, cotangents: [g] }) => [averagePoolGradient(x!.shape, g!, attributes)],
})

/**
 * Average over windows of x [b, c, ...spatial].
 * @param options strides default to the kernel (windows that do not overlap)
 */
export function averagePool(x: SymbolicTensor, options: AveragePoolOptions): SymbolicTensor {
  const { kernel, strides = kernel, padding, countPadding = false } = options
  const window = windowAttributes({ strides, padding, dilations: kernel }, x.rank - 2)
  return apply(averagePoolOperator, [x], {
    kernel_shape: window.dilations,
    strides: window.strides,
    pads: window.pads,
    count_include_pad: Number(countPadding),
  })[0]
}

type MaxPoolAttributes = WindowAttributes & { readonly kernel_shape: readonly number[] }

const maxPoolOperator = defineOperator<MaxPoolAttributes>({
  name: 'MaxPool',
  inputs: ['X'],
  attributes: {
    kernel_shape: 'ints',
    strides: { kind: 'ints', default: onesPerAxis },
    pads: { kind: 'ints', default: zerosPerSide },
    dilations: { kind: 'ints', default: onesPerAxis, since: 10 },
  },
  assumed: { auto_pad: 'NOTSET', ceil_mode: 0, storage_order: 0 },
  infer([x], attributes) {
    if (!isFloat(x!)) throw new Error('the input must be float; use cast')
    const shape = [...x!.shape.slice(0, 2), ...poolWindow(x!, attributes.kernel_shape, attributes).output]
    return [
      { dtype: x!.dtype, shape },
      { dtype: 'int64', shape },
    ]
  },
  evaluate([x], attributes, [type]) {
    const [batch, channels] = x!.shape
    const best = new Float64Array(sizeOf(type.shape)).fill(Number.NEGATIVE_INFINITY)
    const indices = new Float64Array(best.length)
    forEachSeen(batch * channels, poolWindow(x!, attributes.kernel_shape, attributes), (from, to) => {
      if (x!.data[from] > best[to]) {
        best[to] = x!.data[from]
        indices[to] = from
      }
    })
    return [best, indices]
  },
  differentiate({ inputs: [x], outputs: [, indices], cotangents: [g] }) {
    if (!g) throw inputError('graph.derivative', 'MaxPool: the indices of the maxima have no derivative')
    return [maxPoolGradient(indices, g, x!.shape)]
  },
})

/**
 * Maximum over windows of x [b, c, ...spatial]; the first one wins a tie, padding never does.
 * @param options strides default to the kernel
 */
export function maxPool(x: SymbolicTensor, options: MaxPoolOptions): SymbolicTensor {
  const { kernel, strides = kernel, padding, dilations } = options
  const axes = x.rank - 2
  const kernel_shape = windowAttributes({ strides: kernel }, axes).strides
  return apply(maxPoolOperator, [x], { kernel_shape, ...windowAttributes({ strides, padding, dilations }, axes) })[0]
}

const globalAveragePoolOperator = defineOperator<Record<string, never>>({
  name: 'GlobalAveragePool',
  inputs: ['X'],
  infer([x]) {
    if (x!.rank < 3) throw new Error(`the input must be [batch, channels, ...spatial], got [${x!.shape}]`)
    return [{ dtype: x!.dtype, shape: x!.shape.map((extent, axis) => (axis < 2 ? extent : 1)) }]
  },
  evaluate([x], _, [type]) {
    const result = new Float64Array(sizeOf(type.shape))
    const plane = x!.data.length / result.length
    x!.data.forEach((value, i) => {
      result[Math.floor(i / plane)] += value / plane
    })
    return [result]
  },
  differentiate({ inputs: [x], cotangents: [g] }) {
    return [expand(mul(g!, 1 / sizeOf(x!.shape.slice(2))), x!.shape)]
  },
})

/** Average over all spatial axes of x [b, c, ...spatial]: [b, c, 1, ...]. */
export function globalAveragePool(x: SymbolicTensor): SymbolicTensor {
  return apply(globalAveragePoolOperator, [x], {})[0]
}
