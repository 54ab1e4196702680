import { deserialize, serialize } from 'node:v8'
import { describe, expect, test } from 'vitest'
import { ADAM_DEFAULTS } from './adam.ts'
import { coordinate } from './estimators/coordinate.ts'
import { onePoint } from './estimators/onePoint.ts'
import { signalToNoise } from './estimators/signalToNoise.ts'
import { twoPoint } from './estimators/twoPoint.ts'
import { descend, solveLower } from './lowerSolutions.ts'
import { penaltyStep, tune } from './penalty.ts'
import { penaltyGradient } from './penaltyGradient.ts'
import type { QuadraticOptions } from './quadratic.fixture.ts'
import {
  quadraticHessian,
  quadraticPenaltyGradient,
  quadraticProblem,
  quadraticSolution,
  quadraticTotalGradient,
} from './quadratic.fixture.ts'
import type { PenaltySettings } from './settings.ts'
import { PENALTY_DEFAULTS } from './settings.ts'
import type { PenaltyState } from './state.ts'
import { penaltyInit } from './state.ts'

const still = { ...ADAM_DEFAULTS, rate: 0 }
const settingsOf = (change: Partial<PenaltySettings>): PenaltySettings => ({
  ...PENALTY_DEFAULTS,
  upperOnlyAt: 'z',
  ...change,
})

async function run(options: QuadraticOptions, change: Partial<PenaltySettings>, iterations: number) {
  const problem = quadraticProblem(options)
  const reports = []
  let state = penaltyInit(problem, settingsOf(change))
  for await (const event of tune(problem, settingsOf(change), iterations)) {
    state = event.state
    if (event.kind === 'iteration') reports.push(event.report)
  }
  return { problem, state, reports, last: reports[reports.length - 1] }
}

const maxError = (got: ArrayLike<number>, truth: ArrayLike<number>) =>
  Math.max(...Array.from(truth, (v, i) => Math.abs(got[i] - v)))

describe('the penalty gradient', () => {
  test.each([3, 100, 1e5])('is that of the closed form at gamma %d, with y and z solved', async (gamma) => {
    const { last, problem } = await run({ newton: 0.6 }, { gamma, adam: still, twinSteps: 60 }, 2)
    const upper = { a: problem.blocks.a.initial, b: problem.blocks.b.initial }
    const truth = quadraticPenaltyGradient(upper, gamma)
    expect(maxError(last.gradient.a, truth.a) * gamma).toBeLessThan(1e-8)
    expect(maxError(last.gradient.b, truth.b) * gamma).toBeLessThan(1e-8)
    expect(last.gamma).toBe(gamma)
  })

  test('goes to the total gradient as 1/gamma', async () => {
    const errors = []
    for (const gamma of [1e2, 1e3, 1e4]) {
      const { last, problem } = await run({}, { gamma, adam: still, twinSteps: 60 }, 1)
      const total = quadraticTotalGradient({ a: problem.blocks.a.initial, b: problem.blocks.b.initial })
      errors.push(
        maxError(
          last.gradient.a.map((v) => v * gamma),
          total.a,
        ),
      )
    }
    expect(errors[0]).toBeGreaterThan(1e-2)
    for (let i = 1; i < 3; i++) expect(errors[i - 1] / errors[i]).toBeCloseTo(10, 0)
  })

  test('is exactly 0 where f does not pull, whatever the noise, the momentum and the steps', async () => {
    const options = { pull: 0, tied: false, noise: 0.3, momentum: 0.6, newton: 0.3 }
    const { reports, state } = await run(options, { gamma: 1e7, twinSteps: 4, lowerSteps: 2, warmUpSteps: 3 }, 6)
    for (const { gradient, offset } of reports) {
      expect([...gradient.a].every((g) => g === 0)).toBe(true)
      expect(offset).toEqual({ norm: 0, relative: 0, converged: null, residual: null })
    }
    expect(state.upper.a).toEqual(Float64Array.of(1, 0.5))
  })

  test('splits by level: an untied block of the lower problem has the twins part alone, one of f the direct part alone', async () => {
    const { last, problem, reports } = await run({ tied: false }, { gamma: 50, adam: still, twinSteps: 60 }, 1)
    const truth = quadraticPenaltyGradient({ a: problem.blocks.a.initial, b: problem.blocks.b.initial }, 50, false)
    expect(last.direct.a).toBeUndefined()
    expect(last.indirect.b).toBeUndefined()
    expect(maxError(last.indirect.a ?? [], truth.a)).toBeLessThan(1e-9)
    expect(maxError(last.direct.b ?? [], truth.b)).toBeLessThan(1e-9)
    expect(reports[0].gradient.a).toEqual(last.indirect.a)
  })

  test('a block of f alone is judged at the average of theta_y, or at z', async () => {
    const problem = quadraticProblem({ newton: 0.2 })
    const at = async (upperOnlyAt: 'average' | 'z') => {
      const settings = settingsOf({ gamma: 2, upperOnlyAt, twinSteps: 3, lowerSteps: 4 })
      const solved = await solveLower(problem, settings, penaltyInit(problem, settings))
      const { gradient } = await penaltyGradient(problem, settings, solved)
      return { b: gradient.b[0] * 2, solved }
    }
    const direct = (theta: number) => problem.blocks.b.initial[0] - 1.5 * theta
    const average = await at('average')
    const literal = await at('z')
    expect(average.b).toBeCloseTo(direct(average.solved.state.trained?.average[0] ?? Number.NaN), 12)
    expect(literal.b).toBeCloseTo(direct(literal.solved.twin?.z.weights[0] ?? Number.NaN), 12)
    expect(Math.abs(average.b - literal.b)).toBeGreaterThan(1e-2)
  })

  test('without z it is the direct part at y, and y is trained as much', async () => {
    const { last, state, problem } = await run({}, { gamma: 10, z: false, adam: still, lowerSteps: 3, twinSteps: 4 }, 2)
    expect(last.offset).toBeNull()
    expect(last.gradient.a.map((v) => v * 10)).toEqual(
      problem.blocks.a.initial.map((v, i) => 0.3 * (v - [0.2, -0.5][i])),
    )
    expect(state.trained?.steps).toBe(14)
  })
})

