/** The schedule problem with known answers, through the generic penalty method and the real schedules, sampler and Fréchet distance. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { BilevelProblem, PenaltySettings } from '../src/bilevel/index.ts'
import {
  ADAM_DEFAULTS,
  coordinate,
  measureEstimator,
  onePoint,
  PENALTY_DEFAULTS,
  penaltyInit,
  penaltyStep,
  signalToNoise,
  solveLower,
  tune,
  twoPoint,
} from '../src/bilevel/index.ts'
import type { GaussianBatch, GaussianOptions, GaussianState } from './gaussianBilevel.fixture.ts'
import { gaussianProblem, gaussianWeights } from './gaussianBilevel.fixture.ts'

const { optimum } = JSON.parse(readFileSync('test/gold/gaussian_ddim.json', 'utf8')) as {
  optimum: { end: number; frechet: number }
}

const POINT = [0.05, 0.93, 1.2, 0.02]
const TOTAL = [-0.0695, 0.1441, -0.0063, -0.0548]
const DIRECT = [-0.7017, -2.6396, -0.648, -0.8347]
const END = 1

const still = { ...ADAM_DEFAULTS, rate: 0 }
const settingsOf = (change: Partial<PenaltySettings>): PenaltySettings => ({
  ...PENALTY_DEFAULTS,
  lowerSteps: 0,
  ...change,
})
const allFree = (rate = 1): GaussianOptions => ({ initial: POINT, free: [0, 1, 2, 3], rate })
const maxError = (got: ArrayLike<number>, truth: ArrayLike<number>) =>
  Math.max(...Array.from(truth, (v, i) => Math.abs(got[i] - v)))

/** grad F_gamma at the start of a problem, after `iterations` with q held. */
async function gradientAt(options: GaussianOptions, change: Partial<PenaltySettings>, iterations = 1) {
  const problem = gaussianProblem(options)
  const reports = []
  for await (const event of tune(problem, settingsOf({ adam: still, ...change }), iterations)) {
    if (event.kind === 'iteration') reports.push(event.report)
  }
  const last = reports[iterations - 1]
  const gamma = last.gamma ?? Number.NaN
  return { gradient: last.gradient.schedule.map((g) => g * gamma), report: last }
}

describe('the objective', () => {
  const options = allFree()
  const problem = gaussianProblem(options)
  const fid = async (q: readonly number[], weights: Float64Array) =>
    problem.objective.value({ schedule: Float64Array.from(q) }, { weights }, 0)
  const central = async (of: (q: number[]) => Promise<number>) => {
    const slopes = []
    for (let i = 0; i < 4; i++) {
      const at = (h: number) => of(POINT.map((v, j) => (i === j ? v + h : v)))
      slopes.push(((await at(1e-5)) - (await at(-1e-5))) / 2e-5)
    }
    return slopes
  }

  test('has the stated total and direct gradients', async () => {
    expect(maxError(await central((q) => fid(q, gaussianWeights(options, q))), TOTAL)).toBeLessThan(1e-4)
    const frozen = gaussianWeights(options, POINT)
    expect(maxError(await central((q) => fid(q, frozen)), DIRECT)).toBeLessThan(1e-4)
  })

  test('is the gold file at its optimum', async () => {
    const q = [0, optimum.end, 1, 0.008]
    expect(await fid(q, gaussianWeights(options, q))).toBeCloseTo(optimum.frechet, 10)
  })

  test('its derivative in the weights is that of central differences', async () => {
    const weights = gaussianWeights(options, POINT).map((w, t) => w * (1 + 0.01 * Math.sin(t)))
    const upper = { schedule: Float64Array.from(POINT) }
    const found = await problem.objective.gradient?.(upper, { weights }, 0, { blocks: [], weights: true })
    for (const t of [0, 66, 199, 3]) {
      const at = (h: number) =>
        fid(
          POINT,
          weights.map((w, i) => (i === t ? w + h : w)),
        )
      const slope = ((await at(1e-6)) - (await at(-1e-6))) / 2e-6
      expect(found?.weights?.[t]).toBeCloseTo(slope, 6)
    }
  })
})

