/** Known values, limits and conventions at kinks. (Derivatives elsewhere: `derivatives.test.ts`.) */
import { describe, expect, test } from 'vitest'
import { float32, int64, type Tensor } from '../../base/index.ts'
import { evaluateTensors } from '../evaluate.ts'
import { gradient } from '../gradient.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { constant, input } from '../symbolic.ts'
import { cast } from './cast.ts'
import { clip, leakyRelu, maximum, minimum } from './compare.ts'
import { abs, add, div, erf, relu, sigmoid, softplus, square } from './elementwise.ts'
import { gather, oneHot, scatterND } from './gather.ts'
import { argMax, logSumExp, reduceMax } from './reduce.ts'
import { slice } from './slice.ts'
import { logSoftmax } from './softmax.ts'
import { reduceSum } from './sum.ts'

const valuesOf = (value: SymbolicTensor, feeds: Record<string, Tensor> = {}) => [
  ...evaluateTensors([value], feeds)[0].data,
]
const vector = (...numbers: number[]) =>
  constant({ dtype: 'float64', shape: [numbers.length], data: Float64Array.from(numbers) })

/** Derivative of the sum of f at each of the numbers. */
function slopes(f: (x: SymbolicTensor) => SymbolicTensor, ...numbers: number[]): number[] {
  const x = input('x', [numbers.length])
  return valuesOf(gradient(reduceSum(f(x)), [x])[0], { x: float32(numbers) })
}

describe('values', () => {
  test('the error function to float64', () => {
    const known = [0, 0.5204998778130465, 0.8427007929497149, 0.9953222650189527, 0.999977909503001, 1]
    valuesOf(erf(vector(0, 0.5, 1, 2, 3, 7))).forEach((value, i) => {
      expect(value).toBeCloseTo(known[i], 14)
    })
    expect(valuesOf(erf(vector(-1)))[0]).toBeCloseTo(-0.8427007929497149, 15)
  })

  test('nothing overflows far out', () => {
    expect(valuesOf(sigmoid(vector(-800, 800)))).toEqual([0, 1])
    expect(valuesOf(softplus(vector(-800, 800)))).toEqual([0, 800])
    expect(valuesOf(logSumExp(vector(1e4, 1e4 - 1)))[0]).toBeCloseTo(1e4 + Math.log1p(Math.exp(-1)), 9)
    expect(valuesOf(logSoftmax(vector(-1e4, 1e4)))).toEqual([-2e4, 0])
  })

  test('a number takes the element type of its partner', () => {
    const i = constant(int64([7, -7]))
    expect(div(i, 2).dtype).toBe('int64')
    expect(valuesOf(div(i, 2))).toEqual([3, -3])
    expect(add(1, vector(1)).dtype).toBe('float64')
    expect(add(1, 2).dtype).toBe('float32')
    expect(() => add(i, 0.5)).toThrow(/must be an integer, got 0.5; cast the tensor/)
  })

  test('an index out of range is refused, or for a one-hot row all zeros', () => {
    const table = vector(1, 2, 3)
    expect(() => valuesOf(gather(table, constant(int64([3]))))).toThrow(/an index must be from -3 to 2, got 3/)
    expect(() => valuesOf(scatterND(table, constant(int64([-4], [1, 1])), vector(1)))).toThrow(/got -4/)
    expect(valuesOf(oneHot(constant(int64([3, -1])), 3))).toEqual([0, 0, 0, 0, 0, 1])
  })

  test('the first of equal maxima is taken', () => {
    expect(valuesOf(argMax(vector(1, 5, 5, 2), 0))).toEqual([1])
  })

  test('casts truncate, and any number but 0 is true', () => {
    expect(valuesOf(cast(vector(-1.9, 0.5, 2), 'int64'))).toEqual([-1, 0, 2])
    expect(valuesOf(cast(vector(-1.9, 0, 2), 'bool'))).toEqual([1, 0, 1])
  })

  test('a slice that takes nothing is empty', () => {
    expect(slice(vector(1, 2, 3), { axis: 0, start: 2, end: 1 }).shape).toEqual([0])
    expect(slopes((x) => slice(x, { axis: 0, start: 3, end: 1, step: 1 }), 1, 2, 3)).toEqual([0, 0, 0])
  })
})

describe('derivatives at kinks', () => {
  test('relu and abs have 0 at 0, a leaky relu its slope', () => {
    expect(slopes(relu, -1, 0, 2)).toEqual([0, 0, 1])
    expect(slopes(abs, -1, 0, 2)).toEqual([-1, 0, 1])
    expect(slopes((x) => leakyRelu(x, 0.25), -1, 0, 2)).toEqual([0.25, 0.25, 1])
  })

  test('clip passes the derivative inside and at its bounds', () => {
    expect(slopes((x) => clip(x, -1, 1), -2, -1, 0, 1, 2)).toEqual([0, 1, 1, 1, 0])
  })

  test('equal operands of a minimum or maximum give it to the first alone', () => {
    expect(slopes((x) => minimum(x, 1), 0, 1, 2)).toEqual([1, 1, 0])
    expect(slopes((x) => maximum(1, x), 0, 1, 2)).toEqual([0, 0, 1])
    expect(slopes((x) => maximum(x, x), 3)).toEqual([1])
  })

  test('equal maxima share it', () => {
    expect(slopes((x) => reduceMax(x), 4, 1, 4, 4)).toEqual([1 / 3, 0, 1 / 3, 1 / 3])
  })

  test('the square has one at 0', () => {
    expect(slopes(square, 0, -3)).toEqual([0, -6])
  })

  test('log-sum-exp has the softmax', () => {
    const [a, b] = slopes((x) => logSumExp(x), 1, 3)
    expect(a).toBeCloseTo(1 / (1 + Math.exp(2)), 12)
    expect(a + b).toBeCloseTo(1, 12)
  })
})