describe('z', () => {
  test('moves to the minimiser of g + f/gamma, and its offset is kept between iterations', async () => {
    const gamma = 5
    const { state, problem } = await run({}, { gamma, adam: still, twinSteps: 1, lowerSteps: 0 }, 60)
    const upper = { a: problem.blocks.a.initial, b: problem.blocks.b.initial }
    const y = quadraticSolution(upper, 0)
    const z = quadraticSolution(upper, 1 / gamma)
    const truth = z.map((v, i) => v - y[i])
    expect(maxError(state.trained?.offset ?? [], truth)).toBeLessThan(1e-10)
    expect(Math.hypot(...truth)).toBeGreaterThan(0.1)
  })

  test('with its momentum kept, iterations of one step each are one iteration of as many steps', async () => {
    const apart = async (iterations: number, twinSteps: number, keepsMomentum: boolean) => {
      const options = { newton: 0.3, momentum: 0.6, keepsMomentum, noise: 0.1 }
      const change = { gamma: 50, adam: still, lowerSteps: 0, differenceBatches: 1, twinSteps }
      // minibatches are drawn after the twins' own too: the same for both
      const problem = quadraticProblem(options)
      const { lower } = problem
      const draws: number[] = []
      const watched = { ...problem, lower: { ...lower, draw: (draw: number) => lower.draw(draws.push(draw) && 3) } }
      let state = penaltyInit(watched, settingsOf(change))
      for (let k = 0; k < iterations; k++) state = (await penaltyStep(watched, settingsOf(change), state)).state
      return state.trained?.offset ?? new Float64Array(3)
    }
    const whole = await apart(1, 8, true)
    expect(maxError(await apart(8, 1, true), whole)).toBeLessThan(1e-12)
    expect(maxError(await apart(8, 1, false), whole)).toBeGreaterThan(1e-3)
  })

  test('steps that share a pull end where those with one each do, once z is there', async () => {
    const gamma = 5
    const change = { gamma, adam: still, twinSteps: 4, pullEvery: 4, lowerSteps: 0 }
    const { state, problem, reports } = await run({ newton: 0.4 }, change, 60)
    const upper = { a: problem.blocks.a.initial, b: problem.blocks.b.initial }
    const [y, z] = [quadraticSolution(upper, 0), quadraticSolution(upper, 1 / gamma)]
    expect(
      maxError(
        state.trained?.offset ?? [],
        z.map((v, i) => v - y[i]),
      ),
    ).toBeLessThan(1e-10)
    const each = await run({ newton: 0.4 }, { ...change, pullEvery: 1 }, 60)
    expect(reports[0].gradient.a).not.toEqual(each.reports[0].gradient.a)
    expect(each.reports[0].evaluations - reports[0].evaluations).toBe(3 * 40)
  })

  test('a z that never moves is seen: its step ignores the pull', async () => {
    const sound = quadraticProblem()
    const { lower } = sound
    const faulty = { ...sound, lower: { ...lower, step: (s, u, b) => lower.step(s, u, b, null) } as typeof lower }
    const settings = settingsOf({ gamma: 5 })
    const seen = await penaltyStep(faulty, settings, penaltyInit(faulty, settings))
    const truth = await penaltyStep(sound, settings, penaltyInit(sound, settings))
    expect(seen.report.offset).toEqual({ norm: 0, relative: 0, converged: null, residual: null })
    expect(truth.report.offset?.norm).toBeGreaterThan(0.1)
    expect([...seen.report.gradient.a]).not.toEqual([...truth.report.gradient.a])
  })

  test('how far the offset has converged is 1 - rho^k on one curvature, while q moves too', async () => {
    const gamma = 1e4
    const adam = { ...ADAM_DEFAULTS, rate: 0.01 }
    // Contraction .6 a step; at gamma 1e4 the pull of f does not depend on the offset.
    const settings = { gamma, adam, twinSteps: 1, lowerSteps: 200, warmUpSteps: 50 }
    const { reports } = await run({ hessian: [2, 2, 2], rate: 0.2 }, settings, 12)
    for (const [k, { offset }] of reports.entries()) {
      expect(offset?.converged ?? Number.NaN).toBeCloseTo(1 - 0.6 ** k, 1)
      expect(offset?.residual ?? Number.NaN).toBeCloseTo(0.6 ** k, 1)
    }
    const fixed = await run({ hessian: [2, 2, 2], rate: 0.2 }, { ...settings, adam: still }, 6)
    for (const [k, { offset }] of fixed.reports.entries()) {
      expect(offset?.converged ?? Number.NaN).toBeCloseTo(1 - 0.6 ** k, 3)
    }
  })

  test('with several curvatures it is their mean, weighted by the squared pull, and noise of the minibatch averages out', async () => {
    const options = { hessian: [2, 1, 0.5], rate: 0.2 }
    const settings = { gamma: 1e6, adam: still, twinSteps: 1, lowerSteps: 300 }
    const { reports, problem, state } = await run(options, settings, 6)
    const { weights = new Float64Array(3) } =
      (await problem.objective.gradient?.(state.upper, state.trained?.y ?? problem.lower.initial, 0, {
        blocks: [],
        weights: true,
      })) ?? {}
    const mean = (k: number) => {
      const squares = [...weights].map((g) => g * g)
      const done = [2, 1, 0.5].map((h) => 1 - (1 - 0.2 * h) ** k)
      return squares.reduce((sum, s, i) => sum + s * done[i], 0) / squares.reduce((sum, s) => sum + s, 0)
    }
    reports.forEach(({ offset }, k) => {
      expect(offset?.converged ?? Number.NaN).toBeCloseTo(mean(k), 4)
    })

    const noisy = await run({ ...options, noise: 0.3 }, { ...settings, lowerSteps: 20 }, 120)
    const late = noisy.reports.slice(60).map(({ offset }) => offset?.converged ?? Number.NaN)
    expect(late.reduce((sum, v) => sum + v / late.length, 0)).toBeGreaterThan(0.9)
    expect(late.reduce((sum, v) => sum + v / late.length, 0)).toBeLessThan(1.1)
  })

  test('when gamma changes the offset changes with it, to first order', async () => {
    const { state, problem } = await run({}, { gamma: 1e3, adam: still, twinSteps: 50 }, 1)
    const settings = settingsOf({ gamma: 1e4, lowerSteps: 0, twinSteps: 1, adam: still })
    const { report } = await penaltyStep(problem, settings, state)
    expect(Math.abs((report.offset?.converged ?? 0) - 1)).toBeLessThan(0.01)
  })
})