describe('the penalty gradient', () => {
  test('goes to the total gradient as gamma grows, with the stated errors', async () => {
    const low = await gradientAt(allFree(0.3), { gamma: 1e4, twinSteps: 60 })
    const middle = await gradientAt(allFree(0.9), { gamma: 1e5, twinSteps: 20 })
    const high = await gradientAt(allFree(), { gamma: 1e6, twinSteps: 8 })
    const errors = [low, middle, high].map(({ gradient }) => maxError(gradient, TOTAL))
    expect(Math.abs(errors[0] - 0.31)).toBeLessThan(0.005)
    expect(Math.abs(errors[1] - 0.045)).toBeLessThan(0.0005)
    expect(errors[2]).toBeLessThan(0.006)
    expect(maxError(high.report.direct.schedule?.map((g) => g * 1e6) ?? [], DIRECT)).toBeLessThan(2e-3)
  })

  test('a z converged to 90 % has the wrong sign in end at gamma 1e5, and the report says how far z is', async () => {
    const once = await gradientAt(allFree(0.9), { gamma: 1e5, twinSteps: 1 })
    expect(once.gradient[END]).toBeLessThan(-0.1)
    expect(once.report.offset?.converged).toBeCloseTo(0, 10)
    const twice = await gradientAt(allFree(0.9), { gamma: 1e5, twinSteps: 1 }, 2)
    expect(Math.abs((twice.report.offset?.converged ?? 0) - 0.9)).toBeLessThan(0.03)
    const solved = await gradientAt(allFree(0.9), { gamma: 1e5, twinSteps: 1 }, 12)
    expect(solved.gradient[END]).toBeGreaterThan(0.09)
    expect(solved.report.offset?.converged).toBeCloseTo(1, 6)
  })

  test('without z it is the direct gradient', async () => {
    const { gradient } = await gradientAt(allFree(), { gamma: 1e5, z: false })
    expect(maxError(gradient, DIRECT)).toBeLessThan(1e-4)
  })

  test('is exactly 0 for a training schedule that f does not pull, on minibatches too', async () => {
    const problem = gaussianProblem({ ...allFree(0.2), batch: 64 })
    const zero: typeof problem.objective = {
      ...problem.objective,
      blocks: [],
      value: async () => 3,
      gradient: async (_, { weights }) => ({ value: 3, upper: {}, weights: new Float64Array(weights.length) }),
    }
    const settings = settingsOf({ gamma: 1e6, lowerSteps: 2, twinSteps: 3 })
    let state = penaltyInit(problem, settings)
    for await (const event of tune({ ...problem, objective: zero }, settings, 4)) {
      state = event.state
      if (event.kind === 'iteration') expect([...event.report.gradient.schedule].every((g) => g === 0)).toBe(true)
    }
    expect([...state.upper.schedule]).toEqual(POINT)
    expect(state.trained?.y.weights).not.toEqual(problem.lower.initial.weights)
  })
})

describe.each(['implicit', 'unrolled'] as const)('the hypergradient %s', (hypergradient) => {
  const linear = { ...PENALTY_DEFAULTS.linear, replicates: 2, iterations: 3, hessianBatches: 1, mixedBatches: 1 }

  test('is the total gradient', async () => {
    const horizon = hypergradient === 'implicit' ? 1e9 : 30
    const problem = gaussianProblem(allFree(0.5))
    const settings = settingsOf({ hypergradient, adam: still, averageDecay: 0, linear: { ...linear, horizon } })
    const { report } = await penaltyStep(problem, settings, penaltyInit(problem, settings))
    expect(maxError(report.gradient.schedule, TOTAL)).toBeLessThan(1e-4)
    expect(maxError(report.direct.schedule ?? [], DIRECT)).toBeLessThan(1e-4)
    expect(Math.max(...(report.standardError?.schedule ?? [1]))).toBeLessThan(1e-12)
  })

  test('ends at the optimum, from above end = .98, where the penalty gradient turns', async () => {
    const problem = gaussianProblem({ initial: [0, 0.985, 1, 0.008], free: [END] })
    const settings = settingsOf({
      ...{ hypergradient, lowerSteps: 1, twinSteps: 1, averageDecay: 0 },
      adam: { ...ADAM_DEFAULTS, rate: 0.2, decayOver: 30 },
      linear: { ...linear, horizon: hypergradient === 'implicit' ? 1e9 : 4 },
    })
    let last = penaltyInit(problem, settings)
    for await (const event of tune(problem, settings, 30)) last = event.state
    expect(Math.abs(last.upper.schedule[END] - optimum.end)).toBeLessThan(1e-3)
  })
})

