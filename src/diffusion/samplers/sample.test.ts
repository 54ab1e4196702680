/** The samplers' derivatives against central differences, truncation, what they share and what they refuse. */
import { describe, expect, test } from 'vitest'
import { randomStream } from '../../base/index.ts'
import type { Denoiser } from '../denoiser.ts'
import { gaussianDenoiser, linearDenoiser } from '../denoisers/gaussian.ts'
import type { Level } from '../schedules/level.ts'
import { flowLevel, levelOfLogSnr } from '../schedules/level.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import { samplingSchedule, samplingScheduleFrom } from '../schedules/samplingSchedule.ts'
import { imagesOf } from './anyBatch.ts'
import {
  cosineLogSnr,
  cotangentOf,
  expectCentralDifferences,
  IMAGE,
  LOG_SNR,
  network,
  PREDICTIONS,
  START,
  TIMES,
  valueAt,
  WEIGHTS,
} from './derivative.fixture.ts'
import { sample, sampleVjp, startNoise } from './sample.ts'
import type { SamplerSettings } from './settings.ts'
import { samplerSettings } from './settings.ts'

const column = (values: ArrayLike<number>) => imagesOf(Float64Array.from(values), values.length, [1, 1, 1])
function expectNear(got: ArrayLike<number>, want: readonly number[], tolerance: number) {
  expect(got.length).toBe(want.length)
  for (const [i, value] of want.entries())
    expect(Math.abs(got[i] - value)).toBeLessThan(tolerance * (1 + Math.abs(value)))
}

const SETTINGS: [string, Partial<SamplerSettings>][] = [
  ['ddim', {}],
  ['ddim, recompute', { clippedNoise: 'recompute' }],
  ['ddim, eta .6, keep', { eta: 0.6 }],
  ['ddim, eta .6, recompute', { eta: 0.6, clippedNoise: 'recompute' }],
  ['ddim, eta 1, unclipped', { eta: 1, clip: null }],
  ['ddpm small, recompute', { sampler: 'ddpm', clippedNoise: 'recompute' }],
  ['ddpm large, keep', { sampler: 'ddpm', variance: 'large', clippedNoise: 'keep' }],
  ['ddpm large, noisy last step', { sampler: 'ddpm', variance: 'large', noisyLastStep: true, clip: [-0.4, 0.9] }],
  ['dpm-solver++', { sampler: 'dpm-solver++' }],
  ['dpm-solver++, lopsided clip', { sampler: 'dpm-solver++', clip: [-0.4, 0.9] }],
]
describe.each(SETTINGS)('the derivative of %s is the central difference', (_, options) => {
  test.each(PREDICTIONS)('%s prediction: levels, told times, start', async (prediction) => {
    await expectCentralDifferences(samplerSettings(options), prediction)
  })
})

test('clipping acts in these cases, and not on everything', async () => {
  const { tape } = await valueAt(network('noise'), samplerSettings(), LOG_SNR, TIMES)
  const shares = tape!.evaluations.map(({ x, prediction }, i) => {
    const { signal, noise } = levelOfLogSnr(LOG_SNR[i])
    return Array.from(x).filter((v, j) => Math.abs((v - noise * prediction[j]) / signal) > 1).length / 12
  })
  expect(Math.max(...shares)).toBeGreaterThan(0.2)
  expect(Math.min(...shares)).toBeLessThan(0.9)
})

test.each([
  ['ddim', { eta: 0 }],
  ['ddpm', { sampler: 'ddpm', variance: 'large' }],
] as const)('through B of %s is the derivative of the last B steps alone', async (_, options) => {
  const settings = samplerSettings({ ...options, noisyLastStep: false, clip: null })
  const schedule = samplingSchedule({ timesteps: 1000, logSnr: LOG_SNR, times: TIMES })
  const run = { denoiser: network('noise'), schedule, settings, start: START, seed: 3 }
  const full = await sample({ ...run, through: 'all' })
  const cut = await sample({ ...run, through: 2 })
  expect(cut.images.data).toEqual(full.images.data)
  expect(cut.tape!.evaluations.length).toBe(2)
  const back = await sampleVjp(cut.tape!, cotangentOf(cut.images))
  expect(back.dStart).toBeNull()
  expect([...back.dLogSnr.subarray(0, 4)]).toEqual([0, 0, 0, 0])
  expect(back.evaluations).toBe(3 * 2 * 2)
  const entering = full.tape!.evaluations[4].x as Float64Array
  const tail = async (l5: number, l6: number) => {
    const { levels, times } = samplingSchedule({ timesteps: 1000, logSnr: [l5, l6], times: TIMES.slice(4) })
    return replay(entering, levels, times, settings)
  }
  const h = 1e-5
  const [l5, l6] = LOG_SNR.slice(4)
  expect(back.dLogSnr[4]).toBeCloseTo(((await tail(l5 + h, l6)) - (await tail(l5 - h, l6))) / (2 * h), 6)
  expect(back.dLogSnr[5]).toBeCloseTo(((await tail(l5, l6 + h)) - (await tail(l5, l6 - h))) / (2 * h), 6)
})