describe('gamma by its pull', () => {
  /** Sizes of both gradients at the start, by hand. */
  async function sizes() {
    const { objective, lower, blocks } = quadraticProblem()
    const upper = { a: blocks.a.initial, b: blocks.b.initial }
    const wanted = { blocks: [], weights: true }
    const f = (await objective.gradient?.(upper, lower.initial, 0, wanted))?.weights ?? []
    const g = (await lower.gradientInWeights?.(lower.initial, upper, await lower.draw(0))) ?? []
    return [f, g].map((gradient) => Math.hypot(...gradient))
  }
  const at = (change: Partial<PenaltySettings>) => run({}, { lowerSteps: 0, twinSteps: 2, adam: still, ...change }, 3)

  test('auto: the share of the lower gradient that is stated, kept in later iterations', async () => {
    const [f, g] = await sizes()
    const { reports } = await at({ gamma: 'auto', pullShare: 0.02 })
    expect(reports[0].gamma).toBeCloseTo(f / (0.02 * g), 9)
    expect(new Set(reports.map(({ gamma }) => gamma)).size).toBe(1)
    const { reports: given } = await at({ gamma: reports[0].gamma ?? 0 })
    expect(given.map(({ gradient }) => gradient)).toEqual(reports.map(({ gradient }) => gradient))
  })

  test('a gamma with a larger pull is refused with one that passes, where that is asked for', async () => {
    const [f, g] = await sizes()
    const error = await at({ gamma: 7, refusePull: true }).catch((reason: Error) => reason)
    if (!(error instanceof Error)) throw new Error('it was not refused')
    const share = `${((100 * f) / 7 / g).toPrecision(3)} %`
    expect(error.message).toContain(
      `must be at most 1.00 % of the gradient of the lower problem, got ${share} with gamma 7`,
    )
    const passing = Number(error.message.match(/give gamma (\S+) or more/)?.[1])
    expect(passing).toBeGreaterThan(f / (0.01 * g))
    expect(passing).toBeLessThan((1.11 * f) / (0.01 * g))
    expect((await at({ gamma: passing, refusePull: true })).last.gamma).toBe(passing)
    expect((await at({ gamma: 7 })).last.gamma).toBe(7)
  })

  test('auto without z has nothing to choose: the gradient is df/dq', async () => {
    const { last, problem } = await at({ gamma: 'auto', z: false })
    expect(last.gamma).toBe(1)
    expect(last.gradient.a).toEqual(problem.blocks.a.initial.map((v, i) => 0.3 * (v - [0.2, -0.5][i])))
  })

  test('is refused where it cannot be chosen', async () => {
    const problem = quadraticProblem()
    const { gradientInWeights: _, ...lower } = problem.lower
    const refusal = (change: Partial<PenaltySettings>, of: typeof problem = problem) =>
      expect(() => penaltyInit(of, settingsOf({ gamma: 'auto', ...change })))
    refusal({}, { ...problem, lower }).toThrow(/needs a trained lower problem with gradientInWeights, got one without/)
    refusal({ weightsEstimator: onePoint() }).toThrow(/got one-point, whose first estimate only primes it/)
    refusal({ pullShare: 1 }).toThrow(/pullShare must be above 0 and below 1, got 1/)
    await expect(run({ pull: 0 }, { gamma: 'auto' }, 1)).rejects.toThrow(/not 0, got 0 of the upper/)
  })
})

