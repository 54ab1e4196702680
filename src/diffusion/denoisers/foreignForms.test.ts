/** One exact denoiser in the forms that people export (`test/found/denoisers`): each gives the numbers of the closed form, or is refused by name. */
import { describe, expect, test } from 'vitest'
import { exactNoise, foundDenoiser, NULL_CLASS } from '../../../test/found/denoisers/exact.fixture.ts'
import { float32, randomStream } from '../../base/index.ts'
import { loadScheduler } from '../files/loadScheduler.ts'
import { anyBatch } from '../samplers/anyBatch.ts'
import type { ForeignDenoiserOptions } from './foreignDenoiser.ts'
import { openForeignDenoiser } from './openForeignDenoiser.ts'

const { schedule: noiseSchedule } = await loadScheduler(foundDenoiser('scheduler.json'))

const open = (name: string, options: Partial<ForeignDenoiserOptions> = {}) =>
  openForeignDenoiser({ model: foundDenoiser(`${name}.onnx`), noiseSchedule, threads: 1, ...options })

/** Noisy images: about what a sampler has at a time in the middle. */
const images = (count: number) =>
  float32(
    Float32Array.from(randomStream({ seed: 2, purpose: 'x' }).normal(new Float32Array(64 * count)), (z, i) =>
      i % 3 === 0 ? z : 0.7 * z - 0.5,
    ),
    [count, 1, 8, 8],
  )

const TIME = 17

/** Of any number of images, by a denoiser as the samplers call it. */
async function predicted(name: string, count: number, options: Partial<ForeignDenoiserOptions>, classes?: Int32Array) {
  const denoiser = await open(name, options)
  const x = images(count)
  const { data, shape } = await anyBatch(denoiser).predict(x, TIME, classes)
  await denoiser.dispose()
  expect(shape).toEqual(x.shape)
  return { denoiser, x, data }
}

function expectNoise(data: ArrayLike<number>, x: ArrayLike<number>, within: number, classes?: Int32Array): void {
  const exact = exactNoise(x, TIME, classes && ((item) => classes[item]))
  exact.forEach((value, i) => void expect(Math.abs(data[i] - value), `value ${i}`).toBeLessThan(within))
}

