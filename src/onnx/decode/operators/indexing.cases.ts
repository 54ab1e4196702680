/** Test support: parts of tensors as files call them. */
import { exactly } from '../../../graph/caseType.fixture.ts'
import type { NodeCase, NodeInput } from '../nodeModel.fixture.ts'
import { fedIntegers, floats, known, knownScalar } from '../nodeModel.fixture.ts'

const pad = (
  title: string,
  mode: string,
  x: readonly number[],
  widths: readonly number[],
  rest: readonly (NodeInput | null)[] = [],
  opset = 19,
): NodeCase => ({
  operator: 'Pad',
  opset,
  title: `${mode}, ${title}`,
  attributes: { mode: { string: mode } },
  inputs: [floats(x), known(...widths), ...rest],
})

const smallIndices = (shape: readonly number[], ...values: readonly number[]): NodeInput => ({
  shape,
  dtype: 'int32',
  draw: exactly(...values),
})

export const indexingCases: readonly NodeCase[] = [
  pad('two axes', 'reflect', [2, 4, 5], [0, 1, 3, 0, 2, 2]),
  pad('twice as wide', 'reflect', [2, 3], [0, 2, 0, 2]),
  pad('two axes', 'edge', [2, 4, 5], [1, 0, 3, 0, 2, 2]),
  pad('two axes', 'wrap', [2, 4, 5], [1, 0, 3, 1, 2, 2]),
  pad('some axes, some cut off', 'edge', [2, 4, 5], [2, -1, 0, 2], [null, known(-1, 1)]),
  pad(
    'a value, some axes',
    'constant',
    [2, 4, 5],
    [2, 1, 0, 2],
    [{ shape: [], draw: exactly(1.5), known: true }, known(2, 0)],
  ),
  pad('cut off and widened', 'constant', [4, 5], [-1, 2, 0, -3]),
  {
    operator: 'Pad',
    opset: 10,
    title: 'widths as attribute',
    attributes: { pads: { ints: [0, 1, 2, 0] }, mode: { string: 'reflect' } },
    inputs: [floats([3, 3])],
  },
  {
    operator: 'GatherND',
    opset: 12,
    title: 'one axis in common',
    attributes: { batch_dims: { int: 1 } },
    inputs: [floats([2, 3, 4]), fedIntegers([2, 1], 2, 0)],
  },
  {
    operator: 'GatherND',
    opset: 13,
    title: 'two axes in common, from the back',
    attributes: { batch_dims: { int: 2 } },
    inputs: [floats([2, 3, 4, 2]), fedIntegers([2, 3, 1], 2, 0, -1, 1, 3, -4)],
  },
  { operator: 'GatherND', opset: 11, title: 'rows', inputs: [floats([3, 4]), fedIntegers([2, 2, 1], 2, 0, 0, 1)] },
  {
    operator: 'Gather',
    opset: 13,
    title: 'small integers',
    attributes: { axis: { int: 1 } },
    inputs: [floats([2, 5]), smallIndices([3], 4, -1, 0)],
  },
  {
    operator: 'ScatterElements',
    opset: 18,
    title: 'added',
    attributes: { axis: { int: 1 }, reduction: { string: 'add' } },
    inputs: [floats([2, 4]), smallIndices([2, 3], 1, 1, 3, 0, -1, 0), floats([2, 3])],
  },
  {
    operator: 'ScatterND',
    opset: 16,
    title: 'added',
    attributes: { reduction: { string: 'add' } },
    inputs: [floats([4, 2]), fedIntegers([3, 1], 1, 3, 1), floats([3, 2])],
  },
  {
    operator: 'Scatter',
    opset: 9,
    title: 'as it was called',
    inputs: [floats([3, 3]), fedIntegers([2, 3], 1, 0, 2, 0, 2, 1), floats([2, 3])],
  },
  { operator: 'Trilu', opset: 14, title: 'upper, above the diagonal', inputs: [floats([2, 3, 4]), knownScalar(1)] },
  {
    operator: 'Trilu',
    opset: 14,
    title: 'lower, truths',
    attributes: { upper: { int: 0 } },
    inputs: [{ shape: [3, 3], dtype: 'bool', draw: exactly(1, 1, 1, 1, 0, 1, 1, 1, 1) }],
    smooth: false,
  },
  {
    operator: 'Split',
    opset: 18,
    title: 'uneven parts',
    attributes: { axis: { int: 1 }, num_outputs: { int: 3 } },
    inputs: [floats([2, 7])],
    outputs: [true, true, true],
  },
  {
    operator: 'Split',
    opset: 11,
    title: 'parts as attribute',
    attributes: { axis: { int: -1 }, split: { ints: [2, 1, 3] } },
    inputs: [floats([2, 6])],
    outputs: [true, true, true],
  },
  {
    operator: 'Slice',
    opset: 13,
    title: 'every second backwards',
    inputs: [floats([7, 3]), known(-1, 0), known(-100, 2), known(0, 1), known(-2, 1)],
  },
  { operator: 'Tile', opset: 13, title: 'some axes', inputs: [floats([2, 3, 2]), known(2, 1, 3)] },
  {
    operator: 'CumSum',
    opset: 14,
    title: 'backwards, small integer as axis',
    attributes: { reverse: { int: 1 }, exclusive: { int: 1 } },
    inputs: [floats([3, 4]), { shape: [], dtype: 'int32', draw: exactly(-1), known: true }],
  },
  {
    operator: 'DepthToSpace',
    opset: 13,
    title: 'columns first',
    attributes: { blocksize: { int: 2 }, mode: { string: 'CRD' } },
    inputs: [floats([2, 8, 2, 3])],
  },
  {
    operator: 'DepthToSpace',
    opset: 11,
    title: 'as usual',
    attributes: { blocksize: { int: 2 } },
    inputs: [floats([2, 8, 2, 3])],
  },
  {
    operator: 'SpaceToDepth',
    opset: 13,
    title: 'as usual',
    attributes: { blocksize: { int: 2 } },
    inputs: [floats([2, 3, 4, 6])],
  },
]
