/** Test support: calls that read and write by index. */
import type { OperatorCase } from '../caseType.fixture.ts'
import { exactly, integersBelow } from '../caseType.fixture.ts'
import { gather, gatherElements, gatherND, oneHot, scatterAdd, scatterElements, scatterND } from './gather.ts'

const indices = (shape: readonly number[], ...numbers: number[]) =>
  ({ shape, dtype: 'int64', draw: exactly(...numbers) }) as const

export const gatherCases: readonly OperatorCase[] = [
  {
    operator: 'Gather',
    title: 'repeated rows of a table',
    inputs: { x: [5, 3], i: indices([7], 4, 0, 0, 2, 4, 4, 1) },
    call: ({ x, i }) => [gather(x, i)],
  },
  {
    operator: 'Gather',
    title: 'middle axis, matrix of indices, from the back',
    inputs: { x: [2, 4, 3], i: indices([2, 3], -1, 0, 2, 2, -4, 1) },
    call: ({ x, i }) => [gather(x, i, 1)],
  },
  {
    operator: 'Gather',
    title: 'a single row',
    inputs: { x: [3, 2], i: indices([], 1) },
    call: ({ x, i }) => [gather(x, i)],
  },
  {
    operator: 'Gather',
    title: 'last axis',
    inputs: { x: [2, 5], i: { shape: [6], dtype: 'int64', draw: integersBelow(5) } },
    call: ({ x, i }) => [gather(x, i, -1)],
  },
  {
    operator: 'GatherElements',
    title: 'first axis, repeated',
    inputs: { x: [3, 2], i: indices([4, 2], 0, 2, 1, 2, 0, -1, 2, 0) },
    call: ({ x, i }) => [gatherElements(x, i, 0)],
  },
  {
    operator: 'GatherElements',
    title: 'class of each row',
    inputs: { x: [3, 4], i: indices([3, 1], 2, 0, 3) },
    call: ({ x, i }) => [gatherElements(x, i, -1)],
  },
  {
    operator: 'ScatterElements',
    title: 'replace along the last axis',
    inputs: { x: [2, 4], i: indices([2, 2], 1, 3, 0, -2), u: [2, 2] },
    call: ({ x, i, u }) => [scatterElements(x, i, u, { axis: 1 })],
  },
  {
    operator: 'ScatterElements',
    title: 'add, repeated',
    inputs: { x: [3, 2], i: indices([4, 2], 0, 2, 1, 2, 0, 1, 0, 2), u: [4, 2] },
    call: ({ x, i, u }) => [scatterElements(x, i, u, { axis: 0, reduction: 'add' })],
  },
  {
    operator: 'ScatterElements',
    title: 'rows added along the middle axis',
    inputs: { x: [2, 3, 2], i: indices([4], 0, 2, 2, 2), u: [2, 4, 2] },
    call: ({ x, i, u }) => [scatterAdd(x, i, u, 1)],
  },
  {
    operator: 'ScatterND',
    title: 'replace single elements',
    inputs: { x: [3, 4], i: indices([2, 2], 0, 3, 2, 1), u: [2] },
    call: ({ x, i, u }) => [scatterND(x, i, u)],
  },
  {
    operator: 'ScatterND',
    title: 'rows added, repeated',
    inputs: { x: [4, 3], i: indices([6], 1, 3, 1, 1, 0, 3), u: [6, 3] },
    call: ({ x, i, u }) => [scatterAdd(x, i, u)],
  },
  {
    operator: 'GatherND',
    title: 'rows by two indices',
    inputs: { x: [2, 3, 4], i: indices([2, 2, 2], 0, 0, 1, 2, 1, 2, -1, -3) },
    call: ({ x, i }) => [gatherND(x, i)],
  },
  {
    operator: 'OneHot',
    title: 'classes',
    inputs: { i: indices([2, 3], 0, 3, 1, 2, -1, 0) },
    call: ({ i }) => [oneHot(i, 4)],
  },
]
