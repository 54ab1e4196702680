/** Heun's method: its derivative, its order, and diffusers' HeunDiscreteScheduler itself (test/gold/heun.json), read and exported. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Denoiser, Prediction } from '../denoiser.ts'
import { linearDenoiser } from '../denoisers/gaussian.ts'
import { readScheduler } from '../files/diffusersScheduler.ts'
import { exportScheduler } from '../files/export.ts'
import { exportForms, exportSteps } from '../files/exportSteps.ts'
import { sequentialMonteCarlo } from '../guidance/smc.ts'
import type { Level } from '../schedules/level.ts'
import { flowLevel } from '../schedules/level.ts'
import { samplingSchedule, samplingScheduleAt } from '../schedules/samplingSchedule.ts'
import { imagesOf } from './anyBatch.ts'
import {
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
import { generate } from './generate.ts'
import { expectOrder } from './order.fixture.ts'
import { sample, sampleVjp } from './sample.ts'
import type { SamplerSettings, Sampling } from './settings.ts'
import { networkEvaluations, samplerSettings, stepsWithin } from './settings.ts'

const HEUN = samplerSettings({ sampler: 'heun' })
const column = (values: ArrayLike<number>) => imagesOf(Float64Array.from(values), values.length, [1, 1, 1])

test('heun has order 2', () => expectOrder('heun', 2))

describe.each<[string, Partial<SamplerSettings>]>([
  ['clipped', {}],
  ['clipped, keep', { clippedNoise: 'keep' }],
  ['lopsided clip', { clip: [-0.4, 0.9] }],
  ['unclipped', { clip: null }],
])('the derivative of heun, %s, is the central difference', (_, options) => {
  test.each(PREDICTIONS)('%s prediction: levels, told times, start', async (prediction) => {
    await expectCentralDifferences(samplerSettings({ sampler: 'heun', ...options }), prediction)
  })
})

test('the derivative in the weights, through both evaluations of a step', async () => {
  const schedule = samplingSchedule({ timesteps: 3, logSnr: [-2, 0.3, 1.7], times: [2, 1, 0] })
  const settings = samplerSettings({ sampler: 'heun', clip: [-1.2, 1.2] })
  const run = (weights: number[]) =>
    sample({
      denoiser: linearDenoiser({ weights }),
      schedule,
      settings,
      start: column([0.3, -1.1, 0.8]),
      seed: 0,
      through: 'all',
    })
  const value = async (weights: number[]) =>
    Array.from((await run(weights)).images.data).reduce((sum, x, i) => sum + WEIGHTS[i] * x, 0)
  const weights = [0.9, 0.4, -0.2]
  const { tape } = await run(weights)
  const { dWeights, evaluations } = await sampleVjp(tape!, column(WEIGHTS.subarray(0, 3)), { weights: true })
  expect(evaluations).toBe(3 * 3 * 5)
  for (const [i, weight] of weights.entries()) {
    const moved = (h: number) => value(weights.with(i, weight + h))
    expect(dWeights![i]).toBeCloseTo(((await moved(1e-5)) - (await moved(-1e-5))) / 2e-5, 7)
  }
})

test('flow levels: the derivative in the log-SNR', async () => {
  const flowAt = (logSnr: number) => flowLevel(1 / (1 + Math.exp(logSnr / 2)))
  const run = async (levels: Level[]) => {
    const sampled = await sample({
      denoiser: { ...linearDenoiser({ weights: [0.9, 0.4, -0.2] }), prediction: 'velocity' },
      schedule: { timesteps: 3, levels, times: [2, 1, 0] },
      settings: HEUN,
      start: column([0.3, -0.4, 0.2]),
      seed: 1,
      through: 'all',
    })
    return { ...sampled, value: Array.from(sampled.images.data).reduce((sum, x, i) => sum + WEIGHTS[i] * x, 0) }
  }
  const levels = [0.9, 0.6, 0.2].map(flowLevel)
  const { dLogSnr } = await sampleVjp((await run(levels)).tape!, column(WEIGHTS.subarray(0, 3)))
  for (const [i, { logSnr }] of levels.entries()) {
    const moved = async (h: number) => (await run(levels.with(i, flowAt(logSnr + h)))).value
    expect(dLogSnr[i]).toBeCloseTo(((await moved(1e-5)) - (await moved(-1e-5))) / 2e-5, 7)
  }
})

test('through B: the state that enters the last B steps is a constant', async () => {
  const full = await valueAt(network('noise'), HEUN, LOG_SNR, TIMES)
  const schedule = samplingSchedule({ timesteps: 1000, logSnr: LOG_SNR, times: TIMES })
  const cut = await sample({ denoiser: network('noise'), schedule, settings: HEUN, start: START, seed: 3, through: 2 })
  expect(cut.images.data).toEqual(full.images.data)
  const back = await sampleVjp(cut.tape!, cotangentOf(cut.images))
  expect([back.dStart, back.evaluations]).toEqual([null, 3 * 2 * 3])
  expect([...back.dLogSnr.subarray(0, 4)]).toEqual([0, 0, 0, 0])
  // The last two steps by themselves, from that state.
  const [entering] = cut.tape!.evaluations
  const tail = async (logSnr: number[]) =>
    (await valueAt(network('noise'), HEUN, logSnr, TIMES.slice(4), imagesOf(entering.x, 3, IMAGE))).value
  const last = LOG_SNR.slice(4)
  for (const i of [0, 1]) {
    const moved = (h: number) => tail(last.with(i, last[i] + h))
    expect(back.dLogSnr[4 + i]).toBeCloseTo(((await moved(1e-5)) - (await moved(-1e-5))) / 2e-5, 6)
  }
})

describe('evaluations of the network', () => {
  test('two a step but the last, which is what is counted, shown and charged', async () => {
    const asked: number[] = []
    const counted: Denoiser = {
      ...network('noise'),
      predict(x, time) {
        asked.push(time)
        return network('noise').predict(x, time)
      },
    }
    const shown: (readonly [number, number])[] = []
    const schedule = samplingSchedule({ timesteps: 1000, logSnr: LOG_SNR.slice(0, 3), times: TIMES.slice(0, 3) })
    const { evaluations } = await generate({
      denoiser: counted,
      schedule,
      settings: HEUN,
      count: 2,
      seed: 0,
      onProgress: (...of) => shown.push(of),
    })
    const [a, b, c] = TIMES
    expect(asked).toEqual([a, b, b, c, c])
    expect(evaluations).toBe(2 * 5)
    expect(shown).toEqual([1, 2, 3, 4, 5].map((n) => [2 * n, 10]))
  })

  test('steps within a budget', () => {
    expect([1, 2, 3, 10].map((steps) => networkEvaluations(HEUN, steps))).toEqual([1, 3, 5, 19])
    expect([1, 2, 3, 18, 19].map((evaluations) => stepsWithin(HEUN, evaluations))).toEqual([1, 1, 2, 9, 10])
  })
})

test('settings of others, and paths that need noise, are refused', async () => {
  expect(() => samplerSettings({ sampler: 'heun', eta: 0.5 })).toThrow(/eta belongs to ddim, got eta 0.5 with heun/)
  expect(() => samplerSettings({ sampler: 'heun', noisyLastStep: true })).toThrow(/only ddpm with variance large/)
  const schedule = samplingSchedule({ timesteps: 1000, logSnr: LOG_SNR, times: TIMES })
  const request = { denoiser: network('noise'), schedule, settings: HEUN, count: 2, seed: 0, scale: 1 }
  await expect(sequentialMonteCarlo({ ...request, reward: async () => new Float64Array(2) })).rejects.toThrow(
    'needs noise at every step: take ddim with eta > 0, or ddpm; got heun',
  )
})

interface Gold {
  readonly start: readonly number[]
  readonly runs: readonly {
    readonly config: Readonly<Record<string, unknown>>
    readonly steps: number
    readonly calls: readonly number[]
    readonly images: readonly number[]
  }[]
  readonly exported: readonly {
    readonly T: number
    readonly logSnr: readonly number[]
    readonly times: readonly number[]
    readonly clip: SamplerSettings['clip']
    readonly prediction: Prediction
    readonly form: 'plain' | 'steps'
    readonly config: Readonly<Record<string, unknown>>
    readonly timesteps: readonly number[] | null
    readonly told: readonly number[] | null
    readonly images: readonly number[]
  }[]
}
const gold = JSON.parse(readFileSync('test/gold/heun.json', 'utf8')) as Gold

/** The generator's network; what it was told, call by call. */
async function ours({ schedule, settings }: Sampling, prediction: Prediction) {
  const told: number[] = []
  const denoiser: Denoiser = {
    ...network(prediction),
    imageShape: [1, 1, 1],
    async predict({ data, shape }, time) {
      told.push(time)
      const output = Float64Array.from(data, (x) => 0.9 * Math.sin(3 * x + 0.002 * time) + 0.3 * x)
      return imagesOf(output, shape[0], [1, 1, 1])
    },
  }
  const { images } = await sample({ denoiser, schedule, settings, start: column(gold.start), seed: 0 })
  return { images: [...images.data], told }
}

