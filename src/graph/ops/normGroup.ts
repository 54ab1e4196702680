/**
 * Group normalisation (Wu, He 2018): per image and group of channels, xHat = (x - mean) / sqrt(variance + epsilon) over the group's
 * channels and positions, variance biased; y = scale[c] xHat + bias[c]. With one channel per group it is instance normalisation.
 *
 * `GroupNorm` also gives xHat and 1 / sqrt(variance + epsilon), so that its derivative recomputes nothing large; where nothing needs
 * them they fall away. In standard operators xHat is InstanceNormalization of [b, groups, -1].
 */
import type { Shape } from '../../base/index.ts'
import { filled, inputError, sameShape, sizeOf, tensor } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { Operator, SymbolicTensor } from '../symbolic.ts'
import { constant } from '../symbolic.ts'
import { cast } from './cast.ts'
import { where } from './compare.ts'
import { add, div, isFloat, mul, sub } from './elementwise.ts'
import { matmul } from './matmul.ts'
import { channelAffine } from './normBatch.ts'
import { checkPerChannel } from './normParameters.ts'
import { reduceMax, reduceMin } from './reduce.ts'
import { reshape } from './shape.ts'
import { reduceSum } from './sum.ts'

type GroupNormAttributes = { readonly groups: number; readonly epsilon: number }

/** Extents of a call: `size` elements share one mean, `plane` of them one channel. */
function groupLayout(shape: Shape, groups: number) {
  const [batch, channels, ...spatial] = shape
  if (shape.length < 2) throw new Error(`the input must be [batch, channels, ...], got [${shape}]`)
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0) {
    throw new Error(`the number of groups must divide the ${channels} channels, got ${groups}`)
  }
  const plane = sizeOf(spatial)
  return { batch, channels, groups, perGroup: channels / groups, plane, size: (channels / groups) * plane }
}

const groupNormOperator: Operator<GroupNormAttributes> = defineOperator<GroupNormAttributes>({
  name: 'GroupNorm',
  domain: 'composite',
  attributes: { groups: 'int', epsilon: 'float' },
  infer([x, scale, bias], { groups }) {
    if (!isFloat(x!)) throw new Error('the input must be float; use cast')
    const { batch, channels } = groupLayout(x!.shape, groups)
    checkPerChannel({ scale, bias }, channels)
    return [x!, x!, { dtype: x!.dtype, shape: [batch, groups] }]
  },
  evaluate([x, scale, bias], { groups, epsilon }) {
    const { batch, channels, plane, size } = groupLayout(x!.shape, groups)
    const normalized = new Float64Array(x!.data.length)
    const inverse = new Float64Array(batch * groups)
    for (let group = 0; group < inverse.length; group++) {
      const values = x!.data.subarray(group * size, (group + 1) * size)
      const mean = values.reduce((sum, value) => sum + value, 0) / size
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / size
      inverse[group] = 1 / Math.sqrt(variance + epsilon)
      values.forEach((value, i) => {
        normalized[group * size + i] = (value - mean) * inverse[group]
      })
    }
    const y = normalized.map((value, i) => {
      const channel = Math.floor(i / plane) % channels
      return value * scale!.data[channel] + bias!.data[channel]
    })
    return [y, normalized, inverse]
  },
  differentiate({ inputs: [, scale], outputs: [, normalized, inverse], attributes, cotangents: [g, ...others] }) {
    if (!g || others.some(Boolean)) {
      throw inputError('graph.derivative', 'GroupNorm: only its first output has a derivative')
    }
    return apply(groupNormGradientOperator, [normalized, inverse, scale, g], { groups: attributes.groups })
  },
  expand([x, scale, bias], { groups, epsilon }) {
    const { batch, size } = groupLayout(x!.shape, groups)
    const grouped = reshape(x!, [batch, groups, size])
    const ones = constant(filled([groups], 1))
    const xHat = apply(instanceNormalization, [grouped, ones, constant(filled([groups]))], { epsilon })[0]
    const normalized = reshape(xHat, x!.shape)
    const inverse = apply(inverseDeviation, [grouped, xHat], { epsilon })[0]
    return [channelAffine(normalized, scale!, bias!), normalized, inverse]
  },
})

