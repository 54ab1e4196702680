/** The shipped digit classifiers and the evaluation of image sets with them, on real digits and on noise. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Tensor } from '../base/index.ts'
import { randomStream, tensor } from '../base/index.ts'
import type { Split } from '../data/index.ts'
import { digits, firstOf } from '../data/index.ts'
import { accuracyOf } from './accuracy.ts'
import type { ClassifierFeatures } from './classifierFeatures.ts'
import type { EvaluationReference } from './evaluateImages.ts'
import { evaluateImages, evaluationReference } from './evaluateImages.ts'
import { digitClassifierRecord, digitFeatures, digitJudge } from './files/digitClassifiers.ts'
import { frechetGradient } from './frechet.ts'
import { referenceFromStatistics, referenceMoments } from './frechetReference.ts'
import { pixelFeatures } from './pixelFeatures.ts'

const tensorOf = ({ count, shape, images }: Split): Tensor<'float32'> => tensor('float32', [count, ...shape], images)

describe.each([
  { size: 16, least: 0.97 },
  { size: 28, least: 0.98 },
])('digit classifiers of $size pixels', ({ size, least }) => {
  test.each(['features', 'judge'] as const)('%s: the recorded accuracy comes out of the weights', async (role) => {
    const { splits, provenance } = await digits({ size })
    const record = await digitClassifierRecord(size, role)
    const network = await (role === 'features' ? digitFeatures : digitJudge)({ size, batch: 250 })
    const probabilities = await network.probabilities(tensorOf(splits.heldOut))
    const accuracy = accuracyOf(probabilities, splits.heldOut.labels ?? new Int32Array(0))
    expect(Math.abs(accuracy - record.accuracy.heldOut)).toBeLessThanOrEqual(1 / splits.heldOut.count)
    expect(accuracy).toBeGreaterThanOrEqual(least)
    expect(record.data).toBe(provenance.sha256)
    expect(network.name).toBe(`lenet-digits${size}-${role}-${network.hash.slice(0, 8)}`)
    await network.dispose()
  })
})

test('features and judge are different networks', async () => {
  for (const size of [16, 28]) {
    const [features, judge] = [
      await digitClassifierRecord(size, 'features'),
      await digitClassifierRecord(size, 'judge'),
    ]
    expect(features.config.widths).not.toEqual(judge.config.widths)
    expect(features.training.seed).not.toBe(judge.training.seed)
  }
})

test('a size without a classifier is refused', async () => {
  await expect(digitFeatures({ size: 20 })).rejects.toThrow(/for 16 and 28 pixels, got 20/)
})

describe('evaluation', () => {
  let networks: { features: ClassifierFeatures; judge: ClassifierFeatures }
  let reference: EvaluationReference
  let tuning: Tensor<'float32'>

  beforeAll(async () => {
    networks = { features: await digitFeatures({ size: 16 }), judge: await digitJudge({ size: 16, batch: 64 }) }
    const { splits } = await digits({ size: 16 })
    tuning = tensorOf(firstOf(splits.tuning, 400))
    reference = await evaluationReference(tensorOf(firstOf(splits.heldOut, 400)), networks)
  })
  afterAll(async () => {
    await Promise.all([networks.features.dispose(), networks.judge.dispose()])
  })

  test('real digits are near, recognised, varied; every number has its network', async () => {
    const real = await evaluateImages(tuning, { ...networks, reference, splits: 2 })
    expect(real.count).toBe(400)
    expect(real.fid.name).toMatch(/^lenet-digits16-features-[0-9a-f]{8}$/)
    expect(real.judgeFid?.name).toMatch(/^lenet-digits16-judge-/)
    expect(real.recognised).toBeGreaterThan(0.93)
    expect(Number(real.inceptionScore?.value)).toBeGreaterThan(8)
    expect(real.inceptionScore?.splits).toBe(2)
    expect(Number(real.precisionRecall?.precision)).toBeGreaterThan(0.6)
    expect(Number(real.precisionRecall?.recall)).toBeGreaterThan(0.6)
    expect(real.classShares?.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9)
    expect(real.diversity?.vendiScore).toBeGreaterThan(2)
  })

  test('worse images are worse by every measure: noisy digits, one digit again and again', async () => {
    const noise = randomStream({ seed: 1, purpose: 'noisy' }).normal(new Float32Array(tuning.data.length))
    const noisy = tensor(
      'float32',
      tuning.shape,
      tuning.data.map((pixel, i) => pixel + 0.7 * noise[i]),
    )
    const single = tensor(
      'float32',
      tuning.shape,
      tuning.data.map((_, i) => tuning.data[i % 256]),
    )
    const real = await evaluateImages(tuning, { ...networks, reference })
    const bad = await evaluateImages(noisy, { ...networks, reference })
    expect(bad.fid.value).toBeGreaterThan(3 * real.fid.value)
    expect(Number(bad.judgeFid?.value)).toBeGreaterThan(3 * Number(real.judgeFid?.value))
    expect(bad.recognised).toBeLessThan(Number(real.recognised))
    expect(Number(bad.kid)).toBeGreaterThan(10 * Math.abs(Number(real.kid)))
    expect(bad.precisionRecall?.precision).toBeLessThan(Number(real.precisionRecall?.precision))
    const collapsed = await evaluateImages(single, { ...networks, reference })
    expect(collapsed.diversity?.vendiScore).toBeCloseTo(1, 6)
    expect(collapsed.diversity?.meanPairwiseDistance).toBeCloseTo(0, 6)
    expect(collapsed.inceptionScore?.value).toBeCloseTo(1, 6)
    expect(Math.max(...(collapsed.classShares ?? []))).toBeCloseTo(1, 9)
    expect(collapsed.precisionRecall?.recall).toBeLessThan(0.1)
    expect(collapsed.fid.value).toBeGreaterThan(bad.fid.value / 10)
  })

  test('the distance falls along its own derivative in the pixels', async () => {
    const { features } = networks
    const few = tensor('float32', [100, 1, 16, 16], tuning.data.map((pixel) => pixel * 0.8).slice(0, 25_600))
    const { value, dFeatures } = frechetGradient(await features.features(few), reference.features)
    const dImages = Float64Array.from((await features.vjp(few, dFeatures)).data)
    const slope = dImages.reduce((sum, part) => sum + part * part, 0)
    const h = (0.001 * value) / slope
    const moved = (step: number) =>
      tensor(
        'float32',
        few.shape,
        few.data.map((pixel, i) => pixel - step * dImages[i]),
      )
    const at = async (step: number) => frechetGradient(await features.features(moved(step)), reference.features).value
    const measured = ((await at(-h)) - (await at(h))) / (2 * h)
    expect(Math.abs(measured / slope - 1)).toBeLessThan(0.01)
  })

  test('from statistics alone, without a judge', async () => {
    const features = pixelFeatures([1, 16, 16])
    const { mean, covariance } = referenceMoments(await features.features(tuning))
    const statistics = { features: referenceFromStatistics(mean, covariance), rows: null, judge: null }
    const result = await evaluateImages(tuning, { features, reference: statistics })
    expect(result.fid.value).toBeCloseTo(0, 6)
    const { kid, precisionRecall, recognised, inceptionScore, judgeFid, classShares } = result
    expect([kid, precisionRecall, recognised, inceptionScore, judgeFid, classShares]).toEqual(Array(6).fill(null))
    expect((await evaluateImages(tuning, { features, reference: statistics, pairwise: false })).diversity).toBeNull()
  })

  test('a judge that is no classifier is refused', async () => {
    const judge = pixelFeatures([1, 16, 16])
    const options = { features: networks.features, judge, reference }
    await expect(evaluateImages(tuning, options)).rejects.toThrow(/pixels-1x16x16-block2 does not; use a classifier/)
  })
})
