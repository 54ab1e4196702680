/** Reward files made here, with known numbers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { randomStream, rowsDisagreement, tensor } from '../base/index.ts'
import { digits } from '../data/index.ts'
import type { SymbolicTensor } from '../graph/index.ts'
import { floor, log, mul, reduceMean, reduceSum, reshape, trace } from '../graph/index.ts'
import { meanStdNamed, onnxFeatures } from '../metrics/files/index.ts'
import { encodeModel } from '../onnx/index.ts'
import { fidelity, logProbability } from './classifier.ts'
import { onnxReward } from './onnx.ts'
import type { Reward } from './reward.ts'

const folder = mkdtempSync(join(tmpdir(), 'onnx-reward-'))
const opened: Reward[] = []
afterAll(async () => {
  for (const reward of opened) await reward.dispose()
  rmSync(folder, { recursive: true })
})
const open = async (...call: Parameters<typeof onnxReward>) => {
  const reward = await onnxReward(...call)
  opened.push(reward)
  return reward
}

const IMAGE = [1, 2, 3]
const images = tensor(
  'float32',
  [5, ...IMAGE],
  randomStream({ seed: 2, purpose: 'onnx reward' }).normal(new Float32Array(30)),
)

/** A file of some outputs of an image input, for a batch or an open one. */
function file(
  name: string,
  f: (image: SymbolicTensor) => Record<string, SymbolicTensor>,
  batch: number | 'open' = 2,
): string {
  const graph = trace({ image: { dtype: 'float32', shape: [batch === 'open' ? 1 : batch, ...IMAGE] } }, ({ image }) =>
    f(image),
  )
  const names = Object.fromEntries(['image', ...Object.keys(graph.outputs)].map((key) => [key, ['n']]))
  const path = join(folder, name)
  writeFileSync(path, encodeModel(graph, batch === 'open' ? { axisNames: names } : {}))
  return path
}

const mean = (x: SymbolicTensor) => reduceMean(x, [1, 2, 3])
/** Mean pixel of image i once its pixels are in [low, high]. */
const meanOf = (i: number, low: number, high: number) => {
  const pixels = images.data.subarray(6 * i, 6 * i + 6)
  return low + ((pixels.reduce((a, b) => a + b) / 6 + 1) * (high - low)) / 2
}

describe('a reward file', () => {
  test.each([
    ['batch 1, image by image', 1],
    ['batch 2', 2],
    ['an open batch', 'open'],
  ] as const)('[b] in the range it declares: %s', async (_, batch) => {
    const reward = await open(
      file(`mean-${batch}.onnx`, (x) => ({ score: mean(x) }), batch),
      { range: [0, 255] },
    )
    expect([reward.name, reward.imageShape, reward.differentiable]).toEqual([`mean-${batch}.onnx`, IMAGE, true])
    const values = await reward.values(images)
    expect(values).toHaveLength(5)
    values.forEach((value, i) => {
      expect(value).toBeCloseTo(meanOf(i, 0, 255), 2)
    })
    const came = await reward.gradient(images)
    came.values.forEach((value, i) => {
      expect(value).toBeCloseTo(meanOf(i, 0, 255), 2)
    })
    expect([...came.gradient.data].map((value) => value.toFixed(3))).toEqual(Array(30).fill((127.5 / 6).toFixed(3)))
  })

  test('one number of several has its own derivative; a step has none, which names the operator', async () => {
    const path = file('third.onnx', (x) => ({ flat: mul(reshape(x, [2, 6]), reshape(x, [2, 6])) }))
    const reward = await open(path, { range: [-1, 1], output: '3' })
    const { data } = (await reward.gradient(images)).gradient
    const wanted = images.data.map((value, i) => (i % 6 === 3 ? 2 * value : 0))
    expect(Math.max(...data.map((value, i) => Math.abs(value - wanted[i])))).toBeLessThan(1e-5)
    const step = await open(
      file('step.onnx', (x) => ({ y: mean(floor(x)) })),
      { range: [-1, 1] },
    )
    expect([step.differentiable, step.missingDerivative]).toEqual([false, expect.stringMatching(/Floor/)])
    await expect(step.gradient(images)).rejects.toMatchObject({
      code: 'reward.derivative',
      message: expect.stringMatching(/ONNX file.*Floor.*target tilt/),
    })
  })

  test('a number of an output by name, by index, by both', async () => {
    const path = file('heads.onnx', (x) => ({
      flat: mul(reshape(x, [2, 6]), 2),
      single: reshape(mean(x), [2, 1]),
      495: reduceSum(x, [1, 2, 3]),
    }))
    const value = async (output: string) => (await (await open(path, { range: [-1, 1], output })).values(images))[4]
    expect(await value('single')).toBeCloseTo(meanOf(4, -1, 1), 5)
    expect(await value('flat:4')).toBeCloseTo(2 * images.data[28], 5)
    expect(await value('495')).toBeCloseTo(6 * meanOf(4, -1, 1), 5)
    const only = file('only.onnx', (x) => ({ flat: reshape(x, [2, 6]) }))
    const reward = await open(only, { range: [-1, 1], output: '3' })
    expect((await reward.values(images))[1]).toBeCloseTo(images.data[9], 6)
    expect(reward.name).toBe('only.onnx:3')
  })

  test('the same file in another range, or another number of it, is another reward', async () => {
    const path = file('hash.onnx', (x) => ({ flat: reshape(x, [2, 6]) }))
    const hashes = [
      await open(path, { range: [-1, 1], output: '0' }),
      await open(path, { range: [0, 1], output: '0' }),
      await open(path, { range: [0, 1], output: '1' }),
    ].map(({ hash }) => hash)
    expect(new Set(hashes).size).toBe(3)
  })
})

