/** Derivatives of files in the forms that people have (`test/found/judges`), against differences of what the files themselves give. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { randomStream, relativeDifference, rowsDisagreement, tensor } from '../../base/index.ts'
import { add, cast, constant, floor, gather, mul, reduceMean, reduceSum, reshape, trace } from '../../graph/index.ts'
import { encodeModel } from '../../onnx/index.ts'
import type { FeatureNetwork } from '../featureNetwork.ts'
import { meanStdNamed } from './meanStd.ts'
import { imageDerivativeMissing } from './onnxDerivative.ts'
import type { OnnxFeaturesOptions } from './onnxFeatures.ts'
import { onnxFeatures } from './onnxFeatures.ts'

const folder = mkdtempSync(join(tmpdir(), 'onnx-derivative-'))
const opened: FeatureNetwork[] = []
afterAll(async () => {
  for (const network of opened) await network.dispose()
  rmSync(folder, { recursive: true })
})
const judge = (name: string) => `test/found/judges/${name}.onnx`
const open = async (path: string, options: OnnxFeaturesOptions) => {
  const network = await onnxFeatures(path, { batch: 4, ...options })
  opened.push(network)
  return network
}

/** Six images, more than a run takes; none as noise is, where every unit of a network is at a kink sooner or later. */
const COUNT = 6
function imagesOf([channels, height, width]: readonly number[]) {
  const size = channels * height * width
  const noise = randomStream({ seed: 3, purpose: 'onnx derivative' }).normal(new Float64Array(COUNT))
  const pixel = (i: number) => 0.8 * Math.sin(noise[Math.floor(i / size)] + (i % size) / 7)
  return tensor(
    'float64',
    [COUNT, channels, height, width],
    Float64Array.from({ length: COUNT * size }, (_, i) => pixel(i)),
  )
}

/** Rows, and logarithms of probabilities, against differences. */
async function disagreements(network: FeatureNetwork) {
  const images = imagesOf(network.imageShape)
  const at = (data: Float64Array) => tensor('float64', images.shape, data)
  const cotangent = (data: Float64Array) => tensor('float64', [COUNT, data.length / COUNT], data)
  const ofRows = {
    value: async (data: Float64Array) => (await network.features(at(data))).data,
    vjp: async (data: Float64Array) => (await network.vjp!(images, cotangent(data))).data,
  }
  const ofLogarithms = {
    value: async (data: Float64Array) =>
      Float32Array.from((await network.probabilities!(at(data))).data, (value) => Math.log(value)),
    vjp: async (data: Float64Array) => (await network.logProbabilitiesVjp!(images, cotangent(data))).data,
  }
  const asked = [ofRows, ...(network.probabilities ? [ofLogarithms] : [])]
  return Promise.all(asked.map((f) => rowsDisagreement(f, images.data, COUNT)))
}

const NONE = [null, null]

describe('against differences', () => {
  test.each<[string, OnnxFeaturesOptions & { readonly meanStdName?: string }]>([
    ['logits', { range: [0, 1] }],
    ['nhwc', { range: [0, 1] }],
    ['doubles', { range: [-1, 1] }],
    ['softmax_named_logits', { range: [0, 1] }],
    ['several', { range: [0, 1], output: 'pixels', logits: 'scores' }],
    ['imagenet', { range: [0, 1], meanStdName: 'imagenet', imageShape: [1, 16, 16] }],
    ['imagenet', { range: [0, 1], meanStdName: 'imagenet', imageShape: [3, 16, 16] }],
    ['large', { range: [0, 1], imageShape: [1, 16, 16], resize: 'bicubic' }],
    ['logits', { range: [0, 1], imageShape: [1, 21, 19], resize: 'bilinear' }],
  ])('%s %j', async (name, { meanStdName, ...options }) => {
    const meanStd = meanStdName === undefined ? {} : { meanStd: await meanStdNamed(meanStdName) }
    const network = await open(judge(name), { ...options, ...meanStd })
    expect(network.missingDerivative).toBeUndefined()
    expect(await disagreements(network)).toEqual(NONE.slice(0, network.probabilities ? 2 : 1))
  })
})