describe('common random numbers', () => {
  test('both terms in g on one minibatch: the variance of their difference falls by orders of magnitude', async () => {
    const problem = quadraticProblem({ noise: 0.2 })
    const settings = settingsOf({ gamma: 1e3, twinSteps: 80, lowerSteps: 5 })
    const { y, twin, state } = await solveLower(problem, settings, penaltyInit(problem, settings))
    const gradient = async (s: typeof y, draw: number) =>
      (await problem.lower.gradientInUpper(s, state.upper, await problem.lower.draw(draw))).a ?? new Float64Array(2)
    const differences = async (shift: number) => {
      const all = []
      for (let draw = 0; draw < 40; draw++) {
        const atZ = await gradient(twin?.z ?? y, 1000 + draw)
        const atY = await gradient(y, 1000 + draw + shift)
        all.push(atZ.map((g, i) => g - atY[i]))
      }
      return signalToNoise(all, 1)
    }
    const total = (v: Float64Array) => v.reduce((sum, x) => sum + x, 0)
    const common = await differences(0)
    const separate = await differences(500)
    expect(total(separate.variance) / total(common.variance)).toBeGreaterThan(1e4)
    expect(common.ratio).toBeGreaterThan(1)
    expect(separate.ratio).toBeLessThan(0.1)
  })

  test('y and z see one minibatch a step, both terms in g another, none twice', async () => {
    const problem = quadraticProblem({ noise: 0.2 })
    const { lower } = problem
    const steps: object[] = []
    const gradients: object[] = []
    const spy = {
      ...problem,
      lower: {
        ...lower,
        step: (s, u, b, e) => {
          steps.push(b)
          return lower.step(s, u, b, e)
        },
        gradientInUpper: (s, u, b) => {
          gradients.push(b)
          return lower.gradientInUpper(s, u, b)
        },
      } as typeof lower,
    }
    const settings = settingsOf({ lowerSteps: 2, twinSteps: 2, reportOffset: false })
    const { state } = await penaltyStep(spy, settings, penaltyInit(spy, settings))
    expect(steps.length).toBe(6)
    expect(steps[2]).toBe(steps[3])
    expect(steps[4]).toBe(steps[5])
    expect(gradients[0]).toBe(gradients[1])
    expect(new Set([...steps, ...gradients]).size).toBe(5)
    expect(state.draws).toBe(5)
  })
})

