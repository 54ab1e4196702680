/** Jobs with known answers, through the real sampler. */
import { describe, expect, test } from 'vitest'
import { defineReward } from '../../rewards/index.ts'
import type { EntropyCheckpoint } from './checkpoint.ts'
import { ETA_1, etaOneRecursion, gaussianJob, goalReward, linearReward } from './gaussianJob.fixture.ts'
import { tuneEntropyStrength } from './tune.ts'

/** Lambda at which E r1 is largest under N(0, 1) e^(r2/lambda), by quadrature on a fine grid of both. */
function bestTilt(
  r2: (u: number) => number,
  r1: (u: number) => number,
  [low, high]: readonly [number, number],
): number {
  const us = Array.from({ length: 1601 }, (_, i) => -8 + i / 100)
  const meanAt = (lambda: number) => {
    const weights = us.map((u) => Math.exp(r2(u) / lambda - (u * u) / 2))
    return us.reduce((sum, u, i) => sum + weights[i] * r1(u), 0) / weights.reduce((sum, weight) => sum + weight, 0)
  }
  const lambdas = Array.from({ length: 401 }, (_, i) => low * (high / low) ** (i / 400))
  return lambdas.reduce((best, lambda) => (meanAt(lambda) > meanAt(best) ? lambda : best))
}

describe('guided: lambda* = a/b', () => {
  test.each([
    { a: 1, b: 1, steps: 6, seed: 1, tolerance: 2 },
    { a: 0.5, b: 2, steps: 10, seed: 2, tolerance: 1.5 },
    { a: 2, b: 0.7, steps: 4, seed: 3, tolerance: 1.4 },
  ])('DDPM large: a $a, b $b, $steps steps', async ({ a, b, steps, seed, tolerance }) => {
    const job = gaussianJob({ a, b, steps, settings: { seed, tolerance, curvePaths: 32 } })
    const { entropyStrength, networkEvaluations, upper, lower, kl, estimator } = await tuneEntropyStrength(job)
    const { value, low, high, resolved, reason, boundary } = entropyStrength
    expect({ resolved, reason, boundary }).toEqual({ resolved: true, reason: null, boundary: null })
    expect(high / low).toBeLessThanOrEqual(tolerance)
    expect(low).toBeLessThan(a / b)
    expect(high).toBeGreaterThan(a / b)
    expect(Math.abs(Math.log((value * b) / a))).toBeLessThan(Math.log(tolerance) / 3)
    expect(['paired-differences', 'score-function']).toContain(estimator)
    const { explore, refine, confirm, curve, total } = networkEvaluations
    expect(explore + refine + confirm + curve).toBe(total)
    // The chain is N(a/lambda, 1).
    const mean = a / value
    expect(Math.abs(upper.tuned.mean + (mean - b) ** 2 + 1)).toBeLessThan(4 * (upper.tuned.standardError ?? 0))
    expect(Math.abs(lower.tuned.mean - a * mean)).toBeLessThan(4 * (lower.tuned.standardError ?? 0))
    expect(kl.kind).toBe('path')
    expect(Math.abs(kl.value - mean ** 2 / 2)).toBeLessThan(0.01 * mean ** 2)
    expect(upper.lambdaMin.mean).toBeLessThan(upper.tuned.mean)
    expect(upper.base.mean).toBeLessThan(upper.tuned.mean)
  })

  test.each([
    { estimator: 'score-function', tolerance: 1.4 },
    // So close that paths of one scale are worth nearly as much at the next.
    { estimator: 'paths', tolerance: 1.2 },
  ] as const)('by $estimator where that is asked for', async ({ estimator, tolerance }) => {
    const settings = { estimator, seed: 6, tolerance, curvePaths: 16, maxEvaluations: 1e6 } as const
    const result = await tuneEntropyStrength(gaussianJob({ a: 1, b: 1.5, steps: 2, settings }))
    const { low, high, resolved } = result.entropyStrength
    expect({ resolved, estimator: result.estimator }).toEqual({ resolved: true, estimator })
    expect(low < 1 / 1.5 && high > 1 / 1.5).toBe(true)
  })

  test('a judge whose spread nothing knows of', async () => {
    const settings = { seed: 7, tolerance: 1.6, curvePaths: 16 } as const
    const result = await tuneEntropyStrength(gaussianJob({ a: 0.5, b: 2, steps: 3, rough: true, settings }))
    const { low, high, resolved } = result.entropyStrength
    expect(resolved).toBe(true)
    expect(low < 0.25 && high > 0.25).toBe(true)
    expect(high / low).toBeGreaterThan(1.2)
  })

  test('DDIM eta 1: a m/b by its own recursion', async () => {
    const [a, b] = [1, 1.5]
    const job = gaussianJob({ a, b, steps: 10, sampler: ETA_1, settings: { seed: 5, tolerance: 1.3, curvePaths: 32 } })
    const { value, low, high, resolved } = (await tuneEntropyStrength(job)).entropyStrength
    const truth = (a * etaOneRecursion(job.schedule).mean) / b
    expect(resolved).toBe(true)
    expect(low).toBeLessThan(truth)
    expect(high).toBeGreaterThan(truth)
    expect(Math.abs(Math.log(value / truth))).toBeLessThan(0.1)
  })
})

