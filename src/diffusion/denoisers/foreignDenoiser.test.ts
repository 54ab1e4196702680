import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { DType, Shape } from '../../base/index.ts'
import { filled, float32, tensor } from '../../base/index.ts'
import type { Named, SymbolicTensor, TensorType } from '../../graph/index.ts'
import {
  add,
  cast,
  concat,
  constant,
  conv,
  floor,
  gather,
  mul,
  reduceMean,
  reshape,
  sub,
  trace,
} from '../../graph/index.ts'
import { encodeModel, encodeOpenBatch } from '../../onnx/index.ts'
import type { Denoiser, Images } from '../denoiser.ts'
import { loadScheduler } from '../files/loadScheduler.ts'
import { anyBatch } from '../samplers/anyBatch.ts'
import { generate } from '../samplers/generate.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import { samplingScheduleFrom } from '../schedules/samplingSchedule.ts'
import type { ForeignDenoiserOptions } from './foreignDenoiser.ts'
import { openForeignDenoiser } from './openForeignDenoiser.ts'

const folder = await mkdtemp(join(tmpdir(), 'foreign-'))
afterAll(() => rm(folder, { recursive: true }))

const schedule = noiseSchedule({ family: 'cosine', timesteps: 50 })

/** A number per image, or one for all, beside [b,c,h,w]. */
const beside = (value: SymbolicTensor) =>
  value.size === 1 ? reshape(value, [1, 1, 1, 1]) : reshape(value, [value.size, 1, 1, 1])

/** x/2 + time/100 + 10 class. */
function affine({ x, when, which }: Named): SymbolicTensor {
  const time = mul(cast(beside(when), 'float32'), 0.01)
  const shifted = add(mul(x, 0.5), time)
  return which ? add(shifted, mul(cast(beside(which), 'float32'), 10)) : shifted
}

interface File {
  readonly time: TensorType
  readonly names?: { readonly x?: string; readonly when?: string; readonly which?: string }
  readonly classes?: TensorType
  readonly image?: Shape
}

/** A file that computes `affine`, its inputs named as asked. */
function typesOf(batch: number, { time, classes, image = [2, 3, 4], names = {} }: File): Record<string, TensorType> {
  const { x = 'x', when = 't', which = 'y' } = names
  return { [when]: time, ...(classes && { [which]: classes }), [x]: { dtype: 'float32', shape: [batch, ...image] } }
}

function graphOf(batch: number, file: File) {
  const { x = 'x', when = 't', which = 'y' } = file.names ?? {}
  return trace<string, string>(typesOf(batch, file), (inputs) => ({
    out: affine({ x: inputs[x], when: inputs[when], ...(file.classes && { which: inputs[which] }) }),
  }))
}

const openFile = (file: (batch: number) => File) => encodeOpenBatch((batch) => graphOf(batch, file(batch)))

const open = (model: Uint8Array, options: Partial<ForeignDenoiserOptions> = {}) =>
  openForeignDenoiser({ model, noiseSchedule: schedule, threads: 1, ...options })

function images(count: number, image: Shape = [2, 3, 4]) {
  const size = image.reduce((a, b) => a * b, count)
  return float32(
    Float32Array.from({ length: size }, (_, i) => Math.sin(i)),
    [count, ...image],
  )
}

test('arrays may be filled anew as soon as a call has returned', async () => {
  for (const dtype of ['int32', 'int64'] as const) {
    const denoiser = await open(
      openFile((batch) => ({ time: { dtype, shape: [batch] }, classes: { dtype, shape: [batch] } })),
    )
    const x = images(2)
    const classes = new Int32Array(2)
    const asked = [1, 2, 3].map((value) => {
      x.data.fill(value)
      classes.fill(value)
      return denoiser.predict(x, 10, classes)
    })
    const greys = (await Promise.all(asked)).map(({ data }) => data[0])
    expect(greys.map((grey) => Math.round(100 * grey))).toEqual([1060, 2110, 3160])
    await denoiser.dispose()
  }
})

const int = (...shape: number[]): TensorType => ({ dtype: 'int64', shape })

