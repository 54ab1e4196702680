/** Built-in rewards at real digits: values against independent float64 arithmetic, derivatives against its central differences. */
import { inverse, Matrix } from 'ml-matrix'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Tensor } from '../base/index.ts'
import { tensor } from '../base/index.ts'
import { digitFeatures, digitJudge } from '../metrics/files/index.ts'
import type { ClassifierFeatures, FeatureNetwork } from '../metrics/index.ts'
import { classifierFeatures, classifierParameters, pixelFeatures } from '../metrics/index.ts'
import { initialVector, unflatten } from '../nn/index.ts'
import { fidelity, logProbability } from './classifier.ts'
import { directionalError, logSoftmaxOf, referenceRows, SHAPE, someDigits } from './digits.fixture.ts'
import { ink, symmetry } from './pixels.ts'
import type { Reward } from './reward.ts'
import { typicality } from './typicality.ts'

const COUNT = 5
const TUNING = 300
let features: ClassifierFeatures
let judge: ClassifierFeatures
let tuning: Tensor<'float32'>
let images: Tensor<'float32'>
beforeAll(async () => {
  const found = await someDigits({ tuning: TUNING, heldOut: COUNT })
  tuning = found.tuning
  // Greyer than they are, so that no classifier is quite sure.
  images = tensor(
    'float32',
    found.heldOut.shape,
    found.heldOut.data.map((pixel) => 0.6 * pixel - 0.2),
  )
  features = await digitFeatures({ size: 16 })
  judge = await digitJudge({ size: 16 })
})
afterAll(async () => {
  await features.dispose()
  await judge.dispose()
})

/** Checks values to 1e-4 and derivatives to 2e-3 against a float64 function of the pixels, in batches that do not fit. */
async function agrees(reward: Reward, truth: (pixels: Float64Array) => readonly number[], classes?: Int32Array) {
  const wanted = truth(Float64Array.from(images.data))
  const { values, gradient } = await reward.gradient(images, classes)
  const plain = await reward.values(images, classes)
  wanted.forEach((value, i) => {
    expect(Math.abs(values[i] - value)).toBeLessThan(1e-4 * Math.max(1, Math.abs(value)))
    expect(plain[i]).toBeCloseTo(values[i], 5)
  })
  expect(directionalError(images, gradient.data, truth)).toBeLessThan(2e-3)
  await reward.dispose()
  return wanted
}

const perImage = (pixels: Float64Array, f: (image: Float64Array) => number) =>
  Array.from({ length: COUNT }, (_, i) => f(pixels.slice(i * 256, (i + 1) * 256)))

describe('pixels alone', () => {
  test('ink is the mean pixel', async () => {
    const truth = (pixels: Float64Array) => perImage(pixels, (image) => image.reduce((a, b) => a + b) / 256)
    const reward = ink({ imageShape: SHAPE, batch: 2 })
    expect([reward.name, reward.valueRange]).toEqual(['ink', null])
    await agrees(reward, truth)
  })

  test('symmetry compares each pixel with the one across the middle column', async () => {
    const truth = (pixels: Float64Array) =>
      perImage(pixels, (image) => {
        let sum = 0
        for (let y = 0; y < 16; y++)
          for (let x = 0; x < 16; x++) sum += (image[16 * y + x] - image[16 * y + 15 - x]) ** 2
        return -sum / 256
      })
    await agrees(symmetry({ imageShape: SHAPE, batch: 3 }), truth)
    const mirrored = symmetry({ imageShape: [2, 1, 3] })
    const same = tensor('float32', [1, 2, 1, 3], Float32Array.of(1, 0, 1, -0.5, 0.25, -0.5))
    expect([...(await mirrored.values(same))]).toEqual([-0])
    await mirrored.dispose()
  })
})

