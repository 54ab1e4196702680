import { describe, expect, test } from 'vitest'
import { float32, randomStream } from '../../base/index.ts'
import { initialState, unet } from '../../nn/index.ts'
import type { Denoiser, Images } from '../denoiser.ts'
import { anyBatch, imagesOf } from '../samplers/anyBatch.ts'
import { generate } from '../samplers/generate.ts'
import { sample, sampleVjp, startNoise } from '../samplers/sample.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { samplingSchedule } from '../schedules/samplingSchedule.ts'
import { classifierFree } from './classifierFree.ts'
import { compileDenoiser } from './compiledDenoiser.ts'
import { functionDenoiser } from './functionDenoiser.ts'
import { continuousCosine } from './gaussian.ts'
import { mixtureOptions, POINTS } from './mixture.fixture.ts'

const NONE = POINTS.length
const CLASSES = Int32Array.of(2, 0, 1)
const LOG_SNR = [-4.1, -1.9, -0.2, 1.5, 3.9]
const TIMES = [930.5, 760, 502.25, 251.5, 90]

const mixture = (prediction: 'noise' | 'sample' | 'velocity' = 'noise'): Denoiser =>
  functionDenoiser({ ...mixtureOptions(POINTS, prediction), classes: NONE + 1 })

const guided = (scale: number, prediction?: 'noise' | 'sample' | 'velocity') =>
  classifierFree(mixture(prediction), { scale, nullClass: NONE })

const START = startNoise({ imageShape: [1, 1, 2], count: 3, seed: 5, dtype: 'float64' })
const scheduleAt = (logSnr = LOG_SNR, times = TIMES) => samplingSchedule({ timesteps: 1000, logSnr, times })

async function drawn(denoiser: Denoiser, { logSnr = LOG_SNR, times = TIMES, start = START } = {}) {
  const settings = samplerSettings({ sampler: 'dpm-solver++', clip: [-3, 3] })
  const schedule = scheduleAt(logSnr, times)
  return sample({ denoiser, schedule, settings, start, seed: 3, condition: CLASSES, through: 'all' })
}

test('it is the prediction for none, and from there so many times the way to that of the class', async () => {
  const x = imagesOf(Float64Array.of(0.3, -1.2, 2.2, 0.1, -0.7, 1.9), 3, [1, 1, 2])
  const [towards, from] = await Promise.all(
    [CLASSES, new Int32Array(3).fill(NONE)].map((classes) => mixture().predict(x, 430, classes)),
  )
  for (const scale of [0, 1, 2.5]) {
    const { data } = await guided(scale).predict(x, 430, CLASSES)
    data.forEach((value, i) => {
      expect(value).toBeCloseTo(from.data[i] + scale * (towards.data[i] - from.data[i]), 12)
    })
  }
  // Images of no class are not guided.
  const { data } = await guided(2.5).predict(x, 430, new Int32Array(3).fill(NONE))
  data.forEach((value, i) => void expect(value).toBeCloseTo(from.data[i], 12))
})

test('what the network predicts does not matter', async () => {
  const logSnr = TIMES.map((time) => continuousCosine(1000)(time).value)
  const [eps, x0, v] = await Promise.all(
    (['noise', 'sample', 'velocity'] as const).map(async (prediction) => {
      return (await drawn(guided(2, prediction), { logSnr })).images
    }),
  )
  eps.data.forEach((value, i) => {
    expect(x0.data[i]).toBeCloseTo(value, 9)
    expect(v.data[i]).toBeCloseTo(value, 9)
  })
  const plain = await drawn(mixture(), { logSnr })
  expect(Math.max(...eps.data.map((value, i) => Math.abs(value - plain.images.data[i])))).toBeGreaterThan(0.1)
})

test.each([0.5, 2, 4])('the derivative of samples at scale %d is the central difference', async (scale) => {
  const denoiser = guided(scale)
  const weights = [0.3, -1.1, 0.7, 0.2, 1.3, -0.4]
  const value = async (...moved: Parameters<typeof drawn> extends [unknown, ...infer Rest] ? Rest : never) =>
    Array.from((await drawn(denoiser, ...moved)).images.data).reduce(
      (sum, x, i) => sum + weights[i] * x + (x * x) / 2,
      0,
    )
  const { images, tape } = await drawn(denoiser)
  const cotangent = imagesOf(
    Float64Array.from(images.data, (x, i) => weights[i] + x),
    3,
    [1, 1, 2],
  )
  const { dLogSnr, dTimes, dStart, evaluations } = await sampleVjp(tape!, cotangent)
  const difference = async (move: (d: number) => Parameters<typeof value>[0], h: number) =>
    ((await value(move(h))) - (await value(move(-h)))) / (2 * h)
  for (let i = 0; i < LOG_SNR.length; i++) {
    expect(dLogSnr[i]).toBeCloseTo(await difference((d) => ({ logSnr: LOG_SNR.with(i, LOG_SNR[i] + d) }), 1e-5), 5)
    expect(dTimes![i]).toBeCloseTo(await difference((d) => ({ times: TIMES.with(i, TIMES[i] + d) }), 0.01), 5)
  }
  for (const j of [0, 3, 5]) {
    const moved = (d: number) => ({
      start: imagesOf((START.data as Float64Array).with(j, START.data[j] + d), 3, [1, 1, 2]),
    })
    expect(dStart!.data[j]).toBeCloseTo(await difference(moved, 1e-5), 5)
  }
  // Forward and derivative of the network, both of it twice.
  expect(evaluations).toBe(3 * LOG_SNR.length * 2 * 2)
})

