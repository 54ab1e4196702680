import { describe, expect, test } from 'vitest'
import type { QuadraticBlock, QuadraticState } from '../quadratic.fixture.ts'
import { quadraticProblem } from '../quadratic.fixture.ts'
import { backpropagation } from './backpropagation.ts'
import { ESTIMATOR_NAMES, estimatorByName } from './byName.ts'
import { coordinate } from './coordinate.ts'
import type { EstimatorCall, GradientEstimator } from './estimator.ts'
import { ESTIMATOR_START } from './estimator.ts'
import { measureEstimator } from './measure.ts'
import { onePoint } from './onePoint.ts'
import { signalToNoise } from './signalToNoise.ts'
import { twoPoint } from './twoPoint.ts'

const problem = quadraticProblem({ sampleNoise: 0.5 })
const weights = Float64Array.of(0.3, -0.8, 1.1)
const upper = { a: Float64Array.of(0.9, -0.4), b: Float64Array.of(0.6) }
const call: EstimatorCall<QuadraticBlock, QuadraticState> = {
  objective: problem.objective,
  blocks: problem.blocks,
  upper,
  lower: { weights, momentum: new Float64Array(3) },
  wanted: ['a', 'b'],
  weights: null,
  sampleKey: 4,
  seed: 21,
  state: ESTIMATOR_START,
}
const inWeights = { ...call, weights: { ...problem.lower, weightScale: 0.3 } }

/** Mean of many estimates; the state is carried from call to call. */
async function average(estimator: GradientEstimator, from: typeof call, repeats: number) {
  let state = from.state
  const sums = { a: new Float64Array(2), b: new Float64Array(1), weights: new Float64Array(3) }
  let ready = 0
  for (let k = 0; k < repeats; k++) {
    const found = await estimator.estimate({ ...from, state })
    state = found.state
    if (!found.ready) continue
    ready++
    found.upper.a?.forEach((g, i) => {
      sums.a[i] += g
    })
    found.upper.b?.forEach((g, i) => {
      sums.b[i] += g
    })
    found.weights?.forEach((g, i) => {
      sums.weights[i] += g
    })
  }
  return {
    a: sums.a.map((v) => v / ready),
    b: sums.b.map((v) => v / ready),
    weights: sums.weights.map((v) => v / ready),
    ready,
  }
}

function expectNear(got: ArrayLike<number>, truth: ArrayLike<number>, tolerance: number) {
  for (let i = 0; i < truth.length; i++) expect(Math.abs(got[i] - truth[i])).toBeLessThan(tolerance)
}

describe('each estimator against the exact gradient', () => {
  test('coordinate: exact on a quadratic, two evaluations a parameter', async () => {
    const exact = await backpropagation().estimate(call)
    const found = await coordinate({ delta: 0.7 }).estimate(call)
    expectNear(found.upper.a ?? [], exact.upper.a ?? [], 1e-10)
    expectNear(found.upper.b ?? [], exact.upper.b ?? [], 1e-10)
    expect(found.evaluations).toBe(6 * 10)
    expect(exact.evaluations).toBe(30)
  })

  test('coordinate: one-sided at an edge, and 0 where a parameter is fixed', async () => {
    const { a } = problem.blocks
    const blocks = { ...problem.blocks, a: { ...a, low: Float64Array.of(0.9, -0.4), high: Float64Array.of(3, -0.4) } }
    const found = await coordinate({ delta: 1e-4 }).estimate({ ...call, blocks, wanted: ['a'] })
    const exact = await backpropagation().estimate(call)
    expect(found.upper.a?.[0]).toBeCloseTo(exact.upper.a?.[0] ?? Number.NaN, 4)
    expect(found.upper.a?.[1]).toBe(0)
    expect(found.evaluations).toBe(2 * 10)
    expect(found.upper.b).toBeUndefined()
  })

  test('two-point: its mean over directions is the gradient, in q and in the weights', async () => {
    const exact = await backpropagation().estimate(inWeights)
    const found = await average(twoPoint({ delta: 0.5 }), inWeights, 40_000)
    expectNear(found.a, exact.upper.a ?? [], 0.25)
    expectNear(found.b, exact.upper.b ?? [], 0.1)
    expectNear(found.weights, exact.weights ?? [], 0.15)
    expect(Math.abs(exact.weights?.[0] ?? 0)).toBeGreaterThan(0.5)
  })

  test('one-point: the first call primes, then its mean is the gradient', async () => {
    const first = await onePoint({ delta: 2 }).estimate(call)
    expect(first.ready).toBe(false)
    expect([...(first.upper.a ?? [])].map(Math.abs)).toEqual([0, 0])
    expect(first.evaluations).toBe(10)
    const exact = await backpropagation().estimate(call)
    const found = await average(onePoint({ delta: 2 }), call, 60_000)
    expect(found.ready).toBe(59_999)
    expectNear(found.a, exact.upper.a ?? [], 0.25)
    expectNear(found.b, exact.upper.b ?? [], 0.1)
  })

  test('one-point is the formula: (f_k - f_{k-1}) u_k / (delta scale)', async () => {
    const estimator = onePoint({ delta: 0.4 })
    const first = await estimator.estimate(call)
    const second = await estimator.estimate({ ...call, state: first.state })
    // Direction 1 read off a linear function, whose two-point slope is g'u: with g = scale_b^-1 e_b it is u_b, and the estimate u_b u / scale.
    const { scale } = problem.blocks.b
    const objective = { ...problem.objective, value: async ({ b }: typeof upper) => b[0] / scale[0] }
    const { upper: read } = await twoPoint({ delta: 0.4 }).estimate({ ...call, objective, state: first.state })
    const ub2 = (read.b?.[0] ?? 0) * scale[0]
    const size = (second.value - first.value) / 0.4
    expect(Math.abs(second.upper.b?.[0] ?? 0)).toBeCloseTo((Math.abs(size) * Math.sqrt(ub2)) / scale[0], 9)
    const ratio = (second.upper.a?.[0] ?? 0) / (second.upper.b?.[0] ?? 1)
    expect(ratio).toBeCloseTo((read.a?.[0] ?? 0) / (read.b?.[0] ?? 1), 9)
  })

  test('a perturbed point stays feasible', async () => {
    const seen: number[] = []
    const objective = {
      ...problem.objective,
      value: async ({ b }: typeof upper) => {
        seen.push(b[0])
        return b[0]
      },
    }
    const blocks = { ...problem.blocks, b: { ...problem.blocks.b, low: Float64Array.of(0.6) } }
    const found = await average(twoPoint({ delta: 1 }), { ...call, objective, blocks, wanted: ['b'] }, 4000)
    expect(Math.min(...seen)).toBe(0.6)
    // On the edge the estimate is half the derivative, 1, of the right sign.
    expect(found.b[0]).toBeGreaterThan(0.4)
    expect(found.b[0]).toBeLessThan(0.6)
  })
})

