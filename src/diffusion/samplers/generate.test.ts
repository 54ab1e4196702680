import { describe, expect, test } from 'vitest'
import type { Denoiser, Images } from '../denoiser.ts'
import { gaussianDenoiser } from '../denoisers/gaussian.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import { samplingScheduleFrom } from '../schedules/samplingSchedule.ts'
import { dot } from './chain.ts'
import { generate } from './generate.ts'
import { sample, sampleVjp, startNoise } from './sample.ts'
import { samplerSettings } from './settings.ts'

const noise = noiseSchedule({ family: 'cosine', timesteps: 100 })
const schedule = samplingScheduleFrom(noise, 'trailing', 5)
const settings = samplerSettings({ sampler: 'ddpm', variance: 'large', clippedNoise: 'recompute' })

function network(batch?: number): Denoiser {
  const logSnrAt = (time: number) => ({ value: noise.logSnr[time], slope: 0 })
  const shared = { mean: 0.2, std: 0.5, logSnrAt, imageShape: [2, 3, 1], dtype: 'float32' } as const
  return gaussianDenoiser(batch === undefined ? shared : { ...shared, batch })
}

test('an image depends on its seed and item, not on the batch it is drawn in', async () => {
  const together = await generate({ denoiser: network(), schedule, settings, count: 11, seed: 3 })
  const inFours = await generate({ denoiser: network(4), schedule, settings, count: 11, seed: 3 })
  const later = await generate({ denoiser: network(3), schedule, settings, count: 4, seed: 3, firstItem: 7 })
  expect(together.images.shape).toEqual([11, 2, 3, 1])
  expect(inFours.images.data).toEqual(together.images.data)
  expect(later.images.data).toEqual(together.images.data.subarray(7 * 6))
  expect((await generate({ denoiser: network(), schedule, settings, count: 11, seed: 4 })).images.data).not.toEqual(
    together.images.data,
  )
})

test('evaluations are images times steps, padding not counted, and progress ends there', async () => {
  const seen: number[] = []
  const { evaluations } = await generate({
    denoiser: network(4),
    schedule,
    settings,
    count: 6,
    seed: 0,
    onProgress: (done, total) => seen.push(done / total),
  })
  expect(evaluations).toBe(30)
  expect(seen).toEqual([4, 8, 12, 16, 20, 22, 24, 26, 28, 30].map((done) => done / 30))
})

test('a fixed batch has the same derivative as any batch; weights and time sum over chunks', async () => {
  const withWeights = (denoiser: Denoiser): Denoiser => ({
    ...denoiser,
    async vjp(x, time, condition, cotangent, options) {
      const dweights = Float32Array.of(dot(x.data, cotangent.data))
      return { ...(await denoiser.vjp(x, time, condition, cotangent, options)), dweights }
    },
  })
  const start = startNoise({ imageShape: [2, 3, 1], count: 7, seed: 1 })
  const gradients = []
  for (const batch of [undefined, 3]) {
    const run = { denoiser: withWeights(network(batch)), schedule, settings, start, seed: 1 }
    const { images, tape } = await sample({ ...run, through: 'all' })
    const back = await sampleVjp(tape!, images, { weights: true })
    expect(back.evaluations).toBe(3 * 7 * 5)
    gradients.push(back)
  }
  const [any, fixed] = gradients
  expect(fixed.dStart!.data).toEqual(any.dStart!.data)
  for (const [i, value] of any.dLogSnr.entries()) expect(fixed.dLogSnr[i]).toBeCloseTo(value, 10)
  expect(fixed.dWeights![0]).toBeCloseTo(any.dWeights![0], 4)
})

