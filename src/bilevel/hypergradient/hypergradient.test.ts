/** `implicit` and `unrolled` against the closed form of a quadratic, against steps as they are made, and what they say of themselves. */
import { describe, expect, test } from 'vitest'
import { problemCost } from '../cost.ts'
import type { BilevelProblem, Upper } from '../index.ts'
import {
  ADAM_DEFAULTS,
  coordinate,
  iterationCost,
  onePoint,
  PENALTY_DEFAULTS,
  penaltyInit,
  penaltyStep,
  tune,
} from '../index.ts'
import type { QuadraticOptions, QuadraticState } from '../quadratic.fixture.ts'
import { quadraticProblem, quadraticSolution, quadraticTotalGradient } from '../quadratic.fixture.ts'
import type { PenaltySettings } from '../settings.ts'
import { reachOf } from './adjoint.ts'
import { conjugateGradients } from './conjugateGradients.ts'

const still = { ...ADAM_DEFAULTS, rate: 0 }
type Change = Omit<Partial<PenaltySettings>, 'linear'> & { readonly linear?: Partial<PenaltySettings['linear']> }

const settingsOf = ({ linear, ...change }: Change): PenaltySettings => ({
  ...PENALTY_DEFAULTS,
  adam: still,
  averageDecay: 0,
  ...change,
  linear: { ...PENALTY_DEFAULTS.linear, mixedBatches: 1, hessianBatches: 1, ...linear },
})

async function gradientAt(options: QuadraticOptions, change: Change) {
  const problem = quadraticProblem(options)
  const settings = settingsOf(change)
  const { report, state } = await penaltyStep(problem, settings, penaltyInit(problem, settings))
  return { problem, settings, report, state }
}
const maxError = (got: ArrayLike<number>, truth: ArrayLike<number>) =>
  Math.max(...Array.from(truth, (v, i) => Math.abs(got[i] - v)))
const startOf = ({ blocks }: ReturnType<typeof quadraticProblem>) => ({ a: blocks.a.initial, b: blocks.b.initial })

describe('conjugate gradients', () => {
  const matrix = [
    [4, 1, 0.5],
    [1, 3, -0.2],
    [0.5, -0.2, 2],
  ]
  const apply = async (p: Float64Array) => Float64Array.from(matrix, (row) => row.reduce((s, v, i) => s + v * p[i], 0))

  test('solve a system of three in three products', async () => {
    const truth = Float64Array.of(0.3, -1.2, 0.7)
    const system = { apply, rightSide: await apply(truth), inverseDiagonal: Float64Array.of(0.25, 0.3, 0.5) }
    const exact = await conjugateGradients({ ...system, iterations: 3 })
    expect(maxError(exact.solution, truth)).toBeLessThan(1e-12)
    const early = await conjugateGradients({ ...system, iterations: 1 })
    expect(early.residual).toBeGreaterThan(0.01)
    expect([exact.definite, early.definite]).toEqual([true, true])
  })

  test('stop where the curvature is not positive', async () => {
    const found = await conjugateGradients({
      apply: async (p) => p.map((v) => -v),
      rightSide: Float64Array.of(1, 2),
      inverseDiagonal: Float64Array.of(1, 0.5),
      iterations: 5,
    })
    expect(found).toMatchObject({ definite: false, solution: Float64Array.of(1, 1) })
  })

  test('are left where all curvature is that of the damping, before a step that would be all of the solution', async () => {
    // A = diag(-.99, 4) + I: the first eigenvalue, .01, is positive alone by the damping.
    const system = {
      apply: async (p: Float64Array) => Float64Array.of(0.01 * p[0], 5 * p[1]),
      rightSide: Float64Array.of(0.1, 1),
      inverseDiagonal: Float64Array.of(1, 1),
      iterations: 5,
    }
    const free = await conjugateGradients(system)
    expect(free.solution[0]).toBeCloseTo(10, 8)
    const damped = await conjugateGradients({ ...system, damping: Float64Array.of(1, 1) })
    expect(damped.definite).toBe(false)
    expect(Math.abs(damped.solution[0])).toBeLessThan(0.2)
    const positive = { ...system, apply: async (p: Float64Array) => Float64Array.of(1.5 * p[0], 5 * p[1]) }
    expect(await conjugateGradients({ ...positive, damping: Float64Array.of(1, 1) })).toMatchObject({ definite: true })
  })
})