describe('tied: one schedule for both levels, from end = .95', () => {
  const start = { initial: [0, 0.95, 1, 0.008], free: [END] }

  test.each([
    [1e6, 2, 0.9161, 0.0003],
    [1e5, 3, 0.9182, 0.0003],
  ])('at gamma %d it ends at the penalty optimum', async (gamma, twinSteps, end, tolerance) => {
    const settings = settingsOf({
      gamma,
      twinSteps,
      lowerSteps: 1,
      adam: { ...ADAM_DEFAULTS, rate: 0.1, decayOver: 60 },
    })
    const problem = gaussianProblem(start)
    let last = penaltyInit(problem, settings)
    let converged: number | null = null
    for await (const event of tune(problem, settings, 60)) {
      last = event.state
      if (event.kind === 'iteration') converged = event.report.offset?.converged ?? null
    }
    expect(Math.abs(last.upper.schedule[END] - end)).toBeLessThan(tolerance)
    expect(converged).toBeGreaterThan(0.99)
    expect([0, 2, 3].map((i) => last.upper.schedule[i])).toEqual([0, 1, 0.008])
  })

  test('at gamma 1e4 there is none: the gradient has one sign', async () => {
    for (const end of [0.85, 0.9, 0.92, 0.95, 0.97]) {
      const { gradient } = await gradientAt(
        { ...start, initial: [0, end, 1, 0.008], rate: 0.15 },
        { gamma: 1e4, twinSteps: 80 },
      )
      expect(gradient[END]).toBeLessThan(0)
    }
  })

  test('above end = .98 the penalty gradient turns: no start there', async () => {
    const at = (end: number) =>
      gradientAt({ ...start, initial: [0, end, 1, 0.008], rate: 0.5 }, { gamma: 1e6, twinSteps: 25 })
    expect((await at(0.97)).gradient[END]).toBeGreaterThan(0.3)
    expect((await at(0.99)).gradient[END]).toBeLessThan(-0.3)
  })
})

/** The same problem with a training schedule (lower level) and a sampling schedule (upper objective) of its own. */
function untied(options: GaussianOptions): BilevelProblem<'training' | 'sampling', GaussianState, GaussianBatch> {
  const { blocks, objective, lower } = gaussianProblem(options)
  return {
    blocks: { training: blocks.schedule, sampling: blocks.schedule },
    objective: {
      blocks: ['sampling'],
      cost: objective.cost,
      value: ({ sampling }, state, key) => objective.value({ schedule: sampling }, state, key),
      async gradient({ sampling }, state, key, { blocks: wanted, weights }) {
        const tied = { blocks: wanted.map(() => 'schedule' as const), weights }
        const found = await objective.gradient?.({ schedule: sampling }, state, key, tied)
        if (!found) throw new Error('no gradient')
        const { schedule } = found.upper
        return { ...found, upper: schedule ? { sampling: schedule } : {} }
      },
    },
    lower: {
      ...lower,
      settle: undefined,
      ownTargets: undefined,
      gradientInWeights: (state, { training }, batch) => lower.gradientInWeights(state, { schedule: training }, batch),
      blocks: ['training'],
      step: (state, { training }, batch, extra) => lower.step(state, { schedule: training }, batch, extra),
      async gradientInUpper(state, { training }, batch) {
        const { schedule } = await lower.gradientInUpper(state, { schedule: training }, batch)
        return schedule ? { training: schedule } : {}
      },
    },
  }
}

