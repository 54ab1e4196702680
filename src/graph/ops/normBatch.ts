/**
 * Batch normalisation (Ioffe, Szegedy 2015) of x [b, c, ...]: per channel, y = scale (x - mean) / sqrt(variance + epsilon) + bias.
 * Evaluation takes mean and variance as given; training takes those of the batch, over all its images and positions, variance biased.
 */
import type { Shape } from '../../base/index.ts'
import { filled, sizeOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { Reference, SymbolicTensor } from '../symbolic.ts'
import { constant } from '../symbolic.ts'
import { sumToChannels } from './conv.ts'
import { add, isFloat, mul, neg, reciprocal, sqrt, sub } from './elementwise.ts'
import { checkPerChannel, perChannel } from './normParameters.ts'

/** Calls `visit(index, channel)` for each element of an array of that shape. */
function forEachElement(shape: Shape, visit: (i: number, channel: number) => void): void {
  const [, channels, ...spatial] = shape
  const plane = sizeOf(spatial)
  const size = sizeOf(shape)
  for (let i = 0; i < size; i++) visit(i, Math.floor(i / plane) % channels)
}

function channelsOf(x: SymbolicTensor): number {
  if (!isFloat(x)) throw new Error('the input must be float; use cast')
  if (x.rank < 2) throw new Error(`the input must be [batch, channels, ...], got [${x.shape}]`)
  return x.shape[1]
}

/** scale (x - mean) / sqrt(variance + epsilon) + bias in float64. */
function normalize(
  x: Reference,
  [scale, bias, mean, variance]: readonly Float64Array[],
  epsilon: number,
): Float64Array {
  const y = new Float64Array(x.data.length)
  forEachElement(x.shape, (i, c) => {
    y[i] = (scale[c] * (x.data[i] - mean[c])) / Math.sqrt(variance[c] + epsilon) + bias[c]
  })
  return y
}

const inverseRoot = (variance: SymbolicTensor, epsilon: number) => reciprocal(sqrt(add(variance, epsilon)))

/** ONNX attributes; `momentum` is of no use in evaluation, and `training_mode` must be 0. */
type BatchNormAttributes = { readonly epsilon: number; readonly momentum: number; readonly training_mode: number }

const batchNormOperator = defineOperator<BatchNormAttributes>({
  name: 'BatchNormalization',
  since: 9,
  inputs: ['X', 'scale', 'B', 'input_mean', 'input_var'],
  attributes: {
    epsilon: { kind: 'float', default: 1e-5 },
    momentum: { kind: 'float', default: 0.9 },
    training_mode: { kind: 'int', default: 0, since: 14 },
  },
  infer([x, scale, bias, mean, variance], { training_mode }) {
    if (training_mode !== 0) throw new Error('only the evaluation form is offered; train with batchNormTraining')
    checkPerChannel({ scale, bias, mean, variance }, channelsOf(x!))
    return [x!]
  },
  evaluate([x, ...parameters], { epsilon }) {
    const values = parameters.map((parameter) => parameter!.data)
    return [normalize(x!, values, epsilon)]
  },
  differentiate({ inputs: [x, scale, , mean, variance], attributes: { epsilon }, cotangents: [g], wanted }) {
    const inverse = inverseRoot(variance!, epsilon)
    const slope = mul(scale!, inverse)
    const dbias = wanted[2] || wanted[3] ? sumToChannels(g!) : null
    const centred = wanted[1] || wanted[4] ? sumToChannels(mul(g!, sub(x!, perChannel(mean!, x!.rank)))) : null
    return [
      wanted[0] ? mul(g!, perChannel(slope, x!.rank)) : null,
      wanted[1] ? mul(centred!, inverse) : null,
      dbias,
      wanted[3] ? neg(mul(dbias!, slope)) : null,
      wanted[4] ? mul(mul(centred!, slope), mul(mul(inverse, inverse), -0.5)) : null,
    ]
  },
})

/** Options shared by both forms. */
export interface BatchNormTrainingOptions {
  /** [channels]; default ones. */
  readonly scale?: SymbolicTensor
  /** [channels]; default zeros. */
  readonly bias?: SymbolicTensor
  /** Added to the variance; default 1e-5. */
  readonly epsilon?: number
}

/** Options of `batchNorm`. */
export interface BatchNormOptions extends BatchNormTrainingOptions {
  /** [channels]: running mean. */
  readonly mean: SymbolicTensor
  /** [channels]: running variance. */
  readonly variance: SymbolicTensor
}

function affine(x: SymbolicTensor, { scale, bias }: BatchNormTrainingOptions): [SymbolicTensor, SymbolicTensor] {
  const channels = x.shape.slice(1, 2)
  return [scale ?? constant(filled(channels, 1)), bias ?? constant(filled(channels))]
}

/** Batch normalisation of x [b, c, ...] with given statistics. @throws `graph.shape` */
export function batchNorm(x: SymbolicTensor, options: BatchNormOptions): SymbolicTensor {
  const { mean, variance, epsilon = 1e-5 } = options
  const attributes = { epsilon, momentum: 0.9, training_mode: 0 }
  return apply(batchNormOperator, [x, ...affine(x, options), mean, variance], attributes)[0]
}

/**
 * slope[c] x[b, c, ...] + offset[c] as one operator instead of two: evaluation-form normalisation with mean 0 and variance 1. On ONNX
 * Runtime's CPU it takes half the time of a product and a sum.
 */
export function channelAffine(x: SymbolicTensor, slope: SymbolicTensor, offset: SymbolicTensor): SymbolicTensor {
  const mean = constant(filled(slope.shape))
  return batchNorm(x, { scale: slope, bias: offset, mean, variance: constant(filled(slope.shape, 1)), epsilon: 0 })
}

/** Mean over everything but the channel. */
function meanOverChannels(x: SymbolicTensor): SymbolicTensor {
  return mul(sumToChannels(x), x.shape[1] / x.size)
}

const trainingOperator = defineOperator<{ readonly epsilon: number }>({
  name: 'BatchNormTraining',
  domain: 'composite',
  attributes: { epsilon: 'float' },
  infer([x, scale, bias]) {
    checkPerChannel({ scale, bias }, channelsOf(x!))
    return [x!, scale!, scale!]
  },
  evaluate([x, scale, bias], { epsilon }) {
    const channels = scale!.data.length
    const count = x!.data.length / channels
    const mean = new Float64Array(channels)
    const variance = new Float64Array(channels)
    forEachElement(x!.shape, (i, c) => {
      mean[c] += x!.data[i] / count
    })
    forEachElement(x!.shape, (i, c) => {
      variance[c] += (x!.data[i] - mean[c]) ** 2 / count
    })
    return [normalize(x!, [scale!.data, bias!.data, mean, variance], epsilon), mean, variance]
  },
  differentiate({ inputs: [x, scale], outputs: [, mean, variance], attributes, cotangents: [g, gMean, gVariance] }) {
    const [dx, dscale, dbias] = g
      ? apply(trainingGradientOperator, [x, mean, variance, scale, g], attributes)
      : [null, null, null]
    const parts = [dx]
    const share = x!.shape[1] / x!.size
    if (gMean) parts.push(mul(perChannel(gMean, x!.rank), constant(filled(x!.shape, share))))
    if (gVariance) {
      parts.push(mul(sub(x!, perChannel(mean, x!.rank)), perChannel(mul(gVariance, 2 * share), x!.rank)))
    }
    const present = parts.filter((part) => part !== null)
    return [present.reduce((sum, part) => add(sum, part)), dscale, dbias]
  },
  expand([x, scale, bias], { epsilon }) {
    const mean = meanOverChannels(x!)
    const centred = sub(x!, perChannel(mean, x!.rank))
    const variance = meanOverChannels(mul(centred, centred))
    // Of x - mean, which the derivative starts from too: it is then kept in place of x, and made once.
    return [channelAffine(centred, mul(scale!, inverseRoot(variance, epsilon)), bias!), mean, variance]
  },
})

/**
 * dx = scale / s (g - mean(g) - (x - mean) mean(g (x - mean)) / s^2), s^2 = variance + epsilon. It starts from x - mean, as the
 * forward form does, so that the two share it.
 */
const trainingGradientOperator = defineOperator<{ readonly epsilon: number }>({
  name: 'BatchNormTrainingGradient',
  domain: 'composite',
  attributes: { epsilon: 'float' },
  infer([x, mean, variance, scale, g]) {
    checkPerChannel({ mean, variance, scale }, channelsOf(x!))
    if (g!.shape.join() !== x!.shape.join()) throw new Error(`the cotangent must be [${x!.shape}], got [${g!.shape}]`)
    return [x!, scale!, scale!]
  },
  evaluate([x, mean, variance, scale, g], { epsilon }) {
    const channels = scale!.data.length
    const count = x!.data.length / channels
    const inverse = variance!.data.map((value) => 1 / Math.sqrt(value + epsilon))
    const dscale = new Float64Array(channels)
    const dbias = new Float64Array(channels)
    const xHat = new Float64Array(x!.data.length)
    forEachElement(x!.shape, (i, c) => {
      xHat[i] = (x!.data[i] - mean!.data[c]) * inverse[c]
      dscale[c] += g!.data[i] * xHat[i]
      dbias[c] += g!.data[i]
    })
    const dx = new Float64Array(x!.data.length)
    forEachElement(x!.shape, (i, c) => {
      dx[i] = scale!.data[c] * inverse[c] * (g!.data[i] - dbias[c] / count - (xHat[i] * dscale[c]) / count)
    })
    return [dx, dscale, dbias]
  },
  expand([x, mean, variance, scale, g], { epsilon }) {
    const spread = (value: SymbolicTensor) => perChannel(value, x!.rank)
    const share = x!.shape[1] / x!.size
    const inverse = inverseRoot(variance!, epsilon)
    const centred = sub(x!, spread(mean!))
    const dbias = sumToChannels(g!)
    const dscale = mul(sumToChannels(mul(g!, centred)), inverse)
    const slope = mul(scale!, inverse)
    const ofX = mul(mul(slope, inverse), mul(dscale, -share))
    const offset = mul(mul(slope, dbias), -share)
    const dx = add(channelAffine(g!, slope, offset), mul(centred, spread(ofX)))
    return [dx, dscale, dbias]
  },
})

/**
 * Batch normalisation of x [b, c, ...] with the statistics of the batch.
 * @returns `y`, and the batch's `mean` and (biased) `variance` [channels], for running statistics
 * @throws `graph.shape`
 */
export function batchNormTraining(x: SymbolicTensor, options: BatchNormTrainingOptions = {}) {
  const { epsilon = 1e-5 } = options
  const [y, mean, variance] = apply(trainingOperator, [x, ...affine(x, options)], { epsilon })
  return { y, mean, variance }
}
