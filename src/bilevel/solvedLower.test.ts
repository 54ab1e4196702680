/**
 * A problem of another kind, added without touching the framework: the entropy strength lambda of a tilted Gaussian. The lower solution
 * is a distribution with a solver of its own; nothing is trained.
 *
 *     min_lambda -E_p[r1]   s.t.   p = argmin -E_p[r2] + lambda KL(p || N(0, 1)),   r2 = u,   r1 = -(u - 1)^2
 *
 * The penalty's own optimum is .755, .878, .955, .995 at gamma 1, 3, 10, 100 (and 1 of the problem itself).
 */
import { describe, expect, test } from 'vitest'
import { ADAM_DEFAULTS } from './adam.ts'
import { tune } from './penalty.ts'
import type { BilevelProblem } from './problem.ts'
import { PENALTY_DEFAULTS } from './settings.ts'

interface Gaussian {
  readonly mean: number
  readonly variance: number
}

const problem: BilevelProblem<'strength', Gaussian, null> = {
  blocks: {
    strength: {
      names: ['lambda'],
      initial: Float64Array.of(2.5),
      low: Float64Array.of(0.1),
      high: Float64Array.of(10),
      scale: Float64Array.of(0.2),
    },
  },
  objective: {
    blocks: [],
    cost: { value: 1, gradient: 1, weightsGradient: 1 },
    value: async (_, { mean, variance }) => variance + (mean - 1) ** 2,
  },
  lower: {
    kind: 'solved',
    blocks: ['strength'],
    cost: { solve: 5, gradientInUpper: 0 },
    draw: () => null,
    // p proportional to exp(-u^2/2 + (u - pull (u - 1)^2)/lambda)
    async solve({ strength: [lambda] }, pull) {
      const precision = 1 + (2 * pull) / lambda
      return { mean: (1 + 2 * pull) / (lambda * precision), variance: 1 / precision }
    },
    // d/dlambda of lambda KL(p || p0) is the KL
    async gradientInUpper({ mean, variance }) {
      return { strength: Float64Array.of((mean ** 2 + variance - 1 - Math.log(variance)) / 2) }
    },
  },
}

describe('entropy strength of a tilted Gaussian', () => {
  test.each([
    [1, 0.755],
    [3, 0.878],
    [10, 0.955],
    [100, 0.995],
  ])('at gamma %d the penalty method ends at its optimum %d', async (gamma, optimum) => {
    const settings = { ...PENALTY_DEFAULTS, gamma, adam: { ...ADAM_DEFAULTS, decayOver: 150 } }
    let lambda = Number.NaN
    let evaluations = 0
    for await (const { state } of tune(problem, settings, 150)) {
      lambda = state.upper.strength[0]
      evaluations = state.evaluations
    }
    expect(Math.abs(lambda - optimum)).toBeLessThan(6e-4)
    expect(evaluations).toBe(150 * 10)
  })
})
