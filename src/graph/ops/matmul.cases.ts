/** Test support: calls of matrix products and softmax. */
import type { OperatorCase } from '../caseType.fixture.ts'
import { attention, gemm, linear, matmul } from './matmul.ts'
import { logSoftmax, softmax } from './softmax.ts'

const product = (title: string, a: readonly number[], b: readonly number[]): OperatorCase => ({
  operator: 'MatMul',
  title,
  inputs: { a, b },
  call: (named) => [matmul(named.a, named.b)],
})

const turned = [
  { title: 'as they are', a: [3, 4], b: [4, 2], transposeA: false, transposeB: false },
  { title: 'first transposed', a: [4, 3], b: [4, 2], transposeA: true, transposeB: false },
  { title: 'second transposed', a: [3, 4], b: [2, 4], transposeA: false, transposeB: true },
  { title: 'both transposed', a: [4, 3], b: [2, 4], transposeA: true, transposeB: true },
]

export const matmulCases: readonly OperatorCase[] = [
  product('matrices', [3, 4], [4, 2]),
  product('a stack by one matrix', [2, 3, 4], [4, 5]),
  product('one matrix by a stack', [3, 4], [2, 4, 5]),
  product('two stacks', [2, 3, 2, 4], [2, 3, 4, 1]),
  product('stacks that broadcast', [2, 1, 3, 4], [5, 4, 2]),
  ...turned.map(
    ({ title, a, b, ...options }) =>
      ({
        operator: 'Gemm',
        title: `${title}, factors and a row to add`,
        inputs: { a, b, c: [2] },
        call: (named) => [gemm(named.a, named.b, { ...options, alpha: 0.5, beta: -1.5, c: named.c })],
      }) satisfies OperatorCase,
  ),
  {
    operator: 'Gemm',
    title: 'a column to add',
    inputs: { a: [3, 4], b: [4, 2], c: [3, 1] },
    call: ({ a, b, c }) => [gemm(a, b, { c })],
  },
  {
    operator: 'Gemm',
    title: 'linear layer with a bias on a stack',
    inputs: { x: [2, 3, 4], weight: [5, 4], bias: [5] },
    call: ({ x, weight, bias }) => [linear(x, weight, bias)],
  },
  {
    operator: 'Gemm',
    title: 'linear layer without a bias on a vector',
    inputs: { x: [4], weight: [3, 4] },
    call: ({ x, weight }) => [linear(x, weight)],
  },
  { operator: 'Softmax', title: 'last axis', inputs: { x: [3, 5] }, call: ({ x }) => [softmax(x)] },
  { operator: 'Softmax', title: 'middle axis', inputs: { x: [2, 4, 3] }, call: ({ x }) => [softmax(x, 1)] },
  {
    operator: 'Softmax',
    title: 'attention with two heads',
    inputs: { q: [2, 3, 4], k: [2, 5, 4], v: [2, 5, 2] },
    call: ({ q, k, v }) => [attention(q, k, v)],
  },
  { operator: 'LogSoftmax', title: 'last axis', inputs: { x: [3, 5] }, call: ({ x }) => [logSoftmax(x)] },
  { operator: 'LogSoftmax', title: 'first axis', inputs: { x: [4, 2, 3] }, call: ({ x }) => [logSoftmax(x, 0)] },
]