describe('a classifier is asked', () => {
  test.each([3, 8])('log-probability of class %i', async (label) => {
    const reward = await logProbability({ network: judge, class: label, batch: 2 })
    expect(reward.name).toBe(`log-probability:${label}[${judge.name}]`)
    const truth = (pixels: Float64Array) => referenceRows(judge, pixels).logits.map((row) => logSoftmaxOf(row, label))
    await agrees(reward, truth)
  })

  test('log-probability of the class each image was asked to be', async () => {
    const classes = Int32Array.of(0, 7, 3, 9, 3)
    const reward = await logProbability({ network: features, batch: 2 })
    const truth = (pixels: Float64Array) =>
      referenceRows(features, pixels).logits.map((row, i) => logSoftmaxOf(row, classes[i]))
    await agrees(reward, truth, classes)
  })

  test('fidelity is the largest probability', async () => {
    const truth = (pixels: Float64Array) =>
      referenceRows(judge, pixels).logits.map((row) =>
        Math.exp(Math.max(...row.map((_, label) => logSoftmaxOf(row, label)))),
      )
    const values = await agrees(await fidelity({ network: judge, batch: 4 }), truth)
    expect(Math.min(...values)).toBeLessThan(0.999)
  })

  test('a log-probability far below the smallest number keeps value and derivative', async () => {
    const config = { imageShape: SHAPE, widths: [2, 2], kernels: [3, 3], features: 3, classes: 3 } as const
    const parameters = classifierParameters(config)
    const weights = {
      ...unflatten(parameters, initialVector(parameters, 1)),
      'logits.bias': tensor('float32', [3], Float32Array.of(900, -900, 0)),
    }
    const sure = await classifierFeatures({ config, weights, name: 'sure', hash: 's' })
    const reward = await logProbability({ network: sure, class: 1 })
    const { values, gradient } = await reward.gradient(images)
    expect(values[0]).toBeGreaterThan(-1810)
    expect(values[0]).toBeLessThan(-1790)
    expect(gradient.data.some((slope) => slope !== 0)).toBe(true)
    await reward.dispose()
    await sure.dispose()
  })

  test('a classifier without a graph is asked through its probabilities', async () => {
    const { trace: _, ...plain } = judge
    const own = Int32Array.of(0, 7, 3, 9, 3)
    const traced = [
      await logProbability({ network: judge, class: 3 }),
      await logProbability({ network: judge }),
      await fidelity({ network: judge }),
    ]
    const asked = [
      await logProbability({ network: plain, class: 3 }),
      await logProbability({ network: plain }),
      await fidelity({ network: plain }),
    ]
    for (const [i, reward] of asked.entries()) {
      expect([reward.name, reward.valueRange, reward.needsClasses]).toEqual([
        traced[i].name,
        traced[i].valueRange,
        traced[i].needsClasses,
      ])
      const [a, b] = [await traced[i].values(images, own), await reward.values(images, own)]
      a.forEach((value, j) => {
        expect(b[j]).toBeCloseTo(value, 3)
      })
      await expect(reward.gradient(images, own)).rejects.toMatchObject({ code: 'reward.derivative' })
    }
  })

  test('what cannot be asked', async () => {
    await expect(logProbability({ network: judge, class: 10 })).rejects.toMatchObject({
      code: 'reward.class',
      message: expect.stringMatching(/0 to 9, got 10/),
    })
    await expect(logProbability({ network: judge, class: 1.5 })).rejects.toMatchObject({ code: 'reward.class' })
    await expect(fidelity({ network: pixelFeatures(SHAPE) })).rejects.toMatchObject({ code: 'reward.network' })
  })
})