function expectAlike(got: readonly number[], want: readonly number[], tolerance = 1e-4) {
  const size = Math.max(1, ...want.map(Math.abs))
  for (const [j, value] of want.entries()) expect(Math.abs(got[j] - value) / size, `image ${j}`).toBeLessThan(tolerance)
}

describe('HeunDiscreteScheduler', () => {
  test.each(gold.runs.map((row) => [`${JSON.stringify(row.config)}, ${row.steps} steps`, row] as const))(
    'reads as heun: %s',
    async (_, { config, steps, calls, images }) => {
      const { schedule, settings, prediction, timesOf, notes } = readScheduler(JSON.stringify(config), 'gold')
      expect([settings.sampler, settings.clippedNoise, notes]).toEqual(['heun', 'recompute', []])
      const got = await ours({ schedule: samplingScheduleAt(schedule, timesOf(steps)), settings }, prediction)
      expect(got.told).toEqual(calls)
      // The class takes the difference of two sigmas in float32: 4e-3 of its own where the first one is a cosine's 4e4.
      expectAlike(got.images, images, config.beta_schedule === 'squaredcos_cap_v2' ? 4e-3 : 1e-4)
    },
  )

  test.each(gold.exported.map((row) => [`${row.form}, ${row.prediction}, times ${row.times}`, row] as const))(
    'draws our images from what is exported: %s',
    async (_, { T, logSnr, times, clip, prediction, form, config, timesteps, told, images }) => {
      const sampling = {
        schedule: samplingSchedule({ timesteps: T, logSnr, times }),
        settings: samplerSettings({ sampler: 'heun', clip }),
      }
      const got = await ours(sampling, prediction)
      const exported = form === 'plain' ? exportScheduler : exportSteps
      const written = { ...exported({ ...sampling, prediction }) }
      expect(JSON.parse(JSON.stringify(written.config))).toEqual(config)
      expect(written).toMatchObject({ scaled: true, ...(form === 'plain' ? { timesteps } : { told: got.told }) })
      if (told) expect(got.told).toEqual(told)
      expectAlike(got.images, images)
    },
  )

  test('cannot be told of predicted samples, of kept noise, or of a lopsided range', () => {
    const schedule = samplingSchedule({ timesteps: 1000, logSnr: [-3, 1], times: [999, 499] })
    const reasonOf = (options: Partial<SamplerSettings>, prediction: Prediction = 'noise') => {
      const settings = samplerSettings({ sampler: 'heun', ...options })
      const { plain, steps, reason } = exportForms({ schedule, settings, prediction })
      expect([plain, steps]).toEqual([null, null])
      return reason
    }
    expect(reasonOf({}, 'sample')).toMatch(/predicts noise or velocity/)
    expect(reasonOf({ clippedNoise: 'keep' })).toMatch(/recomputes the noise after clipping/)
    expect(reasonOf({ clip: [0, 1] })).toMatch(/range \[-r, r\]/)
  })
})
