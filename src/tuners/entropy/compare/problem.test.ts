/** Every method on the Gaussian problem, of which the best lambda is known: a/b. */
import { expect, test } from 'vitest'
import { defineReward, weightedSum } from '../../../rewards/index.ts'
import { budgetOf } from '../../compare/budget.ts'
import type { CompareCheckpoint } from '../../compare/contest.ts'
import { contest } from '../../compare/contest.ts'
import { gaussianJob } from '../gaussianJob.fixture.ts'
import { openStrengthComparison } from './problem.ts'
import type { ComparedStrength } from './strength.ts'

const [a, b] = [1, 2]
const base = gaussianJob({
  a,
  b,
  steps: 2,
  settings: { lambdaRange: [0.01, 10], explorePaths: 8, chunk: 256, tolerance: 1.2 },
})
/** The same goal, with the derivative that a weighted sum needs: r1 = -(u - b)^2. */
const judge = defineReward({
  name: 'goal',
  hash: 'goal',
  values: async ({ data }) => Float64Array.from(data, (u) => -((u - b) ** 2)),
  gradient: async ({ data }) => ({
    values: Float64Array.from(data, (u) => -((u - b) ** 2)),
    gradient: Float64Array.from(data, (u) => -2 * (u - b)),
  }),
})
const options = {
  trialImages: 300,
  evaluationImages: 500,
  samplingSeeds: [11, 12],
  sum: (one: typeof judge, other: typeof judge, weight: number) =>
    weightedSum([
      { weight: 1, reward: one },
      { weight, reward: other },
    ]),
}
const opened = () => openStrengthComparison({ ...base, judge }, options)

test('finds the best lambda by every search, within a budget that is kept', async () => {
  const comparison = opened()
  const { contestants } = comparison
  expect(contestants.map(({ name }) => name)).toEqual([
    ...[
      'default',
      'best-default',
      'grid',
      'random',
      'sobol',
      'bayesian',
      'halving',
      'weighted-sum',
      'published',
      'bilevel',
    ],
  ])
  const most = 36_000
  const entries = await contest(comparison, contestants, { budget: budgetOf(most), seeds: [2] }, { clock: () => 0 })
  const best = -1
  for (const { method, standing, figures } of entries) {
    expect(standing.evaluations, method).toBeLessThanOrEqual(1.02 * most)
    // E r1 = -((1/lambda - 2)^2 + 1), by half an image's spread over a thousand images.
    const { lambda, r1 } = figures!
    if (lambda) expect(r1.mean, method).toBeCloseTo(-((a / lambda.mean - b) ** 2) + best, 0)
  }
  const lambdaOf = (name: string) => entries.find(({ method }) => method === name)!.figures!.lambda.mean
  expect(lambdaOf('default')).toBe(1)
  expect(lambdaOf('best-default')).toBe(1)
  for (const name of ['grid', 'sobol', 'bayesian', 'bilevel']) {
    expect(Math.abs(Math.log(lambdaOf(name) / (a / b))), name).toBeLessThan(0.25)
  }
  // Guided towards the goal itself it is nearer to it than any strength of the other reward alone.
  const sum = entries.find(({ method }) => method === 'weighted-sum')!.figures!
  expect(sum.r1.mean).toBeGreaterThan(best)
  expect(sum.weight.mean).toBeGreaterThan(0.1)
})

test('the bilevel search, cut off, goes on to the same entry', async () => {
  const comparison = opened()
  const chosen = comparison.contestants.filter(({ name }) => name === 'bilevel' || name === 'published')
  const plan = { budget: budgetOf(12_000), seeds: [5] }
  let from: CompareCheckpoint<ComparedStrength> | undefined
  const whole = await contest(comparison, chosen, plan, {
    clock: () => 0,
    onCheckpoint: async (checkpoint) => {
      const last = checkpoint.entries.at(-1)
      if (last?.method === 'bilevel' && last.standing.trials.length === 20) from = structuredClone(checkpoint)
    },
  })
  expect(from).toBeDefined()
  const again = await contest(opened(), chosen, plan, { clock: () => 0, ...(from && { from }) })
  expect(again).toEqual(whole)
})