describe('untied: two schedules', () => {
  test('the tied gradient is the sum of the two parts', async () => {
    const problem = untied(allFree(0.9))
    const settings = settingsOf({ gamma: 1e5, twinSteps: 20, upperOnlyAt: 'z', adam: still })
    const { report } = await penaltyStep(problem, settings, penaltyInit(problem, settings))
    const { gradient } = await gradientAt(allFree(0.9), { gamma: 1e5, twinSteps: 20 })
    expect(report.direct.training).toBeUndefined()
    expect(report.indirect.sampling).toBeUndefined()
    const sum = report.gradient.training.map((g, i) => (g + report.gradient.sampling[i]) * 1e5)
    expect(maxError(sum, gradient)).toBeLessThan(1e-9)
    expect(Math.abs(report.gradient.training[END] * 1e5)).toBeGreaterThan(1)
  })

  test('both learned at once: f falls far below the tied optimum', async () => {
    const adam = { ...ADAM_DEFAULTS, decayOver: 40 }
    const settings = settingsOf({ gamma: 1e5, twinSteps: 3, lowerSteps: 1, adam, averageDecay: 0.5 })
    let value = Number.NaN
    for await (const event of tune(untied(allFree(0.9)), settings, 40)) {
      if (event.kind === 'iteration') value = event.report.value ?? Number.NaN
    }
    expect(value).toBeLessThan(0.1 * optimum.frechet)
  })
})

describe('frozen: the sampling schedule alone', () => {
  test.each([
    ['backpropagation', PENALTY_DEFAULTS.estimator],
    ['coordinate', coordinate({ delta: 0.02 })],
  ])('%s lowers f at a fixed network', async (_, estimator) => {
    const { blocks, objective } = gaussianProblem(allFree())
    const state = { weights: gaussianWeights({ initial: POINT, free: [] }, POINT) }
    const problem = { blocks, objective, lower: { kind: 'frozen' as const, state } }
    const settings = settingsOf({ estimator, adam: { ...ADAM_DEFAULTS, rate: 0.2, decayOver: 30 } })
    const values: number[] = []
    for await (const event of tune(problem, settings, 30)) {
      if (event.kind === 'iteration') values.push(event.report.value ?? Number.NaN)
    }
    expect(values[29]).toBeLessThan(0.05 * values[0])
  })
})

describe('common random numbers against independent draws', () => {
  const total = (v: Float64Array) => v.reduce((sum, x) => sum + x, 0)

  test('dL/dq at z minus at y', async () => {
    const exact = gaussianProblem(allFree(0.9))
    const settings = settingsOf({ gamma: 1e5, twinSteps: 20 })
    const { y, twin, state } = await solveLower(exact, settings, penaltyInit(exact, settings))
    const { lower } = gaussianProblem({ ...allFree(), batch: 256 })
    const at = async (s: GaussianState, draw: number) =>
      (await lower.gradientInUpper(s, state.upper, await lower.draw(draw))).schedule ?? new Float64Array(4)
    const differences = async (shift: number) => {
      const all = []
      for (let draw = 0; draw < 60; draw++) {
        const atY = await at(y, draw + shift)
        all.push((await at(twin?.z ?? y, draw)).map((g, i) => g - atY[i]))
      }
      return signalToNoise(all, 1)
    }
    const common = await differences(0)
    expect(total((await differences(1000)).variance) / total(common.variance)).toBeGreaterThan(100)
  })

  test('f in two-point, coordinate and one-point differences', async () => {
    const { blocks, objective } = gaussianProblem({ ...allFree(), samples: 64 })
    let draw = 5000
    const independent: typeof objective = { ...objective, value: (q, s) => objective.value(q, s, draw++) }
    const call = {
      blocks,
      upper: { schedule: Float64Array.from(POINT) },
      lower: { weights: gaussianWeights(allFree(), POINT) },
      wanted: ['schedule'] as const,
      seed: 2,
      repeats: 60,
    }
    for (const estimator of [twoPoint(), coordinate(), onePoint()]) {
      // One-point differences span two calls: they share samples only where the key is held.
      const sameSamples = estimator.name === 'one-point'
      const common = await measureEstimator(estimator, { ...call, objective, sameSamples })
      const separate = await measureEstimator(estimator, { ...call, objective: independent })
      expect(total(separate.variance) / total(common.variance), estimator.name).toBeGreaterThan(4)
    }
  })
})
