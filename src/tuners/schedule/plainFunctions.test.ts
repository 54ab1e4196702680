/**
 * Schedules learned for plain functions: an exact mixture of normals, far outside [-1, 1], with features in a closed form. All in float64, so derivatives are
 * held to what central differences can say there.
 */
import { describe, expect, test } from 'vitest'
import { randomStream } from '../../base/index.ts'
import { dataFromArrays } from '../../data/index.ts'
import type { Component } from '../../diffusion/denoisers/mixture.fixture.ts'
import { mixtureOptions, POINTS } from '../../diffusion/denoisers/mixture.fixture.ts'
import type { Denoiser, SamplerSettings } from '../../diffusion/index.ts'
import {
  FREE_NAMES,
  freeFamily,
  functionDenoiser,
  imagesOf,
  levelsAndTimesFamily,
  noiseParameterFamily,
  noiseSchedule,
  SAMPLER_NAMES,
  sample,
  samplerSettings,
  samplingSchedule,
  samplingScheduleFrom,
  startNoise,
} from '../../diffusion/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import { frechetDistance, functionFeatures, referenceMoments } from '../../metrics/index.ts'
import { samplingFamily } from './families.ts'
import { learnSchedule } from './learn.ts'
import type { FrechetObjectiveOptions } from './objectives/fid.ts'
import { FrechetObjective } from './objectives/fid.ts'
import { samplingProblem } from './problem.ts'
import type { LearnSettings } from './settings/index.ts'
import { learnSettings } from './settings/index.ts'
import { errorOf } from './tiny.fixture.ts'

/** One number: the features (u, 2u^2, tanh 3u). */
const LINE: readonly Component[] = [
  { weight: 0.4, mean: [-2], sd: 0.5 },
  { weight: 0.6, mean: [3.5], sd: 0.8 },
]
const lineFeatures = functionFeatures({
  name: 'u, 2u^2, tanh 3u',
  imageShape: [1, 1, 1],
  dimensions: 3,
  features: ({ data }) => [...data].flatMap((u) => [u, 2 * u * u, Math.tanh(3 * u)]),
  vjp: ({ data }, g) =>
    data.map((u, i) => g[3 * i] + 4 * u * g[3 * i + 1] + (3 * g[3 * i + 2]) / Math.cosh(3 * u) ** 2),
})

/** Two numbers: (u, v, 2u^2, uv, tanh 3v). */
const planeFeatures = functionFeatures({
  name: 'u, v, 2u^2, uv, tanh 3v',
  imageShape: [1, 1, 2],
  dimensions: 5,
  features: ({ data, shape: [n] }) =>
    Array.from({ length: n }, (_, i) => [data[2 * i], data[2 * i + 1]]).flatMap(([u, v]) => [
      u,
      v,
      2 * u * u,
      u * v,
      Math.tanh(3 * v),
    ]),
  vjp: ({ data }, g) =>
    data.map((value, j) => {
      const row = g.subarray(5 * Math.floor(j / 2))
      const other = data[j + 1 - 2 * (j % 2)]
      if (j % 2 === 0) return row[0] + 4 * value * row[2] + other * row[3]
      return row[1] + other * row[3] + (3 * row[4]) / Math.cosh(3 * value) ** 2
    }),
})

/** Points of a mixture and the component of each. */
function drawn(components: readonly Component[], count: number, purpose: string) {
  const random = randomStream({ seed: 3, purpose })
  const labels = Int32Array.from({ length: count }, () => {
    const u = random.uniform()
    return components.findIndex((_, k) => u < components.slice(0, k + 1).reduce((sum, { weight }) => sum + weight, 0))
  })
  const size = components[0].mean.length
  const normal = random.normal(new Float64Array(count * size))
  const images = normal.map((z, j) => {
    const { mean, sd } = components[labels[Math.floor(j / size)]]
    return mean[j % size] + sd * z
  })
  return { images, labels }
}

const noise = noiseSchedule({ family: 'cosine', timesteps: 1000 })
const LOG_SNR = [-4.1, -1.9, -0.7, 0.2, 3.1]
const TIMES = [930.5, 760, 640.25, 433, 151.5]
const schedule = (logSnr: readonly number[] = LOG_SNR, times: readonly number[] = TIMES) =>
  samplingSchedule({ timesteps: 1000, logSnr, times })

const PROBLEMS = {
  'a line': { components: LINE, features: lineFeatures, classes: false },
  'the plane': { components: POINTS, features: planeFeatures, classes: false },
  'the plane, by class': { components: POINTS, features: planeFeatures, classes: true },
}