describe('pixels are given as judges take them', () => {
  const judge = (name: string) => `test/found/judges/${name}.onnx`
  const shape = [6, 1, 16, 16]
  const grey = tensor(
    'float32',
    shape,
    randomStream({ seed: 4, purpose: 'reward pixels' })
      .normal(new Float32Array(6 * 256))
      .map((value) => Math.max(-1, Math.min(1, value))),
  )
  const three = { output: '3', imageShape: [1, 16, 16] }

  test.each<[string, string | [number, number], number]>([
    ['imagenet', 'imagenet', 1e-3],
    ['nhwc', [0, 1], 1e-4],
    ['bytes', [0, 255], 0.5],
  ])('%s', async (name, pixels, within) => {
    const truth = await (await open(judge('logits'), { ...three, range: [0, 1] })).values(grey)
    const how = typeof pixels === 'string' ? { meanStd: await meanStdNamed(pixels) } : { range: pixels }
    const values = await (await open(judge(name), { ...three, ...how })).values(grey)
    expect(Math.max(...truth) - Math.min(...truth)).toBeGreaterThan(1)
    values.forEach((value, i) => {
      expect(Math.abs(value - truth[i])).toBeLessThan(within)
    })
  })

  test('of another size they are resized as is stated, or that is asked for; the hash tells', async () => {
    await expect(onnxReward(judge('large'), { ...three, range: [0, 1] })).rejects.toMatchObject({
      code: 'reward.shape',
      message: expect.stringMatching(
        /^an ONNX reward must .*32x32, these are 16x16; .*--reward-resize bilinear or bicubic/,
      ),
    })
    const resized = await open(judge('large'), { ...three, range: [0, 1], resize: 'bilinear' })
    const other = await open(judge('large'), { ...three, range: [0, 1], resize: 'bicubic' })
    expect(resized.notes?.()).toEqual([expect.stringMatching(/at its own size, 32x32, by bilinear interpolation/)])
    expect(other.hash).not.toBe(resized.hash)
  })

  test('given others than it knows digits by, with the flag that it knows them by', async () => {
    const { splits, classes } = await digits({ size: 16 })
    const { tuning } = splits
    const labelled = {
      images: tensor('float32', [200, 1, 16, 16], tuning.images.slice(0, 200 * 256)),
      labels: tuning.labels?.slice(0, 200) ?? new Int32Array(0),
      classes: classes.length,
    }
    await expect(onnxReward(judge('imagenet'), { ...three, range: [0, 255], labelled })).rejects.toMatchObject({
      code: 'reward.range',
      message: expect.stringMatching(/with ImageNet's|ImageNet's mean and .*; give it --reward-mean-std imagenet$/),
    })
    const clip = await meanStdNamed('.9/.1')
    await expect(onnxReward(judge('logits'), { ...three, meanStd: clip, labelled })).rejects.toThrow(
      /, mean 0.9 and standard deviation 0.1, no better.* give it --reward-range=0,1 without --reward-mean-std$/,
    )
  })
})

