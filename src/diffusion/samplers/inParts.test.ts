/** Samples drawn in parts against the same drawn together: images to the byte, derivatives as sums, progress and errors as one. */
import { describe, expect, test } from 'vitest'
import type { Denoiser } from '../denoiser.ts'
import { samplingSchedule } from '../schedules/samplingSchedule.ts'
import { imagesOf } from './anyBatch.ts'
import { IMAGE, LOG_SNR, network, TIMES } from './derivative.fixture.ts'
import { partsOf } from './inParts.ts'
import type { SampleOptions } from './sample.ts'
import { sample, sampleVjp, startNoise } from './sample.ts'
import { samplerSettings } from './settings.ts'

const COUNT = 11
const inBatches = (denoiser: Denoiser, batch = 2): Denoiser => ({ ...denoiser, batch })
const optionsFor = (denoiser: Denoiser, options: Partial<SampleOptions> = {}): SampleOptions => ({
  denoiser,
  schedule: samplingSchedule({ timesteps: 1000, logSnr: LOG_SNR, times: TIMES }),
  settings: samplerSettings({ eta: 0.6 }),
  start: startNoise({ imageShape: IMAGE, count: COUNT, seed: 5, dtype: 'float64' }),
  seed: 3,
  firstItem: 7,
  through: 'all',
  ...options,
})

test('parts are whole batches, at most four, and all images', () => {
  expect(partsOf(11, undefined)).toEqual([{ begin: 0, end: 11 }])
  expect(partsOf(11, 11)).toEqual([{ begin: 0, end: 11 }])
  expect(partsOf(0, 4)).toEqual([{ begin: 0, end: 0 }])
  expect(partsOf(256, 64).map(({ end }) => end)).toEqual([64, 128, 192, 256])
  expect(partsOf(11, 2).map(({ begin, end }) => [begin, end])).toEqual([
    [0, 4],
    [4, 8],
    [8, 11],
  ])
  for (const [count, batch] of [
    [1000, 64],
    [65, 64],
    [5, 1],
    [9, 2],
  ]) {
    const parts = partsOf(count, batch)
    expect(parts.length).toBeLessThanOrEqual(4)
    parts.forEach(({ begin, end }, i) => {
      expect(begin).toBe(i === 0 ? 0 : parts[i - 1].end)
      expect(end).toBeGreaterThan(begin)
      expect(begin % batch).toBe(0)
    })
    expect(parts[parts.length - 1].end).toBe(count)
  }
})

describe.each([
  ['ddim with noise', samplerSettings({ eta: 0.6 }), 'all'],
  ['dpm-solver++, its last four steps', samplerSettings({ sampler: 'dpm-solver++' }), 4],
  ['uni-pc', samplerSettings({ sampler: 'unipc' }), 'all'],
] as const)('%s', (_, settings, through) => {
  test('gives the images and derivatives of one part', async () => {
    const denoiser = network('noise')
    const together = await sample(optionsFor(denoiser, { settings, through }))
    const apart = await sample(optionsFor(inBatches(denoiser), { settings, through }))
    expect(together.tape!.parts).toBeUndefined()
    expect(apart.tape!.parts!.length).toBe(3)
    expect(apart.images).toEqual(together.images)
    expect(apart.evaluations).toBe(together.evaluations)
    const weights = Float64Array.from({ length: COUNT * 4 }, (_, i) => Math.sin(3 * i + 1))
    const cotangent = imagesOf(weights, COUNT, IMAGE)
    const [one, several] = await Promise.all([together, apart].map(({ tape }) => sampleVjp(tape!, cotangent)))
    expect(several.evaluations).toBe(one.evaluations)
    expect(several.dStart).toEqual(one.dStart)
    const numbers = [
      [one.dLogSnr, several.dLogSnr],
      [one.dTimes!, several.dTimes!],
      [one.dSolver.tau, several.dSolver.tau],
      [one.dSolver.scale, several.dSolver.scale],
    ]
    for (const [want, got] of numbers) {
      expect(got.length).toBe(want.length)
      want.forEach((value, i) => {
        expect(Math.abs(got[i] - value)).toBeLessThan(1e-11 * (1 + Math.abs(value)))
      })
    }
    expect(Math.max(...one.dLogSnr.map(Math.abs))).toBeGreaterThan(1e-3)
  })
})

test('progress counts the images of all parts, forwards and backwards', async () => {
  const told: [number, number][] = []
  const onProgress = (done: number, total: number) => void told.push([done, total])
  const { tape, images } = await sample(optionsFor(inBatches(network('noise')), { onProgress }))
  const check = (total: number) => {
    expect(told.length).toBe(3 * LOG_SNR.length)
    expect(told.every(([done, of], i) => of === total && (i === 0 || done > told[i - 1][0]))).toBe(true)
    expect(told[told.length - 1]).toEqual([total, total])
  }
  check(COUNT * LOG_SNR.length)
  told.length = 0
  await sampleVjp(tape!, images, { onProgress })
  check(2 * COUNT * LOG_SNR.length)
})

test('parts take turns: the network is asked by one while another is at its arithmetic', async () => {
  const plain = network('noise')
  let asked = 0
  let most = 0
  const slow: Denoiser = {
    ...inBatches(plain),
    async predict(...call) {
      most = Math.max(most, ++asked)
      await new Promise((resolve) => setTimeout(resolve, 1))
      asked--
      return plain.predict(...call)
    },
  }
  await sample(optionsFor(slow, { through: 0 }))
  // Calls of a part are asked for together (two of the network's batches); those of all three parts are under way.
  expect(most).toBe(6)
})

test('an error is that of the first part that has one, naming the image among all', async () => {
  const plain = network('noise')
  const broken: Denoiser = {
    ...inBatches(plain),
    async predict(x, time, condition) {
      const given = await plain.predict(x, time, condition)
      return time < 500
        ? imagesOf(
            given.data.map(() => Number.NaN),
            x.shape[0],
            IMAGE,
          )
        : given
    },
  }
  const start = startNoise({ imageShape: IMAGE, count: COUNT, seed: 5, dtype: 'float64' })
  for (let run = 0; run < 3; run++) {
    await expect(sample(optionsFor(broken, { start, through: 0 }))).rejects.toMatchObject({
      code: 'sampler.finite',
      message: expect.stringMatching(/image 7\b/),
    })
  }
  const misshapen = imagesOf(new Float64Array(COUNT * 6), COUNT, [1, 2, 3])
  await expect(sample(optionsFor(inBatches(plain), { start: misshapen }))).rejects.toThrow(
    /got float64 \[11, 1, 2, 3\]/,
  )
})
