import { describe, expect, test } from 'vitest'
import type { Shape } from '../../base/index.ts'
import { float32, randomStream, sizeOf } from '../../base/index.ts'
import { evaluateTensors } from '../evaluate.ts'
import { gradient } from '../gradient.ts'
import { constant, input } from '../symbolic.ts'
import { mul } from './elementwise.ts'
import { batchNorm, batchNormTraining } from './normBatch.ts'
import { groupNorm, instanceNorm } from './normGroup.ts'
import { layerNorm } from './normLayer.ts'
import { reduceSum } from './sum.ts'

const drawn = (shape: Shape, item: number, mean = 0, deviation = 1) => {
  const numbers = randomStream({ seed: 9, purpose: 'norm', item }).normal(new Float32Array(sizeOf(shape)))
  return float32(
    numbers.map((value) => mean + deviation * value),
    shape,
  )
}

function moments(values: ArrayLike<number>) {
  const list = Array.from(values)
  const mean = list.reduce((sum, value) => sum + value, 0) / list.length
  return { mean, variance: list.reduce((sum, value) => sum + (value - mean) ** 2, 0) / list.length }
}

describe('groupNorm', () => {
  const x = drawn([2, 6, 4, 5], 0, -4, 3)

  test('each group of each image has mean 0 and variance v / (v + epsilon)', () => {
    const [y] = evaluateTensors([groupNorm(constant(x), { groups: 3, epsilon: 0.5 })])
    for (let start = 0; start < y.data.length; start += 40) {
      const { variance } = moments(x.data.subarray(start, start + 40))
      const after = moments(y.data.subarray(start, start + 40))
      expect(Math.abs(after.mean)).toBeLessThan(1e-12)
      expect(after.variance).toBeCloseTo(variance / (variance + 0.5), 10)
    }
  })

  test('scale and bias act per channel', () => {
    const scale = constant(float32([1, 2, 3, 4, 5, 6]))
    const bias = constant(float32([6, 5, 4, 3, 2, 1]))
    const [plain, scaled] = evaluateTensors([
      groupNorm(constant(x), { groups: 2 }),
      groupNorm(constant(x), { groups: 2, scale, bias }),
    ])
    plain.data.forEach((value, i) => {
      const channel = Math.floor(i / 20) % 6
      expect(scaled.data[i]).toBeCloseTo(value * (channel + 1) + 6 - channel, 10)
    })
  })

  test('with a group per channel it is instance normalisation, with one it is layer normalisation of the image', () => {
    const [instance, perChannel] = evaluateTensors([instanceNorm(constant(x)), groupNorm(constant(x), { groups: 6 })])
    expect(instance.data).toEqual(perChannel.data)
    const [whole, layer] = evaluateTensors([groupNorm(constant(x), { groups: 1 }), layerNorm(constant(x), { axis: 1 })])
    whole.data.forEach((value, i) => {
      expect(value).toBeCloseTo(layer.data[i], 10)
    })
  })

  test('errors say what must hold', () => {
    expect(() => groupNorm(input('x', [2, 6, 4, 4]), { groups: 4 })).toThrow(/groups must divide the 6 channels, got 4/)
    expect(() => groupNorm(input('x', [2, 6, 4, 4]), { groups: 3, scale: input('s', [3]) })).toThrow(
      /scale must be \[6\]/,
    )
  })
})

describe('batchNormTraining', () => {
  const x = drawn([5, 3, 2, 4], 1, 2, 0.7)

  test('gives the statistics of the batch and normalises with them as batchNorm does', () => {
    const { y, mean, variance } = batchNormTraining(constant(x), { epsilon: 1e-3 })
    const evaluated = batchNorm(constant(x), { mean, variance, epsilon: 1e-3 })
    const [trained, given, means, variances] = evaluateTensors([y, evaluated, mean, variance])
    for (let channel = 0; channel < 3; channel++) {
      const values = x.data.filter((_, i) => Math.floor(i / 8) % 3 === channel)
      const expected = moments(values)
      expect(means.data[channel]).toBeCloseTo(expected.mean, 10)
      expect(variances.data[channel]).toBeCloseTo(expected.variance, 10)
    }
    trained.data.forEach((value, i) => {
      expect(value).toBeCloseTo(given.data[i], 6)
    })
  })

  test('the output does not feel a shift or, without epsilon, a scaling of a channel: its gradient is orthogonal to both', () => {
    const value = constant(x)
    const loss = reduceSum(mul(batchNormTraining(value, { epsilon: 1e-12 }).y, constant(drawn(x.shape, 2))))
    const [slopes] = evaluateTensors(gradient(loss, [value]))
    for (let channel = 0; channel < 3; channel++) {
      const inside = [...slopes.data].map((slope, i) => (Math.floor(i / 8) % 3 === channel ? slope : 0))
      expect(Math.abs(inside.reduce((sum, slope) => sum + slope, 0))).toBeLessThan(1e-6)
      expect(Math.abs(inside.reduce((sum, slope, i) => sum + slope * x.data[i], 0))).toBeLessThan(1e-5)
    }
  })

  test('its gradient equals central differences', () => {
    const weights = constant(drawn(x.shape, 3))
    const value = input('x', x.shape)
    const loss = reduceSum(mul(batchNormTraining(value, { epsilon: 0.1 }).y, weights))
    const at = Float64Array.from(x.data)
    const lossAt = (data: Float64Array) =>
      evaluateTensors([loss], { x: { dtype: 'float32', shape: x.shape, data } })[0].data[0]
    const [slopes] = evaluateTensors(gradient(loss, [value]), { x: { dtype: 'float32', shape: x.shape, data: at } })
    for (const i of [0, 7, 50, 119]) {
      const moved = (step: number) => lossAt(at.with(i, at[i] + step))
      expect(slopes.data[i]).toBeCloseTo((moved(1e-5) - moved(-1e-5)) / 2e-5, 6)
    }
  })
})

test('layerNorm of a row is its standard score', () => {
  const scale = constant(float32([1, 1, 2, 1]))
  const bias = constant(float32([0, 0, 0, 10]))
  const [y] = evaluateTensors([layerNorm(constant(float32([1, 3, 5, 7], [1, 4])), { scale, bias, epsilon: 4 })])
  const expected = [-3 / 3, -1 / 3, 2 / 3, 10 + 3 / 3]
  y.data.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i], 12)
  })
  expect(() => layerNorm(input('x', [2, 4]), { scale: input('s', [2]) })).toThrow(/scale and bias must be \[4\]/)
})