test('in half precision it is that of the same network, to the precision of its weights', async () => {
  const images = imagesOf([1, 16, 16])
  const cotangent = tensor(
    'float32',
    [COUNT, 10],
    Float32Array.from({ length: COUNT * 10 }, (_, i) => Math.cos(i)),
  )
  const [whole, half] = await Promise.all(
    ['logits', 'half'].map(async (name) => {
      const network = await open(judge(name), { range: [0, 1] })
      return (await network.vjp!(images, cotangent)).data
    }),
  )
  expect(relativeDifference(half, whole)).toBeLessThan(1e-2)
  expect(whole.some((value) => Math.abs(value) > 0.1)).toBe(true)
})

describe('none', () => {
  const saved = (name: string, graph: Parameters<typeof encodeModel>[0]) => {
    const path = join(folder, name)
    writeFileSync(path, encodeModel(graph))
    return path
  }
  const image = { dtype: 'float32', shape: [2, 1, 2, 3] } as const
  const rounded = trace({ image }, ({ image: x }) => ({ y: reduceMean(floor(mul(x, 4)), [1, 2, 3]) }))
  const looked = trace({ image }, ({ image: x }) => {
    const index = cast(floor(reshape(x, [2, 6])), 'int64')
    return { y: reduceSum(gather(constant(tensor('float32', [9], new Float32Array(9))), index), [1]) }
  })

  test.each([
    ['a step', rounded, /Floor/],
    ['numbers from a table', looked, /Floor|indices|Cast/],
  ])('%s, with the operators named; the file is run all the same', async (name, graph, why) => {
    const network = await open(saved(`${name}.onnx`, graph), { range: [0, 1] })
    expect(network.vjp).toBeUndefined()
    expect(network.missingDerivative).toMatch(why)
    const { data } = await network.features(imagesOf([1, 2, 3]))
    expect(data).toHaveLength(COUNT)
    const files = { bytes: readFileSync(join(folder, `${name}.onnx`)), files: {} }
    expect(imageDerivativeMissing(files, { file: name })).toBe(network.missingDerivative)
  })

  test('bytes; and where none is looked for', async () => {
    const bytes = await open(judge('bytes'), { range: [0, 255] })
    expect([bytes.vjp, bytes.logProbabilitiesVjp]).toEqual([undefined, undefined])
    expect(bytes.missingDerivative).toMatch(/bytes/)
    const left = await open(judge('logits'), { range: [0, 1], derivative: false })
    expect([left.vjp, left.missingDerivative]).toEqual([undefined, undefined])
  })

  test('a cotangent of another shape is refused', async () => {
    const network = await open(judge('logits'), { range: [0, 1] })
    const odd = tensor('float32', [COUNT, 9], new Float32Array(COUNT * 9))
    await expect(network.vjp?.(imagesOf([1, 16, 16]), odd)).rejects.toThrow(/must be \[6,10\], got \[6,9\]/)
  })
})

test('known before it is opened, also where sides or channels are open', () => {
  const probe = (name: string, output?: string) =>
    imageDerivativeMissing(
      { bytes: readFileSync(judge(name)), files: {} },
      { file: name, ...(output !== undefined && { choose: () => output }) },
    )
  expect(['logits', 'nhwc', 'half', 'doubles', 'imagenet', 'large'].map((name) => probe(name))).toEqual(
    Array(6).fill(null),
  )
  expect(probe('bytes')).toMatch(/bytes/)
  expect(probe('several', 'scores')).toBeNull()
  expect(probe('several')).toMatch(/name one of its outputs/)
  const open = trace({ image: { dtype: 'float32', shape: [2, 3, 8, 8] } }, ({ image }) => ({
    y: reduceMean(add(image, 1), [1, 2, 3]),
  }))
  const bytes = encodeModel(open, { axisNames: { image: ['n', '', 'h', 'w'], y: ['n'] } })
  expect(imageDerivativeMissing({ bytes, files: {} }, { file: 'open' })).toBeNull()
})