test('scales of a schedule take the place of its own, each with the derivative that differences find', async () => {
  const scales = [1, 3.5, 0.4, 2, 1.7]
  const settings = samplerSettings({ sampler: 'exponential', clip: [-3, 3] })
  const run = (denoiser: Denoiser, guidance?: readonly number[]) => {
    const solver = { tau: [0.2, 0.3, 0, 0.1], ...(guidance && { guidance }) }
    const schedule = samplingSchedule({ timesteps: 1000, logSnr: LOG_SNR, times: TIMES, solver })
    return sample({ denoiser, schedule, settings, start: START, seed: 3, condition: CLASSES, through: 'all' })
  }
  const value = async (guidance: readonly number[]) =>
    Array.from((await run(guided(2), guidance)).images.data).reduce(
      (sum, x, i) => sum + Math.cos(i) * x + (x * x) / 2,
      0,
    )
  const { images, tape } = await run(guided(2), scales)
  const cotangent = imagesOf(
    Float64Array.from(images.data, (x, i) => Math.cos(i) + x),
    3,
    [1, 1, 2],
  )
  const { dSolver, evaluations } = await sampleVjp(tape!, cotangent)
  for (const [i, scale] of scales.entries()) {
    const [above, below] = [await value(scales.with(i, scale + 1e-5)), await value(scales.with(i, scale - 1e-5))]
    expect(dSolver.guidance[i]).toBeCloseTo((above - below) / 2e-5, 5)
  }
  expect(dSolver.guidance.some((slope) => Math.abs(slope) > 0.01)).toBe(true)
  expect(evaluations).toBe(3 * LOG_SNR.length * 2 * 2)
  // One for all steps is the denoiser at that scale.
  const [own, said] = [await run(guided(2.5)), await run(guided(1), Array(5).fill(2.5))]
  expect([...said.images.data]).toEqual([...own.images.data])
  expect([...(await sampleVjp(own.tape!, cotangent)).dSolver.guidance]).toEqual([0, 0, 0, 0, 0])
  await expect(run(mixture(), scales)).rejects.toMatchObject({ code: 'sampler.guidance' })
})

describe('a compiled network', () => {
  const network = unet({ size: 8, channels: [4, 8], groups: 2, layersPerBlock: 1, imageChannels: 1, classes: 3 })
  const open = () => compileDenoiser({ network, state: initialState(network, 3), batch: 4, binding: 'bound' })
  const classes = Int32Array.of(0, 2, 1, 1, 0)

  test('its own null class is taken, a call may be of any number of images, and what is kept gives the same derivative', async () => {
    const own = await open()
    const denoiser = classifierFree(own, { scale: 3 })
    const x = float32(randomStream({ seed: 1, purpose: 'x' }).normal(new Float32Array(5 * 64)), [5, 1, 8, 8])
    const call = anyBatch(denoiser)
    const cotangent = float32(x.data.map(Math.cos), x.shape) as Images
    const kept = await call.pullback!(x, 400, classes)
    const [predicted, back, keptBack] = [
      await call.predict(x, 400, classes),
      await call.vjp(x, 400, classes, cotangent),
      await kept.vjp(cotangent),
    ]
    const direction = kept.direction?.().data ?? []
    const { data: same } = (await call.predictAlong!(x, 400, classes)).direction
    kept.release()
    const parts = [classes, new Int32Array(5).fill(3)]
    const [towards, from] = await Promise.all(parts.map((label) => anyBatch(own).predict(x, 400, label)))
    predicted.data.forEach((value, i) => {
      expect(value).toBeCloseTo(3 * towards.data[i] - 2 * from.data[i], 5)
      expect(kept.prediction.data[i]).toBeCloseTo(value, 5)
      expect(direction[i]).toBeCloseTo(towards.data[i] - from.data[i], 5)
      expect(same[i]).toBeCloseTo(direction[i], 5)
      expect(keptBack.dx.data[i]).toBeCloseTo(back.dx.data[i], 4)
    })
    expect(keptBack.dtime).toBeCloseTo(back.dtime!, 3)
    await own.dispose()
  })

  test('every image takes the network twice as often', async () => {
    const own = await open()
    const schedule = samplingSchedule({ timesteps: 1000, logSnr: [-4, 0, 4], times: [900, 500, 100] })
    const seen: [number, number][] = []
    const request = { schedule, settings: samplerSettings({ sampler: 'heun' }), count: 5, seed: 1, condition: classes }
    const plain = await generate({ ...request, denoiser: own })
    const twice = await generate({
      ...request,
      denoiser: classifierFree(own, { scale: 2 }),
      onProgress: (done, total) => seen.push([done, total]),
    })
    expect(twice.evaluations).toBe(2 * plain.evaluations)
    expect(seen.at(-1)).toEqual([twice.evaluations, twice.evaluations])
    await own.dispose()
  })
})

test('what cannot be guided so is refused', async () => {
  const refused = expect.objectContaining({ code: 'guidance.classes', kind: 'input' })
  expect(() => classifierFree(mixture(), { scale: 2 })).toThrow(refused)
  expect(() => classifierFree({ ...mixture(), conditional: false }, { scale: 2, nullClass: 1 })).toThrow(refused)
  for (const scale of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => guided(scale)).toThrow(expect.objectContaining({ code: 'guidance.scale' }))
  }
  await expect(guided(2).predict(START, 400)).rejects.toMatchObject({ code: 'guidance.classes' })
})