describe('implicit', () => {
  test.each([true, false])('is the total derivative where the horizon is long, a in both levels: %s', async (tied) => {
    const { problem, report } = await gradientAt({ tied }, { hypergradient: 'implicit', linear: { horizon: 1e12 } })
    const { a, b } = quadraticTotalGradient(startOf(problem))
    // untied, df/da itself is not in it: rho (a - s)
    const direct = problem.blocks.a.initial.map((v, j) => (tied ? 0 : 0.3 * (v - [0.2, -0.5][j])))
    expect(
      maxError(
        report.gradient.a.map((v, j) => v + direct[j]),
        a,
      ),
    ).toBeLessThan(1e-8)
    expect(maxError(report.gradient.b, b)).toBeLessThan(1e-8)
    expect(report.gamma).toBeNull()
    expect(report.offset).toBeNull()
  })

  test('is damped by the horizon as stated: in each direction K P h / (1 + K P h) of the whole', async () => {
    const whole = await gradientAt(
      { tied: false, newton: 0.25 },
      { hypergradient: 'implicit', linear: { horizon: 1e12 } },
    )
    const short = await gradientAt({ tied: false, newton: 0.25 }, { hypergradient: 'implicit', linear: { horizon: 3 } })
    // newton: P h is the same number in every direction
    const ratio = (i: number) => (short.report.indirect.a?.[i] ?? 0) / (whole.report.indirect.a?.[i] ?? 0)
    for (const i of [0, 1]) expect(ratio(i)).toBeCloseTo((3 * 0.25) / (1 + 3 * 0.25), 8)
  })
})

describe('what is deployed follows the weights', () => {
  test.each([
    [1, 0, 0],
    [5, 0, 0],
    [5, 0, 0.9],
    [6, 0.5, 0.9],
    [40, 0.9, 0.98],
  ])('%d steps, momentum %d, decay %d: as far as steps of a gradient that stays', (horizon, momentum, decay) => {
    const most = (step: (theta: number, m: number) => number) => {
      let [theta, m, average] = [0, 0, 0]
      for (let k = 1; k <= horizon; k++) {
        m = momentum * m + (1 - momentum) * step(theta, m)
        theta += m
        average = decay * average + (1 - decay) * theta
      }
      return average
    }
    const { steps, share } = reachOf({ horizon, decayAt: () => decay }, momentum)
    expect(steps).toBeCloseTo(
      most(() => 1),
      12,
    )
    expect(share).toBeCloseTo(1 - decay ** horizon, 12)
  })

  test('a horizon that no loop reaches the end of', () => {
    const { steps, share } = reachOf({ horizon: 1e12, decayAt: () => 0.9 }, 0.5)
    // The average is behind by decay / (1 - decay), momentum by its own.
    expect([steps - 1e12, share]).toEqual([expect.closeTo(-10, 2), 1])
  })

  test('the damped system goes as far where nothing bends, and the share of the way where everything does', async () => {
    const sound = quadraticProblem({ tied: false, newton: 0.25 })
    /** At the minimum, of steps that go as much of the way in every direction of H = diag(1, 2, 1/2). */
    const at = async (share: number, change: Change) => {
      const lower = { ...sound.lower, stepSizes: () => Float64Array.from([1, 2, 0.5], (h) => share / h) }
      const problem = { ...sound, lower }
      const settings = settingsOf({ hypergradient: 'implicit', lowerSteps: 400, ...change })
      const { report } = await penaltyStep(problem, settings, penaltyInit(problem, settings))
      return report.indirect.a?.[0] ?? 0
    }
    const whole = await at(1, { linear: { horizon: 1e12 } })
    const short = { averageDecay: 0.8, linear: { horizon: 4 } }
    const { steps, share } = reachOf({ horizon: 4, decayAt: () => 0.8 })
    expect((await at(1e-6, short)) / (1e-6 * steps * whole)).toBeCloseTo(1, 4)
    expect((await at(1e6, short)) / whole).toBeCloseTo(share, 5)
  })
})

