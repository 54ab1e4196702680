/** Schedules of flows: learned for plain functions by derivatives and without, and for networks that are trained here to predict each of what there is. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { randomStream } from '../../base/index.ts'
import { dataFromArrays } from '../../data/index.ts'
import { readSamplingSchedule, writeSamplingSchedule } from '../../diffusion/files/index.ts'
import type { Denoiser, Level, SamplerSettings, SamplingSchedule } from '../../diffusion/index.ts'
import {
  FREE_NAMES,
  flowSchedule,
  functionDenoiser,
  gaussianFlow,
  generate,
  noiseSchedule,
  sample,
  samplingScheduleFrom,
  startNoise,
  TRAINING_TARGETS,
} from '../../diffusion/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import { frechetDistance, functionFeatures, referenceMoments } from '../../metrics/index.ts'
import { defaultPlans } from './candidates.ts'
import { learnSchedule } from './learn.ts'
import type { LearnOptions } from './options.ts'
import { schedulePlan } from './plan.ts'
import { expectRising, lasting, recorded } from './recorded.fixture.ts'
import { familyFrom, startPool } from './search/startPool.ts'
import type { GivenSettings, LearnSettings } from './settings/index.ts'
import { learnedSampler, learnSettings } from './settings/index.ts'
import { errorOf, tinyData, tinyFeatures, tinyNetwork, tinySettings, tinyState } from './tiny.fixture.ts'

const T = 1000
const [MEAN, STD] = [0.2, 0.3]
const schedule = flowSchedule(T)

/** E[eps - x0 | x] of N(MEAN, STD^2), as somebody would write it down: with derivatives in x and in the time. */
function plainFlow(differentiable = true): Denoiser {
  const at = (time: number) => {
    const sigma = time / T
    const D = ((1 - sigma) * STD) ** 2 + sigma ** 2
    const gain = (sigma - (1 - sigma) * STD ** 2) / D
    const dD = 2 * sigma - 2 * (1 - sigma) * STD ** 2
    return {
      gain,
      offset: -(sigma * MEAN) / D,
      dGain: (1 + STD ** 2 - gain * dD) / D,
      dOffset: -(MEAN - (sigma * MEAN * dD) / D) / D,
    }
  }
  return functionDenoiser({
    imageShape: [1, 1, 2],
    prediction: 'velocity',
    predict: ({ data }, time) => data.map((x) => at(time).gain * x + at(time).offset),
    ...(differentiable && {
      vjp: (_: unknown, time: number, cotangent: Float64Array) => cotangent.map((g) => at(time).gain * g),
      timeVjp: ({ data }: { readonly data: ArrayLike<number> }, time: number, cotangent: Float64Array) => {
        const { dGain, dOffset } = at(time)
        return cotangent.reduce((sum, g, i) => sum + (g * (dGain * data[i] + dOffset)) / T, 0)
      },
    }),
  })
}

/** (u, v, 2u^2, tanh 3v). */
const features = functionFeatures({
  name: 'u, v, 2u^2, tanh 3v',
  imageShape: [1, 1, 2],
  dimensions: 4,
  features: ({ data, shape: [n] }) =>
    Array.from({ length: n }, (_, i) => [data[2 * i], data[2 * i + 1]]).flatMap(([u, v]) => [
      u,
      v,
      2 * u * u,
      Math.tanh(3 * v),
    ]),
  vjp: ({ data }, g) =>
    data.map((value, j) => {
      const row = g.subarray(4 * Math.floor(j / 2))
      return j % 2 === 0 ? row[0] + 4 * value * row[2] : row[1] + (3 * row[3]) / Math.cosh(3 * value) ** 2
    }),
})

function points(purpose: string, count: number) {
  const normal = randomStream({ seed: 5, purpose }).normal(new Float64Array(2 * count))
  return normal.map((z) => MEAN + STD * z)
}

const data = dataFromArrays({
  name: 'normal points',
  imageShape: [1, 1, 2],
  train: points('train', 20),
  tuning: points('tuning', 400),
  heldOut: points('held-out', 400),
})

const settingsOf = (given: GivenSettings): LearnSettings =>
  learnSettings({
    samplingSteps: 4,
    iterations: 12,
    tuningSamples: 200,
    candidateSamples: 100,
    evaluationSamples: 200,
    samplingSeeds: [11, 12],
    timesteps: schedule.timesteps,
    start: 'trailing',
    clip: null,
    seed: 3,
    ...given,
  })