describe('tilt', () => {
  test('weighted paths, their own proposals: a/b, resolved from a pool that is as good as fresh', async () => {
    const settings = { target: 'tilt', seed: 2, tolerance: 1.5, curvePaths: 16, maxEvaluations: 1e6 } as const
    const result = await tuneEntropyStrength(gaussianJob({ a: 1, b: 1, steps: 3, settings }))
    const { value, low, high, resolved } = result.entropyStrength
    expect(result).toMatchObject({ estimator: 'paths', target: 'tilt', kl: { kind: 'tilt' } })
    expect(resolved).toBe(true)
    expect(low < 1 && high > 1).toBe(true)
    expect(Math.abs(Math.log(value))).toBeLessThan(0.15)
    // KL(N(s a, 1) || N(0, 1)).
    expect(Math.abs(result.kl.value - 0.5 / value ** 2)).toBeLessThan(4 * (result.kl.standardError ?? 0) + 0.01)
  })

  test('DDIM eta 1 by particles: a v/b, which is not the guided optimum, resolved from independent populations', async () => {
    const settings = { target: 'tilt', estimator: 'smc', particles: 256, seed: 1, tolerance: 1.5 } as const
    const job = gaussianJob({ a: 1, b: 1, steps: 10, sampler: ETA_1, settings: { ...settings, maxEvaluations: 1.5e6 } })
    const result = await tuneEntropyStrength(job)
    const { mean, variance } = etaOneRecursion(job.schedule)
    const { value, low, high, resolved, reason } = result.entropyStrength
    expect({ resolved, reason }).toEqual({ resolved: true, reason: null })
    expect(low < variance && high > variance && high < mean).toBe(true)
    expect(result.unseen).toMatchObject({ judge: null, reward: expect.any(Number) })
    expect(Math.abs(Math.log(value / variance))).toBeLessThan(0.15)
    expect(result.curve.every(({ target }) => target === 'tilt')).toBe(true)
    // p* is N(s a v, v).
    const wanted = -((variance / value - 1) ** 2 + variance)
    expect(Math.abs(result.upper.tuned.mean - wanted)).toBeLessThan(5 * (result.upper.tuned.standardError ?? 0))
  })

  test('base samples alone: enough where the tilt is slight and the reward bounded, and without any derivative', async () => {
    const settings = { target: 'tilt', estimator: 'importance', seed: 3, tolerance: 2, curvePaths: 16 } as const
    const lambdaRange = [0.5, 50] as const
    const job = gaussianJob({ a: 1, b: 0.1, steps: 2, settings: { ...settings, lambdaRange, maxEvaluations: 1e6 } })
    const bounded = (valueRange: readonly [number, number] | null) =>
      defineReward({
        ...{ name: 'tanh', hash: 'tanh', valueRange },
        values: async ({ data }) => Array.from(data, Math.tanh),
      })
    const result = await tuneEntropyStrength({ ...job, reward: bounded([-1, 1]) })
    const { low, high, resolved, reason } = result.entropyStrength
    expect({ resolved, reason, estimator: result.estimator }).toEqual({
      resolved: true,
      reason: null,
      estimator: 'importance',
    })
    const truth = bestTilt(Math.tanh, (u) => -((u - 0.1) ** 2), lambdaRange)
    expect(low < truth && high > truth).toBe(true)
    // What was never drawn may be anything that the reward allows.
    const { unseen } = result
    expect(unseen?.reward).toBeGreaterThan(1)
    for (const [range, said] of [
      [null, /declares no range of values/],
      [[-1, 40], /may return up to 40/],
    ] as const) {
      const open = await tuneEntropyStrength({ ...job, reward: bounded(range) })
      expect(open.unseen).toEqual(unseen)
      expect(open.entropyStrength).toMatchObject({ low, high, resolved: false, reason: expect.stringMatching(said) })
    }
  })
})

describe('penalty: its own optimum, not a/b', () => {
  test.each([
    { gamma: 1, truth: 0.755, estimator: 'paths', resolved: false },
    { gamma: 3, truth: 0.878, estimator: 'smc', resolved: true },
    { gamma: 10, truth: 0.955, estimator: 'paths', resolved: true },
  ] as const)('gamma $gamma by $estimator', async ({ gamma, truth, estimator, resolved }) => {
    const few = { curvePaths: 16, particles: 256 }
    const settings = { target: 'penalty', gamma, estimator, seed: 4, tolerance: 1.5, ...few } as const
    const job = gaussianJob({ a: 1, b: 1, steps: 3, settings: { ...settings, maxEvaluations: 1e6 } })
    const result = await tuneEntropyStrength(job)
    const { value, low, high, reason } = result.entropyStrength
    expect(result).toMatchObject({ estimator, gamma, entropyStrength: { resolved } })
    expect(low < truth && high > truth).toBe(true)
    expect(Math.abs(Math.log(value / truth))).toBeLessThan(0.2)
    if (!resolved) expect(reason).toMatch(/effective/)
  })
})