async function objectiveOf(
  problem: keyof typeof PROBLEMS,
  settings: SamplerSettings,
  options: Partial<FrechetObjectiveOptions> & { readonly prediction?: Denoiser['prediction'] } = {},
) {
  const { components, features, classes } = PROBLEMS[problem]
  const { prediction, ...rest } = options
  const real = drawn(components, 400, 'real')
  const reference = referenceMoments(await features.features(imagesOf(real.images, 400, features.imageShape)))
  const denoiser = functionDenoiser({
    ...mixtureOptions(components, prediction),
    ...(classes && { classes: components.length }),
  })
  const condition = classes ? { condition: (item: number) => item % components.length } : {}
  return new FrechetObjective({ denoiser, features, reference, settings, samples: 24, seed: 8, ...condition, ...rest })
}

/** Fourth-order central difference. */
async function slope(f: (distance: number) => Promise<number>, h: number): Promise<number> {
  const [a, b, c, d] = [await f(-2 * h), await f(-h), await f(h), await f(2 * h)]
  return (8 * (c - b) - (d - a)) / (12 * h)
}

const moved = <T extends readonly number[] | Float64Array>(values: T, i: number, distance: number): T =>
  values.map((value, j) => (j === i ? value + distance : value)) as T

/** Within a millionth of the largest. */
function expectClose(found: ArrayLike<number>, wanted: readonly number[], names: (i: number) => string = String) {
  const largest = Math.max(...wanted.map(Math.abs))
  expect(largest).toBeGreaterThan(1e-3)
  expect(found.length).toBe(wanted.length)
  for (const [i, value] of wanted.entries()) {
    expect(Math.abs(found[i] - value), names(i)).toBeLessThan(1e-6 * largest)
  }
}

/** None at its defaults; clipping acts on some elements. */
const SETTINGS = [
  ['ddim', { eta: 0.6, clip: [-3, 4], clippedNoise: 'recompute' }, 'velocity'],
  ['ddim', { clip: [-3, 4], clippedNoise: 'keep' }, 'noise'],
  ['ddpm', { variance: 'large', noisyLastStep: true, clip: null }, 'sample'],
  ['ddpm', { clip: [-3, 4], clippedNoise: 'keep' }, 'noise'],
  ['dpm-solver++', { clip: [-3, 4] }, 'noise'],
  ['dpm-solver++', { clip: null }, 'velocity'],
  ['sde-dpm-solver++', { clip: [-3, 4] }, 'velocity'],
  ['unipc', { clip: [-3, 4] }, 'noise'],
  ['unipc', { clip: null }, 'sample'],
  ['heun', { clip: null }, 'sample'],
  ['exponential', { clip: [-3, 4] }, 'velocity'],
] as const satisfies readonly (readonly [string, Partial<SamplerSettings>, Denoiser['prediction']])[]

test('every sampler is among those differentiated', () => {
  expect(new Set(SETTINGS.map(([sampler]) => sampler))).toEqual(new Set(SAMPLER_NAMES))
})

describe.each(SETTINGS)(
  '%s %j, %s prediction: the hypergradient by backpropagation is the central difference',
  (sampler, given, prediction) => {
    test.each(['a line', 'the plane, by class'] as const)('%s', async (problem) => {
      const objective = await objectiveOf(problem, samplerSettings({ sampler, ...given }), { prediction })
      const { value, dLogSnr, dTimes } = await objective.gradient(schedule(), 3)
      expect(value).toBe(await objective.value(schedule(), 3))
      const levels: number[] = []
      const times: number[] = []
      for (const i of LOG_SNR.keys()) {
        levels.push(await slope((d) => objective.value(schedule(moved(LOG_SNR, i, d)), 3), 1e-4))
        times.push(await slope((d) => objective.value(schedule(LOG_SNR, moved(TIMES, i, d)), 3), 1e-2))
      }
      expectClose(dLogSnr, levels)
      expectClose(dTimes ?? [], times)
    })
  },
)