describe('the time, in any type and shape', () => {
  const shapes: readonly [string, (batch: number) => Shape][] = [
    ['[b]', (b) => [b]],
    ['[b,1]', (b) => [b, 1]],
    ['[1]', () => [1]],
    ['[]', () => []],
  ]
  const cases = (['int64', 'int32', 'float32', 'float64'] satisfies DType[]).flatMap((dtype) =>
    shapes.map(([name, shape]) => ({ dtype, name, shape })),
  )

  test.each(cases)('$dtype $name', async ({ dtype, shape }) => {
    const denoiser = await open(openFile((batch) => ({ time: { dtype, shape: shape(batch) } })))
    const integer = dtype.startsWith('int')
    expect(denoiser).toMatchObject({
      prediction: 'noise',
      times: integer ? 'integer' : 'real',
      imageShape: [2, 3, 4],
      differentiable: true,
      timeDerivative: !integer,
      missingDerivative: null,
      conditional: false,
      batch: undefined,
    })
    for (const count of [1, 5]) {
      const x = images(count)
      const time = integer ? 37 : 37.5
      const y = await denoiser.predict(x, time)
      expect(y.shape).toEqual(x.shape)
      y.data.forEach((value, i) => void expect(value).toBeCloseTo(x.data[i] / 2 + time / 100, 5))
      const { dx, dtime } = await denoiser.vjp(x, time, undefined, x)
      dx.data.forEach((value, i) => void expect(value).toBeCloseTo(x.data[i] / 2, 6))
      if (integer) expect(dtime).toBeNull()
      else expect(dtime).toBeCloseTo(x.data.reduce((sum, value) => sum + value, 0) / 100, 5)
    }
    if (integer) await expect(denoiser.predict(images(1), 1.5)).rejects.toMatchObject({ code: 'times.integerOnly' })
    await expect(denoiser.predict(images(1), 50)).rejects.toMatchObject({ code: 'schedule.time' })
    await denoiser.dispose()
  })

  test('a fraction of T', async () => {
    const file = openFile((batch) => ({ time: { dtype: 'float32', shape: [batch] } }))
    const denoiser = await open(file, { timeScale: 1 / 50, prediction: 'velocity' })
    const y = await denoiser.predict(tensor('float64', [1, 2, 3, 4], new Float64Array(24)), 25)
    expect(y.data[0]).toBeCloseTo(0.005, 7)
    const { dtime } = await denoiser.vjp(images(1), 25, undefined, filled([1, 2, 3, 4], 1))
    expect(dtime).toBeCloseTo((24 * 0.01) / 50, 7)
    expect(denoiser.prediction).toBe('velocity')
    const whole = openFile((batch) => ({ time: int(batch) }))
    await expect(open(whole, { timeScale: 0.1 })).rejects.toMatchObject({ code: 'model.timeScale' })
  })
})

describe('classes', () => {
  test.each<[string, { when: string; which: string }, DType, DType]>([
    ['by the name of the class', { when: 'a', which: 'class_labels' }, 'int64', 'int64'],
    ['y beside t', { when: 't', which: 'y' }, 'int64', 'int64'],
    ['by the name of the time', { when: 'timestep', which: 'c' }, 'int32', 'int64'],
    ['an integer beside a float', { when: 'a', which: 'b' }, 'float32', 'int32'],
  ])('recognised %s', async (_, names, timeType, classType) => {
    const denoiser = await open(
      openFile((batch) => ({
        time: { dtype: timeType, shape: [batch] },
        classes: { dtype: classType, shape: [batch] },
        names,
      })),
    )
    expect(denoiser.conditional).toBe(true)
    const { data } = await denoiser.predict(images(2), 20, Int32Array.of(3, 7))
    expect(data[0]).toBeCloseTo(0.2 + 30, 4)
    expect(data[24]).toBeCloseTo(Math.sin(24) / 2 + 0.2 + 70, 4)
    await expect(denoiser.predict(images(2), 20)).rejects.toThrow(/one class per image \(2\).*got none/)
    await expect(denoiser.predict(images(2), 20, Int32Array.of(1))).rejects.toThrow(/got 1/)
  })

  test('an unconditional file takes none', async () => {
    const denoiser = await open(openFile((batch) => ({ time: int(batch) })))
    await expect(denoiser.predict(images(1), 3, Int32Array.of(1))).rejects.toMatchObject({ code: 'model.condition' })
  })
})

