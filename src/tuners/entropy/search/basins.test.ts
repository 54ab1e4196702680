/** Valleys of F that are there, that noise makes, and that are too far above. */
import { describe, expect, test } from 'vitest'
import { randomStream } from '../../../base/index.ts'
import { basinsOf, MOST_BASINS } from './basins.ts'

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
