/** Whether the range of lambda is in a reward's own units, by its spread over images of the model. */
import { expect, test } from 'vitest'
import { randomStream } from '../../base/index.ts'
import { openEntropyInputs } from './open.ts'
import { resolveEntropyConfig } from './settings.ts'
import { scaleNotes } from './triedRewards.ts'

const normal = (scale: number) =>
  randomStream({ seed: 1, purpose: 'tried' })
    .normal(new Float64Array(16))
    .map((value) => scale * value)

test.each([0.01, 0.3, 1, 10, 200])('a spread of %d has nothing to say to the default range', (scale) => {
  expect(scaleNotes('r', normal(scale), [0.01, 10])).toEqual([])
})

test('a reward in other units: too strong everywhere, too weak everywhere, with the range to take', () => {
  const [note] = scaleNotes('big', normal(1000), [0.01, 10])
  expect(note).toMatch(/'big' spreads by \d+ over 16 images .* weakest guidance of the range, lambda 10, is \d+ times/)
  const [, low, high] = note.match(/--lambda-range ([\d.]+),([\d.]+)/)?.map(Number) ?? []
  // One digit of the spread over 100, and of ten times the spread: the same scale is then in the range.
  expect(high / low).toBeCloseTo(1000, 0)
  expect(scaleNotes('big', normal(1000), [low, high])).toEqual([])
  const [weak] = scaleNotes('small', normal(1e-4), [0.01, 10])
  expect(weak).toMatch(
    /strongest guidance of the range, lambda 0.01, is \d+ times weaker .* --lambda-range 0.00000\d|e-/,
  )
  expect(() => scaleNotes('big', normal(1e6), [0.01, 10])).toThrow(/try --lambda-range \d+0{3},\d+0{6}/)
  expect(() => scaleNotes('small', normal(1e-6), [0.01, 10])).toThrow(/times weaker/)
})

test('outliers, equal values and images without a value condemn no range', () => {
  const values = normal(1)
  values[3] = -1e9
  expect(scaleNotes('outlier', values, [0.01, 10])).toEqual([])
  expect(scaleNotes('alike', new Float64Array(16).fill(3), [0.01, 10])).toEqual([])
  // One image of sixteen: the middle half is alike.
  expect(scaleNotes('rare', new Float64Array(16).fill(0, 0, 15).fill(1, 15), [0.01, 10])).toEqual([])
  expect(scaleNotes('none', new Float64Array(16).fill(Number.NaN), [0.01, 10])).toEqual([])
})

test('a module in units of a million is refused before anything is drawn for it, with the range', async () => {
  const values = { preset: 'tiny', reward: './test/found/rewards/big.mjs' }
  const open = openEntropyInputs(resolveEntropyConfig([{ source: 'the test', values }]))
  await expect(open).rejects.toMatchObject({
    code: 'entropy.scale',
    kind: 'input',
    message: expect.stringMatching(
      /'big.mjs' spreads by \d+ over 16 images of the model: .*; try --lambda-range \d+,\d+$/,
    ),
  })
})