/** Far below any difference of activations, far above the least float32: keeps 0 / 0 from arising where all of a group are equal. */
const TINY = 1e-30

/**
 * 1 / sqrt(variance + epsilon) [b, groups] of x [b, groups, n], with xHat at hand: as the slope of xHat in x, by the largest and least of both, four
 * readings and nothing written, where a variance would write x - mean once more. Where a group is constant the slope is that of the definition,
 * 1 / sqrt(epsilon).
 */
export const inverseDeviation: Operator<{ readonly epsilon: number }> = defineOperator<{ readonly epsilon: number }>({
  name: 'InverseDeviation',
  domain: 'composite',
  attributes: { epsilon: 'float' },
  infer([x, xHat]) {
    if (!isFloat(x!)) throw new Error('the input must be float; use cast')
    if (x!.shape.length !== 3) throw new Error(`the input must be [batch, groups, n], got [${x!.shape}]`)
    if (!sameShape(x!.shape, xHat!.shape)) throw new Error(`needs xHat [${x!.shape}], got [${xHat!.shape}]`)
    return [{ dtype: x!.dtype, shape: x!.shape.slice(0, 2) }]
  },
  evaluate([x], { epsilon }) {
    const [batch, groups, size] = x!.shape
    const inverses = new Float64Array(batch * groups)
    for (let group = 0; group < inverses.length; group++) {
      const values = x!.data.subarray(group * size, (group + 1) * size)
      const mean = values.reduce((sum, value) => sum + value, 0) / size
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / size
      inverses[group] = 1 / Math.sqrt(variance + epsilon)
    }
    return [inverses]
  },
  expand([x, xHat], { epsilon }) {
    const range = (values: SymbolicTensor) => sub(reduceMax(values, [2]), reduceMin(values, [2]))
    return [div(add(range(xHat!), TINY / Math.sqrt(epsilon)), add(range(x!), TINY))]
  },
})

/** A matrix of truths: small where a float one would be taken for weights. */
function trueWhere(rows: number, columns: number, holds: (row: number, column: number) => boolean): SymbolicTensor {
  const data = Uint8Array.from({ length: rows * columns }, (_, i) =>
    holds(Math.floor(i / columns), i % columns) ? 1 : 0,
  )
  return constant(tensor('bool', [rows, columns], data))
}

/**
 * dx = (h - mean(h) - xHat mean(h xHat)) / s with h = scale g, means over each group. Both means come from sums over planes, which
 * are also the gradients of scale and bias: dx is one affine combination of g and xHat.
 */
