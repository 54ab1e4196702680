/** Normalisations that the graph makes of means, norms and averages. Those with an operator of their own: `normalization.ts`. */

import { sizeOf } from '../../../base/index.ts'
import type { SymbolicTensor } from '../../../graph/index.ts'
import {
  add,
  averagePool,
  div,
  equal,
  layerNorm,
  mul,
  pow,
  reduceL1,
  reduceL2,
  reduceMean,
  reshape,
  rmsNorm,
  sqrt,
  sub,
  where,
} from '../../../graph/index.ts'
import type { ImporterTable, NodeCall } from '../importer.ts'
import { refused, required } from '../importer.ts'

/** The sum of what is there. */
const sumOf = (values: readonly (SymbolicTensor | null | undefined)[]): SymbolicTensor =>
  values.filter((value) => value != null).reduce(add)

/** x over the root mean square along its axes from `axis` on, times the second input. */
function byRootMeanSquare(call: NodeCall): SymbolicTensor[] {
  const [x, scale] = [required(call, 0, 'X'), required(call, 1, 'scale')]
  const { attributes } = call
  attributes.ignore('stash_type')
  if (call.outputs.slice(1).includes(true)) throw refused('its statistics are not offered as outputs')
  return [rmsNorm(x, { scale, axis: attributes.int('axis', -1), epsilon: attributes.float('epsilon', 1e-5) })]
}

/**
 * Local response normalisation (Krizhevsky et al. 2012): x / (bias + alpha / size sum of x^2 over `size` neighbouring channels)^beta.
 */
function localResponse(call: NodeCall): SymbolicTensor[] {
  const x = required(call, 0, 'X')
  const { attributes } = call
  const size = attributes.int('size')
  const [alpha, beta, bias] = [
    attributes.float('alpha', 1e-4),
    attributes.float('beta', 0.75),
    attributes.float('bias', 1),
  ]
  const [batch, channels, ...space] = x.shape
  const before = Math.floor((size - 1) / 2)
  // The average over a window of channels, absent ones counted as 0.
  const mean = averagePool(reshape(mul(x, x), [batch, 1, channels, sizeOf(space)]), {
    kernel: [size, 1],
    strides: 1,
    padding: [before, 0, size - 1 - before, 0],
    countPadding: true,
  })
  return [div(x, pow(add(mul(reshape(mean, x.shape), alpha), bias), beta))]
}

/** The inputs' sum, which goes on to the next layer, normalised. */
function afterSkip(
  call: NodeCall,
  normalized: (sum: SymbolicTensor, epsilon: number) => SymbolicTensor,
  bias: SymbolicTensor | null | undefined,
): (SymbolicTensor | undefined)[] {
  const sum = sumOf([required(call, 0, 'input'), required(call, 1, 'skip'), bias])
  if (call.outputs[1] || call.outputs[2]) throw refused('its statistics are not offered as outputs')
  return [normalized(sum, call.attributes.float('epsilon', 1e-12)), undefined, undefined, sum]
}

export const scaling: ImporterTable = {
  RMSNormalization: byRootMeanSquare,
  SimplifiedLayerNormalization: byRootMeanSquare,
  LRN: localResponse,

  /** x over its norm along an axis; 0 where that is 0. */
  LpNormalization(call) {
    const x = required(call, 0, 'input')
    const [axis, p] = [call.attributes.int('axis', -1), call.attributes.int('p', 2)]
    if (p !== 1 && p !== 2) throw refused(`p must be 1 or 2, got ${p}`)
    const norm = p === 1 ? reduceL1(x, [axis], true) : reduceL2(x, [axis], true)
    const none = equal(norm, 0)
    return [div(x, where(none, 1, norm))]
  },

  MeanVarianceNormalization(call) {
    const x = required(call, 0, 'X')
    const axes = call.attributes.ints('axes', [0, 2, 3])
    const centred = sub(x, reduceMean(x, axes, true))
    return [div(centred, add(sqrt(reduceMean(mul(centred, centred), axes, true)), 1e-9))]
  },

  'com.microsoft:SkipLayerNormalization'(call) {
    const { inputs } = call
    const [scale, offset] = [required(call, 2, 'gamma'), inputs[3] ?? undefined]
    return afterSkip(
      call,
      (sum, epsilon) => layerNorm(sum, { scale, epsilon, ...(offset && { bias: offset }) }),
      inputs[4],
    )
  },

  'com.microsoft:SkipSimplifiedLayerNormalization'(call) {
    const scale = required(call, 2, 'gamma')
    return afterSkip(call, (sum, epsilon) => rmsNorm(sum, { scale, epsilon }), call.inputs[3])
  },
}
