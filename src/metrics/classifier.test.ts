/** Classifiers as feature networks, with small random weights: against float64 reference evaluation and central differences. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Tensor } from '../base/index.ts'
import { randomStream, tensor } from '../base/index.ts'
import { constant, evaluate, trace } from '../graph/index.ts'
import { initialVector, unflatten } from '../nn/index.ts'
import type { ClassifierConfig } from './classifier.ts'
import { applyClassifier, classifierParameters } from './classifier.ts'
import type { ClassifierFeatures } from './classifierFeatures.ts'
import { classifierFeatures } from './classifierFeatures.ts'

const config: ClassifierConfig = { imageShape: [2, 8, 12], widths: [3, 5], kernels: [5, 3], features: 7, classes: 4 }
const weights = unflatten(classifierParameters(config), initialVector(classifierParameters(config), 3))
const COUNT = 5

const normal = (shape: number[], seed: number): Tensor<'float64'> => {
  const size = shape.reduce((product, extent) => product * extent, 1)
  return tensor('float64', shape, randomStream({ seed, purpose: 'classifier test' }).normal(new Float64Array(size)))
}
const images = normal([COUNT, ...config.imageShape], 1)
const cotangent = normal([COUNT, config.features], 2)

/** Features and logits in float64. */
function reference(data: Float64Array) {
  const named = Object.fromEntries(Object.entries(weights).map(([name, value]) => [name, constant(value)]))
  const graph = trace({ x: { dtype: 'float32', shape: images.shape } }, ({ x }) => applyClassifier(config, named, x))
  return evaluate(graph, { x: { dtype: 'float32', shape: images.shape, data } })
}

describe('a compiled classifier', () => {
  let network: ClassifierFeatures
  beforeAll(async () => {
    network = await classifierFeatures({ config, weights, name: 'small', hash: 'h', batch: 2 })
  })
  afterAll(() => network.dispose())

  test('features and probabilities are those of the reference evaluation, in chunks that do not fit', async () => {
    const { features, logits } = reference(images.data)
    const got = await network.features(images)
    expect(got.shape).toEqual([COUNT, config.features])
    got.data.forEach((value, i) => {
      expect(value).toBeCloseTo(features.data[i], 5)
    })
    const { data } = await network.probabilities(images)
    for (let i = 0; i < COUNT; i++) {
      const row = logits.data.subarray(i * config.classes, (i + 1) * config.classes)
      const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0)
      row.forEach((logit, c) => {
        expect(data[i * config.classes + c]).toBeCloseTo(Math.exp(logit) / total, 5)
      })
    }
  })

  test('the derivative in the pixels is that of central differences', async () => {
    const { data: dImages } = await network.vjp(images, cotangent)
    const value = (data: Float64Array) =>
      reference(data).features.data.reduce((sum, feature, i) => sum + feature * cotangent.data[i], 0)
    const h = 1e-4
    const direction = normal([images.data.length], 4).data
    const moved = (step: number) => images.data.map((pixel, i) => pixel + step * direction[i])
    const slope = (value(moved(h)) - value(moved(-h))) / (2 * h)
    const analytic = direction.reduce((sum, part, i) => sum + part * dImages[i], 0)
    expect(Math.abs(analytic / slope - 1)).toBeLessThan(1e-4)
    for (const at of [0, 100, 500, images.data.length - 1]) {
      const bumped = (step: number) => images.data.map((pixel, i) => (i === at ? pixel + step : pixel))
      expect(dImages[at]).toBeCloseTo((value(bumped(h)) - value(bumped(-h))) / (2 * h), 5)
    }
  })

  test('inside another graph it is the same classifier', () => {
    const graph = trace({ x: { dtype: 'float32', shape: images.shape } }, ({ x }) => network.trace(x))
    const { features, logits } = evaluate(graph, { x: images })
    const truth = reference(images.data)
    expect([...features.data]).toEqual([...truth.features.data])
    expect([...logits.data]).toEqual([...truth.logits.data])
    expect(network.classes).toBe(4)
    const wrong = { x: { dtype: 'float32', shape: [2, 2, 12, 8] } } as const
    expect(() => trace(wrong, ({ x }) => network.trace(x))).toThrow(/\[n,2,8,12\]/)
  })

  test('what does not fit is refused', async () => {
    await expect(network.features(normal([2, 1, 8, 12], 1))).rejects.toThrow(/\[n,2,8,12\].*got \[2,1,8,12\]/)
    await expect(network.vjp(images, normal([COUNT, 6], 1))).rejects.toThrow(/must be \[5,7\], got \[5,6\]/)
    const partial = { ...weights, 'logits.bias': tensor('float32', [3], new Float32Array(3)) }
    await expect(classifierFeatures({ config, weights: partial, name: '', hash: '' })).rejects.toThrow(
      /'logits.bias' must be float32\[4\], got float32\[3\]/,
    )
  })
})
