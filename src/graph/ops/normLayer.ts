/**
 * Layer normalisation (Ba, Kiros, Hinton 2016): over the last axes, y = scale (x - mean) / sqrt(variance + epsilon) + bias, variance
 * biased. ONNX's LayerNormalization, which also gives the mean and 1 / sqrt(variance + epsilon).
 */
import type { Shape } from '../../base/index.ts'
import { filled, inputError, sameShape, sizeOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { constant } from '../symbolic.ts'
import { normalAxis } from './broadcast.ts'
import { isFloat, mul, sub } from './elementwise.ts'
import { reduceMean } from './reduce.ts'
import { unbroadcast } from './sum.ts'

/** ONNX attributes: axes `axis`, `axis` + 1, ... are normalised; statistics are float32 (`stash_type` 1). */
type LayerNormAttributes = { readonly axis: number; readonly epsilon: number; readonly stash_type: number }

/** The extents of the rows that are normalised. */
function rowShape(shape: Shape, axis: number): Shape {
  return shape.slice(normalAxis(axis, shape.length))
}

const layerNormOperator = defineOperator<LayerNormAttributes>({
  name: 'LayerNormalization',
  since: 17,
  inputs: ['X', 'Scale', 'B?'],
  attributes: {
    axis: { kind: 'int', default: -1 },
    epsilon: { kind: 'float', default: 1e-5 },
    stash_type: { kind: 'int', default: 1 },
  },
  infer([x, scale, bias], { axis }) {
    if (!isFloat(x!)) throw new Error('the input must be float; use cast')
    const row = rowShape(x!.shape, axis)
    for (const parameter of bias ? [scale!, bias] : [scale!]) {
      if (!sameShape(parameter.shape, row)) throw new Error(`scale and bias must be [${row}], got [${parameter.shape}]`)
    }
    const statistics = x!.shape.map((extent, i) => (i < x!.rank - row.length ? extent : 1))
    return [x!, { dtype: x!.dtype, shape: statistics }, { dtype: x!.dtype, shape: statistics }]
  },
  evaluate([x, scale, bias], { axis, epsilon }) {
    const size = sizeOf(rowShape(x!.shape, axis))
    const rows = x!.data.length / size
    const y = new Float64Array(x!.data.length)
    const means = new Float64Array(rows)
    const inverses = new Float64Array(rows)
    for (let row = 0; row < rows; row++) {
      const values = x!.data.subarray(row * size, (row + 1) * size)
      means[row] = values.reduce((sum, value) => sum + value, 0) / size
      const variance = values.reduce((sum, value) => sum + (value - means[row]) ** 2, 0) / size
      inverses[row] = 1 / Math.sqrt(variance + epsilon)
      values.forEach((value, i) => {
        y[row * size + i] = (value - means[row]) * inverses[row] * scale!.data[i] + (bias?.data[i] ?? 0)
      })
    }
    return [y, means, inverses]
  },
  differentiate({
    inputs: [x, scale, bias],
    outputs: [, mean, inverse],
    attributes,
    cotangents: [g, ...others],
    wanted,
  }) {
    if (!g || others.some(Boolean)) {
      throw inputError('graph.derivative', 'LayerNormalization: only its first output has a derivative')
    }
    const axes = rowShape(x!.shape, attributes.axis).map((_, i, row) => x!.rank - row.length + i)
    const xHat = mul(sub(x!, mean), inverse)
    return [
      wanted[0] ? inputGradient(mul(g, scale!), xHat, inverse, axes) : null,
      wanted[1] ? unbroadcast(mul(g, xHat), scale!.shape) : null,
      bias && wanted[2] ? unbroadcast(g, bias.shape) : null,
    ]
  },
})

/** (h - mean(h) - xHat mean(h xHat)) / s with h = scale g. */
function inputGradient(h: SymbolicTensor, xHat: SymbolicTensor, inverse: SymbolicTensor, axes: readonly number[]) {
  const projected = sub(sub(h, reduceMean(h, axes, true)), mul(xHat, reduceMean(mul(h, xHat), axes, true)))
  return mul(projected, inverse)
}

/** Options of `layerNorm`. */
export interface LayerNormOptions {
  /** First of the axes that are normalised; default -1, the last alone. */
  readonly axis?: number
  /** Of the shape of the normalised axes; default ones. */
  readonly scale?: SymbolicTensor
  /** Of the shape of the normalised axes; default none. */
  readonly bias?: SymbolicTensor
  /** Added to the variance; default 1e-5. */
  readonly epsilon?: number
}

/** x over its last axis with mean 0 and variance 1, and the statistics [..., 1] that make it so. @throws `graph.shape` */
export function standardized(x: SymbolicTensor, epsilon: number) {
  const ones = constant(filled(x.shape.slice(-1), 1))
  const [xHat, mean, inverseDeviation] = apply(layerNormOperator, [x, ones], { axis: -1, epsilon, stash_type: 1 })
  return { xHat, mean, inverseDeviation }
}

/** Layer normalisation of x over its last axes. @throws `graph.shape` */
export function layerNorm(x: SymbolicTensor, options: LayerNormOptions = {}): SymbolicTensor {
  const { axis = -1, scale, bias, epsilon = 1e-5 } = options
  const weight = scale ?? constant(filled(x.shape.slice(axis), 1))
  return apply(layerNormOperator, bias ? [x, weight, bias] : [x, weight], { axis, epsilon, stash_type: 1 })[0]
}