test('each estimate of f has samples of its own, or all have the same', async () => {
  const { objective, ...rest } = quadraticProblem()
  const keysOf = async (freshSamples: boolean) => {
    const keys: number[] = []
    const spy: typeof objective = {
      ...objective,
      value: (upper, lower, key) => {
        keys.push(key)
        return objective.value(upper, lower, key)
      },
    }
    const estimators = { estimator: twoPoint(), weightsEstimator: twoPoint() }
    const settings = settingsOf({ ...estimators, freshSamples, twinSteps: 2 })
    const problem = { ...rest, objective: spy }
    for await (const _ of tune(problem, settings, 2));
    return keys
  }
  // Per iteration two pulls of z and two places of df/dq, two evaluations each.
  expect(await keysOf(true)).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7])
  expect(new Set(await keysOf(false))).toEqual(new Set([0]))
})

describe('a run', () => {
  test('ends where the penalty gradient is 0', async () => {
    const gamma = 20
    const adam = { ...ADAM_DEFAULTS, rate: 0.5, decayOver: 300 }
    const { state } = await run({}, { gamma, adam, twinSteps: 20, lowerSteps: 5 }, 300)
    const left = quadraticPenaltyGradient(state.upper, gamma)
    expect(maxError(left.a, [0, 0]) * gamma).toBeLessThan(2e-3)
    expect(maxError(left.b, [0]) * gamma).toBeLessThan(2e-3)
    expect(Math.abs(state.upper.a[0] - 1)).toBeGreaterThan(0.2)
  })

  test('goes on from a stored state to the same bits, estimators with a state included', async () => {
    const problem = quadraticProblem({ noise: 0.3, momentum: 0.5, newton: 0.2, sampleNoise: 0.2 })
    const settings = settingsOf({
      gamma: (k) => 10 + 5 * k,
      warmUpSteps: 5,
      estimator: onePoint(),
      weightsEstimator: twoPoint(),
      upperOnlyAt: 'average',
      seed: 3,
    })
    const states: PenaltyState<'a' | 'b', { weights: Float64Array; momentum: Float64Array }>[] = []
    for await (const { state } of tune(problem, settings, 6)) states.push(state)
    expect(states.length).toBe(11)
    for (const cut of [2, 4, 7]) {
      let last = deserialize(serialize(states[cut])) as (typeof states)[number]
      for await (const { state } of tune(problem, settings, 6, last)) last = state
      expect(last).toEqual(states[10])
    }
    expect(states[10].upper.a).not.toEqual(states[5].upper.a)
  })

  test('leaves q where it is while an estimator only primes', async () => {
    const { reports, state } = await run({}, { gamma: 10, estimator: onePoint() }, 1)
    expect(reports[0].moved).toBe(false)
    expect(state.upper.a).toEqual(Float64Array.of(1, 0.5))
    expect(state.iteration).toBe(1)
  })

  test('counts network evaluations: K + 2 J + 1 lower steps, J pulls, df/dq twice, dg/dq twice', async () => {
    const { reports, state } = await run({}, { lowerSteps: 3, twinSteps: 2, warmUpSteps: 4 }, 2)
    const each = (3 + 2 * 2 + 1) * 3 + 2 * 40 + 2 * 30 + 2 * 2
    expect(reports.map(({ evaluations }) => evaluations)).toEqual([each, each])
    expect(state.evaluations).toBe(4 * 3 + 2 * each)
  })

  test('keeps the average of theta_y at every step, warm-up included', async () => {
    const problem = quadraticProblem({ newton: 0.3 })
    const settings = settingsOf({ averageDecay: 0.4 })
    let state = penaltyInit(problem, settings)
    let average = 0
    for (let k = 1; k <= 8; k++) {
      state = (await descend(problem, settings, state, 1)).state
      const decay = Math.min(0.4, (k + 1) / (k + 10))
      average = decay * average + (1 - decay) * (state.trained?.y.weights[1] ?? Number.NaN)
    }
    expect(state.trained?.average[1]).toBeCloseTo(average, 12)
    expect(Math.abs(average - (state.trained?.y.weights[1] ?? 0))).toBeGreaterThan(1e-3)
  })

  test('stops on a loss that is no number, with the step it came at', async () => {
    const problem = quadraticProblem({ rate: 1e200 })
    const settings = settingsOf({})
    await expect(descend(problem, settings, penaltyInit(problem, settings), 9)).rejects.toThrow(
      /loss must stay finite.*at training step \d: try a lower learning rate/,
    )
  })

  test('stops on a gradient that is no number, and names the block', async () => {
    const { objective, ...rest } = quadraticProblem()
    const broken: typeof objective = {
      ...objective,
      gradient: async (_, { weights }) => ({
        value: 1,
        upper: { b: Float64Array.of(Number.NaN) },
        weights: weights.slice(),
      }),
    }
    const problem = { ...rest, objective: broken }
    const settings = settingsOf({})
    await expect(penaltyStep(problem, settings, penaltyInit(problem, settings))).rejects.toThrow(
      /gradient must be finite, got NaN for 'b' at iteration 1: if z ran away, raise gamma/,
    )
  })

  test('refuses a gamma that is not positive', async () => {
    const problem = quadraticProblem()
    const settings = settingsOf({ gamma: (k) => 2 - k })
    const { state } = await penaltyStep(problem, settings, penaltyInit(problem, settings))
    await expect(penaltyStep(problem, settings, state)).rejects.toThrow(/must be positive, got 0 at iteration 2/)
  })
})