describe('errors', () => {
  test('no derivative, weights by coordinates, unknown names, a perturbation of 0', async () => {
    const foreign = { ...call, objective: { ...problem.objective, gradient: undefined } }
    await expect(backpropagation().estimate(foreign)).rejects.toThrow(/use two-point, one-point or coordinate/)
    await expect(coordinate().estimate(inWeights)).rejects.toThrow(/not for weights/)
    expect(() => estimatorByName('adjoint')).toThrow(
      /one of backpropagation, two-point, one-point, coordinate; got 'adjoint'/,
    )
    expect(() => twoPoint({ delta: 0 })).toThrow(/must be positive.*got 0/)
    expect(() => estimatorByName('backpropagation', { delta: 0.3 })).toThrow(
      expect.objectContaining({ code: 'bilevel.delta', message: expect.stringContaining('got delta 0.3') }),
    )
    expect(() => estimatorByName('coordinate', { delta: -1 })).toThrow(/must be positive.*got -1/)
    expect(ESTIMATOR_NAMES.map((name) => estimatorByName(name).name)).toEqual(ESTIMATOR_NAMES)
  })
})

describe('signal-to-noise', () => {
  test('of two-point on a linear function of d parameters is 1/(d + 1), at two evaluations each', async () => {
    const objective = {
      ...problem.objective,
      cost: { value: 7, gradient: 1, weightsGradient: 1 },
      value: async ({ a, b }: typeof upper) => 3 * a[0] - 2 * a[1] + b[0],
    }
    const { ratio, perEvaluation } = await measureEstimator(twoPoint({ delta: 0.01 }), {
      ...call,
      objective,
      repeats: 20_000,
    })
    expect(ratio).toBeGreaterThan(0.23)
    expect(ratio).toBeLessThan(0.27)
    expect(perEvaluation).toBeCloseTo(ratio / 14, 12)
  })

  test('calls that only prime are left out, their cost is not', async () => {
    const { perEvaluation, ratio } = await measureEstimator(onePoint(), { ...call, repeats: 4, sameSamples: true })
    expect(ratio / perEvaluation).toBeCloseTo((5 * 10) / 4, 9)
  })

  test('the formula, its bias removed', () => {
    const { mean, variance, ratio } = signalToNoise([Float64Array.of(1, 0), Float64Array.of(3, 4)], 5)
    expect([...mean]).toEqual([2, 2])
    expect([...variance]).toEqual([2, 8])
    expect(ratio).toBeCloseTo((8 - 5) / 10, 12)
    expect(() => signalToNoise([Float64Array.of(1)], 1)).toThrow(/at least 2 estimates, got 1/)
  })

  test('differences on the same samples have far less noise than on samples of their own', async () => {
    const plain = { ...call, wanted: ['a'] as const }
    const shared = await measureEstimator(coordinate({ delta: 0.1 }), { ...plain, repeats: 30 })
    let draw = 0
    const independent = {
      ...problem.objective,
      value: (at: typeof upper, lower: QuadraticState) => problem.objective.value(at, lower, draw++),
    }
    const separate = await measureEstimator(coordinate({ delta: 0.1 }), {
      ...plain,
      objective: independent,
      repeats: 30,
    })
    const total = (v: Float64Array) => v.reduce((sum, x) => sum + x, 0)
    expect(total(separate.variance)).toBeGreaterThan(1e4 * total(shared.variance))
  })
})