describe('weights that do not move', () => {
  test.each(['implicit', 'unrolled'] as const)('%s: f does not reach q through them', async (hypergradient) => {
    const upper = startOf(quadraticProblem({ tied: false }))
    const sound = quadraticProblem({ tied: false, newton: 0.25 })
    const moves = [true, false, true]
    const lower = {
      ...sound.lower,
      stepSizes: () => Float64Array.from([1, 2, 0.5], (h, i) => (moves[i] ? 0.25 / h : 0)),
    }
    const settings = settingsOf({ hypergradient, lowerSteps: 400, linear: { horizon: 3 } })
    const problem = { ...sound, lower }
    const { report } = await penaltyStep(problem, settings, penaltyInit(problem, settings))
    // H is diagonal: 1 - (1 - P h)^K of the way, or K P h / (1 + K P h), the same in every direction
    const share = hypergradient === 'implicit' ? 0.75 / 1.75 : 1 - 0.75 ** 3
    const y = quadraticSolution(upper, 0)
    const miss = upper.b[0] - 1.5 * y[0]
    const pulls = [y[0] - 0.7 - 1.5 * miss, y[1] + 0.2, y[2] - 0.4]
    const B = [
      [1, -0.4],
      [0.3, 0.8],
      [-0.6, 0.5],
    ]
    for (const j of [0, 1]) {
      const truth = pulls.reduce((sum, pull, i) => sum + (moves[i] ? (share * pull * B[i][j]) / [1, 2, 0.5][i] : 0), 0)
      expect(report.gradient.a[j]).toBeCloseTo(truth, 8)
    }
  })
})

test('a system that was left early is reported, beside how far the others are', async () => {
  const sound = quadraticProblem({ tied: false, noise: 0.1, newton: 0 })
  const at = async (sign: number, step = 10) => {
    const lower = {
      ...sound.lower,
      stepSizes: () => new Float64Array(3).fill(step),
      gradientInWeights: async (...[state, upper, batch]: Parameters<typeof sound.lower.gradientInWeights & {}>) => {
        const gradient = await sound.lower.gradientInWeights?.(state, upper, batch)
        return Float64Array.from(gradient ?? [], (value) => sign * value)
      },
    }
    const settings = settingsOf({ hypergradient: 'implicit', linear: { replicates: 3, iterations: 1, horizon: 100 } })
    const problem = { ...sound, lower }
    return (await penaltyStep(problem, settings, penaltyInit(problem, settings))).report.solve
  }
  expect(await at(-1)).toEqual({ systems: 3, indefinite: 3, residual: 1 })
  // H = -diag(1, 2, 1/2) beside a damping of 1/(100 * .004) = 2.5: the whole is positive, H is not.
  expect(await at(-1, 0.004)).toMatchObject({ systems: 3, indefinite: 3 })
  expect(await at(1, 0.004)).toMatchObject({ systems: 3, indefinite: 0 })
  const solved = await at(1)
  expect(solved).toMatchObject({ systems: 3, indefinite: 0 })
  expect(solved?.residual).toBeGreaterThan(0.01)
})

describe('unrolled', () => {
  test.each([
    [1, 0, 0],
    [2, 0, 0],
    [7, 0, 0],
    [2, 0.6, 0],
    [9, 0.6, 0],
    [1, 0, 0.8],
    [2, 0, 0.8],
    [9, 0.6, 0.8],
  ])(
    'after %d steps of momentum %d it is the derivative of f at what those steps give, averaged with decay %d',
    async (horizon, momentum, decay) => {
      const options = { tied: false, rate: 0.3 * (1 - momentum), momentum }
      const { problem, report } = await gradientAt(options, {
        hypergradient: 'unrolled',
        averageDecay: decay,
        lowerSteps: 400,
        linear: { horizon },
      })
      const start = startOf(problem)
      const { objective, lower } = problem
      /** f after so many steps under a moved q, from the minimum of g at q. */
      const after = async (upper: Upper<'a' | 'b'>) => {
        let state: QuadraticState = { weights: quadraticSolution(start, 0), momentum: new Float64Array(3) }
        let average = state.weights
        for (let k = 0; k < horizon; k++) {
          state = (await lower.step(state, upper, await lower.draw(0), null)).state
          average = average.map((v, i) => decay * v + (1 - decay) * state.weights[i])
        }
        return objective.value({ ...upper, a: start.a }, { ...state, weights: average }, 0)
      }
      for (const i of [0, 1]) {
        const moved = (h: number) => after({ ...start, a: start.a.map((v, j) => v + (i === j ? h : 0)) })
        const slope = ((await moved(1e-4)) - (await moved(-1e-4))) / 2e-4
        expect(report.gradient.a[i]).toBeCloseTo(slope, 6)
      }
    },
  )

  test('and the implicit one of a long horizon agree at the minimum', async () => {
    const unrolled = await gradientAt(
      { rate: 0.4 },
      { hypergradient: 'unrolled', lowerSteps: 400, linear: { horizon: 300 } },
    )
    const { a } = quadraticTotalGradient(startOf(unrolled.problem))
    expect(maxError(unrolled.report.gradient.a, a)).toBeLessThan(1e-6)
  })
})

