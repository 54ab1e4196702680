import { describe, expect, test } from 'vitest'
import { float32 } from '../../base/index.ts'
import { evaluateTensors } from '../evaluate.ts'
import { gradient } from '../gradient.ts'
import { constant, input } from '../symbolic.ts'
import { mul } from './elementwise.ts'
import { averagePool, globalAveragePool, maxPool } from './pool.ts'
import { reduceSum } from './sum.ts'

const x = constant(float32([1, 5, 2, 4, 3, 9, 8, 7, 6], [1, 1, 3, 3]))

describe('averagePool', () => {
  test('averages the real elements a window sees, or all its taps', () => {
    const options = { kernel: 2, strides: 1, padding: [1, 0, 0, 1] }
    const [real, all] = evaluateTensors([averagePool(x, options), averagePool(x, { ...options, countPadding: true })])
    expect([...real.data]).toEqual([3, 3.5, 2, 13 / 4, 19 / 4, 5.5, 22 / 4, 25 / 4, 7.5])
    expect([...all.data]).toEqual([1.5, 7 / 4, 0.5, 13 / 4, 19 / 4, 11 / 4, 22 / 4, 25 / 4, 15 / 4])
  })

  test('the strides default to the kernel', () => {
    const [y] = evaluateTensors([averagePool(x, { kernel: [3, 1] })])
    expect(y.shape).toEqual([1, 1, 1, 3])
    y.data.forEach((value, i) => {
      expect(value).toBeCloseTo([13 / 3, 5, 17 / 3][i], 12)
    })
  })
})

describe('maxPool', () => {
  test('takes the largest, and its derivative goes there, summed where windows share it', () => {
    const y = maxPool(x, { kernel: 2, strides: 1, padding: [0, 1, 0, 0] })
    const weights = constant(float32([1, 2, 3, 4, 5, 6], [1, 1, 2, 3]))
    const [values, slopes] = evaluateTensors([y, ...gradient(reduceSum(mul(y, weights)), [x])])
    expect([...values.data]).toEqual([4, 5, 9, 8, 8, 9])
    expect([...slopes.data]).toEqual([0, 2, 0, 1, 0, 9, 9, 0, 0])
  })

  test('padding never wins, and the first of equals does', () => {
    const flat = constant(float32([-1, -1, -1, -1], [1, 1, 2, 2]))
    const y = maxPool(flat, { kernel: 2, strides: 1, padding: 1 })
    const [values, slopes] = evaluateTensors([y, ...gradient(reduceSum(y), [flat])])
    expect([...values.data]).toEqual(new Array(9).fill(-1))
    expect([...slopes.data]).toEqual([4, 2, 2, 1])
  })
})

test('globalAveragePool is the mean of each plane', () => {
  const planes = constant(float32([1, 2, 3, 6, -1, 0, 1, 2], [1, 2, 2, 2]))
  expect([...evaluateTensors([globalAveragePool(planes)])[0].data]).toEqual([3, 0.5])
})

test('shape errors say what must hold', () => {
  const image = input('x', [1, 2, 4, 4])
  expect(() => averagePool(image, { kernel: 2, padding: 2 })).toThrow(/padding \[2,2,2,2\] must be below the kernel/)
  expect(() => maxPool(image, { kernel: 5 })).toThrow(/a window of 5 does not fit the padded input of 4/)
  expect(() => averagePool(image, { kernel: [2, 2, 2] })).toThrow(/the kernel needs 2 spatial extents/)
  expect(() => globalAveragePool(input('x', [3, 4]))).toThrow(/must be \[batch, channels, ...spatial\]/)
})
