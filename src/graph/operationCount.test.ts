/** Counts against sums over what each operator reads, and against counts by hand. */
import { expect, test } from 'vitest'
import type { Shape } from '../base/index.ts'
import { sizeOf } from '../base/index.ts'
import type { Named, SymbolicTensor } from './index.ts'
import { conv, convTranspose, gemm, gradient, matmul, reduceSum, square, trace, transpose } from './index.ts'
import { operationCount } from './operationCount.ts'

const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const
const counted = (shapes: Record<string, Shape>, f: (inputs: Named) => SymbolicTensor) =>
  operationCount(
    trace(Object.fromEntries(Object.entries(shapes).map(([k, s]) => [k, float(...s)])), (i) => ({ y: f(i) })),
  )

test('convolutions: a multiply-add per output element, channel of its group and tap', () => {
  const dense = counted({ x: [2, 4, 7, 5], w: [6, 4, 3, 2] }, ({ x, w }) => conv(x, w, { padding: 1, strides: [2, 1] }))
  // [2, 6, 4, 6], 24 numbers of a filter each
  expect(dense).toBe(2 * sizeOf([2, 6, 4, 6]) * 24)
  const depthwise = counted({ x: [2, 4, 8, 8], w: [4, 1, 3, 3] }, ({ x, w }) => conv(x, w, { padding: 1, groups: 4 }))
  expect(depthwise).toBe(2 * sizeOf([2, 4, 8, 8]) * 9)
  const back = counted({ x: [2, 6, 4, 4], w: [6, 2, 3, 3] }, ({ x, w }) =>
    convTranspose(x, w, { strides: 2, groups: 2 }),
  )
  expect(back).toBe(2 * sizeOf([2, 6, 4, 4]) * 18)
})

test('matrix products, each way round', () => {
  expect(counted({ a: [5, 2, 3], b: [3, 7] }, ({ a, b }) => matmul(a, b))).toBe(2 * 5 * 2 * 3 * 7)
  expect(counted({ a: [3, 2], b: [7, 3] }, ({ a, b }) => gemm(a, b, { transposeA: true, transposeB: true }))).toBe(84)
  expect(counted({ a: [2, 3] }, ({ a }) => transpose(a, [1, 0]))).toBe(0)
})

test('a loss of a convolution: both derivatives cost what the convolution costs, one that is not wanted nothing', () => {
  const shapes = { x: float(3, 4, 6, 6), w: float(8, 2, 3, 3) }
  const loss = ({ x, w }: Named<'x' | 'w'>) => reduceSum(square(conv(x, w, { padding: 1, groups: 2 })))
  const forward = operationCount(trace(shapes, (inputs) => ({ y: loss(inputs) })))
  const both = operationCount(
    trace(shapes, (inputs) => {
      const [dx, dw] = gradient(loss(inputs), [inputs.x, inputs.w])
      return { dx, dw }
    }),
  )
  const one = operationCount(
    trace(shapes, (inputs) => {
      const [dx] = gradient(loss(inputs), [inputs.x])
      return { dx }
    }),
  )
  expect([both / forward, one / forward]).toEqual([3, 2])
})
