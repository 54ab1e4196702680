/** Test support: calls of the elementwise arithmetic operators and functions. */
import type { Draw, OperatorCase } from '../caseType.fixture.ts'
import { awayFromZero, distinct, exactly, positive } from '../caseType.fixture.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import {
  abs,
  add,
  ceil,
  cos,
  div,
  erf,
  exp,
  floor,
  log,
  mul,
  neg,
  pow,
  reciprocal,
  relu,
  round,
  sigmoid,
  sign,
  sin,
  softplus,
  sqrt,
  square,
  sub,
  tanh,
} from './elementwise.ts'

type Binary = (a: SymbolicTensor, b: SymbolicTensor) => SymbolicTensor
type Unary = (x: SymbolicTensor) => SymbolicTensor

/** The ways two shapes broadcast: equal, either side, both at once, a missing axis, a scalar, an empty axis. */
const PAIRS = [
  { title: 'equal shapes', a: [2, 3], b: [2, 3] },
  { title: 'second broadcast', a: [2, 3, 4], b: [3, 1] },
  { title: 'first broadcast', a: [1, 4], b: [3, 2, 4] },
  { title: 'both broadcast', a: [2, 1, 3], b: [1, 4, 1] },
  { title: 'scalar second', a: [5], b: [] },
  { title: 'scalar first', a: [], b: [2, 2] },
]

function binaryCases(operator: string, call: Binary, drawA?: Draw, drawB?: Draw): OperatorCase[] {
  return PAIRS.map(({ title, a, b }) => ({
    operator,
    title,
    inputs: { a: { shape: a, ...(drawA && { draw: drawA }) }, b: { shape: b, ...(drawB && { draw: drawB }) } },
    call: (named) => [call(named.a, named.b)],
  }))
}

function unaryCase(operator: string, call: Unary, draw?: Draw, title = 'a tensor'): OperatorCase {
  return { operator, title, inputs: { x: { shape: [2, 3, 3], ...(draw && { draw }) } }, call: ({ x }) => [call(x)] }
}

const integersCase = (operator: string, call: Binary): OperatorCase => ({
  operator,
  title: 'integers',
  inputs: {
    a: { shape: [6], dtype: 'int64', draw: exactly(7, -7, 6, 0, -1, 40) },
    b: { shape: [6], dtype: 'int64', draw: exactly(2, 2, -3, 5, 7, -6) },
  },
  call: ({ a, b }) => [call(a, b)],
})

const roundingDraw: Draw = exactly(-1.5, -1, -0.25, 0, 0.5, 2.75)
const roundingCase = (operator: string, call: Unary): OperatorCase => ({
  operator,
  title: 'both signs and whole numbers',
  inputs: { x: { shape: [6], draw: roundingDraw } },
  call: ({ x }) => [call(x)],
})

export const elementwiseCases: readonly OperatorCase[] = [
  ...binaryCases('Add', add),
  ...binaryCases('Sub', sub),
  ...binaryCases('Mul', mul),
  ...binaryCases('Div', div, undefined, awayFromZero),
  ...binaryCases('Pow', pow, positive),
  ...[add, sub, mul, div].map((call, i) => integersCase(['Add', 'Sub', 'Mul', 'Div'][i], call)),
  unaryCase('Mul', (x) => mul(x, x), undefined, 'a tensor with itself'),
  unaryCase('Add', (x) => add(2.5, x), undefined, 'a number first'),
  unaryCase('Pow', square, undefined, 'squares of both signs'),
  unaryCase('Pow', (x) => pow(x, 3), undefined, 'cubes of both signs'),
  unaryCase('Pow', (x) => pow(x, -0.5), positive, 'a negative fractional exponent'),
  unaryCase('Neg', neg),
  unaryCase('Exp', exp),
  unaryCase('Log', log, positive),
  unaryCase('Sqrt', sqrt, positive),
  unaryCase('Reciprocal', reciprocal, awayFromZero),
  unaryCase('Sin', sin),
  unaryCase('Cos', cos),
  unaryCase('Tanh', tanh),
  unaryCase('Sigmoid', sigmoid),
  unaryCase('Abs', abs, awayFromZero),
  unaryCase('Erf', erf),
  unaryCase('Relu', relu, distinct),
  unaryCase('Softplus', softplus),
  roundingCase('Sign', sign),
  roundingCase('Floor', floor),
  roundingCase('Ceil', ceil),
  roundingCase('Round', round),
  unaryCase(
    'Round',
    round,
    exactly(...[-4.5, -3.5, -2.5, -0.5, 0.4, 1.5, 2.4999, 6.5, 7.51].flatMap((x) => [x, -x])),
    'halves',
  ),
]