describe('typicality', () => {
  /** The formula, by an explicit inverse. */
  function mahalanobis(rows: readonly Float64Array[]) {
    const d = rows[0].length
    const mean = Array.from({ length: d }, (_, j) => rows.reduce((sum, row) => sum + row[j], 0) / rows.length)
    const centred = new Matrix(rows.map((row) => Array.from(row, (value, j) => value - mean[j])))
    const covariance = centred
      .transpose()
      .mmul(centred)
      .div(rows.length - 1)
    const precision = inverse(covariance.add(Matrix.eye(d).mul(1e-3)))
    return (row: Float64Array) => {
      const deviation = Matrix.columnVector(Array.from(row, (value, j) => value - mean[j]))
      return -deviation.transpose().mmul(precision).mmul(deviation).get(0, 0) / d
    }
  }
  const doubles = (values: { data: ArrayLike<number>; shape: readonly number[] }) =>
    Array.from({ length: values.shape[0] }, (_, i) =>
      Float64Array.from({ length: values.shape[1] }, (_, j) => values.data[i * values.shape[1] + j]),
    )

  test('is minus the squared Mahalanobis distance per feature', async () => {
    const rate = mahalanobis(doubles(await features.features(tuning)))
    const reward = await typicality({ network: features, tuning, batch: 2 })
    expect(reward.name).toBe(`typicality[${features.name}]`)
    await agrees(reward, (pixels) => referenceRows(features, pixels).features.map(rate))
  })

  test('of the tuning images themselves averages just above -1, of noise far below', async () => {
    const reward = await typicality({ network: features, tuning })
    const values = await reward.values(tuning)
    const mean = values.reduce((a, b) => a + b) / TUNING
    expect(mean).toBeLessThan(-0.8)
    expect(mean).toBeGreaterThan(-1)
    const noise = tensor(
      'float32',
      images.shape,
      images.data.map((_, i) => Math.sin(i * i)),
    )
    expect(Math.max(...(await reward.values(noise)))).toBeLessThan(-3)
    await reward.dispose()
  })

  test.each([
    [
      'a classifier',
      async () => {
        const { trace: _, ...plain } = features
        return plain as FeatureNetwork
      },
    ],
    ['pixels', async () => pixelFeatures(SHAPE)],
  ])('through the vjp of a network without a graph: %s', async (_, open) => {
    const network = await open()
    const rate = mahalanobis(doubles(await network.features(tuning)))
    const reward = await typicality({ network, tuning })
    const isClassifier = network.name === features.name
    await agrees(reward, (pixels) => {
      if (isClassifier) return referenceRows(features, pixels).features.map(rate)
      return perImage(pixels, (image) => rate(blockMeans(image)))
    })
    const { vjp: __, ...forward } = network
    const without = await typicality({ network: forward, tuning })
    expect(without.differentiable).toBe(false)
    expect((await without.values(images))[1]).toBeCloseTo((await reward.values(images))[1], 6)
  })

  /** Means of 2x2 blocks of a 16x16 image. */
  const blockMeans = (image: Float64Array) =>
    Float64Array.from({ length: 64 }, (_, at) => {
      const corner = 32 * Math.floor(at / 8) + 2 * (at % 8)
      return (image[corner] + image[corner + 1] + image[corner + 16] + image[corner + 17]) / 4
    })

  test('one tuning image has no covariance', async () => {
    const one = tensor('float32', [1, ...SHAPE], tuning.data.slice(0, 256))
    await expect(typicality({ network: features, tuning: one })).rejects.toMatchObject({ code: 'reward.tuning' })
  })

  test('hashes tell networks, classes and tuning images apart', async () => {
    const fewer = tensor('float32', [100, ...SHAPE], tuning.data.slice(0, 25600))
    const { trace: _, ...plain } = features
    const rewards = [
      await typicality({ network: features, tuning }),
      await typicality({ network: features, tuning: fewer }),
      await typicality({ network: judge, tuning }),
      await typicality({ network: plain, tuning }),
      await typicality({ network: plain, tuning: fewer }),
      await logProbability({ network: features, class: 3 }),
      await logProbability({ network: features, class: 4 }),
      await logProbability({ network: judge, class: 3 }),
    ]
    expect(new Set(rewards.map(({ hash }) => hash)).size).toBe(rewards.length)
    expect((await typicality({ network: features, tuning })).hash).toBe(rewards[0].hash)
  })
})
