import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { float32 } from '../../base/index.ts'
import type { Denoiser, NoiseSchedule } from '../../diffusion/index.ts'
import {
  compileDenoiser,
  continuousCosine,
  FREE_NAMES,
  gaussianDenoiser,
  generate,
  noiseSchedule,
  samplerSettings,
  samplingSchedule,
  samplingScheduleFrom,
} from '../../diffusion/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import { frechetDistance, pixelFeatures, referenceMoments } from '../../metrics/index.ts'
import { mlp, shuffleUnet } from '../../nn/index.ts'
import { defaultSettings } from './candidates.ts'
import type { LearnEvent } from './events.ts'
import { samplingFamily } from './families.ts'
import { learnSchedule } from './learn.ts'
import type { LearnOptions } from './options.ts'
import { expectRising, lasting, recorded } from './recorded.fixture.ts'
import { DECISION_KEYS } from './search/cost.ts'
import { tuningSeed } from './search/search.ts'
import type { LearnSettings } from './settings/index.ts'
import {
  errorOf,
  SHAPE,
  TINY_MODES,
  tinyData,
  tinyFeatures,
  tinyNetwork,
  tinySettings,
  tinyState,
} from './tiny.fixture.ts'

let features: FeatureNetwork
let judge: FeatureNetwork
beforeAll(async () => {
  features = await tinyFeatures(3)
  judge = await tinyFeatures(4)
})
afterAll(() => Promise.all([features.dispose(), judge.dispose()]))

const optionsOf = (settings: Partial<LearnSettings> = {}): LearnOptions => ({
  subject: { kind: 'train', network: tinyNetwork },
  data: tinyData,
  features,
  judge,
  settings: { ...tinySettings, ...settings },
})

/** Network evaluations with which learned and the best default are told apart: four keys a side. */
const DECISION = DECISION_KEYS * 2 * tinySettings.candidateSamples * tinySettings.samplingSteps

test.each(TINY_MODES)('$learn: the rows say what was compared, on the same seeds', async ({ learn, ...chosen }) => {
  const { result, sampling, settings } = await learnSchedule(optionsOf({ learn, ...chosen }))
  const { samplingSteps, timesteps } = tinySettings
  expect(result.default).toMatchObject({ sampler: 'ddim', stepList: 'trailing', steps: samplingSteps })
  expect(result.manySteps).toMatchObject({ sampler: 'ddim', steps: 5 * samplingSteps })
  // Of a frozen network what is there without tuning is the best default, and learned is never behind it.
  if (learn === 'sampling') {
    const { sampler, stepList } = result.start
    expect(result.candidates).toContainEqual(expect.objectContaining({ sampler, stepList }))
    expect(result.decision?.difference.count).toBe(DECISION_KEYS)
  } else expect(result.start).toMatchObject({ sampler: settings.sampler, stepList: 'trailing' })
  expect(result.start.steps).toBe(samplingSteps)
  expect(result.learned).toMatchObject({ sampler: settings.sampler, stepList: 'learned', steps: samplingSteps })
  // The best of the final first, then those of the rounds before it.
  const fids = result.candidates.map(({ samples, value }) => [samples, value])
  expect(fids).toEqual(fids.toSorted((a, b) => b[0] - a[0] || a[1] - b[1]))
  expect(result.bestDefault).toMatchObject({
    sampler: result.candidates[0].sampler,
    stepList: result.candidates[0].stepList,
  })
  expect(result.gain.overDefault.mean).toBeCloseTo(result.default.fid!.mean - result.learned.fid!.mean, 10)
  expect(result.gain.overStart.mean).toBeCloseTo(result.start.fid!.mean - result.learned.fid!.mean, 10)
  expect(result.gain.overManySteps.mean).toBeCloseTo(result.manySteps.fid!.mean - result.learned.fid!.mean, 10)
  expect(result.grids.map(({ count, shape }) => [count, ...shape])).toEqual(Array(5).fill([20, 1, 4, 4]))
  expect(result.history.length).toBe(tinySettings.iterations)
  expect(result.schedule.sampling).toBe(sampling)
  expect(sampling.timesteps).toBe(timesteps)
  expect(result.bySteps[0].points.map(({ steps }) => steps)).toEqual([2, 4, 8, 20])
  expect(result.bySteps[1].points.map(({ steps }) => steps)).toEqual(learn === 'sampling' ? [4] : [2, 4, 8])
})

