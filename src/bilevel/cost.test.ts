/** The account of network evaluations against what iterations really spend, for every kind of lower problem and every estimator. */
import { describe, expect, test } from 'vitest'
import { expectedCost, iterationCost, problemCost, tuningCost } from './cost.ts'
import { ESTIMATOR_NAMES, estimatorByName } from './estimators/byName.ts'
import { tune } from './penalty.ts'
import type { BilevelProblem } from './problem.ts'
import type { QuadraticBatch, QuadraticBlock, QuadraticState } from './quadratic.fixture.ts'
import { quadraticProblem, quadraticSolution } from './quadratic.fixture.ts'
import type { PenaltySettings } from './settings.ts'
import { PENALTY_DEFAULTS } from './settings.ts'

type Problem = BilevelProblem<QuadraticBlock, QuadraticState, QuadraticBatch>

const momentum = new Float64Array(3)

/** The fixture with its running statistics to settle, frozen, or with a solver of its own. */
function problemOf(kind: Problem['lower']['kind'], tied = true): Problem {
  const base = quadraticProblem({ tied })
  const { step: _, ...lower } = base.lower
  switch (kind) {
    case 'trained':
      return {
        ...base,
        lower: { ...base.lower, cost: { ...base.lower.cost, settle: 7 }, settle: async (state) => state },
      }
    case 'frozen':
      return { ...base, lower: { kind, state: { weights: Float64Array.of(0.8, 0, 0), momentum } } }
    case 'solved':
      return {
        ...base,
        lower: {
          ...lower,
          kind,
          cost: { solve: 11, gradientInUpper: 2 },
          solve: async ({ a, b = new Float64Array(1) }, pull) => ({
            weights: quadraticSolution({ a, b }, pull),
            momentum,
          }),
        },
      }
  }
}

const settingsOf = (change: Partial<PenaltySettings>): PenaltySettings => ({
  ...PENALTY_DEFAULTS,
  gamma: 50,
  lowerSteps: 2,
  twinSteps: 3,
  ...change,
})

async function spentIn(problem: Problem, settings: PenaltySettings, iterations: number) {
  const spent: number[] = []
  const expected: number[] = []
  let total = 0
  for await (const event of tune(problem, settings, iterations)) {
    if (event.kind === 'iteration') spent.push(event.report.evaluations)
    expected.push(expectedCost(problemCost(problem), settings, iterations, event.state))
    total = event.state.evaluations
  }
  return { spent, expected, total }
}

const CASES = (['trained', 'frozen', 'solved'] as const).flatMap((kind) =>
  ESTIMATOR_NAMES.flatMap((name) =>
    [{}, { z: false }, { pullEvery: 2 }, { upperOnlyAt: 'z' as const }, { reportOffset: false }].map((change) => ({
      kind,
      name,
      change,
    })),
  ),
)

test('measuring the first pull is in the account, and the step with which a z that keeps its momentum is probed', async () => {
  for (const keepsMomentum of [true, false]) {
    const base = quadraticProblem({ keepsMomentum, momentum: 0.5 })
    const problem = { ...base, lower: { ...base.lower, cost: { ...base.lower.cost, gradientInWeights: 13 } } }
    for (const change of [{ gamma: 'auto' }, { gamma: 1e4, refusePull: true }] as const) {
      const settings = settingsOf(change)
      const { spent } = await spentIn(problem, settings, 2)
      const account = problemCost(problem)
      expect(spent).toEqual([1, 2].map((k) => iterationCost(account, settings, k).total))
      expect(spent[0] - spent[1]).toBe(3 * 13)
    }
  }
})

describe('an iteration takes what its account says', () => {
  test.each(CASES)('$kind, $name, $change', async ({ kind, name, change }) => {
    const estimator = estimatorByName(name, name === 'backpropagation' ? {} : { delta: 0.1 })
    const weightsEstimator = estimator.inWeights ? estimator : estimatorByName('backpropagation')
    const settings = settingsOf({ estimator, weightsEstimator, warmUpSteps: 2, ...change })
    const problem = problemOf(kind)
    const each = iterationCost(problemCost(problem), settings)
    const { spent, expected, total } = await spentIn(problem, settings, 3)
    // One-point's first estimate of the pull is none: the offset's report has nothing to measure, and makes no step.
    const primed = kind === 'trained' && name === 'one-point' && settings.z && settings.reportOffset ? 3 : 0
    expect(spent).toEqual([each.total - primed, each.total, each.total])
    expect(tuningCost(problemCost(problem), settings, 3).total).toBe(total + primed)
    expect(expected[expected.length - 1]).toBe(total)
    expect(Math.max(...expected)).toBeLessThanOrEqual(total + primed)
  })

  test.each([
    ['trained', 10 + 7],
    ['solved', 10],
  ] as const)('f that is watched takes a value more: %s', async (kind, more) => {
    const of = problemOf(kind)
    const blind: Problem = {
      ...of,
      blocks: { a: of.blocks.a } as Problem['blocks'],
      objective: { ...of.objective, blocks: [], value: async (_, { weights }) => weights[0] ** 2 },
    }
    const [plain, watched] = [settingsOf({}), settingsOf({ reportValue: true })]
    const costs = [plain, watched].map((settings) => iterationCost(problemCost(blind), settings).total)
    expect(costs[1] - costs[0]).toBe(more)
    const gradient: Problem['objective']['gradient'] = async (_, { weights }) => ({
      value: weights[0] ** 2,
      upper: {},
      weights: weights.map((w, i) => (i === 0 ? 2 * w : 0)),
    })
    const problem = { ...blind, objective: { ...blind.objective, gradient } }
    expect((await spentIn(problem, watched, 2)).spent).toEqual([costs[1], costs[1]])
    expect((await spentIn(problem, plain, 2)).spent).toEqual([costs[0], costs[0]])
  })
})

test('which of it are lower steps and derivatives, by hand; and what a start that was tried takes', () => {
  const problem = problemCost(problemOf('trained'))
  expect(problem).toMatchObject({ shared: 2, upperOnly: 1, lower: { kind: 'trained', step: 3, settle: 7 } })
  const cost = tuningCost(problem, settingsOf({ warmUpSteps: 4 }), 5, 6)
  // y: K + J, z: J, the offset's report; df/dq at two places and the pull of z's J steps, less the forward pass of each
  const steps = (2 + 2 * 3 + 1) * 3
  expect(cost.lowerSteps).toBe(4 * 3 + 5 * steps)
  expect(cost.derivative).toBe(5 * (2 * (30 - 10) + 3 * (40 - 10)))
  expect(cost.total).toBe(6 * 10 + 4 * 3 + 5 * (steps + 2 * 30 + 3 * 40 + 7 + 2 * 2))
})

test('more iterations than could be listed: what one costs, so many times', () => {
  const cost = problemCost(problemOf('frozen'))
  const settings = settingsOf({})
  const one = tuningCost(cost, settings, 1)
  const many = tuningCost(cost, settings, 1e10)
  expect(many).toEqual({ total: 1e10 * one.total, lowerSteps: 0, derivative: 1e10 * one.derivative })
  expect(tuningCost(cost, settings, 0).total).toBe(0)
})