/** The last two DDIM or DDPM `large` steps from a state, written out on its own; noise as the samplers draw it. */
async function replay(
  entering: Float64Array,
  levels: SamplingSchedule['levels'],
  times: readonly number[],
  settings: SamplerSettings,
) {
  const [v, w] = levels.map(({ logSnr }) => 1 / (1 + Math.exp(-logSnr)))
  const denoiser = network('noise')
  const large = settings.sampler === 'ddpm'
  const z = [0, 1, 2].flatMap((item) => {
    return [...randomStream({ seed: 3, purpose: 'sampler', step: 4, item }).normal(new Float64Array(4))]
  })
  const small2 = large ? ((1 - w) / (1 - v)) * (1 - v / w) : 0
  const eps = (await denoiser.predict(imagesOf(entering, 3, IMAGE), times[0])).data
  const x = entering.map((value, j) => {
    const clean = (value - Math.sqrt(1 - v) * eps[j]) / Math.sqrt(v)
    return Math.sqrt(w) * clean + Math.sqrt(1 - w - small2) * eps[j] + (large ? Math.sqrt(1 - v / w) * z[j] : 0)
  })
  const last = (await denoiser.predict(imagesOf(x, 3, IMAGE), times[1])).data
  return x.reduce((sum, value, j) => {
    const clean = (value - Math.sqrt(1 - w) * last[j]) / Math.sqrt(w)
    return sum + WEIGHTS[j] * clean + (clean * clean) / 2
  }, 0)
}

test('through B of dpm-solver++ keeps the memory of one step earlier as a constant', async () => {
  const settings = samplerSettings({ sampler: 'dpm-solver++' })
  const denoiser = network('noise')
  const schedule = samplingSchedule({ timesteps: 1000, logSnr: LOG_SNR, times: TIMES })
  const run = { denoiser, schedule, settings, start: START, seed: 3 }
  const full = await sample({ ...run, through: 'all' })
  const cut = await sample({ ...run, through: 2 })
  const back = await sampleVjp(cut.tape!, cotangentOf(cut.images))
  const clip = (x: number) => Math.min(1, Math.max(-1, x))
  const cleanOf = (x: ArrayLike<number>, eps: ArrayLike<number>, l: number) =>
    Float64Array.from(x, (value, j) =>
      clip((value - Math.sqrt(1 / (1 + Math.exp(l))) * eps[j]) * Math.sqrt(1 + Math.exp(-l))),
    )
  const { x: x4, prediction: p4 } = full.tape!.evaluations[3]
  const before = cleanOf(x4, p4, LOG_SNR[3])
  const entering = full.tape!.evaluations[4].x as Float64Array
  const tail = async ([l4, l5, l6]: number[]) => {
    const clean = cleanOf(entering, (await denoiser.predict(imagesOf(entering, 3, IMAGE), TIMES[4])).data, l5)
    const h = (l6 - l5) / 2
    const x = entering.map((value, j) => {
      const D = clean[j] + ((l6 - l5) / (2 * (l5 - l4))) * (clean[j] - before[j])
      const ratio = Math.sqrt((1 + Math.exp(l5)) / (1 + Math.exp(l6)))
      return ratio * value - Math.sqrt(1 / (1 + Math.exp(-l6))) * (Math.exp(-h) - 1) * D
    })
    const last = cleanOf(x, (await denoiser.predict(imagesOf(x, 3, IMAGE), TIMES[5])).data, l6)
    return last.reduce((sum, value, j) => sum + WEIGHTS[j] * value + (value * value) / 2, 0)
  }
  const h = 1e-5
  const tailLevels = LOG_SNR.slice(3)
  for (const i of [0, 1, 2]) {
    const at = (d: number) => tail(tailLevels.with(i, tailLevels[i] + d))
    expect(back.dLogSnr[3 + i]).toBeCloseTo(((await at(h)) - (await at(-h))) / (2 * h), 6)
  }
})