describe('without classes', () => {
  test.each<[string, Partial<ForeignDenoiserOptions>, number]>([
    ['plain', {}, 1e-5],
    ['batch-4', {}, 1e-5],
    ['batch-4', { batch: 8 }, 1e-5],
    ['nhwc', {}, 1e-5],
    ['nhwc', { inputs: { layout: 'nhwc' }, batch: 4 }, 1e-5],
    ['time-b1', {}, 1e-5],
    ['time-b111', {}, 1e-5],
    ['time-scalar', {}, 1e-5],
    // Images and noise are rounded to eleven bits.
    ['half', {}, 0.02],
    ['half', { batch: 4 }, 0.02],
    ['two-outputs', { inputs: { output: 'noise' } }, 1e-5],
    ['variance', { learnedVariance: true }, 1e-5],
  ])('%s %j', async (name, options, within) => {
    const { data, x } = await predicted(name, 6, options)
    expectNoise(data, x.data, within)
  })

  test('batch-4 is run in parts, padded, which is said once', async () => {
    const { denoiser } = await predicted('batch-4', 6, {})
    expect(denoiser.notes).toEqual([
      'batch-4.onnx is made for 4 images a run: images are run in parts of 4, the last part filled up',
    ])
    expect((await predicted('plain', 6, {})).denoiser.notes).toEqual([])
  })

  test('of two outputs none is guessed, and the other one is what it is', async () => {
    await expect(open('two-outputs')).rejects.toMatchObject({
      code: 'model.outputs',
      message: expect.stringMatching(
        /'noise' float32\[.*'clean' float32\[.*; name its prediction with --model-output$/,
      ),
    })
    await expect(open('two-outputs', { inputs: { output: 'nose' } })).rejects.toThrow(
      /has no output 'nose'; did you mean 'noise'\?/,
    )
    const { data } = await predicted('two-outputs', 2, { inputs: { output: 'clean' } })
    // x0: every pixel of the pictures is -1 or 1.
    for (const value of data) expect(Math.abs(value)).toBeLessThanOrEqual(1 + 1e-5)
  })

  test('channels last are what they are said to be', async () => {
    await expect(open('nhwc', { inputs: { layout: 'nchw' } })).resolves.toMatchObject({ imageShape: [8, 8, 1] })
    await expect(open('plain', { inputs: { layout: 'nhwc' } })).resolves.toMatchObject({ imageShape: [8, 1, 8] })
  })

  test('an image of an int8 file is what it is alone, whatever is drawn with it', async () => {
    const together = await predicted('int8', 6, { batch: 8 })
    expect(together.denoiser).toMatchObject({ batch: 8, batchStep: 1 })
    expect(together.denoiser.notes).toEqual([
      expect.stringMatching(
        /^what int8.onnx predicts for an image changes by [\d.]+ % .*dynamically quantised.*: images are run one by one$/,
      ),
    ])
    const alone = await predicted('int8', 1, {})
    expect(Array.from(alone.data)).toEqual(Array.from(together.data.subarray(0, 64)))
    // Eight bits of a picture's sum of 64 products.
    expectNoise(together.data, together.x.data, 0.5)
  })
})

describe('with classes', () => {
  const classes = Int32Array.of(3, 0, 1, 2, 1, 3)

  test.each<[string, Partial<ForeignDenoiserOptions>]>([
    ['classes', {}],
    ['classes', { batch: 4 }],
    ['unnamed', { inputs: { time: 'arg1', class: 'arg2' } }],
    ['unnamed', { inputs: { image: 'arg0', class: 'arg2' } }],
    ['unnamed', { inputs: { time: 'arg1' } }],
    ['one-hot', {}],
    ['one-hot', { batch: 4, inputs: { class: 'y' } }],
    // x0 of the class itself at guidance 1, of all at guidance 0.
    ['guidance', { inputs: { constants: { guidance: 1 } } }],
  ])('%s %j', async (name, options) => {
    const { data, x, denoiser } = await predicted(name, 6, options, classes)
    expect(denoiser).toMatchObject({ conditional: true })
    expectNoise(data, x.data, 1e-5, classes)
  })

  test('the constant of a further input is what it is fed', async () => {
    const scale = 2.5
    const { data, x } = await predicted('guidance', 6, { inputs: { constants: { guidance: scale } } }, classes)
    const [given, none] = [exactNoise(x.data, TIME, (item) => classes[item]), exactNoise(x.data, TIME)]
    given.forEach((value, i) => {
      expect(Math.abs(data[i] - (none[i] + scale * (value - none[i])))).toBeLessThan(1e-4)
    })
  })

  test.each<[string, Partial<ForeignDenoiserOptions>, RegExp]>([
    ['unnamed', {}, /which of 'arg1' and 'arg2' is the class cannot be told;.*say it with --input-class/],
    ['unnamed', { inputs: { class: 'arg3' } }, /it has no input 'arg3' for the class/],
    ['unnamed', { inputs: { image: 'arg1' } }, /'arg1' cannot be the image/],
    ['guidance', {}, /'guidance' is none of these;.*give what is left a number, --input guidance=NUMBER/],
    [
      'guidance',
      { inputs: { constants: { guidanse: 2 } } },
      /no input 'guidanse' for the constant; did you mean 'guidance'/,
    ],
    ['guidance', { inputs: { constants: { guidance: 2, y: 0.5 } } }, /'y' takes whole numbers, got 0.5/],
  ])('%s %j is refused by name', async (name, options, message) => {
    await expect(open(name, options)).rejects.toMatchObject({
      code: 'model.inputs',
      message: expect.stringMatching(message),
    })
  })

  test('the file knows its classes: by its table, or by the width of its rows', async () => {
    const [table, rows] = [await open('classes'), await open('one-hot')]
    expect([table.classRows, table.classes, rows.classRows, rows.classes]).toEqual([5, undefined, 4, 4])
    const x = images(1)
    await expect(table.predict(x, TIME, Int32Array.of(5))).rejects.toMatchObject({
      code: 'model.condition',
      message: 'classes.onnx takes classes 0 to 4, got 5; give one of those',
    })
    await expect(rows.predict(x, TIME, Int32Array.of(4))).rejects.toThrow(/takes classes 0 to 3, got 4/)
    await expect(table.predict(x, TIME)).rejects.toThrow(/its null class, if any, is not known \(--null-class N\)/)
    for (const one of [table, rows]) {
      await expect(one.predict(x, TIME, Int32Array.of(-1))).rejects.toMatchObject({ code: 'model.condition' })
      await one.dispose()
    }
  })

  test('a null class that is said stands for none', async () => {
    const { data, x, denoiser } = await predicted('classes', 6, { classes: { nullClass: NULL_CLASS } })
    expect(denoiser).toMatchObject({ classes: 4, nullClass: 4 })
    expectNoise(data, x.data, 1e-5)
    // Of one-hot rows a row of zeros.
    const rows = await predicted('one-hot', 6, { classes: { nullClass: 4 } })
    expect(rows.denoiser).toMatchObject({ classes: 4, nullClass: 4 })
    expectNoise(rows.data, x.data, 1e-5)
  })

  test.each<[string, ForeignDenoiserOptions['classes'], RegExp]>([
    ['classes', { classes: 6 }, /must have classes among 5, as its table has so many rows; got classes 6/],
    ['classes', { nullClass: 5 }, /must have a null class from 0 to 4, .* got nullClass 5/],
    ['one-hot', { classes: 5 }, /must have classes among 4, as its one-hot rows are so wide/],
    ['one-hot', { nullClass: 5 }, /from 0 to 4 \(4: a row of zeros\)/],
    ['plain', { nullClass: 0 }, /takes no class, got nullClass 0; leave it out/],
  ])('%s does not have %j', async (name, said, message) => {
    await expect(open(name, { classes: said! })).rejects.toMatchObject({
      code: 'model.classes',
      message: expect.stringMatching(message),
    })
  })
})
