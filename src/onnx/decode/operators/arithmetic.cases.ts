/** Test support: elementwise operators as files call them. */
import { distinct, exactly, positive } from '../../../graph/caseType.fixture.ts'
import type { NodeCase } from '../nodeModel.fixture.ts'
import { floats, known, knownFloats } from '../nodeModel.fixture.ts'

const three = [floats([2, 3], distinct), floats([3]), floats([2, 1])]

export const arithmeticCases: readonly NodeCase[] = [
  ...['Max', 'Min', 'Sum', 'Mean'].flatMap((operator): NodeCase[] => [
    { operator, opset: 13, title: 'three inputs, broadcast', inputs: three },
    { operator, opset: 8, title: 'one input', inputs: three.slice(0, 1) },
  ]),
  {
    operator: 'Clip',
    opset: 6,
    title: 'bounds as attributes',
    attributes: { min: { float: -0.3 }, max: { float: 0.4 } },
    inputs: [floats([3, 4], distinct)],
  },
  {
    operator: 'Clip',
    opset: 13,
    title: 'no upper bound',
    inputs: [floats([3, 4], distinct), { shape: [], draw: exactly(-0.3), known: true }],
  },
  { operator: 'Pow', opset: 15, title: 'whole exponents', inputs: [floats([2, 3]), known(0, 1, 3)] },
  {
    operator: 'Pow',
    opset: 15,
    title: 'a whole base, the exponent fractional',
    inputs: [{ ...known(4, 9, 2), known: false }, knownFloats(0.5, 1.5, 3)],
    smooth: false,
  },
  { operator: 'Pow', opset: 7, title: 'fractional exponents', inputs: [floats([2, 3], positive), floats([3])] },
  {
    operator: 'Mod',
    opset: 13,
    title: 'floats, sign of the first',
    attributes: { fmod: { int: 1 } },
    inputs: [floats([6], exactly(5.3, -5.3, 0.4, 7.1, -0.2, 4.9)), floats([6], exactly(2, 1.5, -3, 2, 2, -1.1))],
  },
  {
    operator: 'Mod',
    opset: 13,
    title: 'integers, sign of the second',
    inputs: [
      { ...known(7, -7, 7, -7, 6), known: false },
      { ...known(3, 3, -3, -3, 2), known: false },
    ],
    smooth: false,
  },
  {
    operator: 'IsNaN',
    opset: 20,
    title: 'some',
    inputs: [floats([3], exactly(1, Number.NaN, Infinity))],
    smooth: false,
  },
  ...['And', 'Or', 'Xor'].map(
    (operator): NodeCase => ({
      operator,
      opset: 7,
      title: 'all pairs',
      inputs: [
        { shape: [2, 1], dtype: 'bool', draw: exactly(0, 1) },
        { shape: [2], dtype: 'bool', draw: exactly(0, 1) },
      ],
      smooth: false,
    }),
  ),
]
