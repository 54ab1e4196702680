/** "At most" against what is really asked of the network, counted call by call. */
import { expect, test } from 'vitest'
import type { Denoiser } from '../../diffusion/index.ts'
import { defineReward } from '../../rewards/index.ts'
import { entropyCost } from './cost.ts'
import { gaussianJob } from './gaussianJob.fixture.ts'
import type { EntropySettings } from './settings.ts'
import { ESTIMATORS_OF } from './settings.ts'
import { tuneEntropyStrength } from './tune.ts'

const STEPS = 3

/** A denoiser that counts what it is asked for: an image's prediction 1, its derivative 2. */
function counting(denoiser: Denoiser): { readonly denoiser: Denoiser; evaluations(): number } {
  let evaluations = 0
  const counted: Denoiser = {
    ...denoiser,
    predict(x, ...rest) {
      evaluations += x.shape[0]
      return denoiser.predict(x, ...rest)
    },
    vjp(x, ...rest) {
      evaluations += 2 * x.shape[0]
      return denoiser.vjp(x, ...rest)
    },
  }
  return { denoiser: counted, evaluations: () => evaluations }
}

async function spentBy(settings: Partial<EntropySettings>, derivative = true) {
  const job = gaussianJob({ a: 1, b: 1, steps: STEPS, settings })
  const { denoiser, evaluations } = counting(job.denoiser)
  const { name, hash, values } = job.reward
  const reward = derivative ? job.reward : defineReward({ name, hash, values })
  const result = await tuneEntropyStrength({ ...job, reward, denoiser })
  expect(result.networkEvaluations.total, 'what the result says').toBe(evaluations())
  return { result, plan: entropyCost(job.settings, STEPS), spent: evaluations() }
}

const SMALL = { curvePaths: 8, gridImages: 2, particles: 32, seed: 3 } as const
const COMBINATIONS = Object.entries(ESTIMATORS_OF).flatMap(([target, estimators]) =>
  estimators.map((estimator) => ({ target, estimator }) as Pick<EntropySettings, 'target' | 'estimator'>),
)

test.each(COMBINATIONS)(
  'target $target by $estimator: no more than planned, however few are allowed',
  async (chosen) => {
    // Its intervals are bootstrapped, which is slow where samples are many.
    const allowed = chosen.estimator === 'importance' ? [1, 4000] : [1, 3000, 12_000]
    for (const maxEvaluations of allowed) {
      const { plan, spent, result } = await spentBy({ ...SMALL, ...chosen, maxEvaluations, tolerance: 1.2 })
      expect(spent, `maxEvaluations ${maxEvaluations}`).toBeLessThanOrEqual(plan.total)
      const { explore, refine, confirm } = result.networkEvaluations
      const search = explore + refine + confirm
      if (maxEvaluations > 10_000) expect(search, 'of the search').toBeLessThanOrEqual(maxEvaluations)
      expect(plan.derivative).toBeLessThanOrEqual(plan.total)
    }
  },
)

test.each([
  [
    'a narrow range, where the first stretch is drawn anew',
    { lambdaRange: [0.8, 1.2], tolerance: 2, maxEvaluations: 5000 },
    true,
  ],
  ['a wide range', { lambdaRange: [1e-4, 1e3], curvePoints: 15, maxEvaluations: 20_000 }, true],
  ['an optimum far outside', { lambdaRange: [20, 40], maxEvaluations: 20_000 }, true],
  ['guidance through the reward only', { target: 'tilt', through: 'reward', maxEvaluations: 9000 }, true],
  ['a reward without derivative', { target: 'tilt', maxEvaluations: 9000 }, false],
  ['the same, penalty', { target: 'penalty', maxEvaluations: 9000 }, false],
  ['chunks that round up', { chunk: 7, maxEvaluations: 30_000, tolerance: 1.3 }, true],
] as const)('%s', async (_, settings, derivative) => {
  const { plan, spent } = await spentBy({ ...SMALL, ...settings }, derivative)
  expect(spent).toBeLessThanOrEqual(plan.total)
})

test('the first look alone, where that is more than is allowed', () => {
  const { settings } = gaussianJob({ a: 1, b: 1, steps: STEPS, settings: { ...SMALL, maxEvaluations: 1 } })
  const { curvePoints, explorePaths, curvePaths, gridImages } = settings
  // [.01, 10] in 8 steps of the curve, each halved; a stretch of 5 and 3 valleys compared.
  const paths = (2 * 8 + 1 + 5 + 3) * explorePaths + (curvePoints + 2) * curvePaths + 4 * gridImages
  expect(entropyCost(settings, STEPS).total).toBe(paths * 3 * STEPS)
})
