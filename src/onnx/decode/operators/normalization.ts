/** Normalisations. Engines' GroupNormalization is wrong on flat maps: the graph's own is used, which is instance normalisation of groups. */
import type { Shape } from '../../../base/index.ts'
import { sameShape } from '../../../base/index.ts'
import type { SymbolicTensor } from '../../../graph/index.ts'
import { add, batchNormTraining, expand, groupNorm, mul, reshape } from '../../../graph/index.ts'
import type { ImporterTable, NodeCall } from '../importer.ts'
import { asWritten, callEntry, refused, required } from '../importer.ts'
import { castTo } from './types.ts'

/** One number a group, as operator set 18 has it, for each channel of the group. */
function eachChannel(parameter: SymbolicTensor, groups: number, channels: number): SymbolicTensor {
  if (parameter.size === channels) return parameter
  return reshape(expand(reshape(parameter, [groups, 1]), [groups, channels / groups]), [channels])
}

/** A scale or a bias in the shape of the rows that are normalised. */
const ofRow = (parameter: SymbolicTensor | null | undefined, row: Shape): SymbolicTensor | null =>
  !parameter || sameShape(parameter.shape, row) ? (parameter ?? null) : expand(parameter, row)

/** With the statistics of the batch; the running ones are outputs. */
function inTraining(
  call: NodeCall,
  x: SymbolicTensor,
  parameters: readonly (SymbolicTensor | null)[],
): SymbolicTensor[] {
  const [scale, bias, runningMean, runningVariance] = parameters
  if (!scale || !bias || !runningMean || !runningVariance) throw refused('it needs five inputs')
  const momentum = call.attributes.float('momentum', 0.9)
  const { y, mean, variance } = batchNormTraining(x, { scale, bias, epsilon: call.attributes.float('epsilon', 1e-5) })
  const running = (old: SymbolicTensor, now: SymbolicTensor) => add(mul(old, momentum), mul(now, 1 - momentum))
  return [y, running(runningMean, mean), running(runningVariance, variance)]
}

export const normalization: ImporterTable = {
  BatchNormalization(call) {
    const { inputs, attributes, opset } = call
    const x = required(call, 0, 'X')
    if (opset < 9 && attributes.int('spatial', 1) !== 1) throw refused('it must be over space (spatial = 1)')
    const parameters = inputs.slice(1).map((value) => value && castTo(value, x.dtype))
    if (opset >= 14 && attributes.int('training_mode', 0) !== 0) return inTraining(call, x, parameters)
    return asWritten(call, { inputs: [x, ...parameters] })
  },

  GroupNormalization(call) {
    const [x, scale, bias] = [required(call, 0, 'X'), required(call, 1, 'scale'), required(call, 2, 'bias')]
    const { attributes } = call
    attributes.ignore('stash_type')
    const groups = attributes.int('num_groups')
    const channels = x.shape[1]
    return [
      groupNorm(x, {
        groups,
        scale: castTo(eachChannel(scale, groups, channels), x.dtype),
        bias: castTo(eachChannel(bias, groups, channels), x.dtype),
        epsilon: attributes.float('epsilon', 1e-5),
      }),
    ]
  },

  LayerNormalization(call) {
    const [x, scale, bias] = call.inputs
    if (!x) throw refused("its input 'X' is absent")
    const attributes = call.attributes.rest()
    const axis = typeof attributes.axis === 'number' ? attributes.axis : -1
    const row = x.shape.slice(axis)
    return callEntry(call.operator, [x, ofRow(scale, row), ofRow(bias, row)], attributes)
  },
}
