import vm from 'node:vm'
import { describe, expect, test } from 'vitest'
import { BilevelError } from '../base/index.ts'
import type { SymbolicTensor } from './index.ts'
import {
  add,
  and,
  argMax,
  attention,
  clip,
  concat,
  cumSum,
  exp,
  expand,
  gather,
  gatherElements,
  gatherND,
  gemm,
  input,
  matmul,
  oneHot,
  pad,
  reduceSum,
  reshape,
  scatterElements,
  scatterND,
  slice,
  softmax,
  split,
  transpose,
  where,
} from './index.ts'

const x = input('x', [2, 3])
const y = input('y', [4, 3])
const i = input('i', [2], 'int64')

const wrongCalls: [string, () => SymbolicTensor | SymbolicTensor[], RegExp][] = [
  ['Add', () => add(x, y), /^Add\(float32\[2,3\], float32\[4,3\]\): shapes \[2,3\] and \[4,3\] do not broadcast/],
  ['Add types', () => add(x, i), /^Add\(float32\[2,3\], int64\[2\]\): both inputs must have the same element type/],
  ['And', () => and(x, x), /the inputs must be bool/],
  ['Exp', () => exp(i), /the input must be float/],
  ['Where', () => where(x, x, x), /the condition must be bool/],
  ['Clip', () => clip(x, 1, -1), /the lower bound must not be above the upper one, got 1 and -1/],
  ['ReduceSum axis', () => reduceSum(x, [2]), /an axis of a rank 2 tensor is an integer from -2 to 1, got 2/],
  ['ReduceSum twice', () => reduceSum(x, [1, -1]), /each axis must come once/],
  ['ArgMax', () => argMax(x, 5), /an axis of a rank 2 tensor/],
  ['CumSum', () => cumSum(x, -3), /an axis of a rank 2 tensor/],
  ['Softmax', () => softmax(x, 2), /an axis of a rank 2 tensor/],
  ['Reshape', () => reshape(x, [4, -1]), /6 elements of \[2,3\] do not fit shape \[4,-1\]/],
  ['Reshape two open', () => reshape(x, [-1, -1]), /do not fit shape/],
  ['Reshape negative', () => reshape(x, [-2, 3]), /extents are integers of at least 0/],
  ['Transpose', () => transpose(x, [0, 0]), /must hold each axis from 0 to 1 once, got \[0,0\]/],
  ['Expand', () => expand(x, [5, 3]), /do not broadcast/],
  ['Slice', () => slice(x, { axis: 0, step: 0 }), /a step must be an integer other than 0/],
  ['Concat', () => concat([x, y], 1), /the same extents but along axis 1/],
  ['Split', () => split(x, [1, 1], 1), /the sizes must add up to 3, the extent of axis 1, got \[1,1\]/],
  ['Pad', () => pad(x, { before: [0, -1], after: [0, 0] }), /must hold 2 integers of at least 0 each/],
  ['Gather', () => gather(x, y), /the indices must be int64/],
  ['GatherElements', () => gatherElements(x, i, 0), /the rank of the input/],
  ['GatherND', () => gatherND(x, input('k', [2, 3], 'int64')), /must have from 1 to 2 entries/],
  ['ScatterElements', () => scatterElements(x, input('k', [1, 3], 'int64'), y), /the updates must have the shape/],
  ['ScatterND', () => scatterND(x, input('k', [2, 1], 'int64'), y), /the updates must have shape \[2,3\]/],
  ['OneHot', () => oneHot(i, 0), /the depth must be at least 1, got 0/],
  ['MatMul', () => matmul(x, y), /the columns of the first \(3\) must be as many as the rows of the second \(4\)/],
  ['MatMul rank', () => matmul(x, input('v', [3])), /both inputs must be matrices/],
  ['Gemm', () => gemm(x, y), /the inner extents must be equal, got 3 and 4/],
]

describe('a wrong call', () => {
  test.each(wrongCalls)('%s says what must hold', (_, call, message) => {
    const error = caught(call)
    expect(error).toBeInstanceOf(BilevelError)
    expect((error as BilevelError).code).toBe('graph.shape')
    expect((error as BilevelError).message).toMatch(message)
  })

  test.each([
    ['an operator', matmul, [x, y]],
    ['a composed function', attention, [x, input('k', [4, 2]), y]],
    [
      'an operator deep in a function that calls itself',
      (a: SymbolicTensor, b: SymbolicTensor) => nested(30, a, b),
      [x, y],
    ],
  ])("of %s names the line of the user's function", (_, call, operands) => {
    const source = '(call, operands) => {\n  const before = 1\n  return call(...operands)\n}'
    const user = vm.runInThisContext(source, { filename: '/home/user/network.js' })
    expect(String(caught(() => user(call, operands)))).toMatch(/\(at \/home\/user\/network\.js:3:10\)$/)
  })
})

test('an input of impossible shape is refused by name', () => {
  expect(() => input('image', [2, -1])).toThrow(/input 'image': extents must be integers of at least 0, got \[2,-1\]/)
  expect(() => input('image', [1.5])).toThrow(/got \[1.5\]/)
})

function nested(depth: number, a: SymbolicTensor, b: SymbolicTensor): SymbolicTensor {
  return depth === 0 ? matmul(a, b) : nested(depth - 1, a, b)
}

function caught(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  return undefined
}