const optionsOf = (given: GivenSettings, denoiser: Denoiser = plainFlow()): LearnOptions => ({
  subject: { kind: 'foreign', denoiser, schedule },
  data,
  features,
  judge: null,
  settings: settingsOf(given),
})

const isStraight = ({ path, signal, noise }: Level) => path === 'flow' && Math.abs(signal + noise - 1) < 1e-12

/** Fréchet distance to the held-out points, on noise that steered nothing. */
async function distanceOf(denoiser: Denoiser, of: SamplingSchedule, settings: SamplerSettings): Promise<number> {
  const { images, count } = data.splits.heldOut
  const real = { dtype: 'float32', shape: [count, 1, 1, 2], data: images } as const
  const drawn = await generate({ denoiser, schedule: of, settings, count: 400, seed: 21 })
  const reference = referenceMoments(await features.features(real))
  return frechetDistance(await features.features(drawn.images), reference).value
}

test('the written-down flow is that of the closed form, with its derivatives', async () => {
  const closed = gaussianFlow({ mean: MEAN, std: STD, timesteps: T, imageShape: [1, 1, 2] })
  const x = startNoise({ imageShape: [1, 1, 2], count: 5, seed: 1, dtype: 'float64' })
  for (const time of [1000, 640.25, 3]) {
    const [ours, theirs] = [await plainFlow().predict(x, time), await closed.predict(x, time)]
    for (const [j, value] of theirs.data.entries()) expect(ours.data[j]).toBeCloseTo(value, 12)
    const [mine, known] = await Promise.all([plainFlow(), closed].map((d) => d.vjp(x, time, undefined, x)))
    expect(mine.dtime).toBeCloseTo(known.dtime!, 12)
  }
})

