/** Classes of the generated images, and guidance towards them: what the network is asked, and what is planned, charged and shown for it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Denoiser } from '../../diffusion/index.ts'
import { gaussianDenoiser, noiseSchedule } from '../../diffusion/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import { asideCost, schedulePlan } from './plan.ts'
import { recorded } from './recorded.fixture.ts'
import type { LearnSettings } from './settings/index.ts'
import { checkLearnSettings } from './settings/index.ts'
import { SHAPE, tinyData, tinyFeatures, tinyNetwork, tinySettings } from './tiny.fixture.ts'

let features: FeatureNetwork
let judge: FeatureNetwork
beforeAll(async () => {
  features = await tinyFeatures(3)
  judge = await tinyFeatures(4)
})
afterAll(() => Promise.all([features.dispose(), judge.dispose()]))

const schedule = noiseSchedule({ family: 'cosine', timesteps: 40 })
const NULL_CLASS = 2

/** An exact denoiser whose mean is the class's, with all it is asked for: images by class, in predictions and in derivatives. */
function classes(differentiable: boolean) {
  const exact = [-0.5, 0.5, 0].map((mean) =>
    gaussianDenoiser({
      mean,
      std: 0.6,
      logSnrAt: (time) => ({ value: schedule.level(time).logSnr, slope: 0 }),
      imageShape: SHAPE,
    }),
  )
  const asked = { predict: 0, vjp: 0, labels: new Set<number>() }
  /** The images of each class apart. */
  const count = (kind: 'predict' | 'vjp', condition: Int32Array | undefined) => {
    asked[kind] += condition?.length ?? 0
    for (const label of condition ?? []) asked.labels.add(label)
  }
  const byClass = async (
    x: Parameters<Denoiser['predict']>[0],
    condition: Int32Array,
    of: (label: number) => Promise<{ readonly data: ArrayLike<number> }>,
  ) => {
    const size = x.data.length / x.shape[0]
    const all = await Promise.all(exact.map((_, label) => of(label)))
    const data = Float64Array.from(x.data, (_, i) => all[condition[Math.floor(i / size)]].data[i])
    return { dtype: 'float64', shape: x.shape, data } as const
  }
  const denoiser: Denoiser = {
    ...exact[0],
    differentiable,
    conditional: true,
    classes: 2,
    nullClass: NULL_CLASS,
    predict(x, time, condition = new Int32Array(x.shape[0]).fill(NULL_CLASS)) {
      count('predict', condition)
      return byClass(x, condition, (label) => exact[label].predict(x, time))
    },
    async vjp(x, time, condition = new Int32Array(x.shape[0]).fill(NULL_CLASS), cotangent) {
      count('vjp', condition)
      const dx = await byClass(
        x,
        condition,
        async (label) => (await exact[label].vjp(x, time, undefined, cotangent)).dx,
      )
      return { dx, dtime: 0 }
    },
  }
  return { denoiser, asked }
}

async function job(given: Partial<LearnSettings>, { differentiable = true, data = tinyData } = {}) {
  const settings: LearnSettings = { ...tinySettings, learn: 'sampling', samplingFamily: 'levels', z: false, ...given }
  const { denoiser, asked } = classes(differentiable)
  const { progress, learned } = await recorded({
    subject: { kind: 'foreign', denoiser, schedule },
    data,
    features,
    judge,
    settings,
  })
  const size = { schedule, trained: false, statistics: false, foreign: true }
  return {
    asked,
    learned,
    last: progress[progress.length - 1],
    plan: schedulePlan(settings, size),
    aside: asideCost(settings, size),
  }
}

/** Images of the one call that tries the last class. */
const TRIED = 1

describe.each([
  { estimator: 'backpropagation', objective: 'fid' },
  { estimator: 'coordinate', samplingFamily: 'level-power', start: 'auto', starts: 2 },
  { estimator: 'backpropagation', objective: 'teacher', teacherSteps: 8 },
] as const)('$objective by $estimator', (given) => {
  test('guidance asks the network twice as often, plans it, and is charged for it', async () => {
    const [plain, guided] = [await job(given), await job({ ...given, guidanceScale: 3 })]
    expect(guided.plan.total).toBe(2 * plain.plan.total)
    expect(guided.last).toMatchObject({ done: guided.last.total, total: 2 * plain.last.total })
    expect(guided.asked.vjp).toBe(2 * plain.asked.vjp)
    // A row that is the best default's is not sampled again, which may be so in one job alone.
    const ratio = (guided.asked.predict - TRIED) / (plain.asked.predict - TRIED)
    expect(Math.abs(ratio - 2)).toBeLessThan(0.1)
    expect(guided.asked.predict).toBeLessThanOrEqual(guided.plan.total + guided.aside)
    expect(guided.learned.result.networkEvaluations.learned).toBe(2 * plain.learned.result.networkEvaluations.learned)
    expect([...plain.asked.labels, ...guided.asked.labels].toSorted()).toEqual([0, 0, 1, 1, 2])
  })
})

