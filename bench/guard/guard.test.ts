/** What counts as slower: against the rate of matrix products of the same run, the least of several runs. */
import { expect, test } from 'vitest'
import { guardFigures, guardRows } from './guard.ts'

test('a slow machine is no slow program, and the least run is taken', () => {
  const runs = [
    { gemmGflops: 100, seconds: { sample: 2, trainStep: 1.3 } },
    { gemmGflops: 50, seconds: { sample: 3.8, trainStep: 2.6 } },
  ]
  expect(guardFigures(runs)).toEqual({ sample: 190, trainStep: 130 })
})

test('more than a tenth above is slower; what one side has not is left out', () => {
  const rows = guardRows({ a: 111, b: 109, c: 1 }, { a: 100, b: 100, d: 1 })
  expect(rows).toEqual([
    { part: 'a', now: 111, before: 100, ratio: 1.11, slower: true },
    { part: 'b', now: 109, before: 100, ratio: 1.09, slower: false },
  ])
})