describe('a frozen lower level', () => {
  test.each([
    ['backpropagation', PENALTY_DEFAULTS.estimator, 120, 1e-2],
    ['coordinate', coordinate(), 120, 1e-2],
    ['two-point', twoPoint(), 1000, 5e-2],
  ])('%s alone finds the minimum of f at the fixed state', async (_, estimator, iterations, tolerance) => {
    const base = quadraticProblem()
    const state = { weights: Float64Array.of(0.8, 0, 0), momentum: new Float64Array(3) }
    const problem = { ...base, lower: { kind: 'frozen' as const, state } }
    const settings = settingsOf({ estimator, adam: { ...ADAM_DEFAULTS, decayOver: iterations } })
    let last = penaltyInit(problem, settings)
    for await (const event of tune(problem, settings, iterations)) {
      last = event.state
      if (event.kind === 'iteration') expect(event.report.gamma).toBeNull()
    }
    expect(last.trained).toBeNull()
    expect(maxError(last.upper.a, [0.2, -0.5])).toBeLessThan(tolerance)
    expect(Math.abs(last.upper.b[0] - 1.5 * 0.8)).toBeLessThan(tolerance)
  })
})

test('the fixture: its gradients are those of central differences', async () => {
  const { objective, blocks } = quadraticProblem()
  const value = (a0: number) => {
    const upper = { a: Float64Array.of(a0, 0.5), b: blocks.b.initial }
    return objective.value(upper, { weights: quadraticSolution(upper, 0), momentum: new Float64Array(3) }, 0)
  }
  const difference = ((await value(1 + 1e-5)) - (await value(1 - 1e-5))) / 2e-5
  expect(quadraticTotalGradient({ a: blocks.a.initial, b: blocks.b.initial }).a[0]).toBeCloseTo(difference, 7)
  expect(quadraticHessian.length).toBe(3)
})
