/** "At most" against what jobs really spend: calls of somebody else's model counted one by one, and what is counted in training and tuning. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Denoiser } from '../../diffusion/index.ts'
import { gaussianDenoiser, noiseSchedule, SETTLING_BATCHES, Trainer } from '../../diffusion/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import type { DenoisingNetwork } from '../../nn/index.ts'
import { shuffleUnet } from '../../nn/index.ts'
import { asideCost, schedulePlan } from './plan.ts'
import { recorded } from './recorded.fixture.ts'
import type { LearnSettings } from './settings/index.ts'
import { SHAPE, tinyData, tinyFeatures, tinyNetwork, tinySettings } from './tiny.fixture.ts'

let features: FeatureNetwork
let judge: FeatureNetwork
beforeAll(async () => {
  features = await tinyFeatures(3)
  judge = await tinyFeatures(4)
})
afterAll(() => Promise.all([features.dispose(), judge.dispose()]))

const settingsOf = (settings: Partial<LearnSettings>): LearnSettings => ({
  ...tinySettings,
  trainSteps: 2,
  ...settings,
})

const schedule = noiseSchedule({ family: 'cosine', timesteps: 40 })

test.each([
  { estimator: 'coordinate', samplingFamily: 'level-power' },
  { estimator: 'two-point', samplingFamily: 'levels' },
  { estimator: 'one-point', samplingFamily: 'levels+times', start: 'auto', moreSteps: [2] },
  { estimator: 'two-point', samplingFamily: 'level-power', moreSteps: [3, 5], iterations: 1, ceilingSteps: 20 },
  { estimator: 'coordinate', samplingFamily: 'cosine', samplingSteps: 12, sampler: 'ddpm' },
  { estimator: 'two-point', samplingFamily: 'levels', iterations: 0, samplingSteps: 1 },
] as const)('of a file: $estimator on $samplingFamily', async (given) => {
  const settings = settingsOf({ learn: 'sampling', ...given })
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
  const subject = { kind: 'foreign', denoiser, schedule } as const
  await recorded({ subject, data: tinyData, features, judge, settings })
  const size = { schedule, trained: false, statistics: false, foreign: true }
  const most = schedulePlan(settings, size).total + asideCost(settings, size)
  expect(calls).toBeGreaterThan(0)
  expect(calls).toBeLessThanOrEqual(most)
})

const MODES = (['sampling', 'tied', 'both'] as const).flatMap((learn) =>
  (['backpropagation', 'two-point', 'one-point', 'coordinate'] as const).map((estimator) => ({ learn, estimator })),
)

/** What a job of a network of our own comes to: what its bar shows in the end, and the running statistics made again, which no bar shows. */
async function spentBy(network: DenoisingNetwork, settings: LearnSettings): Promise<number> {
  const settle = vi.spyOn(Trainer.prototype, 'settle')
  const subject = { kind: 'train', network } as const
  const { progress } = await recorded({ subject, data: tinyData, features, judge, settings })
  const inTuning = settings.learn === 'both' ? settings.iterations : 0
  const settlings = network.statistics.length > 0 ? settle.mock.calls.length - inTuning : 0
  settle.mockRestore()
  return Math.max(...progress.map(({ done }) => done)) + settlings * SETTLING_BATCHES * settings.batch
}

const mostOf = (network: DenoisingNetwork, settings: LearnSettings): number => {
  const size = { schedule: null, trained: true, statistics: network.statistics.length > 0, foreign: false }
  return schedulePlan(settings, size).total + asideCost(settings, size)
}

test.each(MODES)('trained here: $learn by $estimator', async (mode) => {
  for (const z of mode.learn === 'tied' ? [true, false] : [true]) {
    const settings = settingsOf({ ...mode, z, ...(mode.estimator === 'one-point' && { gamma: 1000 }) })
    expect(await spentBy(tinyNetwork, settings)).toBeLessThanOrEqual(mostOf(tinyNetwork, settings))
  }
})

test.each(['sampling', 'tied'] as const)('with running statistics: %s', async (learn) => {
  const network = shuffleUnet({ sample_size: 4, base_dim: 4, dim_mults: [2], timesteps: 40, time_embedding_dim: 4 })
  const settings = settingsOf({ learn, iterations: 1 })
  const [spent, most] = [await spentBy(network, settings), mostOf(network, settings)]
  expect(spent).toBeLessThanOrEqual(most)
  // Without them the plan would have promised less.
  expect(spent).toBeGreaterThan(schedulePlan(settings, { schedule: null, trained: true, statistics: true }).total)
})