test('iterations say what their gradient left out: images that clipping makes all alike', async () => {
  const { result } = await learnSchedule(optionsOf({ clip: [2000, 2001] }))
  expect(result.history.map(({ droppedDirections }) => droppedDirections)).toEqual([5, 5])
  const ordinary = await learnSchedule(optionsOf({ iterations: 1 }))
  expect(ordinary.result.history[0]).not.toHaveProperty('droppedDirections')
})

test.each(['tied', 'both', 'sampling'] as const)(
  '%s: learning starts at the parameters that are given',
  async (learn) => {
    const training = { start: null, end: 0.93, tau: 1.2, epsilon: 0.05 }
    const { result, trainingSchedule } = await learnSchedule(
      optionsOf({ learn, training, iterations: 1, trainSteps: 2 }),
    )
    const start = { start: 0, end: 0.93, tau: 1.2, epsilon: 0.05 }
    const under = (block: string) =>
      Object.fromEntries(Object.entries(start).map(([name, v]) => [`${block}.${name}`, v]))
    expect(result.history[0].parameters).toEqual(
      learn === 'both' ? { ...under('trainingSchedule'), ...under('samplingSchedule') } : start,
    )
    const own = noiseSchedule({ family: 'cosine', timesteps: 40, ...start })
    const defaults = samplingScheduleFrom(own, 'trailing', tinySettings.samplingSteps).levels
    const curve = (label: string) => result.curves.find((one) => one.label.startsWith(label))?.logSnr ?? []
    if (learn === 'sampling') expect(trainingSchedule.logSnr).toEqual(own.logSnr)
    else expect(trainingSchedule.logSnr).not.toEqual(own.logSnr)
    expect(curve('default')).toEqual(defaults.map(({ logSnr }) => logSnr))
    expect(curve('learned')).not.toEqual(curve('default'))
  },
)

describe('from Karras’ list', () => {
  test.each([
    { learn: 'sampling', samplingFamily: 'levels' },
    { learn: 'sampling', samplingFamily: 'cosine', start: 'karras-model' },
    { learn: 'tied', start: 'karras-model' },
  ] as const)('%j: tuning starts there, and the row of the start is measured as the others', async (chosen) => {
    const settings = { ...tinySettings, start: 'karras', sampler: 'dpm-solver++', ...chosen } as const
    const { learned, progress } = await recorded(optionsOf({ ...settings, iterations: 1 }))
    const { result } = learned
    const own = noiseSchedule({ family: 'cosine', timesteps: 40 })
    const family = samplingFamily(settings.samplingFamily, own, 4, settings.start)
    expect(Object.values(result.history[0].parameters)).toEqual([...family.initial])
    const searched = settings.learn === 'sampling'
    expect(result.starts).toEqual(searched ? [{ name: settings.start, value: null, samples: 0 }] : [])
    const from = searched ? result.start.stepList : settings.start
    expect(result.start.stepList).toBe(from)
    const start = result.curves.find(({ label }) => label === result.start.label)
    expect(start?.times).toEqual(samplingScheduleFrom(own, from as 'karras', 4).times)
    expect(result.candidates.map(({ sampler, stepList }) => `${sampler}, ${stepList}`)).toEqual(
      expect.arrayContaining(['dpm-solver++, karras', 'dpm-solver++, karras-model', 'ddpm, karras']),
    )
    const { done, total } = progress[progress.length - 1]
    expect(done).toBe(total)
  })

  test('a network of integer times is told integers, in every row', async () => {
    const network = shuffleUnet({ sample_size: 4, base_dim: 4, dim_mults: [2], timesteps: 40, time_embedding_dim: 4 })
    const settings = {
      ...tinySettings,
      samplingFamily: 'levels',
      start: 'karras',
      iterations: 1,
      trainSteps: 1,
    } as const
    const { result } = await learnSchedule({ ...optionsOf(), subject: { kind: 'train', network }, settings })
    for (const { times } of result.curves) expect(times.every(Number.isInteger)).toBe(true)
    expect(result.candidates.some(({ stepList }) => stepList === 'karras')).toBe(true)
  })
})

