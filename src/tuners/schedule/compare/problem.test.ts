/** Every method on the smallest model there is, with a budget of a few trials each. */
import { expect, test } from 'vitest'
import '../../../runtime/node/index.ts'
import { noiseSchedule } from '../../../diffusion/index.ts'
import { budgetOf } from '../../compare/budget.ts'
import type { CompareCheckpoint } from '../../compare/contest.ts'
import { contest } from '../../compare/contest.ts'
import type { SamplingPlan } from '../rows.ts'
import type { LearnSettings } from '../settings/index.ts'
import { errorOf, tinyData, tinyFeatures, tinyNetwork, tinySettings, tinyState } from '../tiny.fixture.ts'
import { openScheduleComparison } from './problem.ts'
import { scheduleSpace } from './spaces.ts'

const schedule = noiseSchedule({ family: 'cosine', timesteps: 40 })
const settings: LearnSettings = {
  ...tinySettings,
  samplingFamily: 'free',
  free: ['levels', 'times'],
  sampler: 'dpm-solver++',
  start: 'trailing',
  starts: 1,
  estimator: 'backpropagation',
  z: false,
  // A trial is many images and a candidate few, so that a budget for all is a few trials.
  tuningSamples: 150,
}

async function opened(change: Partial<LearnSettings> = {}) {
  return openScheduleComparison({
    subject: { kind: 'pretrained', network: tinyNetwork, state: tinyState(), schedule, prediction: 'noise' },
    data: tinyData,
    features: await tinyFeatures(),
    judge: await tinyFeatures(4),
    settings: { ...settings, ...change },
  })
}

test('every method spends what it may and no more, and goes on to the same numbers', async () => {
  const comparison = await opened()
  const { contestants } = comparison
  try {
    expect(contestants.map(({ name }) => name)).toEqual([
      ...['default', 'best-default', 'grid', 'random', 'sobol', 'bayesian', 'halving', 'published', 'bilevel'],
    ])
    const most = Math.max(...contestants.map(({ minimum }) => minimum)) + 2000
    const plan = { budget: budgetOf(most), seeds: [1] }
    const few = contestants.filter(({ name }) => name !== 'grid' && name !== 'sobol')
    let middle: CompareCheckpoint<SamplingPlan> | undefined
    let steps = 0
    const whole = await contest(comparison, few, plan, {
      clock: () => 0,
      onCheckpoint: async (checkpoint) => {
        steps++
        // In the middle of the bilevel search.
        const last = checkpoint.entries.at(-1)
        if (last?.method === 'bilevel' && last.standing.trials.length === 1) middle = structuredClone(checkpoint)
      },
    })
    expect(steps).toBeGreaterThan(few.length)
    for (const { method, standing, figures, path } of whole) {
      expect(standing.evaluations, method).toBeLessThanOrEqual(most)
      expect(figures?.fid.mean, method).toBeGreaterThan(0)
      expect(path?.at(-1)?.evaluations, method).toBe(standing.incumbents.at(-1)?.evaluations)
    }
    const spent = (name: string) => whole.find(({ method }) => method === name)?.standing.evaluations ?? 0
    // One trial, or one iteration, is 600 or 1,800 evaluations.
    expect(spent('random')).toBeGreaterThan(most - 600)
    expect(spent('bilevel')).toBeGreaterThan(most - 3700)
    const again = await contest(comparison, few, plan, { clock: () => 0, ...(middle && { from: middle }) })
    expect(middle).toBeDefined()
    expect(again).toEqual(whole)
  } finally {
    await comparison.close()
  }
}, 60_000)

test('several screened starts: as many iterations as fit, no more', async () => {
  const comparison = await opened({ start: 'auto', starts: 3, sampler: 'exponential' })
  try {
    const [bilevel] = comparison.contestants.filter(({ name }) => name === 'bilevel')
    const most = bilevel.minimum + 40_000
    const [{ standing }] = await contest(
      comparison,
      [bilevel],
      { budget: budgetOf(most), seeds: [1] },
      { clock: () => 0 },
    )
    expect(standing.evaluations).toBeLessThanOrEqual(most)
    expect(standing.evaluations).toBeGreaterThan(most - 8000)
  } finally {
    await comparison.close()
  }
}, 60_000)

test('a network that is to be trained, or no data, is refused', async () => {
  const features = await tinyFeatures()
  const train = { kind: 'train', network: tinyNetwork } as const
  const error = await errorOf(
    openScheduleComparison({ subject: train, data: tinyData, features, judge: null, settings }),
  )
  expect(error.code).toBe('compare.model')
})

test('spaces begin at the schedule as it comes, and say where nothing can be sampled', () => {
  const cosine = scheduleSpace('auto', schedule, 4, 'real')
  expect(cosine.scheduleAt(cosine.start)?.levels.map(({ logSnr }) => logSnr)).toEqual(
    [39, 29, 19, 9].map((time) => schedule.level(time).logSnr),
  )
  expect(cosine.scheduleAt([4, 0, 1, 0.04])?.levels[0].logSnr).toBeLessThan(-8)
  const ends = scheduleSpace('ends', schedule, 4, 'real')
  const [noisy, , , clean] = ends.scheduleAt([-6, 3, 1])!.levels
  expect([noisy.logSnr, clean.logSnr]).toEqual([expect.closeTo(-6, 9), expect.closeTo(3, 9)])
  // Beyond the model's own levels on both sides nothing is left between them.
  expect(
    scheduleSpace('ends', noiseSchedule({ family: 'linear', timesteps: 10 }), 4, 'real').scheduleAt([-12, 9, 1]),
  ).not.toBeNull()
})