describe('batch and image size', () => {
  test('a fixed batch is called in chunks of it by the samplers, with the images of an open one', async () => {
    const fixed = await open(encodeModel(graphOf(3, { time: int(3) })))
    expect(fixed.batch).toBe(3)
    await expect(fixed.predict(images(2), 3)).rejects.toThrow(/takes images \[3,2,3,4\], got \[2,2,3,4\]/)
    const free = await open(openFile((batch) => ({ time: int(batch) })))
    const wanted = { schedule: samplingScheduleFrom(schedule, 'trailing', 5), settings: samplerSettings(), seed: 4 }
    const [a, b] = [
      await generate({ ...wanted, denoiser: fixed, count: 7 }),
      await generate({ ...wanted, denoiser: free, count: 7 }),
    ]
    expect(a.evaluations).toBe(35)
    b.images.data.forEach((value, i) => void expect(a.images.data[i]).toBeCloseTo(value, 5))
  })

  test('one image a run, told one time', async () => {
    const denoiser = await open(encodeModel(graphOf(1, { time: int(1) })))
    expect(denoiser.batch).toBe(1)
    expect((await denoiser.predict(images(1), 10)).data[0]).toBeCloseTo(0.1, 6)
  })

  test('a file made for a batch is called with a multiple of it, an open one with what is asked for', async () => {
    const fixed = encodeModel(graphOf(3, { time: int(3) }))
    const asked = [1, 4, 64].map(async (batch) => (await open(fixed, { batch })).batch)
    expect(await Promise.all(asked)).toEqual([3, 3, 63])
    const free = openFile((batch) => ({ time: int(batch) }))
    expect((await open(free, { batch: 4 })).batch).toBe(4)
    await expect(open(free, { batch: 0 })).rejects.toMatchObject({ code: 'model.batch' })
  })

  test('an image size that the file leaves open must be given, one that it has must fit', async () => {
    const axisNames = { x: [undefined, undefined, 'height', 'width'], out: [undefined, undefined, 'height', 'width'] }
    const file = encodeModel(graphOf(1, { time: int() }), { axisNames })
    await expect(open(file)).rejects.toThrow(/open \('x' \[2,height,width\]\); give imageShape/)
    const denoiser = await open(file, { imageShape: [2, 8, 6] })
    expect((await denoiser.predict(images(1, [2, 8, 6]), 1)).shape).toEqual([1, 2, 8, 6])
    for (const imageShape of [
      [2, 0, 6],
      [2, 8, 1e6],
      [2, 8, 0.5],
    ])
      await expect(open(file, { imageShape })).rejects.toThrow(/channels, height and width from 1 to 8192/)
    await expect(open(file, { imageShape: [1, 8, 6] })).rejects.toMatchObject({ code: 'model.imageShape' })
  })
})