test('the start is the network before tuning, by the best default there or the schedule that tuning began with', async () => {
  for (const learn of ['sampling', 'tied'] as const) {
    const run = await recorded(optionsOf({ learn, samplingFamily: learn === 'tied' ? 'cosine' : 'levels' }))
    const { shared } = run.checkpoints[run.checkpoints.length - 1]
    if (!shared) throw new Error('nothing was trained')
    const { result, settings, model, defaultModel } = run.learned
    const start = result.curves.find(({ label }) => label === result.start.label)
    const own = learn === 'tied' ? settings : defaultSettings(result.start.sampler, tinySettings)
    expect(own.sampler).toBe(result.start.sampler)
    const schedule = samplingSchedule({ timesteps: 40, logSnr: start?.logSnr ?? [], times: start?.times ?? [] })
    const state = { weights: shared.ema, statistics: shared.training.statistics }
    const denoiser = await compileDenoiser({ network: tinyNetwork, state, batch: tinySettings.chunk, binding: 'bound' })
    const { images: real, count, shape } = tinyData.splits.heldOut
    const reference = referenceMoments(await features.features(float32(real, [count, ...shape])))
    for (const [i, seed] of tinySettings.samplingSeeds.entries()) {
      const { images } = await generate({
        denoiser,
        schedule,
        settings: own,
        count: tinySettings.evaluationSamples,
        seed,
      })
      const fid = frechetDistance(await features.features(images), reference).value
      expect(run.checkpoints[run.checkpoints.length - 1].steps[4].rows.start.fidBySeed?.[i]).toBe(fid)
    }
    await denoiser.dispose()
    // Tied, the network was trained while the schedule was learned; the default side's trained longer in either case.
    const same = (one?: Float32Array) => one?.every((w, i) => w === shared.ema[i])
    expect([same(model?.state.weights), same(defaultModel?.state.weights)]).toEqual([learn === 'sampling', false])
  }
})

describe('a network from given weights', () => {
  const state = tinyState()
  const subject = { kind: 'train', network: tinyNetwork, state } as const

  test('without any training step it is compared as it is', async () => {
    const { checkpoints, learned } = await recorded({ ...optionsOf({ trainSteps: 0, iterations: 0 }), subject })
    expect(learned.model?.state.weights).toEqual(state.weights)
    // What decides between it and the best default.
    expect(learned.result.networkEvaluations).toEqual({ learned: DECISION, default: DECISION })
    const from = checkpoints.find(({ phase }) => phase === 'measure')
    expect(
      lasting(await learnSchedule({ ...optionsOf({ trainSteps: 0, iterations: 0 }), subject, ...(from && { from }) })),
    ).toEqual(lasting(learned))
  })

  test('is trained on from there', async () => {
    const far = await learnSchedule({ ...optionsOf({ iterations: 1, learningRate: 1e-9 }), subject })
    far.model?.state.weights.forEach((weight, i) => {
      expect(weight).toBeCloseTo(state.weights[i], 5)
    })
  })
})

test('eta belongs to the learned sampler: the defaults have none, and settings hold the sampler’s keys alone', async () => {
  const { result, settings } = await learnSchedule(optionsOf({ learn: 'tied', eta: 0.6, iterations: 1, trainSteps: 1 }))
  expect(settings).toEqual({ ...samplerSettings({ sampler: 'ddim', eta: 0.6 }) })
  expect(new Set(result.candidates.map(({ sampler }) => sampler))).toEqual(
    new Set(['ddim', 'ddpm', 'dpm-solver++', 'sde-dpm-solver++', 'unipc']),
  )
})

