import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { requireEnough, SPLIT_CYCLES, splitByContent } from './split.ts'

const hashOf = (n: number): string => createHash('sha256').update(String(n)).digest('hex')

describe('splitByContent', () => {
  it('gives every class its shares and every row one place', () => {
    const labels = Int32Array.from({ length: 100 }, (_, i) => i % 4)
    const hashes = Array.from(labels, (_, i) => hashOf(i))
    const rows = splitByContent(hashes, labels, SPLIT_CYCLES.whole.cycle)
    expect([...rows.train, ...rows.tuning, ...rows.heldOut].sort((a, b) => a - b)).toEqual([...labels.keys()])
    for (let label = 0; label < 4; label++) {
      const share = (list: number[]): number => list.filter((row) => labels[row] === label).length
      expect([share(rows.train), share(rows.tuning), share(rows.heldOut)]).toEqual([15, 5, 5])
    }
  })

  it('depends on content, not on the order of files, and keeps copies together', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 0, max: 2 })), { minLength: 1 }),
        (items) => {
          const split = (list: [number, number][]) => {
            const hashes = list.map(([image]) => hashOf(image))
            const rows = splitByContent(
              hashes,
              Int32Array.from(list, ([, label]) => label),
              SPLIT_CYCLES.whole.cycle,
            )
            return Object.values(rows).map((some) => some.map((row) => hashes[row]))
          }
          const places = split(items)
          expect(split([...items].reverse())).toEqual(places)
          const distinct = places.map((some) => new Set(some))
          expect(distinct.reduce((sum, { size }) => sum + size, 0)).toBe(new Set(items.map(([image]) => image)).size)
        },
      ),
    )
  })

  it('says how many images would be enough', () => {
    const counts = { train: 4, tuning: 1, heldOut: 1 }
    const needs = { train: 7, tuning: 4, heldOut: 1 }
    const { cycle } = SPLIT_CYCLES.whole
    expect(() => requireEnough(counts, needs, cycle, 'x')).toThrow(
      /6 in all.*7 train \(has 4\), 4 tuning \(has 1\): 20 diff/,
    )
    const enough = Array.from({ length: 20 }, (_, i) => hashOf(i))
    const rows = splitByContent(enough, null, cycle)
    const reached = { train: rows.train.length, tuning: rows.tuning.length, heldOut: rows.heldOut.length }
    expect(() => requireEnough(reached, needs, cycle, 'x')).not.toThrow()
  })
})
