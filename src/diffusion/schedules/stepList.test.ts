import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { noiseSchedule } from './noiseSchedule.ts'
import { roundHalfEven, STEP_LISTS, stepList } from './stepList.ts'

const cosine = (timesteps: number) => noiseSchedule({ family: 'cosine', timesteps })

test('halves go to the even integer', () => {
  expect([0.5, 1.5, 2.5, 62.5, 63.5, 2.4999, 2.5001, 7].map(roundHalfEven)).toEqual([0, 2, 2, 62, 64, 2, 3, 7])
})

describe('known lists', () => {
  test.each([
    ['trailing', 1000, 10, [999, 899, 799, 699, 599, 499, 399, 299, 199, 99]],
    // 1000/16 = 62.5: 937.5 -> 938, 812.5 -> 812
    ['trailing', 1000, 16, [999, 937, 874, 811, 749, 687, 624, 561, 499, 437, 374, 311, 249, 187, 124, 61]],
    ['trailing', 60, 10, [59, 53, 47, 41, 35, 29, 23, 17, 11, 5]],
    ['linspace', 1000, 10, [999, 888, 777, 666, 555, 444, 333, 222, 111, 0]],
    ['linspace', 1000, 1, [999]],
    ['leading', 1000, 3, [666, 333, 0]],
    ['quadratic', 1000, 4, [999, 444, 111, 0]],
    ['quadratic', 6, 5, [5, 3, 2, 1, 0]],
  ] as const)('%s, T %i, N %i', (name, timesteps, steps, times) => {
    expect(stepList(name, cosine(timesteps), steps)).toEqual(times)
  })
})

test('log-snr: each time is the nearest to its evenly spaced log-SNR', () => {
  const schedule = noiseSchedule({ family: 'linear', timesteps: 1000 })
  const { logSnr } = schedule
  const times = stepList('log-snr', schedule, 12)
  for (const [i, time] of times.entries()) {
    const target = logSnr[999] + ((logSnr[0] - logSnr[999]) * i) / 11
    const distance = Math.min(...logSnr.map((value) => Math.abs(value - target)))
    expect(Math.abs(logSnr[time] - target)).toBe(distance)
  }
})

test('clipped lists keep log(signal/noise) >= -5.1 and start at the last such time', () => {
  const schedule = cosine(1000)
  for (const name of STEP_LISTS.filter((list) => list.endsWith('-clipped') && !list.startsWith('leading'))) {
    const [first] = stepList(name, schedule, 7)
    expect(schedule.logSnr[first] / 2).toBeGreaterThanOrEqual(-5.1)
    expect(schedule.logSnr[first + 1] / 2).toBeLessThan(-5.1)
  }
})

test('every list of every length up to T is distinct, falling, within 0..T-1', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...STEP_LISTS),
      fc.integer({ min: 1, max: 90 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (name, T, u) => {
        const schedule = noiseSchedule({ family: 'cosine', end: 0.95, timesteps: T })
        const steps = 1 + Math.floor(u * (T - 1))
        const times = stepList(name, schedule, steps)
        expect(times.length).toBe(steps)
        expect(times.every((t, i) => Number.isInteger(t) && t >= 0 && t < T && (i === 0 || t < times[i - 1]))).toBe(
          true,
        )
      },
    ),
    { numRuns: 300, seed: 11 },
  )
})

test('more steps than times', () => {
  expect(() => stepList('trailing', cosine(10), 11)).toThrow(/an integer from 1 to 10, the training times; got 11/)
  expect(() => stepList('trailing-clipped', cosine(1000), 1000)).toThrow(/with log\(signal\/noise\) >= -5.1; got 1000/)
  expect(() => stepList('edm' as 'trailing', cosine(10), 2)).toThrow(/a step list is one of trailing/)
})