describe('learned for a flow', () => {
  test.each<[string, GivenSettings]>([
    ['Euler', { sampler: 'ddim', clippedNoise: 'recompute' }],
    ['Heun', { sampler: 'heun', samplingSteps: 3 }],
    ['second order', {}],
    ['levels and told times', { samplingFamily: 'levels+times' }],
    ['the shift', { sampler: 'ddim', clippedNoise: 'recompute', free: ['shift'] }],
    ['the shift by its own name', { samplingFamily: 'shift' }],
    ['one power', { samplingFamily: 'level-power' }],
    ['tau and weights', { free: ['levels', 'times', 'tau', 'weights'] }],
    ['all but the clip', { free: FREE_NAMES.filter((name) => name !== 'clip') }],
    ['the shift with tau', { free: ['shift', 'tau', 'weights'] }],
    ['without a derivative', { estimator: 'coordinate', samplingFamily: 'shift', freshSamples: false }],
    ['two-point', { estimator: 'two-point', freshSamples: false }],
  ])('%s: nearer to the data than the start, on the straight path', async (_, given) => {
    const denoiser = plainFlow(!given.estimator)
    const options = optionsOf({ start: 'trailing', freshSamples: false, ...given }, denoiser)
    const { result, sampling, settings, prediction } = await learnSchedule(options)
    expect(prediction).toBe('velocity')
    // What was tuned, whether or not it is kept.
    const [start] = startPool(options.settings, schedule, denoiser.times)
    const family = familyFrom(options.settings, schedule, denoiser.times, start.sampling)
    const last = result.history[result.history.length - 1].parameters
    const tuned = family.toSchedule(family.names.map((name) => last[name]))
    for (const { levels } of [sampling, tuned]) expect(levels.every(isStraight)).toBe(true)
    const own = learnedSampler(options.settings)
    expect(await distanceOf(denoiser, tuned, own)).toBeLessThan(await distanceOf(denoiser, start.sampling, own))
    // Written and read it draws the same images.
    const x = startNoise({ imageShape: [1, 1, 2], count: 4, seed: 1, dtype: 'float64' })
    for (const saved of [
      { schedule: sampling, settings, learnedFor: null },
      { schedule: tuned, settings: own, learnedFor: null },
    ]) {
      const read = readSamplingSchedule(writeSamplingSchedule(saved), 'x')
      const drawn = [saved, read].map((one) => sample({ denoiser, ...one, start: x, seed: 2 }))
      const [ours, again] = await Promise.all(drawn)
      for (const [j, value] of ours.images.data.entries()) expect(again.images.data[j]).toBeCloseTo(value, 12)
    }
  })

  test('the defaults are all samplers and Heun, on all lists and the shifted ones', async () => {
    const { result } = await learnSchedule(optionsOf({ iterations: 0, samplingSteps: 5 }))
    const rows = result.candidates.map(({ sampler, stepList }) => `${sampler}, ${stepList}`)
    for (const sampler of ['ddim', 'ddpm', 'dpm-solver++', 'heun']) {
      for (const list of ['trailing', 'linspace', 'karras', 'shift-0.5', 'shift-2', 'shift-3', 'shift-5']) {
        expect(rows).toContain(`${sampler}, ${list}`)
      }
    }
    // Two evaluations a step but the last: 3 steps of Heun cost 5 of the others.
    const plans = defaultPlans(schedule, 5, { sampler: 'ddim', clip: [-1, 1], clippedNoise: 'keep' })
    for (const { settings, schedule: list } of plans) {
      expect(list.levels.length).toBe(settings.sampler === 'heun' ? 3 : 5)
      expect(list.levels.every(({ path }) => path === 'flow')).toBe(true)
      // Euler's step is on the velocity of the clipped image.
      expect(settings.clippedNoise).toBe('recompute')
    }
    expect(result.default).toMatchObject({ sampler: 'ddim', stepList: 'trailing' })
    const elsewhere = defaultPlans(noiseSchedule({ family: 'cosine' }), 5, {
      sampler: 'ddim',
      clip: null,
      clippedNoise: 'keep',
    })
    expect(
      elsewhere.every(({ settings, stepList }) => settings.sampler !== 'heun' && !stepList.startsWith('shift')),
    ).toBe(true)
  })

  test('progress and plan count what is spent', async () => {
    const options = optionsOf({ iterations: 2, samplingFamily: 'shift', estimator: 'coordinate' })
    const { learned, progress } = await recorded(options)
    expectRising(progress, 0)
    const { total } = progress[progress.length - 1]
    expect(progress[progress.length - 1].done).toBe(total)
    // Where the best default is kept there is nothing learned at 2 and 8 steps.
    const { decision } = learned.result
    const unused = decision?.kept === 'start' ? (2 + 8) * options.settings.evaluationSamples : 0
    const plan = schedulePlan(options.settings, { schedule, trained: false, statistics: false })
    expect(total).toBe(plan.total - unused)
  })

  test.each<[string, Partial<LearnOptions>, string, RegExp]>([
    [
      'a shift of no flow',
      {
        subject: {
          kind: 'foreign',
          denoiser: plainFlow(),
          schedule: noiseSchedule({ family: 'cosine', timesteps: 1001 }),
        },
        settings: settingsOf({ samplingFamily: 'shift' }),
      },
      'learn.free',
      /a free shift is of the levels of a flow/,
    ],
    [
      'a noise family',
      { settings: settingsOf({ samplingFamily: 'cosine' }) },
      'learn.samplingFamily',
      /use level-power or levels/,
    ],
    [
      'a prediction',
      { settings: settingsOf({ prediction: 'noise' }) },
      'learn.prediction',
      /got noise for a model that predicts flow; leave it out/,
    ],
    [
      'a shift without the derivative in time',
      { ...optionsOf({ samplingFamily: 'shift' }, { ...plainFlow(), timeDerivative: false }) },
      'times.derivative',
      /two-point, one-point or coordinate/,
    ],
  ])('%s is refused', async (_, change, code, message) => {
    const error = await errorOf(learnSchedule({ ...optionsOf({}), ...change }))
    expect(error).toMatchObject({ kind: 'input', code })
    expect(error.message).toMatch(message)
  })
})