describe('models trained before', () => {
  const state = tinyState()
  const pretrained = (schedule: NoiseSchedule): LearnOptions['subject'] => ({
    kind: 'pretrained',
    network: tinyNetwork,
    state,
    schedule,
  })

  test('iteration 1 is the model’s own default schedule; the network stays, and costs the defaults nothing', async () => {
    const schedule = noiseSchedule({ family: 'linear', timesteps: 40 })
    const denoiser = await compileDenoiser({ network: tinyNetwork, state, batch: 12, binding: 'bound' })
    for (const samplingFamily of ['linear', 'level-power', 'levels', 'levels+times'] as const) {
      const settings: LearnSettings = { ...tinySettings, samplingFamily, seed: 2 }
      const learned = await learnSchedule({ ...optionsOf(), subject: pretrained(schedule), settings })
      const { images } = await generate({
        denoiser,
        schedule: samplingScheduleFrom(schedule, 'trailing', settings.samplingSteps),
        settings: samplerSettings(),
        count: settings.tuningSamples,
        seed: tuningSeed(settings.seed),
      })
      // Every fourth image of the tuning split decides and steers nothing.
      const { images: real, count, shape } = tinyData.splits.tuning
      const size = real.length / count
      const steering = Array.from({ length: count }, (_, i) => i).filter((i) => i % 4 !== 0)
      const pixels = steering.flatMap((i) => [...real.subarray(i * size, (i + 1) * size)])
      const rows = float32(Float32Array.from(pixels), [steering.length, ...shape])
      const reference = referenceMoments(await features.features(rows))
      const fid = frechetDistance(await features.features(images), reference).value
      expect(learned.result.history[0].value).toBeCloseTo(fid, 5)
      expect(learned.model?.state).toBe(state)
      const tuned = 2 * 3 * 4 * settings.tuningSamples
      expect(learned.result.networkEvaluations).toEqual({ default: 0, learned: tuned + DECISION })
      expect(learned.trainingSchedule).toBe(schedule)
    }
    await denoiser.dispose()
  })

  test('everything free: it starts at numbers known to be good, and the learned schedule holds what was learned', async () => {
    const schedule = noiseSchedule({ family: 'linear', timesteps: 40 })
    const free = [...FREE_NAMES]
    const given = { sampler: 'exponential', samplingFamily: 'free', free, seed: 2 } as const
    const sizes = { iterations: 8, tuningSamples: 24, candidateSamples: 32 }
    const settings: LearnSettings = { ...tinySettings, ...given, ...sizes }
    const { result, sampling } = await learnSchedule({ ...optionsOf(), subject: pretrained(schedule), settings })
    expect(result.decision?.kept).toBe('learned')
    expect(result.schedule.family).toBe(FREE_NAMES.join('+'))
    const { solver } = sampling
    for (const [k, value] of (solver?.tau ?? []).entries()) {
      expect(value).toBe(result.schedule.parameters[`tau ${k + 1}`])
    }
    expect(solver?.weight?.[0]).toBe(1)
    expect(solver?.history?.flat().filter((value) => value !== 0).length).toBe(1)
    const [first] = result.history
    // The noise and the weight of the best default, where that is a stochastic one.
    const own: Readonly<Record<string, readonly number[]>> = { ddpm: [1, 0], 'sde-dpm-solver++': [1, 1] }
    const [tau, weight] = own[result.start.sampler] ?? [0.3, 1]
    expect(first.parameters).toMatchObject({ 'tau 1': tau, 'weight 2': weight, 'scale 4': 1, output: 0, 'clip 1': 1 })
    expect(Object.values(first.gradient).every((value) => value !== 0)).toBe(true)
  })

  test('a noise family that does not hold the model’s levels is refused', async () => {
    const subject = pretrained(noiseSchedule({ family: 'linear', timesteps: 40 }))
    const error = await errorOf(learnSchedule({ ...optionsOf({ samplingFamily: 'cosine' }), subject }))
    expect(error).toMatchObject({ kind: 'input', code: 'learn.samplingFamily' })
    expect(error.message).toMatch(/cosine does not hold them; use linear or level-power or levels/)
  })

  test.each(['coordinate', 'two-point', 'one-point'] as const)('without derivative, by %s', async (estimator) => {
    const schedule = noiseSchedule({ family: 'cosine', timesteps: 40 })
    const closed = gaussianDenoiser({ mean: 0.1, std: 0.5, logSnrAt: continuousCosine(40), imageShape: SHAPE })
    const denoiser: Denoiser = { ...closed, differentiable: false, vjp: async () => Promise.reject(new Error('asked')) }
    const run = await recorded({
      ...optionsOf({ estimator, samplingFamily: 'level-power', delta: 0.3 }),
      subject: { kind: 'foreign', denoiser, schedule },
    })
    const { result, model } = run.learned
    expect(model).toBeNull()
    const [first, second] = result.history
    expect(first.parameters).toEqual({ tau: 1 })
    expect(second.parameters.tau === 1).toBe(estimator === 'one-point')
    const values = { coordinate: 2, 'two-point': 2, 'one-point': 1 }[estimator]
    expect(result.networkEvaluations.learned).toBe(
      2 * values * tinySettings.tuningSamples * tinySettings.samplingSteps + DECISION,
    )
    expectRising(run.progress, 0)
    const from = run.checkpoints.find(({ steps }) => steps[4]?.search?.runs[0]?.history.length === 1)
    expect(from).toBeDefined()
    const again = await learnSchedule({
      ...optionsOf({ estimator, samplingFamily: 'level-power', delta: 0.3 }),
      subject: { kind: 'foreign', denoiser, schedule },
      ...(from && { from }),
    })
    expect(lasting(again)).toEqual(lasting(run.learned))
  })

  test('train none of their weights, and need an estimator without derivative where they have none', async () => {
    const schedule = noiseSchedule({ family: 'cosine', timesteps: 40 })
    const denoiser: Denoiser = {
      ...gaussianDenoiser({ mean: 0.1, std: 0.5, logSnrAt: continuousCosine(40), imageShape: SHAPE }),
      differentiable: false,
    }
    const foreign: LearnOptions['subject'] = { kind: 'foreign', denoiser, schedule }
    const cases: [Partial<LearnOptions>, string][] = [
      [{ subject: pretrained(schedule), settings: { ...tinySettings, learn: 'tied' } }, 'learn.mode'],
      [{ subject: foreign }, 'learn.estimator'],
      [
        {
          subject: pretrained(schedule),
          settings: { ...tinySettings, training: { ...tinySettings.training, tau: 1.1 } },
        },
        'learn.training',
      ],
    ]
    for (const [part, code] of cases) {
      const error = await errorOf(learnSchedule({ ...optionsOf(), ...part }))
      expect(error).toMatchObject({ kind: 'input', code })
    }
  })
})