describe('standard errors', () => {
  const noisy = { noise: 0.3, sampleNoise: 0.3, tied: false }

  test('cover the truth, and fall with the replicates', async () => {
    const change = {
      hypergradient: 'implicit',
      lowerSteps: 0,
      twinSteps: 1,
      linear: { horizon: 1e9, mixedBatches: 4 },
    } as const
    // at the exact minimum of the expected g, so that only the estimate is noisy
    const problem = quadraticProblem({ ...noisy, newton: 0 })
    const weights = quadraticSolution(startOf(problem), 0)
    const lower = {
      ...problem.lower,
      initial: { weights, momentum: new Float64Array(3) },
      stepSizes: () => new Float64Array(3).fill(1),
    }
    const truth = quadraticTotalGradient(startOf(problem)).a
    const tied = 0.3
    const estimates = await Promise.all(
      [4, 64].map(async (replicates) => {
        const settings = settingsOf({ ...change, linear: { ...change.linear, replicates } })
        const fixed = { ...problem, lower }
        return (await penaltyStep(fixed, settings, penaltyInit(fixed, settings))).report
      }),
    )
    const [few, many] = estimates.map(({ standardError }) => standardError?.a[0] ?? Number.NaN)
    expect(few / many).toBeGreaterThan(1.5)
    const indirect = truth.map((v, j) => v - tied * (problem.blocks.a.initial[j] - [0.2, -0.5][j]))
    for (const i of [0, 1]) {
      // H is noisy by .3, whose inverse is .1 larger on average: allowed for
      const off = Math.abs(estimates[1].gradient.a[i] - indirect[i])
      expect(off).toBeLessThan(4 * (estimates[1].standardError?.a[i] ?? 0) + 0.15 * Math.abs(indirect[i]))
    }
  })

  test('a parameter whose gradient is not told from 0 stays where it is, and is said to', async () => {
    const change = { hypergradient: 'implicit', adam: ADAM_DEFAULTS, linear: { replicates: 3 } } as const
    const loud = await gradientAt({ ...noisy, noise: 3, sampleNoise: 6 }, { ...change, resolvedAbove: 50 })
    expect(loud.report.resolved.a).toEqual([false, false])
    expect(loud.state.upper.a).toEqual(loud.problem.blocks.a.initial)
    expect(loud.state.adam.a).toEqual(penaltyInit(loud.problem, loud.settings).adam.a)
    const open = await gradientAt({ ...noisy, noise: 3, sampleNoise: 6 }, { ...change, resolvedAbove: 0 })
    expect(open.report.resolved.a).toEqual([true, true])
    expect(open.state.upper.a).not.toEqual(open.problem.blocks.a.initial)
  })
})

describe('a lower problem with targets: g = 1/2 (theta^2 - a)^2', () => {
  const [theta, a, pull] = [1.5, 1, 0.7]
  interface Target {
    readonly y: number | null
  }
  /** A minibatch's target is a, or what the model says itself. */
  const squareProblem = (own: boolean): BilevelProblem<'a', { readonly weights: Float64Array }, Target> => ({
    blocks: {
      a: {
        ...{ names: ['a'], initial: Float64Array.of(a), scale: Float64Array.of(1) },
        ...{ low: Float64Array.of(-9), high: Float64Array.of(9) },
      },
    },
    objective: {
      blocks: [],
      cost: { value: 1, gradient: 1, weightsGradient: 2 },
      value: async (_, { weights }) => pull * weights[0],
      gradient: async (_, { weights }) => ({ value: pull * weights[0], upper: {}, weights: Float64Array.of(pull) }),
    },
    lower: {
      kind: 'trained',
      blocks: ['a'],
      initial: { weights: Float64Array.of(theta) },
      cost: { step: 3, gradientInUpper: 2, gradientInWeights: 3, ...(own && { ownTargets: 1 }) },
      draw: () => ({ y: null }),
      weights: ({ weights }) => weights,
      withWeights: (_, weights) => ({ weights: Float64Array.from(weights) }),
      step: async (state) => ({ state, loss: 0 }),
      stepSizes: () => Float64Array.of(1),
      gradientInWeights: async ({ weights: [w] }, upper, { y }) => Float64Array.of(2 * w * (w * w - (y ?? upper.a[0]))),
      gradientInUpper: async ({ weights: [w] }, upper) => ({ a: Float64Array.of(upper.a[0] - w * w) }),
      ...(own && { ownTargets: async ({ weights: [w] }) => ({ y: w * w }) }),
    },
  })
  /** -d_a (grad_theta g . v), v = pull / curvature. */
  const through = (curvature: number) => (2 * theta * pull) / curvature
  const newton = 4 * theta * theta
  const hessian = 6 * theta * theta - 2 * a

  test.each([
    ['gauss-newton', true, newton],
    ['hessian', true, hessian],
    ['gauss-newton', false, hessian],
  ] as const)('%s, own targets %s', async (curvature, own, wanted) => {
    const problem = squareProblem(own)
    const settings = settingsOf({ hypergradient: 'implicit', linear: { horizon: 1e12, replicates: 2, curvature } })
    const { report } = await penaltyStep(problem, settings, penaltyInit(problem, settings))
    expect(report.indirect.a?.[0]).toBeCloseTo(through(wanted), 4)
    expect(report.evaluations).toBe(iterationCost(problemCost(problem), settings, 1).total)
  })

  test('the series of the Gauss-Newton matrix', async () => {
    const rate = 0.02
    const { lower, ...rest } = squareProblem(true)
    if (lower.kind !== 'trained') throw new Error('a trained problem')
    const problem = { ...rest, lower: { ...lower, stepSizes: () => Float64Array.of(rate) } }
    const settings = settingsOf({ hypergradient: 'unrolled', linear: { horizon: 7, replicates: 2 } })
    const { report } = await penaltyStep(problem, settings, penaltyInit(problem, settings))
    expect(report.indirect.a?.[0]).toBeCloseTo(through(newton) * (1 - (1 - rate * newton) ** 7), 4)
    expect(report.evaluations).toBe(iterationCost(problemCost(problem), settings, 1).total)
  })
})

