/** Comparisons of searches on a function: budgets, seeds, and going on after a crash. */
import { describe, expect, test } from 'vitest'
import { SEARCH_METHODS } from '../../search/index.ts'
import { affords, budgetOf, budgetText } from './budget.ts'
import type { CompareCheckpoint } from './contest.ts'
import { contest, contestantsNamed, standings } from './contest.ts'
import type { Searched } from './searching.ts'
import { searching } from './searching.ts'

const searched: Searched<number> = {
  space: [{ name: 'x', low: 0, high: 1 }],
  start: [0.9],
  cost: (share) => Math.ceil(90 * share),
  measure: async ([x], _share, seed) => ({ value: (x - 0.3) ** 2 + 0.001 * seed, standardError: null }),
  solution: ([x]) => x,
}
const contestants = SEARCH_METHODS.map((method) => searching(method, '', searched))
const estimate = (mean: number) => ({ mean, standardError: 0.1, count: 2 })
const problem = {
  contestants,
  figures: async (x: number) => ({ f: estimate((x - 0.3) ** 2), x: estimate(x) }),
  glance: async (x: number) => (x - 0.3) ** 2,
}
const plan = { budget: budgetOf(1000), seeds: [0, 3] }

describe('a comparison', () => {
  test('gives every method the same budget, and measures what each ends with', async () => {
    const entries = await contest(problem, contestants, plan)
    expect(entries).toHaveLength(2 * contestants.length)
    for (const { standing, figures, path, method } of entries) {
      expect(standing.evaluations).toBeLessThanOrEqual(1000)
      expect(standing.evaluations).toBeGreaterThan(method === 'default' ? 0 : 990 - 90)
      expect(standing.trials.at(-1)!.evaluations).toBe(standing.evaluations)
      expect(figures!.f.mean).toBe(path!.at(-1)!.value)
    }
    const rows = standings(entries)
    expect(rows.map(({ method }) => method)).toEqual(contestants.map(({ name }) => name))
    const [first] = rows
    // Both seeds end at the start: what is left is the error of the images.
    expect(first.figures.f).toMatchObject({ mean: expect.closeTo(0.36, 12), standardError: expect.closeTo(0.1, 12) })
    expect(rows.find(({ method }) => method === 'bayesian')!.figures.f.mean).toBeLessThan(1e-3)
  })

  test('stopped after every step it goes on to the same entries', async () => {
    const clock = () => 0
    const whole = await contest(problem, contestants, plan, { clock })
    let from: CompareCheckpoint<number> | undefined
    let entries: typeof whole | null = null
    for (let stops = 0; entries === null && stops < 400; stops++) {
      let left = 3
      const stopped = contest(problem, contestants, plan, {
        clock,
        ...(from && { from }),
        onCheckpoint: async (checkpoint) => {
          from = structuredClone(checkpoint)
          if (--left === 0) throw new Error('crash')
        },
      })
      entries = await stopped.catch((error: Error) => {
        if (error.message !== 'crash') throw error
        return null
      })
    }
    expect(entries).toEqual(whole)
  })

  test('of minutes ends by the clock', async () => {
    let now = 0
    const seconds = { budget: budgetOf('1m'), seeds: [0] }
    const slow = {
      ...searched,
      measure: async (...given: Parameters<typeof searched.measure>) => {
        now += 7
        return searched.measure(...given)
      },
    }
    const [, random] = SEARCH_METHODS.slice(1).map((method) => searching(method, '', slow))
    const [entry] = await contest({ ...problem, contestants: [random] }, [random], seconds, { clock: () => now })
    expect(entry.standing.trials).toHaveLength(8)
    expect(entry.standing.seconds).toBe(56)
  })

  test('refuses methods that there are not, and budgets that nothing fits into', async () => {
    expect(() => contestantsNamed(contestants, ['grid', 'gird'])).toThrow(
      "default, grid, random, sobol, bayesian, halving, got 'gird'",
    )
    await expect(contest(problem, contestants, { budget: budgetOf(89), seeds: [0] })).rejects.toThrow(
      '--budget 90 or more',
    )
  })
})

test('budgets are evaluations or minutes', () => {
  expect(budgetOf('20m')).toEqual({ kind: 'seconds', most: 1200 })
  expect(budgetOf(2e5)).toEqual({ kind: 'evaluations', most: 200_000 })
  expect(budgetText(budgetOf('.5m'.replace('.5', '0.5')))).toBe('0.5 min')
  for (const words of ['0', 'm', '-3', '2h', '1.5', '1e3', '']) expect(() => budgetOf(words)).toThrow('200000')
  expect(affords(budgetOf(100), { evaluations: 60, seconds: 1 }, 40)).toBe(true)
  expect(affords(budgetOf(100), { evaluations: 61, seconds: 1 }, 40)).toBe(false)
})
