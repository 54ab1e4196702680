/** Which of several valleys is the lowest, by noise that is known and by the real sampler. */
import { describe, expect, test } from 'vitest'
import { gaussianJob } from '../gaussianJob.fixture.ts'
import { EntropyRun } from '../run.ts'
import { contest } from './contest.ts'
import { methodOf } from './methods.ts'
import { placedMethod } from './placed.fixture.ts'

/** Valleys at -5 (depth 0) and 5 (`above`), a ridge of about 6 between. */
const two = (above: number) => (x: number) => Math.min((x + 5) ** 2 / 4, above + (x - 5) ** 2 / 4)

describe('what was found in several valleys', () => {
  const run = (maxEvaluations: number) =>
    new EntropyRun(gaussianJob({ a: 1, b: 1, steps: 3, settings: { maxEvaluations } }))
  const shape = 'log' as const
  async function contended(f: (x: number) => number, centres: readonly number[], maxEvaluations = 20_000) {
    const { method, asked } = placedMethod(f, { own: 1, seed: 3 })
    const stretch = await method.stretch([0], { first: 0, count: 32 }, 'refine', shape)
    const contenders = centres.map((centre) => ({ found: { centre, reach: 1, stretch }, shape }))
    const { best, equals } = await contest(run(maxEvaluations), method, contenders)
    return { best: best.found.centre, equals: equals.map(({ found }) => found.centre), asked }
  }

  test('the lowest, on items of their own, as many as it takes', async () => {
    // Differences of sd sqrt 2 a item: .15 takes more than 400 items.
    const { best, equals, asked } = await contended(two(-0.25), [-5, 5])
    expect({ best, equals }).toEqual({ best: 5, equals: [] })
    const counts = asked.slice(1).map(({ count }) => count)
    expect(counts.length).toBeGreaterThan(1)
    expect(counts).toEqual(counts.map((_, i) => counts[0] * 2 ** i))
    expect(new Set(asked.slice(1).map(({ first }) => first))).toEqual(new Set([2 ** 19]))
  })

  test('one clearly above goes out, and as good ones are told', async () => {
    const three = (x: number) => (x === 0 ? 3 : two(0)(x))
    const { best, equals } = await contended(three, [-5, 0, 5])
    expect([best, ...equals].sort((a, b) => a - b)).toEqual([-5, 5])
    expect(equals).toHaveLength(1)
  })

  test('it takes a fifth of the evaluations at most', async () => {
    const { asked } = await contended(two(0), [-5, 5], 2000)
    // Doubled from 32: two places of one evaluation each, 400 in all.
    expect(asked.slice(1).map(({ count }) => count)).toEqual([32, 64, 128, 256])
  })

  test('a single one is not compared', async () => {
    const { best, equals, asked } = await contended(two(0), [5])
    expect({ best, equals, asked: asked.length }).toEqual({ best: 5, equals: [], asked: 1 })
  })

  test('by the real sampler: F(1) of the Gaussian problem is below F(2)', async () => {
    const job = gaussianJob({ a: 1, b: 1, steps: 3, settings: { maxEvaluations: 20_000, explorePaths: 16 } })
    const real = new EntropyRun(job)
    const method = methodOf('paired-differences', job, real.draws)
    const stretch = await method.stretch([-0.1, 0, 0.1], { first: 0, count: 16 }, 'refine', shape)
    const of = (lambda: number) => ({ found: { centre: Math.log(lambda), reach: 1, stretch }, shape })
    const { best, equals } = await contest(real, method, [of(2), of(1), of(0.4)])
    expect([best.found.centre, equals]).toEqual([0, []])
    expect(real.left).toBeLessThan(20_000)
  })
})