test.each(['logits', 'softmax_named_logits'])(
  'through a classifier in a file, %s: derivatives against differences',
  async (name) => {
    const network = await onnxFeatures(`test/found/judges/${name}.onnx`, { range: [0, 1], batch: 4 })
    const shape = [4, 1, 16, 16]
    const pixels = Float64Array.from({ length: 4 * 256 }, (_, i) => 0.9 * Math.sin(i / 5 + Math.floor(i / 256)))
    const at = (data: Float64Array) => tensor('float64', shape, data)
    const labels = Int32Array.of(1, 7, 3, 3)
    for (const reward of [await logProbability({ network }), await fidelity({ network })]) {
      const f = {
        value: async (data: Float64Array) => Float32Array.from(await reward.values(at(data), labels)),
        async vjp(cotangent: Float64Array) {
          const { data } = (await reward.gradient(at(pixels), labels)).gradient
          return Float64Array.from(data, (value, i) => value * cotangent[Math.floor(i / 256)])
        },
      }
      expect(await rowsDisagreement(f, pixels, 4), reward.name).toBeNull()
      expect((await reward.gradient(at(pixels), labels)).gradient.data.some((value) => Math.abs(value) > 1e-3)).toBe(
        true,
      )
      expect([...(await reward.gradient(at(pixels), labels)).values]).toEqual([
        ...(await reward.values(at(pixels), labels)),
      ])
    }
    await network.dispose()
  },
)

describe('a reward file that does not fit', () => {
  test('one that does not declare its pixel range', async () => {
    await expect(
      onnxReward(
        file('range.onnx', (x) => ({ y: mean(x) })),
        {},
      ),
    ).rejects.toMatchObject({
      code: 'reward.range',
      message: expect.stringMatching(/expects \[0,1\] would be fed \[-1,1\].*--reward-range 0,1/),
    })
  })

  test.each([
    [
      'several numbers',
      (x: SymbolicTensor) => ({ y: reshape(x, [2, 6]) }),
      undefined,
      /has 6 and none is chosen.*:0 \(to :5\)/,
    ],
    ['an index too large', (x: SymbolicTensor) => ({ y: reshape(x, [2, 6]) }), '6', /number 6 is chosen/],
    ['an output that is not there', (x: SymbolicTensor) => ({ y: mean(x) }), 'score', /an ONNX reward.*got 'score'/],
    ['several outputs', (x: SymbolicTensor) => ({ y: mean(x), z: mean(x) }), undefined, /name one of its outputs, 'y'/],
    ['one number for all', (x: SymbolicTensor) => ({ y: reduceMean(x) }), undefined, /is float32\[\] for 2 images/],
  ])('%s', async (name, f, output, message) => {
    const path = file(`${name}.onnx`, f)
    await expect(onnxReward(path, { range: [0, 1], ...(output !== undefined && { output }) })).rejects.toMatchObject({
      code: 'reward.shape',
      message: expect.stringMatching(message),
    })
  })

  test('NaN, in a chunk of its own', async () => {
    const reward = await open(
      file('nan.onnx', (x) => ({ y: log(mean(x)) })),
      { range: [-1, 1] },
    )
    const dark = tensor('float32', [3, ...IMAGE], new Float32Array(18).fill(0.5).fill(-0.5, 12))
    await expect(reward.values(dark)).rejects.toMatchObject({
      code: 'reward.nan',
      message: expect.stringMatching(/'nan.onnx'.*image 2 got NaN/),
    })
  })

  test('values outside the range it declares', async () => {
    const reward = await open(
      file('wide.onnx', (x) => ({ y: mul(mean(x), 100) })),
      { range: [0, 255], valueRange: [0, 1] },
    )
    await expect(reward.values(images)).rejects.toMatchObject({ code: 'reward.range' })
  })

  test('no file, no model', async () => {
    await expect(onnxReward(join(folder, 'none.onnx'), { range: [0, 1] })).rejects.toMatchObject({ code: 'onnx.open' })
    const text = join(folder, 'text.onnx')
    writeFileSync(text, 'no model')
    await expect(onnxReward(text, { range: [0, 1], output: 'y' })).rejects.toMatchObject({ code: 'onnx.open' })
  })
})
