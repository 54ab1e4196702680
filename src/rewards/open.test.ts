/** Rewards opened from their words, with the digit classifiers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Tensor } from '../base/index.ts'
import { digits } from '../data/index.ts'
import { mul, reduceMean, softmax, sub, trace } from '../graph/index.ts'
import { digitFeatures, digitJudge } from '../metrics/files/index.ts'
import type { ClassifierFeatures } from '../metrics/index.ts'
import { encodeModel } from '../onnx/index.ts'
import { logSoftmaxOf, referenceRows, SHAPE, someDigits } from './digits.fixture.ts'
import type { RewardContext } from './open.ts'
import { openReward, REWARD_NAMES } from './open.ts'

const folder = mkdtempSync(join(tmpdir(), 'reward-'))
let features: ClassifierFeatures
let judge: ClassifierFeatures
let images: Tensor<'float32'>
let context: RewardContext
beforeAll(async () => {
  features = await digitFeatures({ size: 16 })
  judge = await digitJudge({ size: 16 })
  const found = await someDigits({ tuning: 200, heldOut: 3 })
  images = found.heldOut
  context = { features, judge, tuning: found.tuning, imageShape: SHAPE, batch: 2 }
})
afterAll(async () => {
  await features.dispose()
  await judge.dispose()
  rmSync(folder, { recursive: true })
})

const valuesOf = async (spec: string, changed: Partial<RewardContext> = {}) => {
  const reward = await openReward(spec, { ...context, ...changed })
  const values = await reward.values(images)
  await reward.dispose()
  return values
}

describe('a reward by its words', () => {
  test('terms look through the network they name, the features by default', async () => {
    const pixels = Float64Array.from(images.data)
    const [own, other] = [features, judge].map((network) => referenceRows(network, pixels).logits)
    const [plain, named, judged] = [
      await valuesOf('log-probability:3'),
      await valuesOf('log-probability:3@features'),
      await valuesOf('log-probability:3@judge'),
    ]
    for (let i = 0; i < 3; i++) {
      expect(plain[i]).toBeCloseTo(logSoftmaxOf(own[i], 3), 3)
      expect(named[i]).toBe(plain[i])
      expect(judged[i]).toBeCloseTo(logSoftmaxOf(other[i], 3), 3)
    }
  })

  test('a sum of a judge and typicality is differentiable, and adds up', async () => {
    const reward = await openReward('log-probability:3@judge + 5*typicality', context)
    expect(reward.name).toBe(`log-probability:3[${judge.name}] + 5*typicality[${features.name}]`)
    expect([reward.differentiable, reward.valueRange]).toEqual([true, [-Infinity, 0]])
    const [a, b] = [await valuesOf('log-probability:3@judge'), await valuesOf('typicality@features')]
    const { values } = await reward.gradient(images)
    for (let i = 0; i < 3; i++) expect(values[i]).toBeCloseTo(a[i] + 5 * b[i], 4)
    await reward.dispose()
  })

  test('a weight of one term counts', async () => {
    expect((await valuesOf('-2*ink'))[0]).toBeCloseTo(-2 * (await valuesOf('ink'))[0], 6)
  })

  test('every built-in one opens', async () => {
    for (const name of REWARD_NAMES) {
      const reward = await openReward(name, context)
      expect(reward.imageShape).toEqual([...SHAPE])
      expect(await reward.values(images, Int32Array.of(1, 2, 3))).toHaveLength(3)
      await reward.dispose()
    }
  })

  test('files: an ONNX model and a module, each in the range that is declared', async () => {
    const graph = trace({ x: { dtype: 'float32', shape: [1, ...SHAPE] } }, ({ x }) => ({ y: reduceMean(x, [1, 2, 3]) }))
    const path = join(folder, 'mean.onnx')
    writeFileSync(path, encodeModel(graph))
    const module = join(folder, 'half.mjs')
    writeFileSync(
      module,
      'export default ({ data, shape: [n] }) => Array.from({ length: n }, (_, i) => data[i * 256] / 2)',
    )
    const ink = await valuesOf('ink')
    const sum = await valuesOf(`${path}:y + 4*${module}`, { imageRange: [0, 1] })
    for (let i = 0; i < 3; i++) expect(sum[i]).toBeCloseTo((ink[i] + 1) / 2 + 2 * ((images.data[i * 256] + 1) / 2), 5)
    await expect(openReward(path, context)).rejects.toMatchObject({ code: 'reward.range' })
  })
})

describe('words that do not fit', () => {
  test.each([
    ['typicalty', {}, 'reward.name', /log-probability, fidelity, ink.*did you mean 'typicality'\?/],
    ['ink - symmetry', {}, 'reward.name', /also negative ones: 'fidelity \+ -2\*ink'/],
    ['constructor', {}, 'reward.name', /got 'constructor'/],
    ['ink:3', {}, 'reward.spec', /'ink' takes no argument, got ':3'/],
    ['symmetry@judge', {}, 'reward.spec', /looks at pixels alone, got '@judge'/],
    ['log-probability:three', {}, 'reward.class', /class number, such as log-probability:3, got ':three'/],
    ['log-probability:10', {}, 'reward.class', /0 to 9, got 10/],
    ['fidelity@judge', { judge: null }, 'reward.network', /through the network @judge, but there is none/],
    ['ink + typicality', { tuning: null }, 'reward.tuning', /there are none; give data/],
    ['fidelity', { imageShape: [1, 28, 28] }, 'reward.images', /takes images \[1,16,16\], the model makes \[1,28,28\]/],
    ['none.onnx', { imageRange: [0, 1] }, 'onnx.open', /'none.onnx'/],
    ['none.js', {}, 'reward.module', /'none.js' is none/],
  ] as const)('%s', async (spec, changed, code, message) => {
    await expect(openReward(spec, { ...context, ...changed })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
  })
})

describe('a file that is a classifier of the labelled tuning images', () => {
  const path = join(folder, 'classifier.onnx')
  let labels: Int32Array
  beforeAll(async () => {
    labels = (await digits({ size: 16 })).splits.tuning.labels?.slice(0, 200) ?? new Int32Array()
    const type = { dtype: 'float32', shape: [20, ...SHAPE] } as const
    const graph = trace({ x: type }, ({ x }) => ({ logits: softmax(judge.trace(sub(mul(x, 2), 1)).logits, 1) }))
    writeFileSync(path, encodeModel(graph))
  })
  const open = (spec: string, changed: Partial<RewardContext> = {}) =>
    openReward(spec, { ...context, labels: { labels, classes: 10 }, ...changed })

  test('is refused in a pixel range in which it guesses, with the one in which it knows them', async () => {
    await expect(open(`${path}:3`, { imageRange: [-255, 255] })).rejects.toMatchObject({
      code: 'reward.range',
      message: expect.stringMatching(
        /names \d+\.\d % of 200 real images.*\[-255,255\].*9\d\.\d % with pixels in \[0,1\].*--reward-range=0,1/,
      ),
    })
  })

  test('is a probability where its logits are probabilities, and says so', async () => {
    const reward = await open(`${path}:3`, { imageRange: [0, 1] })
    expect(reward.notes?.().join()).toMatch(/classifier.onnx:3 is a probability/)
    const logits = referenceRows(judge, Float64Array.from(images.data)).logits
    const values = await reward.values(images)
    for (let i = 0; i < 3; i++) expect(values[i]).toBeCloseTo(Math.exp(logSoftmaxOf(logits[i], 3)), 3)
    await reward.dispose()
  })

  test('classes are not asked of features that only guess', async () => {
    const guessing = 'the feature network x names 12 % of 200 real images rightly'
    for (const spec of ['log-probability:3', 'fidelity@features']) {
      await expect(open(spec, { guessing })).rejects.toMatchObject({
        code: 'reward.network',
        message: expect.stringContaining(guessing),
      })
    }
    const reward = await open('log-probability:3@judge', { guessing })
    await reward.dispose()
  })
})