test('a run costs what is planned for it, with one estimator for both derivatives or with two', async () => {
  for (const estimator of [PENALTY_DEFAULTS.estimator, coordinate()]) {
    for (const hypergradient of ['implicit', 'unrolled'] as const) {
      const problem = quadraticProblem({ noise: 0.2 })
      const settings = settingsOf({
        hypergradient,
        estimator,
        lowerSteps: 2,
        twinSteps: 3,
        linear: { replicates: 3, horizon: (k) => 6 - k, iterations: 2, hessianBatches: 2, mixedBatches: 5 },
      })
      for await (const event of tune(problem, settings, 3)) {
        if (event.kind !== 'iteration') continue
        const { iteration, evaluations } = event.report
        expect(evaluations).toBe(iterationCost(problemCost(problem), settings, iteration).total)
      }
    }
  }
})

describe('refuses', () => {
  const refusal = (problem: ReturnType<typeof quadraticProblem>, change: Change) => () =>
    penaltyInit(problem, settingsOf(change))

  test('a lower problem without derivatives in its weights', () => {
    const problem = quadraticProblem()
    const { gradientInWeights: _, ...lower } = problem.lower
    expect(refusal({ ...problem, lower }, { hypergradient: 'implicit' })).toThrow(
      /needs a trained lower problem with gradientInWeights/,
    )
    expect(refusal({ ...problem, lower }, {})).not.toThrow()
  })

  test('an estimator that needs the one before', () => {
    expect(refusal(quadraticProblem(), { hypergradient: 'implicit', estimator: onePoint() })).toThrow(
      /'implicit' takes backpropagation, two-point or coordinate, got one-point/,
    )
    expect(refusal(quadraticProblem(), { estimator: onePoint() })).not.toThrow()
  })

  test('numbers out of range', () => {
    const implicit = { hypergradient: 'implicit' } as const
    expect(refusal(quadraticProblem(), { ...implicit, linear: { replicates: 1 } })).toThrow(
      /replicates must be a whole number from 2, got 1/,
    )
    expect(refusal(quadraticProblem(), { ...implicit, linear: { horizon: 0 } })).toThrow(
      /horizon must be a whole number of steps from 1, got 0/,
    )
    expect(refusal(quadraticProblem(), { ...implicit, linear: { curvature: 'fisher' as 'hessian' } })).toThrow(
      /curvature must be gauss-newton or hessian, got fisher/,
    )
  })
})

test('descends to the minimum of the whole problem', async () => {
  const problem = quadraticProblem({ newton: 0.5 })
  const settings = settingsOf({
    hypergradient: 'implicit',
    adam: { ...ADAM_DEFAULTS, rate: 1, decayOver: 150 },
    linear: { horizon: 1e9, replicates: 2 },
  })
  let last = penaltyInit(problem, settings)
  for await (const { state } of tune(problem, settings, 150)) last = state
  const left = quadraticTotalGradient(last.upper)
  expect(Math.max(...[...left.a, ...left.b].map(Math.abs))).toBeLessThan(2e-2)
})