describe('no optimum inside the range', () => {
  test.each([
    { b: 200, lambdaRange: [0.01, 10], boundary: 'low', value: 0.01, sign: 1 },
    { b: 0.5, lambdaRange: [0.02, 1], boundary: 'high', value: 1, sign: -1 },
  ] as const)('b $b: the $boundary end and the slope there', async ({ b, lambdaRange, boundary, value, sign }) => {
    const job = gaussianJob({ a: 1, b, steps: 4, settings: { curvePaths: 16, lambdaRange } })
    const { entropyStrength } = await tuneEntropyStrength(job)
    expect(entropyStrength).toMatchObject({ value, boundary, [boundary]: value, resolved: true })
    expect(sign * (entropyStrength.slope?.mean ?? 0)).toBeGreaterThan(0)
  })
})

test('too few evaluations: not resolved is a value, with what to raise', async () => {
  const job = gaussianJob({ a: 1, b: 1, steps: 4, settings: { maxEvaluations: 4000, tolerance: 1.1, curvePaths: 16 } })
  const { entropyStrength } = await tuneEntropyStrength(job)
  expect(entropyStrength.resolved).toBe(false)
  expect(entropyStrength.reason).toMatch(/raise maxEvaluations from 4000 to about \d+/)
})

describe('what cannot be tuned is refused before or at the first look', () => {
  const constant = {
    ...goalReward(1),
    values: async ({ shape }: { shape: readonly number[] }) => new Float64Array(shape[0]),
  }
  test.each([
    ['entropy.judge', { judge: linearReward(1) }, /must differ/],
    ['entropy.target', { reward: goalReward(2) }, /derivative/],
    ['entropy.judge', { judge: linearReward(2.5) }, /a multiple of .* plus a constant on every image/],
    ['entropy.judge', { judge: constant }, /gave all of \d+ images the value 0/],
  ] as const)('%s %#', async (code, change, message) => {
    const job = { ...gaussianJob({ a: 1, b: 1, steps: 3 }), ...change }
    await expect(tuneEntropyStrength(job)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })
})

test('a job that was cut off anywhere comes to the same result', async () => {
  const job = gaussianJob({ a: 1, b: 1, steps: 3, settings: { seed: 9, curvePaths: 16, chunk: 16 } })
  const checkpoints: EntropyCheckpoint[] = []
  const whole = await tuneEntropyStrength({ ...job, onCheckpoint: (at) => void checkpoints.push(at) })
  for (const share of [0, 0.3, 0.7, 1]) {
    const from = structuredClone(checkpoints[Math.floor(share * (checkpoints.length - 1))])
    const events: string[] = []
    const resumed = await tuneEntropyStrength({ ...job, from, onEvent: ({ kind }) => void events.push(kind) })
    expect({ ...resumed, seconds: 0 }).toEqual({ ...whole, seconds: 0 })
    if (share === 1) expect(events.filter((kind) => kind === 'iteration')).toEqual([])
  }
})

test('a job that was over goes on with more evaluations: to the result of a job that had them from the beginning, without drawing anew what it has', async () => {
  const options = { a: 1, b: 1, steps: 3 } as const
  const settings = { seed: 9, curvePaths: 16, chunk: 16, tolerance: 1.3 }
  const short = gaussianJob({ ...options, settings: { ...settings, maxEvaluations: 3000 } })
  const long = gaussianJob({ ...options, settings: { ...settings, maxEvaluations: 20_000 } })
  const checkpoints: EntropyCheckpoint[] = []
  const before = await tuneEntropyStrength({ ...short, onCheckpoint: (at) => void checkpoints.push(at) })
  let drawn = 0
  const whole = await tuneEntropyStrength({ ...long, onCheckpoint: () => void drawn++ })
  expect(before.entropyStrength.resolved).toBe(false)
  const from = structuredClone(checkpoints[checkpoints.length - 1])
  let anew = 0
  const events: string[] = []
  const more = await tuneEntropyStrength({
    ...long,
    from,
    onCheckpoint: () => void anew++,
    onEvent: ({ kind }) => void events.push(kind),
  })
  expect({ ...more, seconds: 0 }).toEqual({ ...whole, seconds: 0 })
  expect(anew).toBeLessThan(drawn - 5)
  expect(anew).toBeGreaterThan(0)
  expect(events).toContain('interval')
})
