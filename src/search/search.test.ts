/** What all searches have in common, and what each of them looks at. */
import { describe, expect, test } from 'vitest'
import { gridSearch } from './methods/grid.ts'
import { halvingSearch } from './methods/halving.ts'
import { SEARCH_METHODS } from './methods.ts'
import { sobolPoint } from './sobol.ts'
import type { SearchSpace } from './space.ts'
import { fromUnit, toUnit } from './space.ts'
import type { SearchMethod, Trial } from './study.ts'
import { Search } from './study.ts'

const space: SearchSpace = [
  { name: 'tau', low: 1, high: 4, gridPoints: 4 },
  { name: 'lambda', low: 0.01, high: 100, scale: 'log' },
]
const setting = { space, seed: 7, start: [1, 1] }
/** Least at tau 2.3, lambda 3. */
const f = ([tau, lambda]: readonly number[]) => (tau - 2.3) ** 2 + Math.log(lambda / 3) ** 2 / 4

async function asked(search: Search): Promise<Trial> {
  const trial = await search.ask()
  if (trial === null || trial === 'wait') throw new Error(`no trial: ${trial}`)
  return trial
}

async function run(search: Search, trials: number): Promise<readonly Trial[]> {
  for (let i = 0; i < trials; i++) {
    const { id, point } = await asked(search)
    search.tell(id, { value: f(point), standardError: null })
  }
  return search.study.trials
}

const searching = SEARCH_METHODS.filter(({ name }) => name !== 'default')

describe.each(searching)('$name', (method) => {
  test('goes on from its trials to the same trials, with one of them begun and never told', async () => {
    const whole = await run(new Search(method, setting), 24)
    const first = new Search(method, setting)
    await run(first, 11)
    await asked(first)
    // As a file holds it.
    const kept = JSON.parse(JSON.stringify(first.study.trials)) as Trial[]
    expect(kept.at(-1)?.outcome).toBeNull()
    const again = new Search(method, setting, kept)
    expect(await run(again, 13)).toEqual(whole)
  })

  test('stays within the ranges and comes near the least', async () => {
    const search = new Search(method, setting)
    await run(search, 60)
    expect(f(search.best!.point)).toBeLessThan(method.name === 'random' || method.name === 'halving' ? 0.3 : 0.12)
  })

  test('another seed looks elsewhere, unless nothing is drawn', async () => {
    const [one, other] = await Promise.all(
      [7, 8].map(async (seed) => (await run(new Search(method, { ...setting, seed }), 9)).map(({ point }) => point)),
    )
    if (method.name === 'grid') expect(other).toEqual(one)
    else expect(other).not.toEqual(one)
  })

  test('has several trials open at once', async () => {
    const search = new Search(method, setting)
    const open: Trial[] = []
    for (let i = 0; i < 40; i++) {
      const next = await search.ask()
      if (next === null) break
      if (next !== 'wait') open.push(next)
      if (next === 'wait' || open.length === 3) {
        const { id, point } = open.shift()!
        search.tell(id, { value: f(point), standardError: null })
      }
    }
    const points = search.study.trials.map(({ point, share }) => [...point, share].join(' '))
    expect(new Set(points).size).toBe(points.length)
    expect(points.length).toBeGreaterThan(20)
  })
})

describe('a search', () => {
  test('refuses what cannot be', async () => {
    const method = (point: readonly number[], share = 1): SearchMethod => ({
      name: 'own',
      propose: () => ({ point, share }),
    })
    await expect(new Search(method([5, 1]), setting).ask()).rejects.toThrow('tau from 1 to 4')
    await expect(new Search(method([2]), setting).ask()).rejects.toThrow('2 numbers')
    await expect(new Search(method([2, 1], 0), setting).ask()).rejects.toMatchObject({ code: 'search.proposal' })
    expect(() => new Search(method([2, 1]), { ...setting, start: [0, 1] })).toThrow(
      'the start must have tau from 1 to 4',
    )
    const log = [{ name: 'x', low: 0, high: 1, scale: 'log' as const }]
    expect(() => new Search(method([1]), { space: log, seed: 0, start: [1] })).toThrow('a range above 0')
    const search = new Search(method([2, 1]), setting)
    const trial = await asked(search)
    expect(() => search.tell(trial.id, { value: Number.NaN, standardError: null })).toThrow('NaN')
  })

  test('values and places of the unit cube are the same points, ends exactly', () => {
    expect(fromUnit(space, [0, 1])).toEqual([1, 100])
    expect(fromUnit(space, [0.5, 0.5])[1]).toBeCloseTo(1, 12)
    expect(fromUnit(space, toUnit(space, [2.7, 0.3]))).toEqual([expect.closeTo(2.7, 12), expect.closeTo(0.3, 12)])
  })
})

test('a grid looks along one number after the other, the others at the best so far', async () => {
  const trials = await run(new Search(gridSearch, setting), 9)
  const points = trials.map(({ point }) => point.map((v) => Number(v.toPrecision(6))))
  expect(points.slice(0, 4)).toEqual([
    [1, 1],
    [2, 1],
    [3, 1],
    [4, 1],
  ])
  // 1 of lambda was seen at tau 2 already.
  expect(points.slice(4, 8)).toEqual([
    [2, 0.01],
    [2, 0.1],
    [2, 10],
    [2, 100],
  ])
  // A third of the spacing around the best, 2 of 1 to 4 in steps of 1.
  expect(points[8]).toEqual([1.33333, 1])
})

test('halving measures a third of the points three times as well, and ends with one that was measured wholly', async () => {
  const search = new Search(halvingSearch, setting)
  const trials = await run(search, 60)
  const count = (share: number) => trials.filter((trial) => trial.share === share).length
  expect(count(1 / 9)).toBeGreaterThan(2.5 * count(1 / 3))
  expect(count(1 / 3)).toBeGreaterThan(2 * count(1))
  expect(count(1)).toBeGreaterThan(2)
  expect(search.best!.share).toBe(1)
})

describe("Sobol' points", () => {
  test('are those of the published direction numbers', () => {
    // scipy.stats.qmc.Sobol(16, scramble=False).random(64)[33]
    const published = [
      0.546875, 0.765625, 0.203125, 0.046875, 0.640625, 0.421875, 0.296875, 0.171875, 0.484375, 0.546875, 0.890625,
      0.453125, 0.953125, 0.484375, 0.484375, 0.609375,
    ]
    expect(sobolPoint(33, 16, null)).toEqual(published)
  })

  test.each([0, 1, 2])('scrambled by seed %i they stay a net: one in each of 64 boxes of any shape', (seed) => {
    const points = Array.from({ length: 64 }, (_, i) => sobolPoint(i, 2, seed))
    for (const [across, up] of [
      [64, 1],
      [16, 4],
      [8, 8],
      [2, 32],
      [1, 64],
    ]) {
      const boxes = new Set(points.map(([x, y]) => `${Math.floor(x * across)} ${Math.floor(y * up)}`))
      expect(boxes.size).toBe(64)
    }
  })

  test('are evenly scrambled: their mean over seeds is a half everywhere', () => {
    const seeds = 400
    const mean = (index: number) =>
      Array.from({ length: seeds }, (_, seed) => sobolPoint(index, 3, seed)[2]).reduce((a, b) => a + b / seeds, 0)
    for (const index of [0, 1, 5]) expect(Math.abs(mean(index) - 0.5)).toBeLessThan(4 / Math.sqrt(12 * seeds))
  })
})