test.each([
  ['guidances', 4],
  ['guidance', 1],
] as const)('the scale is learned: %s', async (name, count) => {
  const given: Partial<LearnSettings> = {
    ...{ samplingFamily: 'free', free: [name], sampler: 'exponential', guidanceScale: 3, start: 'trailing' },
    // Unclipped, images of scale 3 are far beyond what the data have.
    ...{ tuningSamples: 24, iterations: 4, freshSamples: false, upperRate: 1.5, clip: null },
  }
  const { learned, last, plan, aside, asked } = await job(given)
  const { family, sampling } = learned.result.schedule
  const scales = sampling.solver?.guidance ?? []
  expect([family, scales.length]).toEqual([name, tinySettings.samplingSteps])
  expect(new Set(scales).size > 1).toBe(count > 1)
  expect(Math.max(...scales)).toBeLessThan(2.5)
  const { history } = learned.result
  expect(Object.keys(history[0].parameters)).toHaveLength(count)
  expect(Object.values(history[0].parameters)).toEqual(Array(count).fill(3))
  // Only the gradient in the scales moves anything, and the images are the same ones throughout.
  expect(Number(history[3].value)).toBeLessThan(Number(history[0].value))
  expect(last.done).toBe(last.total)
  expect(asked.predict).toBeLessThanOrEqual(plan.total + aside)
})

test('a free scale starts at a given one', () => {
  const free = {
    ...tinySettings,
    learn: 'sampling',
    samplingFamily: 'free',
    free: ['guidance'],
    sampler: 'exponential',
  } as const
  expect(() => checkLearnSettings({ ...free, z: false })).toThrow(
    /guidanceScale must be a number where guidance is free/,
  )
  checkLearnSettings({ ...free, z: false, guidanceScale: 1 })
})

describe('classes', () => {
  const none = { ...tinyData, classes: [], name: 'unlabelled' }

  test('one for all images, where the data have no labels too', async () => {
    const { asked } = await job({ class: 1, iterations: 0 }, { data: none })
    expect([...asked.labels]).toEqual([1])
    const guided = await job({ class: 0, guidanceScale: 2, iterations: 0 }, { data: none })
    expect([...guided.asked.labels].toSorted()).toEqual([0, 2])
  })

  test('none, where a null class is known', async () => {
    const { asked } = await job({ class: 'unconditional', iterations: 0 })
    expect([...asked.labels]).toEqual([2])
  })

  test.each<[string, Partial<LearnSettings>, RegExp]>([
    ['a class it does not take', { class: 7 }, /the model must take class 7, but: /],
    ['no class of a model without a null class', { class: 'unconditional' }, /of this one none is known; give a class/],
    [
      'guidance of a model without a null class',
      { guidanceScale: 2 },
      /its null class is not known; say its null class/,
    ],
  ])('%s is refused', async (_, given, message) => {
    const { denoiser } = classes(false)
    const { nullClass: __, ...rest } = denoiser
    const predict: Denoiser['predict'] = (x, time, condition) => {
      if (condition?.some((label) => label > 2)) throw new Error('no such row')
      return denoiser.predict(x, time, condition)
    }
    const subject = { kind: 'foreign', denoiser: { ...rest, predict }, schedule } as const
    const settings = {
      ...tinySettings,
      learn: 'sampling',
      samplingFamily: 'levels',
      estimator: 'coordinate',
      z: false,
      ...given,
    } as const
    await expect(recorded({ subject, data: tinyData, features, judge, settings })).rejects.toMatchObject({
      code: 'learn.classes',
      message: expect.stringMatching(message),
    })
  })

  test('a network without them takes none', async () => {
    const settings = { ...tinySettings, learn: 'sampling', z: false } as const
    for (const given of [{ class: 0 }, { guidanceScale: 2 }]) {
      const subject = { kind: 'train', network: tinyNetwork } as const
      await expect(
        recorded({ subject, data: tinyData, features, judge, settings: { ...settings, ...given } }),
      ).rejects.toMatchObject({ code: 'learn.classes', kind: 'input' })
    }
  })

  test('guidance is of what is sampled: not while a network is trained for its schedule, and not of no class', () => {
    const refused = expect.objectContaining({ code: 'learn.settings' })
    const tied = { ...tinySettings, learn: 'tied', guidanceScale: 2 } as const
    expect(() => checkLearnSettings(tied)).toThrow(refused)
    const unconditional = { ...tinySettings, learn: 'sampling', guidanceScale: 2, class: 'unconditional' } as const
    expect(() => checkLearnSettings(unconditional)).toThrow(refused)
    checkLearnSettings({ ...unconditional, guidanceScale: 1 })
    checkLearnSettings({ ...tied, guidanceScale: 1 })
  })
})