test.each([
  ['levels+times', levelsAndTimesFamily(samplingScheduleFrom(noise, 'linspace', 5))],
  ['level-power', samplingFamily('level-power', noise, 5, 'trailing')],
  [
    'cosine',
    noiseParameterFamily({
      family: 'cosine',
      timesteps: 1000,
      steps: 5,
      initial: { start: 0.05, end: 0.93, tau: 1.2, epsilon: 0.02 },
    }),
  ],
  [
    'everything that may be free',
    freeFamily(samplingScheduleFrom(noise, 'linspace', 5), FREE_NAMES, { clip: [-3, 3] }),
  ],
] as const)('in the parameters of %s', async (_, family) => {
  const sampler = family.kind.includes('tau') ? 'exponential' : 'dpm-solver++'
  const objective = await objectiveOf('the plane', samplerSettings({ sampler, clip: null }))
  const { objective: upper, blocks } = samplingProblem(objective, family)
  const at = blocks.samplingSchedule.initial.map((value, i) => {
    // Told times at an end of their range have one side only, and so have clip bounds that are equal.
    const step = (0.3 + 0.01 * i) * family.scale[i]
    return value + step <= family.high[i] ? value + step : value - step
  })
  const wanted = { blocks: ['samplingSchedule'], weights: false } as const
  const found = (await upper.gradient?.({ samplingSchedule: at }, null, 1, wanted))?.upper.samplingSchedule
  const scaled = Array.from(at, (__, i) => (found?.[i] ?? 0) * family.scale[i])
  const differences: number[] = []
  for (const i of at.keys()) {
    const value = (d: number) => upper.value({ samplingSchedule: moved(at, i, d * family.scale[i]) }, null, 1)
    differences.push(await slope(value, 1e-4))
  }
  expectClose(scaled, differences, (i) => family.names[i])
})

test('truncated to the last two steps: the gradient of those steps alone, from the state that enters them', async () => {
  const settings = samplerSettings({ clip: null })
  const objective = await objectiveOf('the plane', settings, { through: 2 })
  const { dLogSnr, dTimes } = await objective.gradient(schedule(), 3)
  const { denoiser, features, reference, samples: count, seed } = objective.options
  const start = startNoise({ imageShape: denoiser.imageShape, count, seed, firstItem: 3 * count, dtype: 'float64' })
  const whole = await sample({
    denoiser,
    settings,
    seed,
    firstItem: 3 * count,
    start,
    schedule: schedule(),
    through: 2,
  })
  const entering = whole.tape?.evaluations[0].x ?? new Float64Array()
  const fid = async (logSnr: readonly number[], times: readonly number[]) => {
    const state = imagesOf(entering, count, denoiser.imageShape)
    const { images } = await sample({ denoiser, settings, seed, start: state, schedule: schedule(logSnr, times) })
    return frechetDistance(await features.features(images), reference).value
  }
  const [levels, times] = [LOG_SNR.slice(-2), TIMES.slice(-2)]
  const wanted = { levels: [0, 0, 0], times: [0, 0, 0] }
  for (const i of levels.keys()) {
    wanted.levels.push(await slope((d) => fid(moved(levels, i, d), times), 1e-4))
    wanted.times.push(await slope((d) => fid(levels, moved(times, i, d)), 1e-2))
  }
  expectClose(dLogSnr, wanted.levels)
  expectClose(dTimes ?? [], wanted.times)
})