describe('channels that the file leaves open', () => {
  const anySize = ['batch', 'channels', 'height', 'width']
  /** x/2 and whatever `f` does, of two images [c,4,4]. */
  const file = (channels: number, f: (x: SymbolicTensor) => SymbolicTensor, out: (string | undefined)[] = anySize) =>
    encodeModel(
      trace({ x: { dtype: 'float32', shape: [2, channels, 4, 4] }, t: int() }, ({ x }) => ({ out: f(mul(x, 0.5)) })),
      { axisNames: { x: anySize, out } },
    )
  /** Adds one grey, made of all channels by weights that say how many there are; the declared output does not. */
  const weighed = (channels: number) => (x: SymbolicTensor) => add(x, conv(x, constant(filled([1, channels, 1, 1], 3))))
  const sides = { imageShape: [null, 4, 4] }

  test('are those of its output', async () => {
    const denoiser = await open(
      file(2, (x) => x, ['batch', undefined, 'height', 'width']),
      sides,
    )
    expect(denoiser.imageShape).toEqual([2, 4, 4])
    await denoiser.dispose()
  })

  test.each([1, 3])('are those that its weights take: %i', async (channels) => {
    const denoiser = await open(file(channels, weighed(channels)), sides)
    // The trial, and an image alone and among others.
    expect(denoiser).toMatchObject({ imageShape: [channels, 4, 4], evaluations: 2 + 3 })
    await denoiser.dispose()
  })

  test('must be given where any number runs, or one that no picture has', async () => {
    const any = file(3, (x) => x)
    await expect(open(any, sides)).rejects.toMatchObject({ code: 'model.imageShape', kind: 'input' })
    const said = /'x' \[batch,channels,height,width\]\) and runs with 1 as with 3; export it/
    await expect(open(any, sides)).rejects.toThrow(said)
    const two = file(2, weighed(2))
    await expect(open(two, sides)).rejects.toMatchObject({ code: 'model.run', kind: 'input' })
    for (const model of [any, two]) {
      const denoiser = await open(model, { imageShape: [2, 4, 4] })
      expect(denoiser.imageShape).toEqual([2, 4, 4])
      await denoiser.dispose()
    }
    // Sides that it leaves open are not found out.
    await expect(open(file(3, weighed(3)))).rejects.toThrow(/leaves its image size open/)
  })
})

