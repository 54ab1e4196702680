/** Test support: choices among elements as files call them. */
import { distinct, exactly } from '../../../graph/caseType.fixture.ts'
import type { NodeCase } from '../nodeModel.fixture.ts'
import { floats, known } from '../nodeModel.fixture.ts'

const ties = floats([2, 5], exactly(1, 3, -2, 3, -2, 0, 0, 5, 5, 1))
const both = [true, true]
const bits = (...values: number[]) => ({
  shape: [values.length],
  dtype: 'bool' as const,
  draw: () => values,
  known: true,
})

export const choiceCases: readonly NodeCase[] = [
  ...['ArgMax', 'ArgMin'].flatMap((operator): NodeCase[] => [
    { operator, opset: 13, title: 'first of equals', attributes: { axis: { int: 1 } }, inputs: [ties], smooth: false },
    {
      operator,
      opset: 13,
      title: 'last of equals, axis gone',
      attributes: { axis: { int: -1 }, keepdims: { int: 0 }, select_last_index: { int: 1 } },
      inputs: [ties],
      smooth: false,
    },
    { operator, opset: 7, title: 'first axis', inputs: [floats([4, 3], distinct)], smooth: false },
  ]),
  { operator: 'TopK', opset: 11, title: 'as usual', inputs: [floats([3, 6], distinct), known(4)], outputs: both },
  {
    operator: 'TopK',
    opset: 11,
    title: 'smallest along the first axis',
    attributes: { axis: { int: 0 }, largest: { int: 0 }, sorted: { int: 1 } },
    inputs: [floats([5, 3], distinct), known(2)],
    outputs: both,
  },
  {
    operator: 'TopK',
    opset: 10,
    title: 'before it could be the smallest',
    inputs: [floats([3, 6], distinct), known(2)],
    outputs: both,
  },
  {
    operator: 'TopK',
    opset: 7,
    title: 'count as attribute',
    attributes: { k: { int: 3 }, axis: { int: 1 } },
    inputs: [floats([2, 5, 2], distinct)],
    outputs: both,
  },
  {
    operator: 'Hardmax',
    opset: 13,
    title: 'middle axis',
    attributes: { axis: { int: 1 } },
    inputs: [floats([2, 4, 3], distinct)],
    smooth: false,
  },
  { operator: 'Hardmax', opset: 11, title: 'rows', inputs: [floats([3, 4], distinct)], smooth: false },
  {
    operator: 'EyeLike',
    opset: 9,
    title: 'shifted, integers',
    attributes: { k: { int: 1 }, dtype: { int: 7 } },
    inputs: [floats([3, 5])],
    smooth: false,
  },
  {
    operator: 'EyeLike',
    opset: 22,
    title: 'below',
    attributes: { k: { int: -2 } },
    inputs: [floats([4, 3])],
    smooth: false,
  },
  ...[
    [1, 1],
    [1, 0],
    [0, 1],
    [0, 0],
  ].map(
    ([above, below]): NodeCase => ({
      operator: 'IsInf',
      opset: 20,
      title: `above ${above}, below ${below}`,
      attributes: { detect_positive: { int: above }, detect_negative: { int: below } },
      inputs: [floats([5], exactly(1, Infinity, -Infinity, Number.NaN, 0))],
      smooth: false,
    }),
  ),
  {
    operator: 'NonZero',
    opset: 13,
    title: 'of constants',
    inputs: [{ ...floats([2, 3], exactly(0, 1, 0, 2, 0, -1)), known: true }],
    smooth: false,
  },
  {
    operator: 'Compress',
    opset: 11,
    title: 'columns',
    attributes: { axis: { int: 1 } },
    inputs: [floats([2, 4]), bits(1, 0, 0, 1)],
  },
  { operator: 'Compress', opset: 9, title: 'of all elements', inputs: [floats([2, 3]), bits(0, 1, 1, 0, 0, 1)] },
]