test('activations are kept as far as their bytes go; the other steps run forwards again', async () => {
  const asked: string[] = []
  const plain = network(3)
  const keeping: Denoiser = {
    ...plain,
    predict: (x, time) => {
      asked.push('predict')
      return plain.predict(x, time)
    },
    vjp: (...call) => {
      asked.push('vjp')
      return plain.vjp(...call)
    },
    async pullback(x, time) {
      asked.push('pullback')
      const prediction = await plain.predict(x, time)
      return { prediction, bytes: 10, vjp: (g) => plain.vjp(x, time, undefined, g), release() {} }
    },
  }
  const start = startNoise({ imageShape: [2, 3, 1], count: 3, seed: 2 })
  const gradientOf = async (denoiser: Denoiser, keepBytes?: number) => {
    const run = { denoiser, schedule, settings, start, seed: 1, ...(keepBytes !== undefined && { keepBytes }) }
    const { images, tape } = await sample({ ...run, through: 3 })
    return sampleVjp(tape!, images)
  }
  const truth = await gradientOf(plain)
  const calls = (name: string) => asked.splice(0).filter((own) => own === name).length
  for (const [keepBytes, kept] of [
    [undefined, 3],
    [25, 2],
    [20, 2],
    [0, 0],
  ] as const) {
    const back = await gradientOf(keeping, keepBytes)
    expect(back.dLogSnr).toEqual(truth.dLogSnr)
    expect(calls('vjp'), `${keepBytes} bytes`).toBe(3 - kept)
  }
})

test('classes are cut with the images and padded', async () => {
  const asked: number[][] = []
  const told: Denoiser = {
    ...network(2),
    predict: async (x: Images, _, condition) => {
      asked.push([...condition!])
      return x
    },
  }
  const condition = Int32Array.of(5, 6, 7)
  const one = samplingScheduleFrom(noise, 'trailing', 1)
  await generate({ denoiser: told, schedule: one, settings, count: 3, seed: 0, condition })
  expect(asked).toEqual([
    [5, 6],
    [7, 0],
  ])
  const short = generate({ denoiser: told, schedule: one, settings, count: 4, seed: 0, condition })
  await expect(short).rejects.toThrow(/one class per image \(4\), got 3/)
})

test('more images than memory holds are refused before the network is asked', async () => {
  const schedule = samplingScheduleFrom(noise, 'trailing', 1)
  const options = { denoiser: { ...network(2), imageShape: [3, 8192, 8192] }, schedule, settings, seed: 0 }
  await expect(generate({ ...options, count: 1e6 })).rejects.toThrow(
    /^1000000 images of \[3,8192,8192\] need 750000\.0 GiB/,
  )
  const wide = { ...options.denoiser, batch: 65_536 }
  await expect(generate({ ...options, denoiser: wide, count: 1 })).rejects.toThrow(/^the 65536 images of a chunk/)
})

describe('a network that gives no number', () => {
  /** In the last pixel of item 3, from told time `until` on: the second chunk of two. */
  function broken(value: number, until: number): Denoiser {
    const sound = network(2)
    let calls = 0
    return {
      ...sound,
      async predict(x, time, condition) {
        const out = await sound.predict(x, time, condition)
        const chunk = Math.floor(calls++ / schedule.levels.length)
        if (chunk === 1 && time <= until) out.data[out.data.length - 1] = value
        return out
      },
    }
  }
  const drawn = (denoiser: Denoiser, changed: Parameters<typeof samplerSettings>[0]) =>
    generate({ denoiser, schedule, settings: samplerSettings(changed), count: 8, seed: 1 })

  test.each([
    [{ sampler: 'ddim', clip: [-1, 1] }, Number.NaN],
    [{ sampler: 'ddpm', clippedNoise: 'recompute', clip: [-1, 1] }, Number.NaN],
    [{ sampler: 'dpm-solver++', clip: null }, Number.NaN],
    [{ sampler: 'ddim', clip: [-1, 1] }, Number.POSITIVE_INFINITY],
  ] as const)('%j, %d: image and step are named', async (changed, value) => {
    const time = schedule.times[2]
    await expect(drawn(broken(value, time), changed)).rejects.toMatchObject({
      kind: 'failed',
      code: 'sampler.finite',
      message: expect.stringMatching(
        `image 3 has (NaN|-?Infinity) after step 3 of 5 \\(time ${time}\\): .*--schedule default`,
      ),
    })
  })

  test('in the last step too, and from the item that was asked for', async () => {
    const denoiser = broken(Number.NaN, schedule.times[4])
    const settings = samplerSettings({ clip: null })
    const some = generate({ denoiser, schedule, settings, count: 4, firstItem: 40, seed: 1 })
    await expect(some).rejects.toThrow(/image 43 has NaN after step 5 of 5/)
  })
})
