/** Test support: calls of reductions and running sums. */
import type { OperatorCase } from '../caseType.fixture.ts'
import { distinct } from '../caseType.fixture.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { cumSum } from './cumsum.ts'
import { argMax, logSumExp, reduceMax, reduceMean, reduceMin } from './reduce.ts'
import { reduceSum } from './sum.ts'

type Reduce = (x: SymbolicTensor, axes?: readonly number[], keepDims?: boolean) => SymbolicTensor

function reductionCases(operator: string, call: Reduce): OperatorCase[] {
  const x = { shape: [2, 3, 4], draw: distinct }
  return [
    { operator, title: 'all axes', inputs: { x }, call: (named) => [call(named.x)] },
    { operator, title: 'all axes kept', inputs: { x }, call: (named) => [call(named.x, undefined, true)] },
    { operator, title: 'middle axis', inputs: { x }, call: (named) => [call(named.x, [1])] },
    { operator, title: 'outer axes, unordered', inputs: { x }, call: (named) => [call(named.x, [-1, 0], true)] },
    { operator, title: 'axis of one', inputs: { x: [3, 1, 2] }, call: (named) => [call(named.x, [1])] },
  ]
}

export const reduceCases: readonly OperatorCase[] = [
  ...reductionCases('ReduceSum', reduceSum),
  ...reductionCases('ReduceMean', reduceMean),
  ...reductionCases('ReduceMax', reduceMax),
  ...reductionCases('ReduceMin', reduceMin),
  { operator: 'ReduceMax', title: 'log-sum-exp', inputs: { x: [3, 5] }, call: ({ x }) => [logSumExp(x, [1])] },
  { operator: 'ArgMax', title: 'middle axis', inputs: { x: [2, 5, 3] }, call: ({ x }) => [argMax(x, 1)] },
  { operator: 'ArgMax', title: 'last axis kept', inputs: { x: [4, 6] }, call: ({ x }) => [argMax(x, -1, true)] },
  { operator: 'CumSum', title: 'first axis', inputs: { x: [4, 3] }, call: ({ x }) => [cumSum(x, 0)] },
  {
    operator: 'CumSum',
    title: 'middle axis, exclusive, reverse',
    inputs: { x: [2, 4, 3] },
    call: ({ x }) => [cumSum(x, 1, { exclusive: true, reverse: true })],
  },
  {
    operator: 'CumSum',
    title: 'last axis, exclusive',
    inputs: { x: [3, 5] },
    call: ({ x }) => [cumSum(x, -1, { exclusive: true })],
  },
  { operator: 'CumSum', title: 'reverse', inputs: { x: [6] }, call: ({ x }) => [cumSum(x, 0, { reverse: true })] },
]
