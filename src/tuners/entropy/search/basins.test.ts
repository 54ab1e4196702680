/** Valleys of F that are there, that noise makes, and that are too far above; and which of several is the lowest. */
import { describe, expect, test } from 'vitest'
import { randomStream } from '../../../base/index.ts'
import { gaussianJob } from '../gaussianJob.fixture.ts'
import { EntropyRun } from '../run.ts'
import { basinsOf, MOST_BASINS } from './basins.ts'
import { contest } from './contest.ts'
import { methodOf } from './methods.ts'
import { placedMethod } from './placed.fixture.ts'

const GRID = Array.from({ length: 17 }, (_, i) => i - 8)

/** Items of F = f with a part in common, of no matter between places, and a part of each place's own. */
function rowsOf(f: (x: number) => number, own: number, seed = 1, count = 32): Float64Array[] {
  const normal = (item: number) => randomStream({ seed, purpose: 'test', item }).normal(new Float64Array(count))
  const common = normal(0)
  return GRID.map((x, j) => normal(1 + j).map((e, i) => f(x) + 20 * common[i] + own * e))
}

const at = (f: (x: number) => number, own = 0.2, from?: number, seed?: number) =>
  basinsOf(GRID, rowsOf(f, own, seed), from)

/** Valleys at -5 (depth 0) and 5 (`above`), a ridge of about 6 between. */
const two = (above: number) => (x: number) => Math.min((x + 5) ** 2 / 4, above + (x - 5) ** 2 / 4)

describe('valleys', () => {
  test('one: five places about its lowest', () => {
    expect(at((x) => (x - 2) ** 2)).toEqual([{ at: 2, nodes: [0, 1, 2, 3, 4], below: expect.closeTo(0.5, 0) }])
  })

  test('two with a ridge between, the lowest first', () => {
    const found = at(two(0.1))
    expect(found.map((one) => one.at)).toEqual([-5, 5])
    expect(found[1].nodes).toEqual([3, 4, 5, 6, 7])
    expect(at((x) => two(0.1)(-x)).map((one) => one.at)).toEqual([5, -5])
  })

  test('one that is clearly above is left, unless its least between places may be lower', () => {
    expect(at(two(1)).map((one) => one.at)).toEqual([-5])
    // The same height and noise; a narrow valley may go down between its places by half of what its sides rise.
    const narrow = (x: number) => (x === 5 ? 1 : two(4)(x))
    const found = at(narrow)
    expect(found.map((one) => one.at)).toEqual([-5, 5])
    expect(found[1].below).toBeGreaterThan(1)
  })

  test('a ridge that noise makes parts nothing', () => {
    const seeds = Array.from({ length: 40 }, (_, seed) => seed)
    const flat = (x: number) => (x * x) / 40
    const minima = (rows: readonly Float64Array[]) => {
      const means = rows.map((row) => row.reduce((a, b) => a + b) / row.length)
      return means.filter((mean, i) => mean < (means[i - 1] ?? 1e9) && mean < (means[i + 1] ?? 1e9)).length
    }
    const seen = seeds.map((seed) => {
      const rows = rowsOf(flat, 1.5, seed)
      return { minima: minima(rows), valleys: basinsOf(GRID, rows).length }
    })
    // Most seeds have several local minima, and few of these are believed.
    expect(seen.filter((one) => one.minima > 1).length).toBeGreaterThan(30)
    expect(seen.filter(({ valleys }) => valleys > 1).length).toBeLessThanOrEqual(8)
    expect(seen.every(({ valleys }) => valleys >= 1)).toBe(true)
  })

  test('at the ends of the grid their places stay inside, and nothing is foreseen below', () => {
    expect(at((x) => x)).toEqual([{ at: -8, nodes: [-8, -7, -6, -5, -4], below: 0 }])
    expect(at((x) => -x)).toEqual([{ at: 8, nodes: [4, 5, 6, 7, 8], below: 0 }])
    expect(
      at((x) => Math.min((x + 8) ** 2, (x - 8) ** 2), 0.01)
        .map((one) => one.at)
        .sort((a, b) => a - b),
    ).toEqual([-8, 8])
  })

  test('before the first known place there are none', () => {
    // The lower of the two valleys is where weights have collapsed.
    expect(at(two(0.1), 0.2, 6).map((one) => one.at)).toEqual([5])
    // At the first known place itself F may go on to fall outwards.
    const [first] = at((x) => x, 0.2, 3)
    expect(first).toEqual({ at: -5, nodes: [-5, -4, -3, -2, -1], below: 0 })
    // Where only the last places are known there are still five to draw.
    expect(at((x) => x, 0.2, 15)).toEqual([{ at: 7, nodes: [4, 5, 6, 7, 8], below: 0 }])
  })

  test('are no more than can be searched', () => {
    expect(at((x) => Math.cos((Math.PI * x) / 2), 0.05)).toHaveLength(MOST_BASINS)
  })
})

describe('comparing what was found in them', () => {
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