describe('lanes', () => {
  const file = (f: (out: SymbolicTensor) => SymbolicTensor) =>
    encodeOpenBatch((batch) =>
      trace(typesOf(batch, { time: int(batch), classes: int(batch) }), ({ x, t, y }) => ({
        out: f(affine({ x, when: t, which: y })),
      })),
    )
  const classes = Int32Array.from({ length: 32 }, (_, i) => i % 7)
  const openWith = (model: Uint8Array, threads: number) => open(model, { batch: 32, threads })

  test('a batch runs in as many as there are threads, with the bytes of one', async () => {
    const [one, two] = await Promise.all(
      [1, 2].map((threads) =>
        openWith(
          file((x) => x),
          threads,
        ),
      ),
    )
    // One run of the whole batch, one that finds that every class is taken, an image alone and among others, then in both rounds the share of a lane, and as
    // time allows 16 and 8 images a run.
    for (const [{ evaluations }, sizes] of [
      [one, 3],
      [two, 2],
    ] as const) {
      expect(evaluations % 32).toBe(1 + 3)
      expect(evaluations).toBeGreaterThanOrEqual(32 * 3)
      expect(evaluations).toBeLessThanOrEqual(32 * (1 + 2 * sizes) + 4)
    }
    expect([8, 16, 32]).toContain(one.batchStep)
    expect([8, 16]).toContain(two.batchStep)
    for (const { secondsPerEvaluation } of [one, two]) {
      expect(secondsPerEvaluation).toBeGreaterThan(0)
      expect(secondsPerEvaluation).toBeLessThan(0.1)
    }
    const asked = [3, 40].map(async (time) => [
      await one.predict(images(32), time, classes),
      await two.predict(images(32), time, classes),
    ])
    for (const [whole, cut] of await Promise.all(asked)) expect(cut).toEqual(whole)
    await Promise.all([one.dispose(), two.dispose()])
  })

  test('images that would depend on each other are run one by one', async () => {
    const centred = file((x) => sub(x, mul(reduceMean(x, [0, 1, 2, 3], true), 0.5)))
    const [one, two] = await Promise.all([1, 2].map((threads) => openWith(centred, threads)))
    for (const { batchStep, notes } of [one, two]) {
      expect(batchStep).toBe(1)
      expect(notes).toEqual([expect.stringMatching(/^what the model predicts .* changes by [\d.]+ % .*one by one$/)])
    }
    const all = await two.predict(images(32), 9, classes)
    expect(await one.predict(images(32), 9, classes)).toEqual(all)
    const half = await two.predict(images(16), 9, classes.subarray(0, 16))
    expect(half.data).toEqual(all.data.subarray(0, half.data.length))
    await Promise.all([one.dispose(), two.dispose()])
  })

  test('where the file takes no fewer, that an image depends on others is said', async () => {
    const four = trace<string, string>(typesOf(4, { time: int(4) }), ({ x, t }) => ({
      out: sub(affine({ x, when: t }), reduceMean(x, [0], true)),
    }))
    const denoiser = await open(encodeModel(four), { batch: 8 })
    expect(denoiser.notes).toEqual([
      'the model is made for 4 images a run: images are run in parts of 4, the last part filled up',
      expect.stringMatching(/made for 4 images a run, so an image depends on those that it is drawn with$/),
    ])
    await denoiser.dispose()
  })

  test('a part of a batch is a call too, and what it is padded to is no more than a run', async () => {
    const two = await openWith(
      file((x) => x),
      2,
    )
    const all = await two.predict(images(32), 9, classes)
    const half = await two.predict(images(16), 9, classes.subarray(0, 16))
    expect(half.data).toEqual(all.data.subarray(0, half.data.length))
    await expect(two.predict(images(12), 9, classes.subarray(20))).rejects.toMatchObject({ code: 'model.imageShape' })
    const seen: number[] = []
    const counted = {
      ...(two as Denoiser),
      batch: 32,
      batchStep: 8,
      predict: (x: Images, time: number, condition?: Int32Array) => {
        seen.push(x.shape[0])
        return two
          .predict(images(32), time, condition && classes)
          .then(({ data }) => float32(data.slice(0, x.data.length) as Float32Array, x.shape))
      },
    }
    const { shape } = await anyBatch({ ...counted, imageShape: [2, 3, 4] }).predict(images(50), 9, new Int32Array(50))
    expect([seen, shape]).toEqual([
      [32, 24],
      [50, 2, 3, 4],
    ])
    await two.dispose()
  })

  test('a file made for one image runs a batch in all of them, with the images of an open one', async () => {
    const single = encodeModel(graphOf(1, { time: int(1), classes: int(1) }))
    const one = await openWith(single, 2)
    expect(one).toMatchObject({ batch: 32, batchStep: 1, evaluations: 32 * 3 + 2 })
    expect(one.notes).toEqual(['the model is made for one image a run: images are run one by one'])
    const free = await openWith(
      file((x) => x),
      1,
    )
    expect(await one.predict(images(32), 9, classes)).toEqual(await free.predict(images(32), 9, classes))
    await Promise.all([one.dispose(), free.dispose()])
  })

  test('arrays may be filled anew at once there too', async () => {
    const two = await openWith(
      file((x) => x),
      2,
    )
    const x = images(32)
    const before = await two.predict(x, 9, classes)
    const asked = two.predict(x, 9, classes)
    x.data.fill(0)
    expect(await asked).toEqual(before)
    await two.dispose()
  })
})