describe('learning', () => {
  const dataOf = (components: readonly Component[], classes: readonly string[]) => {
    const split = (purpose: string) => {
      const { images, labels } = drawn(components, 1500, purpose)
      return classes.length > 0 ? { images, labels } : images
    }
    const imageShape = [1, 1, components[0].mean.length]
    return dataFromArrays({ name: 'mixture', imageShape, classes, tuning: split('tuning'), heldOut: split('held out') })
  }
  const settingsOf = (settings: Partial<LearnSettings>) =>
    learnSettings({
      samplingSteps: 3,
      // One start, where the search is not what is asked.
      start: 'trailing',
      iterations: 8,
      tuningSamples: 150,
      candidateSamples: 60,
      evaluationSamples: 400,
      samplingSeeds: [1, 2],
      clip: null,
      ...settings,
    })
  const lineOf = (denoiser: Denoiser, settings: Partial<LearnSettings> = {}, features: FeatureNetwork = lineFeatures) =>
    learnSchedule({
      subject: { kind: 'foreign', denoiser, schedule: noise },
      data: dataOf(LINE, []),
      features,
      judge: null,
      settings: settingsOf(settings),
    })
  const { timeVjp, ...withoutTime } = mixtureOptions(LINE)

  test('free levels and told times by backpropagation: better than its start, on points beyond [-1, 1]', async () => {
    const { result, sampling } = await lineOf(functionDenoiser({ ...withoutTime, timeVjp }), {
      samplingFamily: 'levels+times',
      start: 'auto',
    })
    expect(result.decision?.kept).toBe('learned')
    expect(result.learned.fid!.mean).toBeLessThan(0.6 * result.start.fid!.mean)
    expect(result.history.every(({ gradient }) => Object.values(gradient).every(Number.isFinite))).toBe(true)
    const { gradient } = result.history[0]
    expect(Math.abs(gradient['time 2'])).toBeGreaterThan(0)
    expect(sampling.times).not.toEqual(samplingScheduleFrom(noise, 'trailing', 3).times)
    expect(result.candidates.length).toBeGreaterThan(20)
    const grid = result.grids.find(({ label }) => label.startsWith('learned'))
    expect([grid?.shape, Math.max(...(grid?.images ?? []))]).toEqual([[1, 1, 1], expect.any(Number)])
    expect(Math.max(...(grid?.images ?? []))).toBeGreaterThan(3)
  })

  test('by class: images of the components in turn, on a model that says how many there are', async () => {
    const told: number[] = []
    const options = mixtureOptions(POINTS)
    const denoiser = functionDenoiser({
      ...options,
      classes: 3,
      predict(images, time, classes) {
        if (images.shape[0] > 8) told.push(...(classes ?? []))
        return options.predict(images, time, classes)
      },
    })
    const { result } = await learnSchedule({
      subject: { kind: 'foreign', denoiser, schedule: noise },
      data: dataOf(POINTS, ['one', 'two', 'three']),
      features: planeFeatures,
      judge: null,
      settings: settingsOf({ iterations: 3, sampler: 'ddim', eta: 0.4 }),
    })
    expect(result.learned.fid!.mean).toBeLessThan(result.default.fid!.mean)
    for (const label of [0, 1, 2]) {
      const share = told.filter((one) => one === label).length / told.length
      expect(Math.abs(share - 1 / 3)).toBeLessThan(0.02)
    }
  })

  test('without a derivative in time: levels are learned to the same bytes, told times by differences, and by backpropagation refused at once', async () => {
    const blind = functionDenoiser(withoutTime)
    const short = { iterations: 2, evaluationSamples: 60 }
    const [one, two] = [await lineOf(blind, short), await lineOf(functionDenoiser({ ...withoutTime, timeVjp }), short)]
    expect(one.sampling).toEqual(two.sampling)
    expect(one.result.history).toEqual(two.result.history)
    const free = { ...short, samplingFamily: 'levels+times' } as const
    const error = await errorOf(lineOf(blind, free))
    expect(error).toMatchObject({ code: 'times.derivative', kind: 'input' })
    expect(error.message).toMatch(
      /family levels\+times.*timeVjp of functionDenoiser.*two-point, one-point or coordinate/,
    )
    const [before, after] = (await lineOf(blind, { ...free, estimator: 'two-point' })).result.history
    for (const time of ['time 1', 'time 2', 'time 3']) expect(after.parameters[time]).not.toBe(before.parameters[time])
  })

  test('one that claims a derivative in time and gives none is refused, not taken for 0', async () => {
    const { timeDerivative: _, ...claims } = functionDenoiser(withoutTime)
    const error = await errorOf(lineOf(claims, { iterations: 1, samplingFamily: 'levels+times' }))
    expect(error).toMatchObject({ code: 'times.derivative' })
  })

  test('what has no derivative is named, and learned by differences', async () => {
    const { vjp: _, ...rest } = withoutTime
    const blind = functionDenoiser(rest)
    const error = await errorOf(lineOf(blind))
    expect(error).toMatchObject({ code: 'learn.estimator', message: expect.stringMatching(/this model does not have/) })
    const { vjp: __, ...features } = lineFeatures
    const unseen = await errorOf(lineOf(functionDenoiser(withoutTime), {}, features))
    expect(unseen.message).toMatch(/feature network u, 2u\^2, tanh 3u does not have/)
    const { result } = await lineOf(blind, { estimator: 'coordinate', iterations: 1, evaluationSamples: 60 })
    expect(result.history.length).toBe(1)
  })

  test('a wrong derivative is refused before it steers anything', async () => {
    const wrong = functionDenoiser({ ...withoutTime, vjp: (_, __, cotangent) => cotangent })
    const events: string[] = []
    const error = await errorOf(
      learnSchedule({
        subject: { kind: 'foreign', denoiser: wrong, schedule: noise },
        data: dataOf(LINE, []),
        features: lineFeatures,
        judge: null,
        settings: settingsOf({}),
        onEvent: ({ kind }) => void events.push(kind),
      }),
    )
    expect(error).toMatchObject({ code: 'denoiser.differences' })
    expect(events).not.toContain('iteration')
  })
})
