/** Test support: normalisations as files call them. */
import { exactly, positive } from '../../../graph/caseType.fixture.ts'
import type { NodeCase } from '../nodeModel.fixture.ts'
import { floats } from '../nodeModel.fixture.ts'

const microsoft = 'com.microsoft'

export const scalingCases: readonly NodeCase[] = [
  {
    operator: 'BatchNormalization',
    opset: 15,
    title: 'statistics of the batch, running ones as outputs',
    attributes: { training_mode: { int: 1 }, momentum: { float: 0.7 }, epsilon: { float: 1e-3 } },
    inputs: [floats([3, 2, 4]), floats([2]), floats([2]), floats([2]), floats([2], positive)],
    outputs: [true, true, true],
  },
  {
    operator: 'BatchNormalization',
    opset: 7,
    title: 'before it had a mode',
    attributes: { epsilon: { float: 1e-3 } },
    inputs: [floats([3, 2, 4]), floats([2]), floats([2]), floats([2]), floats([2], positive)],
  },
  ...[
    { opset: 18, parameters: 2 },
    { opset: 21, parameters: 4 },
  ].map(
    ({ opset, parameters }): NodeCase => ({
      operator: 'GroupNormalization',
      opset,
      title: `${parameters} scales`,
      attributes: { num_groups: { int: 2 }, epsilon: { float: 1e-3 } },
      inputs: [floats([2, 4, 3, 2]), floats([parameters]), floats([parameters])],
    }),
  ),
  {
    operator: 'InstanceNormalization',
    opset: 22,
    title: 'as usual',
    inputs: [floats([2, 3, 4]), floats([3]), floats([3])],
  },
  {
    operator: 'LayerNormalization',
    opset: 17,
    title: 'a scale that broadcasts, no bias',
    attributes: { axis: { int: -2 } },
    inputs: [floats([2, 3, 4]), floats([4])],
  },
  { operator: 'RMSNormalization', opset: 23, title: 'last axis', inputs: [floats([2, 3, 5]), floats([5])] },
  {
    operator: 'RMSNormalization',
    opset: 23,
    title: 'last two axes, large epsilon, one scale',
    attributes: { axis: { int: 1 }, epsilon: { float: 0.3 } },
    inputs: [floats([2, 3, 4]), floats([1])],
  },
  {
    operator: 'SimplifiedLayerNormalization',
    opset: 17,
    title: 'as the optimizer writes it',
    attributes: { epsilon: { float: 1e-3 }, axis: { int: -1 }, stash_type: { int: 1 } },
    inputs: [floats([2, 3, 5]), floats([5])],
  },
  ...[1, 3, 5].map(
    (size): NodeCase => ({
      operator: 'LRN',
      opset: 13,
      title: `window ${size}`,
      attributes: { size: { int: size }, alpha: { float: 0.4 }, beta: { float: 0.6 }, bias: { float: 1.5 } },
      inputs: [floats([2, 5, 3, 2])],
    }),
  ),
  { operator: 'LRN', opset: 7, title: 'as usual', attributes: { size: { int: 3 } }, inputs: [floats([1, 4, 2, 2])] },
  { operator: 'LpNormalization', opset: 7, title: 'as usual', inputs: [floats([3, 4])] },
  {
    operator: 'LpNormalization',
    opset: 22,
    title: 'sums of absolute values along the middle axis',
    attributes: { axis: { int: 1 }, p: { int: 1 } },
    inputs: [floats([2, 3, 4])],
  },
  {
    operator: 'LpNormalization',
    opset: 22,
    title: 'a row of zeros',
    inputs: [floats([2, 3], exactly(0, 0, 0, 3, 4, 0))],
    smooth: false,
  },
  { operator: 'MeanVarianceNormalization', opset: 13, title: 'as usual', inputs: [floats([2, 3, 4, 2])] },
  {
    operator: 'MeanVarianceNormalization',
    opset: 9,
    title: 'one axis',
    attributes: { axes: { ints: [1] } },
    inputs: [floats([2, 4, 3, 2])],
  },
  {
    operator: 'SkipLayerNormalization',
    domain: microsoft,
    opset: 17,
    title: 'with bias, and the sum as an output',
    attributes: { epsilon: { float: 1e-5 } },
    inputs: [floats([2, 3, 4]), floats([2, 3, 4]), floats([4]), floats([4]), floats([4])],
    outputs: [true, false, false, true],
  },
  {
    operator: 'SkipLayerNormalization',
    domain: microsoft,
    opset: 17,
    title: 'without offsets',
    inputs: [floats([2, 3, 4]), floats([2, 3, 4]), floats([4])],
  },
  {
    operator: 'SkipSimplifiedLayerNormalization',
    domain: microsoft,
    opset: 17,
    title: 'with bias',
    attributes: { epsilon: { float: 1e-5 } },
    inputs: [floats([2, 3, 4]), floats([2, 3, 4]), floats([4]), floats([4])],
  },
]