describe('what it cannot use, it names', () => {
  const image: TensorType = { dtype: 'float32', shape: [1, 1, 2, 2] }
  const file = (types: Record<string, TensorType>, f: (inputs: Named) => Named) => encodeModel(trace(types, f))
  const half = ({ x }: Named) => ({ out: mul(x, 0.5) })

  test.each<[string, Record<string, TensorType>, RegExp]>([
    ['no time', { x: image }, /no input for the time; its inputs are 'x' float32\[1,1,2,2\]/],
    [
      'no image',
      { t: int(1), x: { dtype: 'float32', shape: [1, 4] } },
      /0 inputs that could be the image.*'t' int64\[1\]/,
    ],
    ['two images', { x: image, low: image, t: int(1) }, /2 inputs that could be the image/],
    ['text', { x: image, t: int(1), text: { dtype: 'float32', shape: [1, 7, 8] } }, /'text' is none of these/],
    ['three numbers', { x: image, t: int(1), y: int(1), z: int(1) }, /'z' is none of these.*--input z=NUMBER/],
    [
      'three without names',
      { x: image, a: int(1), b: int(1), c: int(1) },
      /3 inputs that could be the time.*--input-time/,
    ],
  ])('%s', async (_, types, message) => {
    await expect(open(file(types, half))).rejects.toThrow(message)
    await expect(open(file(types, half))).rejects.toMatchObject({ code: 'model.inputs', kind: 'input' })
  })

  test('two numbers that cannot be told apart', async () => {
    const types = { x: image, a: int(1), b: int(1) }
    await expect(open(file(types, half))).rejects.toThrow(/which of 'a' and 'b' is the class/)
  })

  test('outputs that are no prediction', async () => {
    const types = { x: image, t: int(1) }
    const twice = file(types, ({ x }) => ({ out: concat([x, x], 1) }))
    await expect(open(twice)).rejects.toThrow(/got float32\[1,2,2,2\].*variances too/)
    const two = file(types, ({ x }) => ({ a: mul(x, 2), b: mul(x, 3) }))
    // Of what the schedule says to be a learned variance the first half is the prediction, image by image.
    const pair: TensorType = { dtype: 'float32', shape: [2, 1, 2, 2] }
    const variance = file({ x: pair, t: int(1) }, ({ x }) => ({ out: concat([mul(x, 3), mul(x, 7)], 1) }))
    const denoiser = await open(variance, { learnedVariance: true })
    const { data } = images(2, [1, 2, 2])
    const predicted = await denoiser.predict(float32(data, [2, 1, 2, 2]), 5)
    expect(Array.from(predicted.data)).toEqual(Array.from(data, (value) => Math.fround(value * 3)))
    expect(predicted.shape).toEqual([2, 1, 2, 2])
    await denoiser.dispose()
    await expect(open(two)).rejects.toThrow(/its outputs are 'a' float32\[1,1,2,2\], 'b'/)
  })

  test('a schedule longer than its table of times', async () => {
    const table = constant(float32([0, 1, 2, 3]))
    const model = file({ x: image, t: int(1) }, ({ x, t }) => ({ out: add(x, gather(table, t, 0)) }))
    await expect(open(model)).rejects.toThrow(/must run on 1 images of \[1,2,2\] at time 49, the last of the schedule/)
    const four = noiseSchedule({ family: 'linear', timesteps: 4 })
    expect((await open(model, { noiseSchedule: four })).times).toBe('integer')
  })

  test('a derivative, where its operators are not known or have none', async () => {
    const [x, small] = [images(1), images(1, [1, 2, 2])]
    const rounded = file({ x: image, t: int(1) }, ({ x: input, t }) => ({
      out: add(floor(mul(input, 8)), beside(cast(t, 'float32'))),
    }))
    const denoiser = await open(rounded)
    expect(denoiser).toMatchObject({
      differentiable: false,
      missingDerivative: expect.stringMatching(/these have none: Floor \(Floor of '.+'\)$/),
    })
    expect(denoiser.pullback).toBeUndefined()
    await expect(denoiser.vjp(small, 1, undefined, small)).rejects.toThrow(
      /has no derivative here: .*Floor.*; use an estimator that needs none: two-point/,
    )
    const affine = await open(openFile((batch) => ({ time: int(batch) })))
    await expect(affine.vjp(x, 1, undefined, x, { weights: true })).rejects.toThrow(/no derivative in its weights/)
  })
})

test('a schedule file is read, and what is missing is said', async () => {
  const path = join(folder, 'diffusion_schedule.json')
  await writeFile(path, JSON.stringify({ steps: 3, betas: [0.1, 0.2, 0.4] }))
  const { schedule: read, prediction } = await loadScheduler(path)
  expect(prediction).toBe('noise')
  expect([...read.alphaBar].map((value) => value.toFixed(9))).toEqual(['0.900000000', '0.720000000', '0.432000000'])
  const missing = join(folder, 'none.json')
  await expect(loadScheduler(missing)).rejects.toThrow(/a schedule must be a readable file.*none\.json' is none/)
  await expect(loadScheduler(missing)).rejects.toMatchObject({ code: 'scheduler.open', kind: 'input' })
})
