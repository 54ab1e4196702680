import { expect, test } from 'vitest'
import { float32 } from '../../base/index.ts'
import type { Measuring } from './foreignRuns.ts'
import { MOST_MEASURING_RUNS, measureRuns, runSizes } from './foreignRuns.ts'

test.each([
  [64, [64, 32, 16, 8]],
  [32, [32, 16, 8]],
  [48, [48, 16, 8]],
  [25, [25]],
  [4, [4]],
])('runs of a share of %i images are tried at %j', (share, sizes) => {
  expect(runSizes(share)).toEqual(sizes)
  expect(2 * sizes.length).toBeLessThanOrEqual(MOST_MEASURING_RUNS)
})

/** What a whole batch takes in runs of so many images, by round; what it gives then. */
async function measured(
  seconds: Readonly<Record<number, readonly number[]>>,
  bytes: (images: number, round: number) => number = (_, round) => round,
) {
  let now = 100
  const asked: [number, number][] = []
  const measuring: Measuring = {
    sizes: [32, 16, 8].filter((images) => images in seconds),
    whole: float32([0, 1], [2, 1, 1, 1]),
    predict: async (images, round) => {
      asked.push([images, round])
      now += seconds[images][round]
      return float32([bytes(images, round), 1], [2, 1, 1, 1])
    },
    clock: () => now,
  }
  return { ...(await measureRuns(measuring)), asked }
}

test('the fastest is taken, by its better round', async () => {
  const fast = { 32: [0.3, 0.2], 16: [0.4, 0.1], 8: [0.15, 0.15] }
  const { images, seconds, predictions } = await measured(fast)
  expect([images, predictions]).toEqual([16, 6])
  expect(seconds).toBeCloseTo(0.1, 9)
})

test('what gives other bytes, in whichever round, is not taken, however fast', async () => {
  const fast = { 32: [0.3, 0.3], 16: [0.2, 0.2], 8: [0.1, 0.1] }
  const other = (size: number, at: number) => (images: number, round: number) =>
    images === size && round === at ? 7 : round
  expect(await measured(fast, other(8, 0))).toMatchObject({ images: 16, predictions: 5 })
  expect(await measured(fast, other(8, 1))).toMatchObject({ images: 16, predictions: 6 })
  // The first of all agrees with the whole, or nothing is divided.
  expect(await measured(fast, other(32, 0))).toMatchObject({ images: null, predictions: 1 })
  // A sign of zero is a byte too.
  expect(await measured(fast, (images) => (images === 32 ? -0 : 0))).toMatchObject({ images: null })
})

test('it takes 2 seconds, and the first size twice where that takes no longer', async () => {
  expect((await measured({ 32: [0.6, 0.6], 16: [0.5, 0.5], 8: [0.7, 0.7] })).asked).toEqual([
    [32, 0],
    [16, 0],
    [8, 0],
    [32, 1],
  ])
  expect(await measured({ 32: [1.9, 1.2], 16: [1, 1] })).toMatchObject({ images: 32, seconds: expect.closeTo(1.2, 9) })
  expect(await measured({ 32: [5, 5], 16: [1, 1], 8: [1, 1] })).toMatchObject({
    images: 32,
    seconds: 5,
    predictions: 1,
  })
})

test('a run that fails is not taken', async () => {
  const whole = float32([0, 1], [2, 1, 1, 1])
  const predict: Measuring['predict'] = async (images) => {
    if (images === 16) throw new Error('made for 32')
    return whole
  }
  const { images } = await measureRuns({ sizes: [32, 16], whole, predict })
  expect(images).toBe(32)
})
