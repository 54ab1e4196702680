/** Test support: calls of comparisons, logic, choice and limits. */
import type { OperatorCase } from '../caseType.fixture.ts'
import { distinct, exactly, integersBelow } from '../caseType.fixture.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import {
  and,
  clip,
  elu,
  equal,
  greater,
  greaterOrEqual,
  leakyRelu,
  less,
  lessOrEqual,
  maximum,
  minimum,
  not,
  or,
  where,
} from './compare.ts'

const bits = integersBelow(2)

function comparison(operator: string, call: (a: SymbolicTensor, b: SymbolicTensor) => SymbolicTensor): OperatorCase[] {
  return [
    {
      operator,
      title: 'with ties, broadcast',
      inputs: { a: { shape: [3, 4], draw: integersBelow(3) }, b: { shape: [4], draw: integersBelow(3) } },
      call: ({ a, b }) => [call(a, b)],
    },
    {
      operator,
      title: 'integers',
      inputs: {
        a: { shape: [5], dtype: 'int64', draw: exactly(-2, 0, 3, 3, 9) },
        b: { shape: [], dtype: 'int64', draw: exactly(3) },
      },
      call: ({ a, b }) => [call(a, b)],
    },
  ]
}

function logic(operator: string, call: (a: SymbolicTensor, b: SymbolicTensor) => SymbolicTensor): OperatorCase {
  return {
    operator,
    title: 'all combinations',
    inputs: {
      a: { shape: [2, 1], dtype: 'bool', draw: exactly(0, 1) },
      b: { shape: [2], dtype: 'bool', draw: exactly(0, 1) },
    },
    call: ({ a, b }) => [call(a, b)],
  }
}

const apart = { shape: [3, 4], draw: distinct }
/** Off the grid of `distinct`, so that no two numbers are equal. */
const between = { shape: [4], draw: exactly(-0.31, 0.12, 0.57, -0.09) }

export const compareCases: readonly OperatorCase[] = [
  ...comparison('Less', less),
  ...comparison('LessOrEqual', lessOrEqual),
  ...comparison('Greater', greater),
  ...comparison('GreaterOrEqual', greaterOrEqual),
  ...comparison('Equal', equal),
  logic('And', and),
  logic('Or', or),
  {
    operator: 'Not',
    title: 'both values',
    inputs: { a: { shape: [2, 3], dtype: 'bool', draw: bits } },
    call: ({ a }) => [not(a)],
  },
  {
    operator: 'Where',
    title: 'all three broadcast',
    inputs: { condition: { shape: [2, 1, 4], dtype: 'bool', draw: bits }, a: [3, 1], b: [4] },
    call: ({ condition, a, b }) => [where(condition, a, b)],
  },
  {
    operator: 'Where',
    title: 'a number as second choice',
    inputs: { condition: { shape: [3], dtype: 'bool', draw: exactly(1, 0, 1) }, a: [2, 3] },
    call: ({ condition, a }) => [where(condition, a, -1.5)],
  },
  { operator: 'Min', title: 'broadcast', inputs: { a: apart, b: between }, call: ({ a, b }) => [minimum(a, b)] },
  { operator: 'Max', title: 'broadcast', inputs: { a: between, b: apart }, call: ({ a, b }) => [maximum(a, b)] },
  { operator: 'Max', title: 'a number', inputs: { a: apart }, call: ({ a }) => [maximum(a, 0.1)] },
  { operator: 'LeakyRelu', title: 'slope 0.3', inputs: { x: apart }, call: ({ x }) => [leakyRelu(x, 0.3)] },
  { operator: 'LeakyRelu', title: 'default slope', inputs: { x: apart }, call: ({ x }) => [leakyRelu(x)] },
  { operator: 'Elu', title: 'factor 0.7', inputs: { x: apart }, call: ({ x }) => [elu(x, 0.7)] },
  {
    operator: 'Elu',
    title: 'far from zero',
    inputs: { x: { shape: [4], draw: exactly(-200, -12, 9, 300) } },
    call: ({ x }) => [elu(x)],
  },
  { operator: 'Clip', title: 'both bounds', inputs: { x: apart }, call: ({ x }) => [clip(x, -0.3, 0.4)] },
  { operator: 'Clip', title: 'no lower bound', inputs: { x: apart }, call: ({ x }) => [clip(x, -Infinity, 0.1)] },
  { operator: 'Clip', title: 'no upper bound', inputs: { x: apart }, call: ({ x }) => [clip(x, -0.1, Infinity)] },
  {
    operator: 'Clip',
    title: 'bounds as tensors',
    inputs: { x: apart, low: { shape: [], draw: exactly(-0.3) }, high: { shape: [], draw: exactly(0.4) } },
    call: ({ x, low, high }) => [clip(x, low, high)],
  },
]
