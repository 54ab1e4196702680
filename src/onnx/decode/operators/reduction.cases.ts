/** Test support: reductions as files call them. */
import { distinct, exactly, positive } from '../../../graph/caseType.fixture.ts'
import type { NodeCase } from '../nodeModel.fixture.ts'
import { floats, known } from '../nodeModel.fixture.ts'

const OPERATORS = ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'Sum', 'SumSquare']

export const reductionCases: readonly NodeCase[] = [
  ...OPERATORS.flatMap((name): NodeCase[] => {
    const operator = `Reduce${name}`
    const x = floats([3, 2, 4], name === 'LogSum' ? positive : distinct)
    return [
      {
        operator,
        opset: 11,
        title: 'axes as attribute',
        attributes: { axes: { ints: [0, -1] }, keepdims: { int: 0 } },
        inputs: [x],
      },
      { operator, opset: 18, title: 'axes as input', inputs: [x, known(1)] },
      { operator, opset: 18, title: 'all axes', attributes: { keepdims: { int: 0 } }, inputs: [x] },
      { operator, opset: 18, title: 'no axes', attributes: { noop_with_empty_axes: { int: 1 } }, inputs: [x, known()] },
    ]
  }),
  { operator: 'ReduceSum', opset: 13, title: 'axes as input, two of three', inputs: [floats([3, 2, 4]), known(-1, 0)] },
  {
    operator: 'ReduceProd',
    opset: 13,
    title: 'a factor of 0',
    attributes: { axes: { ints: [1] } },
    inputs: [floats([2, 5], exactly(1, 2, 0, 3, 4, 0, 2, -1, 0.5, 0))],
  },
  {
    operator: 'ReduceProd',
    opset: 18,
    title: 'integers',
    inputs: [{ ...known(2, 3, -4, 5, 1), known: false }, known(0)],
    smooth: false,
  },
  ...['ReduceMax', 'ReduceMin'].map(
    (operator): NodeCase => ({
      operator,
      opset: 20,
      title: 'truths',
      inputs: [{ shape: [2, 3], dtype: 'bool', draw: exactly(0, 1, 0, 1, 1, 1) }, known(1)],
      smooth: false,
    }),
  ),
]
