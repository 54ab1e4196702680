/** Schedules learned without data: by the teacher, and by a reward; what they cost, and that a job that was cut off ends the same. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Denoiser } from '../../diffusion/index.ts'
import { gaussianDenoiser, noiseSchedule } from '../../diffusion/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import { functionReward } from '../../rewards/index.ts'
import { learnSchedule } from './learn.ts'
import type { LearnOptions } from './options.ts'
import { asideCost, schedulePlan } from './plan.ts'
import { expectRising, lasting, recorded } from './recorded.fixture.ts'
import type { LearnSettings } from './settings/index.ts'
import { checkLearnSettings } from './settings/index.ts'
import type { Subject } from './subject.ts'
import { errorOf, SHAPE, tinyData, tinyFeatures, tinyNetwork, tinySettings, tinyState } from './tiny.fixture.ts'

let features: FeatureNetwork
beforeAll(async () => {
  features = await tinyFeatures(3)
})
afterAll(() => features.dispose())

const schedule = noiseSchedule({ family: 'cosine', timesteps: 40 })
const settingsOf = (given: Partial<LearnSettings> = {}): LearnSettings => ({
  ...tinySettings,
  learn: 'sampling',
  objective: 'teacher',
  samplingFamily: 'levels+times',
  sampler: 'dpm-solver++',
  teacherSteps: 20,
  teacherList: 'trailing',
  ...given,
})

const pretrained: Subject = { kind: 'pretrained', network: tinyNetwork, state: tinyState(), schedule }
const bare = (given: Partial<LearnSettings> = {}, options: Partial<LearnOptions> = {}): LearnOptions => ({
  subject: pretrained,
  data: null,
  features: null,
  judge: null,
  settings: settingsOf(given),
  ...options,
})

const reward = functionReward({
  name: 'left half',
  values: ({ data, shape: [n] }) => Array.from({ length: n }, (_, i) => data[16 * i]),
  gradient: ({ data, shape: [n] }) => ({
    values: Array.from({ length: n }, (_, i) => data[16 * i]),
    gradient: Array.from(data, (_, j) => Number(j % 16 === 0)),
  }),
})

describe('by the teacher, on a model alone', () => {
  test('rows have the distance to it on other noise, no FID; the learned one is nearer', async () => {
    const { learned, progress } = await recorded(bare({ iterations: 12, tuningSamples: 32, evaluationSamples: 64 }))
    const { result } = learned
    expect(result).toMatchObject({ objective: 'teacher', comparedBy: 'teacher', featureNetwork: null, real: null })
    expect(result.objectiveWords).toBe('dpm-solver++, 20 steps on trailing, in pixels')
    for (const row of [result.default, result.bestDefault, result.start, result.learned, result.manySteps]) {
      expect(row.fid).toBeNull()
      expect(row.objective?.mean).toBeGreaterThan(0)
      expect(row.diversity).toBeGreaterThan(0)
    }
    expect(result.learned.objective!.mean).toBeLessThan(0.9 * result.start.objective!.mean)
    const { overStart } = result.gain
    expect(overStart.mean).toBeCloseTo(result.start.objective!.mean - result.learned.objective!.mean, 12)
    // The best of the final first, then those of the rounds before it.
    expect(result.candidates.map(({ samples, value }) => [samples, value])).toEqual(
      result.candidates.map(({ samples, value }) => [samples, value]).toSorted((a, b) => b[0] - a[0] || a[1] - b[1]),
    )
    expect(result.candidates.filter(({ samples }) => samples === 4 * 12).length).toBe(3)
    const last = progress[progress.length - 1]
    expect(last.done).toBe(last.total)
    expectRising(progress, 0)
  })

  test('with data: FID beside it, which the rows are compared by', async () => {
    const { result } = await learnSchedule(bare({}, { data: tinyData, features }))
    expect(result.comparedBy).toBe('fid')
    expect(result.learned.fid?.mean).toBeGreaterThan(0)
    expect(result.learned.objective?.mean).toBeGreaterThan(0)
    expect(result.gain.overStart.mean).toBeCloseTo(result.start.fid!.mean - result.learned.fid!.mean, 10)
    // Defaults are ranked by FID too: the same list as where the schedule is learned by it.
    const { result: byFid } = await learnSchedule(bare({ objective: 'fid' }, { data: tinyData, features }))
    expect(result.candidates).toEqual(byFid.candidates)
    expect(result.bestDefault.fid).toEqual(byFid.bestDefault.fid)
  })

  test.each(['backpropagation', 'two-point', 'one-point', 'coordinate'] as const)(
    '%s: cut off, it ends with the same bytes',
    async (estimator) => {
      const options = bare({
        estimator,
        freshSamples: estimator !== 'coordinate',
        evaluationSamples: 6,
        candidateSamples: 6,
      })
      const run = await recorded(options)
      const { total } = run.progress[run.progress.length - 1]
      const some = run.checkpoints.filter((_, i) => i % 4 === 1)
      expect(some.length).toBeGreaterThan(2)
      for (const from of some) {
        const again = await recorded({ ...options, from })
        expect(lasting(again.learned)).toEqual(lasting(run.learned))
        expect(again.progress[again.progress.length - 1]).toMatchObject({ done: total, total })
      }
    },
  )

  test('soft: start noise moves while tuning, not in the rows', async () => {
    const [hard, soft] = [await learnSchedule(bare()), await learnSchedule(bare({ teacherSoft: 0.1 }))]
    // Both begin at the same schedule, on the same noise: it moves towards the teacher, or stays.
    expect(soft.result.history[0].parameters).toEqual(hard.result.history[0].parameters)
    expect(soft.result.history[0].value!).toBeLessThanOrEqual(hard.result.history[0].value!)
    expect(soft.result.history[1].value!).toBeLessThan(soft.result.history[0].value! + hard.result.history[1].value!)
    expect(soft.result.default.objective).toEqual(hard.result.default.objective)
    expect(soft.result.objectiveWords).toMatch(/within 0\.1/)
  })
})

describe("what somebody else's model is called for is what was planned", () => {
  test.each([
    { estimator: 'coordinate', samplingFamily: 'level-power', freshSamples: false },
    { estimator: 'coordinate', samplingFamily: 'levels', freshSamples: false },
    { estimator: 'two-point', samplingFamily: 'levels' },
    { estimator: 'one-point', samplingFamily: 'levels', freshSamples: false, start: 'trailing' },
    { estimator: 'two-point', samplingFamily: 'levels', objective: 'reward' },
  ] as const)('$estimator on $samplingFamily', async (given) => {
    const settings = settingsOf(given)
    const exact = gaussianDenoiser({
      mean: 0,
      std: 1,
      logSnrAt: (time) => ({ value: schedule.level(time).logSnr, slope: 0 }),
      imageShape: SHAPE,
    })
    let calls = 0
    const denoiser: Denoiser = {
      ...exact,
      differentiable: false,
      predict(x, ...rest) {
        calls += x.shape[0]
        return exact.predict(x, ...rest)
      },
    }
    const subject: Subject = { kind: 'foreign', denoiser, schedule }
    const rated = settings.objective === 'reward' ? { reward } : {}
    await recorded({ subject, data: null, features: null, judge: null, settings, ...rated })
    const size = { schedule, trained: false, statistics: false, foreign: true }
    const planned = schedulePlan(settings, size).total
    expect(calls).toBeLessThanOrEqual(planned + asideCost(settings, size))
    // Without data only the lists of the learned sampler are compared, where the plan counts all defaults.
    expect(calls).toBeGreaterThan(0.5 * planned)
  })
})

test('by a reward: it rises, with the distance to the teacher as a guard', async () => {
  const { result } = await learnSchedule(
    bare({ objective: 'reward', iterations: 8, tuningSamples: 32, evaluationSamples: 64 }, { reward }),
  )
  expect(result).toMatchObject({ objective: 'reward', comparedBy: 'reward', objectiveWords: 'left half' })
  // Minus the reward. It never ends behind the best default, and tuning raises it from where that begins.
  expect(result.learned.objective!.mean).toBeLessThanOrEqual(result.start.objective!.mean)
  expect(result.gain.overStart.mean).toBeGreaterThanOrEqual(0)
  const values = result.history.flatMap(({ value }) => value ?? [])
  expect(Math.min(...values.slice(1))).toBeLessThan(values[0])
  expect(result.learned.teacherDistance?.mean).toBeGreaterThan(0)
})

describe('what does not go together', () => {
  test.each([
    [bare({ objective: 'fid' }), /objective fid needs data/],
    [bare({ objective: 'reward' }), /objective reward needs a reward, got none/],
    [bare({ teacherSpace: 'features' }), /needs a feature network/],
    [bare({}, { reward }), /reward left half is for objective reward/],
    [bare({}, { subject: { kind: 'train', network: tinyNetwork } }), /trained on data, got none/],
    [bare({}, { data: tinyData }), /there must be features/],
  ])('%#', async (options, said) => {
    expect((await errorOf(learnSchedule(options))).message).toMatch(said)
  })

  test.each([
    [{ teacherSampler: 'ddpm' }, /one that adds no noise \(.*ddim.*dpm-solver\+\+.*heun/],
    [{ teacherSteps: 4 }, /teacherSteps.*more than the 4 steps/],
    [{ learn: 'tied', samplingFamily: 'cosine' }, /fid or reward where the network is trained/],
    [{ teacherSoft: 0.1, through: 2 }, /through.*all/],
    [{ objective: 'distance' as 'fid' }, /fid.*teacher.*reward/],
  ] as const)('settings %j', (given, said) => {
    expect(() => checkLearnSettings(settingsOf(given as Partial<LearnSettings>))).toThrow(said)
  })

  test('soft without a derivative of the model', async () => {
    const still = {
      ...gaussianDenoiser({ mean: 0, std: 1, logSnrAt: () => ({ value: 0, slope: 0 }), imageShape: SHAPE }),
      differentiable: false,
    }
    const options = bare(
      { teacherSoft: 0.1, estimator: 'two-point' },
      { subject: { kind: 'foreign', denoiser: still, schedule } },
    )
    expect((await errorOf(learnSchedule(options))).message).toMatch(/moves the start noise by a derivative/)
  })
})
