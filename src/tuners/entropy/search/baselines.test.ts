/** The other ways to look for lambda on the Gaussian problem: they find what they should, and fail where they must. */
import { describe, expect, test } from 'vitest'
import { randomStream } from '../../../base/index.ts'
import { gridSearch, publishedLoop, randomSearch } from './baselines.ts'

/** Base samples of N(0, 1), r2 = a u, r1 = -(u - b)^2. */
const base = (a: number, b: number, seed: number) => (count: number, batch: number) => {
  const u = randomStream({ seed, purpose: 'test', step: batch }).normal(new Float64Array(count))
  return { upper: u.map((x) => -((x - b) ** 2)), lower: u.map((x) => a * x) }
}

describe('the published loop', () => {
  const common = { evaluationsPerImage: 10, range: [0.01, 10], batch: 4096 } as const

  test.each([
    { gamma: 3, truth: 0.878 },
    { gamma: 100, truth: 0.995 },
  ])('goes to the penalty’s own optimum at gamma $gamma', ({ gamma, truth }) => {
    const trace = publishedLoop({ ...common, draw: base(1, 1, 1), start: 0.6, gamma, step: 0.1, iterations: 60 })
    const last = trace.slice(-20).reduce((sum, { lambda }) => sum + lambda / 20, 0)
    expect(Math.abs(last - truth)).toBeLessThan(0.05)
    expect(trace[59].evaluations).toBe(60 * 4096 * 10)
  })

  test('stays inside the range and refuses to start outside', () => {
    const options = { ...common, draw: base(1, 1, 2), gamma: 10, step: 100, iterations: 5 }
    for (const { lambda } of publishedLoop({ ...options, start: 0.5 })) {
      expect(lambda).toBeGreaterThanOrEqual(0.01)
      expect(lambda).toBeLessThanOrEqual(10)
    }
    expect(() => publishedLoop({ ...options, start: 20 })).toThrow(expect.objectContaining({ code: 'entropy.range' }))
  })
})

describe('searches of a known objective', () => {
  const options = {
    measure: (lambda: number) => -(Math.log(lambda / 0.7) ** 2),
    evaluationsPerImage: 3,
    range: [0.01, 10] as const,
    count: 5,
  }

  test('grid: powers of ten, then closer each round', () => {
    const trace = gridSearch(options, 4)
    expect(trace[0]).toEqual({ lambda: expect.closeTo(1, 10), evaluations: 4 * 15 })
    expect(Math.abs(Math.log(trace[3].lambda / 0.7))).toBeLessThan(Math.log(10) / 27)
    expect(trace[3].evaluations).toBe((4 + 3 * 4) * 15)
  })

  test('random: the best so far, which only gets better', () => {
    const stream = randomStream({ seed: 1, purpose: 'test' })
    const trace = randomSearch(options, { trials: 50, uniform: () => stream.uniform() })
    const away = trace.map(({ lambda }) => Math.abs(Math.log(lambda / 0.7)))
    for (let i = 1; i < 50; i++) expect(away[i]).toBeLessThanOrEqual(away[i - 1])
    expect(away[49]).toBeLessThan(0.4)
    expect(trace[49].evaluations).toBe(50 * 15)
  })
})