describe('somebody else’s model that takes a class', () => {
  const MEANS = [-0.6, 0, 0.6]
  const schedule = noiseSchedule({ family: 'cosine', timesteps: 40 })
  const settings: LearnSettings = {
    ...tinySettings,
    ...{ estimator: 'coordinate', samplingFamily: 'level-power', iterations: 1, samplingSeeds: [11] },
  }

  /** Images of class c are N(MEANS[c], 0.2^2); it knows as many classes as there are means. */
  function conditionalModel(): Extract<LearnOptions['subject'], { kind: 'foreign' }>['denoiser'] {
    const parts = MEANS.map((mean) =>
      gaussianDenoiser({ mean, std: 0.2, logSnrAt: continuousCosine(40), imageShape: SHAPE, dtype: 'float32' }),
    )
    return {
      ...parts[0],
      differentiable: false,
      conditional: true,
      async predict(x, time, condition) {
        if (!condition?.every((c) => c >= 0 && c < MEANS.length)) throw new Error(`no such class among ${condition}`)
        const all = await Promise.all(parts.map((part) => part.predict(x, time)))
        const size = x.data.length / condition.length
        return float32(
          Float32Array.from(x.data, (_, i) => all[condition[Math.floor(i / size)]].data[i]),
          x.shape,
        )
      },
    }
  }

  test.each([
    ['as many as the data have', undefined, 2],
    ['as many as are given', 3, 3],
  ])('has its images generated in classes in turn: %s', async (_, given, classes) => {
    const subject = {
      kind: 'foreign',
      denoiser: conditionalModel(),
      schedule,
      ...(given && { classes: given }),
    } as const
    const { result } = await learnSchedule({ ...optionsOf(), subject, settings })
    for (const { count, images } of result.grids) {
      const size = images.length / count
      for (let i = 0; i < count; i++) {
        const mean = images.subarray(i * size, (i + 1) * size).reduce((sum, value) => sum + value / size, 0)
        expect(Math.abs(mean - MEANS[i % classes])).toBeLessThan(0.25)
      }
    }
    expect(result.history[0].value).toBeGreaterThan(0)
  })

  const unlabelled = { ...tinyData, classes: [] }
  const denoiser = conditionalModel()
  test.each<[string, Partial<LearnOptions>, RegExp]>([
    [
      'no class to give',
      { data: unlabelled, subject: { kind: 'foreign', denoiser, schedule } },
      /halves has none; give data/,
    ],
    [
      'more classes than it knows',
      { subject: { kind: 'foreign', denoiser, schedule, classes: 4 } },
      /must take classes 0 to 3, but: no such class among 3/,
    ],
    ['half a class', { subject: { kind: 'foreign', denoiser, schedule, classes: 1.5 } }, /but got 1.5/],
    [
      'classes for a model without',
      { subject: { kind: 'foreign', denoiser: { ...denoiser, conditional: false }, schedule, classes: 2 } },
      /takes no class, got 2 classes/,
    ],
  ])('is refused at once with %s', async (_, part, message) => {
    const error = await errorOf(learnSchedule({ ...optionsOf(), settings, ...part }))
    expect(error).toMatchObject({ kind: 'input', code: 'learn.classes' })
    expect(error.message).toMatch(message)
  })
})

