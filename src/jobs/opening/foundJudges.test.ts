/** One classifier of digits in the forms that people have (`test/found/judges`, made by `make.py` there): each usable, or its fault named. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { Tensor } from '../../base/index.ts'
import { sizeOf, tensor } from '../../base/index.ts'
import type { Dataset } from '../../data/index.ts'
import { digits } from '../../data/index.ts'
import { openMeasuring } from './measuringNetworks.ts'

const at = (name: string) => `test/found/judges/${name}.onnx`
const auto = {
  data: 'digits',
  features: 'pixels',
  featuresOutput: null,
  featuresRange: null,
  featuresMeanStd: null,
  featuresResize: null,
  judge: 'auto',
  judgeOutput: null,
  judgeRange: null,
  judgeMeanStd: null,
  judgeResize: null,
  judgeAccuracy: 0.5,
  device: 'cpu',
} as const
type Change = Partial<Parameters<typeof openMeasuring>[0]>

let data: Dataset
let images: Tensor<'float32'>
let truth: Float64Array
beforeAll(async () => {
  data = await digits({ size: 16 })
  const shape = [60, ...data.shape]
  images = tensor('float32', shape, data.splits.tuning.images.slice(0, sizeOf(shape)))
  truth = (await opened('logits')).probabilities
})

async function opened(name: string, change: Change = {}) {
  const { judge, judgeKnowledge, judgeNotes, close } = await openMeasuring(
    { ...auto, judge: at(name), ...change },
    data,
  )
  const probabilities = Float64Array.from((await judge?.probabilities?.(images))?.data ?? [])
  await close()
  return { judge, accuracy: judgeKnowledge?.accuracy, notes: judgeNotes.join('\n'), probabilities }
}

describe('a judge, asked about labelled real images', () => {
  it.each([
    ['output', 1e-5, {}],
    ['float64', 1e-5, {}],
    ['softmax_named_logits', 1e-5, {}],
    ['nhwc', 1e-5, {}],
    ['doubles', 1e-5, {}],
    ['half', 2e-2, {}],
    // Grey digits have 256 levels, averaged over blocks: bytes round them.
    ['bytes', 0.2, {}],
    ['imagenet', 1e-4, {}],
    ['imagenet', 1e-4, { judgeMeanStd: 'imagenet' }],
    ['imagenet', 1e-4, { judgeMeanStd: '.485,.456,.406/.229,.224,.225' }],
    ['several', 1e-5, { judgeOutput: 'scores' }],
    ['several', 1e-5, { judgeOutput: 'log_probabilities' }],
    ['logits', 1e-5, { judgeOutput: 'logits', judgeRange: [0, 1] }],
  ] as [string, number, Change][])('%s gives its answers, within %d: %o', async (name, within, change) => {
    const { probabilities, accuracy, notes } = await opened(name, change)
    expect(Math.max(...probabilities.map((p, i) => Math.abs(p - truth[i])))).toBeLessThan(within)
    expect(accuracy).toBeCloseTo(0.938, 2)
    expect(notes).toMatch(/names 9\d\.\d % of 500 real images rightly/)
    expect(notes.includes('holds probabilities')).toBe(name === 'softmax_named_logits')
  })

  it('says how it was found out that ImageNet’s mean is taken, and that grey images go to each channel', async () => {
    const { judge, notes } = await opened('imagenet')
    expect(judge?.normalised).toBe("ImageNet's mean and standard deviation")
    expect(notes).toMatch(/takes 3 channels and is given the grey one in each of them/)
    const { hash } =
      (await opened('imagenet', { judgeRange: [0, 1], judgeAccuracy: 0 }).catch(() => ({ judge: null }))).judge ?? {}
    expect(hash).not.toBe(judge?.hash)
  })

  it('of another size is resized as is stated, or that is asked for', async () => {
    await expect(opened('large')).rejects.toMatchObject({
      code: 'metrics.onnx',
      message: expect.stringMatching(
        /^a judge must map .*takes images of 32x32, these are 16x16; say how .*: --judge-resize bilinear or bicubic$/,
      ),
    })
    const { accuracy, notes } = await opened('large', { judgeResize: 'bicubic' })
    expect(accuracy).toBeGreaterThan(0.9)
    expect(notes).toMatch(/is given images of 16x16 at its own size, 32x32, by bicubic interpolation/)
  })

  it.each([
    [
      [-1, 1],
      /names 48\.6 % of 500 real images rightly, .* with pixels in \[-1,1\]; given pixels in \[0,1\], it names 93\.8 % rightly: use --judge-range=0,1/,
    ],
    // As often right, and sure of everything.
    [
      [0, 255],
      /names 93\.0 % .* cross-entropy 4\.50 \(guessing: 2\.30\), with pixels in \[0,255\]; given pixels in \[0,1\]/,
    ],
  ] as [[number, number], RegExp][])(
    'in the range %j is refused, with the one to take',
    async (judgeRange, message) => {
      for (const name of ['logits', 'output', 'float64', 'softmax_named_logits']) {
        await expect(opened(name, { judgeRange })).rejects.toMatchObject({
          code: 'schedule.judge',
          kind: 'input',
          message: expect.stringMatching(message),
        })
      }
    },
  )

  it('below a stated accuracy is refused', async () => {
    await expect(opened('logits', { judgeAccuracy: 0.95 })).rejects.toThrow(
      /must name at least 95\.0 % of the real images rightly \(--judge-accuracy\): the judge logits.onnx names 93\.8 %/,
    )
    expect((await opened('logits', { judgeAccuracy: 0.93 })).accuracy).toBeCloseTo(0.938, 2)
  })

  it.each([
    [{}, /several.onnx: name one of its outputs, 'pixels' .*'scores' .*, with --judge-output NAME$/],
    [{ judgeOutput: 'logit' }, /name one of its outputs, .*; got 'logit'/],
    [{ judgeOutput: 'pixels', judgeRange: [0, 1] }, /could not be asked about real images/],
  ] as [Change, RegExp][])('with several outputs: %o', async (change, message) => {
    const said = await opened('several', change).then(
      ({ notes }) => notes,
      (error: Error) => error.message,
    )
    expect(said).toMatch(message)
  })

  it('of bytes takes no other pixels', async () => {
    await expect(opened('bytes', { judgeRange: [0, 1] })).rejects.toThrow(
      /takes bytes, so pixels in \[0,255\] without a mean and standard deviation, got pixels in \[0,1\]/,
    )
  })
})

it('features are read so too, each role with its own settings', async () => {
  const change = {
    features: at('several'),
    featuresOutput: 'pixels',
    featuresRange: [0, 1] as [number, number],
    judge: at('large'),
    judgeResize: 'bilinear' as const,
    judgeMeanStd: '0/1',
  }
  const { features, judge, close } = await openMeasuring({ ...auto, ...change }, data)
  expect([features.dimensions, judge?.dimensions]).toEqual([256, 10])
  const rows = await features.features(images)
  expect(rows.data[100]).toBeCloseTo((images.data[100] + 1) / 2, 6)
  expect(judge?.range).toEqual([0, 1])
  await close()
})