const groupNormGradientOperator = defineOperator<{ readonly groups: number }>({
  name: 'GroupNormGradient',
  domain: 'composite',
  attributes: { groups: 'int' },
  infer([normalized, inverse, scale, g], { groups }) {
    const { batch } = groupLayout(g!.shape, groups)
    if (!sameShape(normalized!.shape, g!.shape) || !sameShape(inverse!.shape, [batch, groups])) {
      throw new Error(`needs xHat [${g!.shape}] and inverse deviations [${batch}, ${groups}]`)
    }
    return [g!, scale!, scale!]
  },
  evaluate([normalized, inverse, scale, g], { groups }) {
    const { channels, plane, size } = groupLayout(g!.shape, groups)
    const dx = new Float64Array(g!.data.length)
    const dscale = new Float64Array(channels)
    const dbias = new Float64Array(channels)
    const channelOf = (i: number) => Math.floor(i / plane) % channels
    for (let start = 0, group = 0; start < dx.length; start += size, group++) {
      let meanH = 0
      let meanHX = 0
      for (let i = start; i < start + size; i++) {
        const h = (g!.data[i] * scale!.data[channelOf(i)]) / size
        meanH += h
        meanHX += h * normalized!.data[i]
        dscale[channelOf(i)] += g!.data[i] * normalized!.data[i]
        dbias[channelOf(i)] += g!.data[i]
      }
      for (let i = start; i < start + size; i++) {
        const h = g!.data[i] * scale!.data[channelOf(i)]
        dx[i] = (h - meanH - normalized!.data[i] * meanHX) * inverse!.data[group]
      }
    }
    return [dx, dscale, dbias]
  },
  expand([normalized, inverse, scale, g], { groups }) {
    const { batch, channels, perGroup, plane, size } = groupLayout(g!.shape, groups)
    const spatial = g!.shape.slice(2)
    const overPlanes = (values: SymbolicTensor) =>
      spatial.length === 0
        ? values
        : reduceSum(
            values,
            spatial.map((_, axis) => axis + 2),
          )
    const sumG = overPlanes(g!)
    const sumGX = overPlanes(mul(g!, normalized!))
    // Sums over channels become minus the mean over each channel's group, h = scale g, by one product with [c, c].
    const groupOf = (channel: number) => Math.floor(channel / perGroup)
    const together = where(
      trueWhere(channels, channels, (from, to) => groupOf(from) === groupOf(to)),
      mul(reshape(scale!, [channels, 1]), -1 / size),
      0,
    )
    const inverseOfChannel = matmul(
      inverse!,
      cast(
        trueWhere(groups, channels, (group, to) => groupOf(to) === group),
        g!.dtype,
      ),
    )
    const toGroup = (sums: SymbolicTensor) => mul(inverseOfChannel, matmul(sums, together))
    const ofG = reshape(mul(inverseOfChannel, reshape(scale!, [1, channels])), [batch * channels])
    const offset = reshape(toGroup(sumG), [batch * channels])
    const ofX = reshape(toGroup(sumGX), [batch, channels, ...spatial.map(() => 1)])
    const fromG = channelAffine(reshape(g!, [1, batch * channels, plane]), ofG, offset)
    const dx = add(reshape(fromG, g!.shape), mul(normalized!, ofX))
    return [dx, reduceSum(sumGX, [0]), reduceSum(sumG, [0])]
  },
})

/** Options of `groupNorm`. */
export interface GroupNormOptions {
  /** Divides the channels; 1 normalises over all of them. */
  readonly groups: number
  /** [channels]; default ones. */
  readonly scale?: SymbolicTensor
  /** [channels]; default zeros. */
  readonly bias?: SymbolicTensor
  /** Added to the variance; default 1e-5. */
  readonly epsilon?: number
}

/** Group normalisation of x [b, c, ...]. @throws `graph.shape` */
export function groupNorm(
  x: SymbolicTensor,
  { groups, scale, bias, epsilon = 1e-5 }: GroupNormOptions,
): SymbolicTensor {
  const channels = x.shape.slice(1, 2)
  const inputs = [x, scale ?? constant(filled(channels, 1)), bias ?? constant(filled(channels))]
  return apply(groupNormOperator, inputs, { groups, epsilon })[0]
}

/** Instance normalisation of x [b, c, ...]: each channel of each image by itself. @throws `graph.shape` */
export function instanceNorm(x: SymbolicTensor, options: Omit<GroupNormOptions, 'groups'> = {}): SymbolicTensor {
  return groupNorm(x, { ...options, groups: x.shape[1] })
}

/** ONNX's own operator: what `GroupNorm` expands to, and what files of other people hold. */
export const instanceNormalization = defineOperator<{ readonly epsilon: number }>({
  name: 'InstanceNormalization',
  since: 6,
  inputs: ['input', 'scale', 'B'],
  attributes: { epsilon: { kind: 'float', default: 1e-5 } },
  infer([x, scale, bias]) {
    if (x!.rank < 3) throw new Error(`the input must be [batch, channels, ...spatial], got [${x!.shape}]`)
    checkPerChannel({ scale, bias }, x!.shape[1])
    return [x!]
  },
  evaluate(inputs, { epsilon }, types) {
    const groups = types[0].shape[1]
    return groupNormOperator.evaluate(inputs, { groups, epsilon }, types).slice(0, 1)
  },
  differentiate({ inputs: [x, scale, bias], attributes: { epsilon }, cotangents: [g] }) {
    const groups = x!.shape[1]
    const [, normalized, inverse] = apply(groupNormOperator, [x, scale, bias], { groups, epsilon })
    return apply(groupNormGradientOperator, [normalized, inverse, scale, g], { groups })
  },
})