describe('parts that do not fit are refused before anything is trained', () => {
  const cases: [string, () => Partial<LearnOptions>, string][] = [
    ['features without a derivative', () => ({ features: { ...withoutDerivative(features) } }), 'learn.estimator'],
    [
      'a model of another shape',
      () => ({ subject: { kind: 'train', network: mlp({ image_shape: [1, 2, 8] }) } }),
      'learn.imageShape',
    ],
    ['features of another shape', () => ({ features: pixelFeatures([1, 8, 8]) }), 'learn.imageShape'],
    ['a judge of another shape', () => ({ judge: pixelFeatures([1, 8, 8]) }), 'learn.imageShape'],
    ['fewer images than features', () => ({ settings: { ...tinySettings, candidateSamples: 5 } }), 'learn.samples'],
    [
      'free times on a table of times',
      () => ({ subject: indexed, settings: { ...tinySettings, samplingFamily: 'levels+times' } }),
      'times.integerOnly',
    ],
    [
      'a sampling family off the training schedule',
      () => ({ settings: { ...tinySettings, trainingFamily: 'linear' } }),
      'learn.samplingFamily',
    ],
    ['settings outside their range', () => ({ settings: { ...tinySettings, upperRate: 0 } }), 'learn.settings'],
  ]
  const indexed: LearnOptions['subject'] = {
    kind: 'train',
    network: shuffleUnet({ sample_size: 4, base_dim: 4, dim_mults: [2], timesteps: 40, time_embedding_dim: 4 }),
  }

  test.each(cases)('%s', async (_, part, code) => {
    const events: LearnEvent[] = []
    const error = await errorOf(
      learnSchedule({ ...optionsOf(), ...part(), onEvent: (event) => void events.push(event) }),
    )
    expect(error).toMatchObject({ kind: 'input', code })
    expect(events).toEqual([])
  })
})

const withoutDerivative = ({ vjp: _, ...rest }: FeatureNetwork): FeatureNetwork => rest
