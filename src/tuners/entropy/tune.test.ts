/** Jobs with known answers, through the real sampler. */
import { describe, expect, test } from 'vitest'
import type { EntropyCheckpoint } from './checkpoint.ts'
import { ETA_1, etaOneRecursion, gaussianJob, goalReward, linearReward } from './gaussianJob.fixture.ts'
import { tuneEntropyStrength } from './tune.ts'

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

describe('no optimum inside the range', () => {
  test.each([
    { b: 200, boundary: 'low' as const, value: 0.01, sign: 1 },
    { b: 0.02, boundary: 'high' as const, value: 10, sign: -1 },
  ])('b $b: the $boundary end and the slope there', async ({ b, boundary, value, sign }) => {
    const job = gaussianJob({ a: 1, b, steps: 4, settings: { curvePaths: 16, maxEvaluations: 2e6 } })
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

describe('what cannot be tuned is refused before anything is drawn', () => {
  const constant = {
    ...goalReward(1),
    values: async ({ shape }: { shape: readonly number[] }) => new Float64Array(shape[0]),
  }
  test.each([
    ['entropy.judge', { judge: linearReward(1) }, /must differ/],
    ['entropy.target', { reward: goalReward(2) }, /derivative/],
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
