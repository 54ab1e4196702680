import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { advanceProgress, durationText, rateOf, secondsLeft, startProgress } from './progress.ts'

describe('progress', () => {
  it('is exact at a constant pace, whatever the pauses between looks, and counts nothing of before a resume', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 30 }),
        fc.double({ min: 0.1, max: 9, noNaN: true }),
        (steps, rate) => {
          let progress = startProgress(5000, 100, 700)
          let done = 700
          for (const step of steps) {
            done += step
            progress = advanceProgress(progress, done, 100 + (done - 700) / rate)
          }
          expect(rateOf(progress)!).toBeCloseTo(rate, 8)
          expect(secondsLeft(progress)!).toBeCloseTo((5000 - done) / rate, 4)
        },
      ),
    )
  })

  it('follows a change of pace', () => {
    let progress = startProgress(1000, 0)
    for (let t = 1; t <= 50; t++) progress = advanceProgress(progress, 10 * t, t)
    for (let t = 1; t <= 100; t++) progress = advanceProgress(progress, 500 + t, 50 + t)
    expect(Math.abs(rateOf(progress)! - 1)).toBeLessThan(0.1)
  })

  it('keeps its pace while nothing is done, and counts the time when something is', () => {
    let progress = startProgress(1000, 0)
    for (let t = 1; t <= 50; t++) progress = advanceProgress(progress, 10 * t, t)
    const asleep = advanceProgress(progress, 500, 4000)
    expect([rateOf(asleep), secondsLeft(asleep)]).toEqual([rateOf(progress), secondsLeft(progress)])
    expect(rateOf(advanceProgress(asleep, 520, 4010))!).toBeCloseTo(20 / 3960, 3)
    const late = advanceProgress(advanceProgress(progress, 500, 51), 520, 52)
    expect(rateOf(late)!).toBeCloseTo(10, 8)
  })

  it('says nothing before it knows, and 0 at the end', () => {
    const start = startProgress(10, 5)
    expect([rateOf(start), secondsLeft(start)]).toEqual([null, null])
    expect(secondsLeft(advanceProgress(start, 10, 6))).toBe(0)
    expect(rateOf(advanceProgress(start, 3, 4))).toBeNull()
  })

  it('says what was forecast before it knows, and no longer', () => {
    const start = startProgress(1000, 0, 200, 40)
    expect([rateOf(start), secondsLeft(start)]).toEqual([40, 20])
    expect(rateOf(advanceProgress(start, 300, 10))).toBe(10)
  })

  it('writes durations', () => {
    const texts = [0.4, 59.4, 59.6, 185, 3599.7, 7620, 86_399, 97_200].map(durationText)
    expect(texts).toEqual([
      '0 s',
      '59 s',
      '1 min 00 s',
      '3 min 05 s',
      '1 h 00 min',
      '2 h 07 min',
      '1 d 00 h',
      '1 d 03 h',
    ])
  })
})