test('noise, sample and velocity predictions of one network give the same images', async () => {
  const settings = samplerSettings({ eta: 0.6 })
  const exact = TIMES.map((time) => cosineLogSnr(time).value)
  const [noise, clean, velocity] = await Promise.all(
    PREDICTIONS.map(async (prediction) => (await valueAt(network(prediction), settings, exact, TIMES)).images.data),
  )
  expectNear(clean, [...noise], 1e-12)
  expectNear(velocity, [...noise], 1e-12)
})

test.each(PREDICTIONS)(
  'flow levels: signal + noise = 1, %s prediction, derivative in the log-SNR',
  async (prediction) => {
    const denoiser: Denoiser = { ...linearDenoiser({ weights: [0.9, 0.4, -0.2] }), prediction }
    const run = async (levels: Level[]) => {
      const settings = samplerSettings({ eta: 0.4, clippedNoise: 'recompute', clip: [-2, 2] })
      const schedule = { timesteps: 3, levels, times: [2, 1, 0] }
      const sampled = await sample({
        denoiser,
        schedule,
        settings,
        start: column([0.3, -1.1, 0.8]),
        seed: 1,
        through: 'all',
      })
      return { ...sampled, value: Array.from(sampled.images.data).reduce((sum, x, i) => sum + WEIGHTS[i] * x, 0) }
    }
    const flowAt = (logSnr: number) => flowLevel(1 / (1 + Math.exp(logSnr / 2)))
    const levels = [0.9, 0.6, 0.2].map(flowLevel)
    const { tape } = await run(levels)
    const { dLogSnr } = await sampleVjp(tape!, column(WEIGHTS.subarray(0, 3)))
    for (const [i, { logSnr }] of levels.entries()) {
      const moved = async (h: number) => (await run(levels.with(i, flowAt(logSnr + h)))).value
      expect(dLogSnr[i]).toBeCloseTo(((await moved(1e-5)) - (await moved(-1e-5))) / 2e-5, 7)
    }
  },
)

test('DDIM at eta 1 is DDPM with the small variance, image by image', async () => {
  const schedule = samplingScheduleFrom(noiseSchedule({ family: 'cosine' }), 'trailing', 7)
  const run = { denoiser: network('noise'), schedule, start: START, seed: 9 }
  const ddim = await sample({ ...run, settings: samplerSettings({ eta: 1, clippedNoise: 'recompute' }) })
  const ddpm = await sample({ ...run, settings: samplerSettings({ sampler: 'ddpm' }) })
  expect(ddim.images.data).toEqual(ddpm.images.data)
})

test('the eta-1 step has the mean and variance of the exact posterior q(x_w | x_v, x0)', async () => {
  // One unclipped step of N(0, 1) data: x_w given x_v has mean a x_v and variance 1 - a^2 only at the exact posterior.
  const [v, w] = [0.2, 0.7]
  const logSnr = [Math.log(v / (1 - v)), Math.log(w / (1 - w))]
  const schedule = samplingSchedule({ timesteps: 1000, logSnr, times: [600, 200] })
  const denoiser = gaussianDenoiser({
    mean: 0,
    std: 1,
    logSnrAt: (t) => ({ value: t === 600 ? logSnr[0] : logSnr[1], slope: 0 }),
  })
  const count = 20_000
  const start = imagesOf(new Float64Array(count).fill(0.5), count, [1, 1, 1])
  const { tape } = await sample({
    denoiser,
    schedule,
    settings: samplerSettings({ eta: 1, clip: null }),
    start,
    seed: 4,
    through: 1,
  })
  const x = tape!.evaluations[0].x as Float64Array
  const mean = x.reduce((sum, value) => sum + value, 0) / count
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count
  // x0Hat = sqrt(v) x; posterior mean = sqrt(w)(1-v/w)/(1-v) x0Hat + sqrt(v/w)(1-w)/(1-v) x
  const want =
    ((Math.sqrt(w) * (1 - v / w)) / (1 - v)) * Math.sqrt(v) * 0.5 + ((Math.sqrt(v / w) * (1 - w)) / (1 - v)) * 0.5
  const sigma2 = ((1 - w) / (1 - v)) * (1 - v / w)
  expect(Math.abs(mean - want)).toBeLessThan(4 * Math.sqrt(sigma2 / count))
  expect(Math.abs(variance / sigma2 - 1)).toBeLessThan(4 * Math.sqrt(2 / count))
})

