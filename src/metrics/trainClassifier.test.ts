import { describe, expect, test } from 'vitest'
import { float32, randomStream, tensor } from '../base/index.ts'
import type { Split } from '../data/index.ts'
import { digits } from '../data/index.ts'
import { accuracyOf, verdictsOf } from './accuracy.ts'
import { augment } from './augment.ts'
import type { ClassifierConfig } from './classifier.ts'
import { classifierFeatures } from './classifierFeatures.ts'
import { trainClassifier } from './trainClassifier.ts'

const still = { rotation: 0, scale: 0, shear: 0, shift: 0 }
const random = () => randomStream({ seed: 1, purpose: 'augment' })

describe('augmentation', () => {
  test('without deformation it shrinks exactly as the data does', async () => {
    const [large, small] = [await digits({ size: 28 }), await digits({ size: 16 })]
    const out = new Float32Array(256)
    for (const row of [0, 17, 1999]) {
      const image = large.splits.tuning.images.subarray(row * 784, (row + 1) * 784)
      augment(image, { from: [1, 28, 28], to: [1, 16, 16] }, still, random(), out)
      out.forEach((value, i) => {
        expect(value).toBeCloseTo(small.splits.tuning.images[row * 256 + i], 5)
      })
    }
  })

  test('a ramp is shifted by one amount within the bound; what comes in from outside is background', () => {
    const ramp = Float32Array.from({ length: 100 }, (_, i) => i % 10)
    const out = new Float32Array(100)
    augment(ramp, { from: [1, 10, 10], to: [1, 10, 10] }, { ...still, shift: 2 }, random(), out, -50)
    const moved = out[55] - ramp[55]
    expect(Math.abs(moved)).toBeGreaterThan(0.01)
    expect(Math.abs(moved)).toBeLessThanOrEqual(2)
    for (const i of [33, 44, 56, 66]) expect(out[i] - ramp[i]).toBeCloseTo(moved, 4)
    expect(Math.min(...out)).toBeLessThan(-5)
  })

  test('a quarter turn at most, and no more than drawn: the centre stays, a disc stays', () => {
    const disc = Float32Array.from({ length: 441 }, (_, i) => {
      const radius = Math.hypot((i % 21) - 10, Math.floor(i / 21) - 10)
      return Math.exp((-radius * radius) / 20)
    })
    const out = new Float32Array(441)
    augment(disc, { from: [1, 21, 21], to: [1, 21, 21] }, { ...still, rotation: 90 }, random(), out, 0)
    out.forEach((value, i) => {
      expect(Math.abs(value - disc[i])).toBeLessThan(0.02)
    })
  })
})

const config: ClassifierConfig = { imageShape: [1, 4, 4], widths: [2, 3], kernels: [3, 3], features: 6, classes: 2 }
const training = {
  seed: 5,
  steps: 80,
  batch: 16,
  rate: 3e-2,
  weightDecay: 1e-2,
  dropout: 0.2,
  augmentation: { rotation: 5, scale: 0.1, shear: 0.1, shift: 0.3 },
}

/** Images that are bright on the left (class 0) or on the right, in noise. */
function sides(count: number, seed: number): Split & { readonly labels: Int32Array } {
  const noise = randomStream({ seed, purpose: 'sides' }).normal(new Float32Array(count * 16))
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2)
  const images = noise.map(
    (value, i) => 0.3 * value + (Number(i % 4 < 2) === 1 - (Math.floor(i / 16) % 2) ? 0.5 : -0.5),
  )
  return { shape: [1, 4, 4], count, images, labels }
}

describe('training', () => {
  test('learns two classes, the same weights from the same seed', async () => {
    const losses: number[] = []
    const onStep = ({ loss }: { loss: number }) => losses.push(loss)
    const weights = await trainClassifier({ config, training, data: sides(64, 1), onStep })
    const again = await trainClassifier({ config, training, data: sides(64, 1) })
    expect(losses).toHaveLength(training.steps)
    expect(Buffer.from(again['conv2.weight'].data.buffer)).toEqual(Buffer.from(weights['conv2.weight'].data.buffer))
    const other = await trainClassifier({ config, training: { ...training, seed: 6 }, data: sides(64, 1) })
    expect(other['logits.bias'].data).not.toEqual(weights['logits.bias'].data)
    const network = await classifierFeatures({ config, weights, name: 'sides', hash: '' })
    const { images, labels, count } = sides(200, 2)
    const probabilities = await network.probabilities(tensor('float32', [count, 1, 4, 4], images))
    expect(accuracyOf(probabilities, labels)).toBeGreaterThan(0.97)
    await network.dispose()
  })

  test('needs labels', async () => {
    const data = { ...sides(16, 1), labels: null }
    await expect(trainClassifier({ config, training, data })).rejects.toThrow(/needs labels/)
  })

  test('stops at a loss that is not finite and says where', async () => {
    const data = sides(16, 1)
    data.images.fill(Number.NaN)
    await expect(trainClassifier({ config, training, data })).rejects.toThrow(/step 1 gave NaN/)
  })
})

test('verdicts and accuracy by hand', () => {
  const probabilities = float32([0.2, 0.8, 0.5, 0.5, 0.95, 0.05], [3, 2])
  const { classes, confidence } = verdictsOf(probabilities)
  expect([...classes]).toEqual([1, 0, 0])
  expect([...confidence].map((value) => value.toFixed(2))).toEqual(['0.80', '0.50', '0.95'])
  expect(accuracyOf(probabilities, Int32Array.of(1, 1, 0))).toBeCloseTo(2 / 3, 12)
  expect(() => accuracyOf(probabilities, Int32Array.of(1))).toThrow(/got 1 for 3/)
})
