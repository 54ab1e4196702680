/** Test support: convolutions and pooling as files call them. */
import { distinct } from '../../../graph/caseType.fixture.ts'
import type { NodeAttribute, NodeCase } from '../nodeModel.fixture.ts'
import { floats } from '../nodeModel.fixture.ts'

/** Numbers, lists of them and words as attributes. */
function attributesOf(
  values: Readonly<Record<string, number | string | readonly number[]>>,
): Record<string, NodeAttribute> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === 'number' ? { int: value } : typeof value === 'string' ? { string: value } : { ints: value },
    ]),
  )
}

type Values = Parameters<typeof attributesOf>[0]

const conv = (title: string, x: readonly number[], w: readonly number[], values: Values, opset = 11): NodeCase => ({
  operator: 'Conv',
  opset,
  title,
  attributes: attributesOf(values),
  inputs: [floats(x), floats(w), floats([w[0]])],
})

const transposed = (title: string, x: readonly number[], w: readonly number[], values: Values): NodeCase => ({
  operator: 'ConvTranspose',
  opset: 11,
  title,
  attributes: attributesOf(values),
  inputs: [floats(x), floats(w)],
})

const pool = (operator: string, opset: number, title: string, x: readonly number[], values: Values): NodeCase => ({
  operator,
  opset,
  title,
  attributes: attributesOf(values),
  inputs: [floats(x, distinct)],
})

export const convolutionCases: readonly NodeCase[] = [
  ...['SAME_UPPER', 'SAME_LOWER', 'VALID'].flatMap((auto_pad): NodeCase[] => [
    conv(auto_pad, [1, 2, 7, 6], [3, 2, 3, 4], { auto_pad, strides: [2, 3] }),
    pool('MaxPool', 12, auto_pad, [1, 2, 7, 6], { auto_pad, kernel_shape: [3, 4], strides: [2, 3] }),
    pool('AveragePool', 11, auto_pad, [1, 2, 7, 6], { auto_pad, kernel_shape: [3, 4], strides: [2, 3] }),
  ]),
  conv(
    'one spatial axis, groups, dilated',
    [2, 4, 9],
    [6, 2, 3],
    { group: 2, dilations: [2], pads: [1, 2], kernel_shape: [3] },
    22,
  ),
  conv('three spatial axes', [1, 2, 3, 4, 3], [2, 2, 2, 2, 2], { pads: [0, 1, 0, 1, 0, 1] }),
  transposed('SAME_UPPER', [1, 2, 3, 4], [2, 3, 3, 4], { auto_pad: 'SAME_UPPER', strides: [2, 3] }),
  transposed('SAME_LOWER', [1, 2, 3, 4], [2, 3, 3, 4], { auto_pad: 'SAME_LOWER', strides: [2, 3] }),
  transposed('extents of the output', [1, 2, 3, 3], [2, 3, 3, 3], { output_shape: [6, 8], strides: [2, 3] }),
  transposed('groups, output padding', [1, 4, 3, 3], [4, 2, 3, 3], {
    group: 2,
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    output_padding: [1, 0],
  }),
  transposed('one spatial axis, dilated', [2, 3, 5], [3, 2, 3], { dilations: [2], strides: [3], pads: [1, 0] }),
  transposed('an output beyond the windows', [1, 1, 3, 3], [1, 2, 3, 3], { output_shape: [10, 8], strides: [3, 2] }),
  pool('MaxPool', 12, 'hangs over the end', [1, 2, 6, 7], {
    kernel_shape: [3, 3],
    strides: [2, 2],
    ceil_mode: 1,
    pads: [1, 0, 0, 1],
  }),
  pool('MaxPool', 12, 'a last window that would begin outside', [1, 1, 5, 6], {
    kernel_shape: [2, 2],
    strides: [3, 3],
    ceil_mode: 1,
    pads: [1, 1, 1, 1],
  }),
  pool('MaxPool', 12, 'dilated', [1, 2, 7, 7], { kernel_shape: [2, 3], dilations: [3, 2] }),
  pool('MaxPool', 8, 'one spatial axis', [2, 2, 9], { kernel_shape: [4], strides: [2] }),
  pool('AveragePool', 19, 'hangs over the end', [1, 2, 6, 7], {
    kernel_shape: [3, 3],
    strides: [2, 2],
    ceil_mode: 1,
    pads: [1, 0, 0, 1],
  }),
  pool('AveragePool', 19, 'hangs over the end, padding counted', [1, 2, 6, 8], {
    kernel_shape: [3, 3],
    strides: [2, 2],
    ceil_mode: 1,
    count_include_pad: 1,
    pads: [1, 0, 1, 1],
  }),
  pool('AveragePool', 19, 'dilated', [1, 2, 7, 8], { kernel_shape: [2, 3], dilations: [2, 2], pads: [1, 1, 0, 1] }),
  pool('AveragePool', 19, 'dilated, padding counted', [1, 2, 7, 8], {
    kernel_shape: [2, 3],
    dilations: [2, 2],
    pads: [1, 1, 0, 1],
    count_include_pad: 1,
  }),
  pool('LpPool', 18, 'as usual', [1, 2, 5, 6], { kernel_shape: [2, 3], strides: [1, 2] }),
  pool('LpPool', 11, 'sums of absolute values, padded', [1, 2, 5, 6], {
    kernel_shape: [2, 3],
    p: 1,
    pads: [1, 1, 0, 1],
  }),
  pool('GlobalLpPool', 2, 'cubes', [2, 3, 4, 2], { p: 3 }),
  pool('GlobalMaxPool', 1, 'as usual', [2, 3, 4, 2], {}),
  pool('GlobalAveragePool', 1, 'one spatial axis', [2, 3, 5], {}),
]