describe('what is refused', () => {
  const schedule = samplingSchedule({ timesteps: 1000, logSnr: LOG_SNR, times: TIMES })
  const run = { denoiser: network('noise'), schedule, settings: samplerSettings(), start: START, seed: 0 }

  test('real told times on a network with a table of times', async () => {
    await expect(sample({ ...run, denoiser: { ...run.denoiser, times: 'integer' } })).rejects.toMatchObject({
      code: 'times.integerOnly',
    })
  })

  test('start noise of another shape or element type; through more steps than there are', async () => {
    const float32 = startNoise({ imageShape: IMAGE, count: 3, seed: 5 })
    await expect(sample({ ...run, start: float32 })).rejects.toMatchObject({ code: 'sampler.start' })
    await expect(sample({ ...run, start: column([1]) })).rejects.toMatchObject({ code: 'sampler.start' })
    await expect(sample({ ...run, through: 7 })).rejects.toMatchObject({ code: 'sampler.through' })
  })

  test('a derivative of a network that has none names the estimators that need none', async () => {
    const { tape } = await sample({ ...run, denoiser: { ...run.denoiser, differentiable: false }, through: 'all' })
    await expect(sampleVjp(tape!, START)).rejects.toThrow(/two-point, coordinate/)
  })

  test('an aborted run stops at the next step', async () => {
    const controller = new AbortController()
    const onProgress = (done: number) => done >= 6 && controller.abort()
    const interrupted = sample({ ...run, signal: controller.signal, onProgress })
    await expect(interrupted).rejects.toMatchObject({ kind: 'interrupted' })
  })

  test.each([
    [{ eta: 2 }, 'sampler.eta'],
    [{ eta: 0.5, sampler: 'ddpm' }, 'sampler.eta'],
    [{ clip: [1, -1] }, 'sampler.clip'],
    [{ sampler: 'euler' }, 'sampler.name'],
    [{ noisyLastStep: true }, 'sampler.noisyLastStep'],
  ])('settings %o', (options, code) => {
    expect(() => samplerSettings(options as Partial<SamplerSettings>)).toThrow(expect.objectContaining({ code }))
  })
})

test('start noise may be filled anew as soon as the call has returned', async () => {
  const schedule = samplingSchedule({ timesteps: 1000, logSnr: LOG_SNR, times: TIMES })
  const options = { denoiser: network('noise'), schedule, settings: samplerSettings({ eta: 0 }), seed: 1 }
  const start = { ...START, data: START.data.slice() } as typeof START
  const asked = sample({ ...options, start })
  start.data.fill(7)
  expect((await asked).images.data).toEqual((await sample({ ...options, start: START })).images.data)
})

test('weights get no gradient through steps that are noisier than asked for, everything else does', async () => {
  const schedule = samplingSchedule({ timesteps: 3, logSnr: [-8, 0.3, 1.7], times: [2, 1, 0] })
  const settings = samplerSettings({ sampler: 'ddim', clip: null })
  const gradient = async (
    request: { readonly weightsAbove?: number },
    prediction: Denoiser['prediction'] = 'noise',
  ) => {
    const denoiser: Denoiser = { ...linearDenoiser({ weights: [0.9, 0.4, -0.2] }), prediction }
    const start = column([0.3, -1.1])
    const { tape } = await sample({ denoiser, schedule, settings, start, seed: 0, through: 'all' })
    return sampleVjp(tape!, column([1, -0.5]), { weights: true, ...request })
  }
  const [all, cut] = [await gradient({}), await gradient({ weightsAbove: 2e-3 })]
  expect(all.dWeights![2]).not.toBe(0)
  expect(cut.dWeights![2]).toBe(0)
  expect([cut.dWeights![0], cut.dWeights![1]]).toEqual([all.dWeights![0], all.dWeights![1]])
  expect(cut.dLogSnr).toEqual(all.dLogSnr)
  expect([all.evaluations, cut.evaluations]).toEqual([2 * 9, 2 * 8])
  // what predicts the image itself is not amplified there
  expect((await gradient({ weightsAbove: 2e-3 }, 'sample')).dWeights).toEqual((await gradient({}, 'sample')).dWeights)
})