describe('trained here', () => {
  let measures: FeatureNetwork
  beforeAll(async () => {
    measures = await tinyFeatures(3)
  })
  afterAll(() => measures.dispose())

  const tinyOf = (given: Partial<LearnSettings>): LearnOptions => ({
    subject: { kind: 'train', network: tinyNetwork },
    data: tinyData,
    features: measures,
    judge: null,
    settings: { ...tinySettings, samplingFamily: 'levels', start: 'trailing', ...given },
  })

  test.each(TRAINING_TARGETS)('to predict %s: the whole job, and the same from any checkpoint', async (prediction) => {
    const options = tinyOf({
      prediction,
      sampler: 'exponential',
      samplingFamily: 'free',
      free: ['levels', 'times', 'tau'],
    })
    const run = await recorded(options)
    const { learned, checkpoints } = run
    const flow = prediction === 'flow'
    expect(learned.prediction).toBe(flow ? 'velocity' : prediction)
    expect(learned.trainingSchedule.path).toBe(flow ? 'flow' : undefined)
    expect(learned.sampling.levels.every(({ path }) => path === (flow ? 'flow' : undefined))).toBe(true)
    expect(learned.result.candidates.some(({ sampler }) => sampler === 'heun')).toBe(flow)
    for (const from of [checkpoints[1], checkpoints[Math.floor(checkpoints.length / 2)]]) {
      const again = await learnSchedule({ ...options, from })
      expect(lasting(again)).toEqual(lasting(learned))
    }
    const plan = schedulePlan(options.settings, { schedule: null, trained: true, statistics: false }).total
    const { total } = run.progress[run.progress.length - 1]
    // Heun, a default of flows, may take an evaluation less than the learned steps do.
    if (flow) {
      expect(total / plan).toBeGreaterThan(0.98)
      expect(total).toBeLessThanOrEqual(plan)
    } else expect(total).toBe(plan)
  })

  test('what is predicted is another network', async () => {
    const states = await Promise.all(
      TRAINING_TARGETS.map(
        async (prediction) => (await learnSchedule(tinyOf({ prediction, iterations: 0 }))).model?.state,
      ),
    )
    const first = new Set(states.map((state) => state?.weights[0]))
    expect(first.size).toBe(4)
  })

  test('a model that predicts something is sampled as such: velocity and noise of one network differ', async () => {
    const state = tinyState()
    const trained = noiseSchedule({ family: 'cosine', timesteps: 40 })
    const settings = { iterations: 0 } as const
    const [noise, velocity] = await Promise.all(
      (['noise', 'velocity'] as const).map((prediction) =>
        learnSchedule({
          ...tinyOf({ ...settings, learn: 'sampling' }),
          subject: { kind: 'pretrained', network: tinyNetwork, state, schedule: trained, prediction },
        }),
      ),
    )
    const [ours, theirs] = [noise, velocity].map(({ result }) => result.grids[0].images)
    expect(ours.some((value, j) => Math.abs(value - theirs[j]) > 0.1)).toBe(true)
    expect([noise.prediction, velocity.prediction]).toEqual(['noise', 'velocity'])
  })

  test.each<[Partial<LearnSettings>, RegExp]>([
    [{ learn: 'tied', samplingFamily: 'cosine' }, /learn must be sampling with prediction flow, .* got "tied"/],
    [{ trainingFamily: 'sigmoid' }, /trainingFamily must be left out with prediction flow, .* got "sigmoid"/],
    [
      { training: { ...tinySettings.training, tau: 1.2 } },
      /training.tau must be left out with prediction flow, .* got 1.2/,
    ],
  ])('a flow has no training schedule to learn or to choose: %j', async (given, message) => {
    const error = await errorOf(learnSchedule(tinyOf({ prediction: 'flow', ...given })))
    expect(error).toMatchObject({ kind: 'input', code: 'learn.settings' })
    expect(error.message).toMatch(message)
  })

  test('a flow that is there is not trained under a schedule that is learned; what it predicts is its own', async () => {
    const state = tinyState()
    const subject = { kind: 'train', network: tinyNetwork, state, prediction: 'flow' } as const
    const tied = await errorOf(learnSchedule({ ...tinyOf({ learn: 'tied', samplingFamily: 'cosine' }), subject }))
    expect(tied).toMatchObject({ kind: 'input', code: 'learn.mode' })
    const other = await errorOf(
      learnSchedule({ ...tinyOf({ prediction: 'sample' }), subject: { ...subject, prediction: 'velocity' } }),
    )
    expect(other.message).toBe(
      'prediction is what a model trained here predicts, got sample for a model that predicts velocity; leave it out',
    )
  })

  test('free levels of the trailing list begin at noise alone', () => {
    const { levels, times } = samplingScheduleFrom(schedule, 'trailing', 4)
    expect(levels.map(({ noise }) => noise)).toEqual([1, 0.75, 0.5, 0.25].map((sigma) => expect.closeTo(sigma, 12)))
    expect(times).toEqual([1000, 750, 500, 250])
  })
})
