import { expect, test } from 'vitest'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import { drawLoss, levelsAtTimes, pullBackToLogSnr } from './forward.ts'

const schedule = noiseSchedule({ family: 'cosine', end: 0.9, timesteps: 50 })

test('draws depend on seed and step; an element not on its batch; times fill 0..T-1 evenly', () => {
  const draw = (step: number, batch: number) => drawLoss({ seed: 3, step, batch, imageSize: 5, timesteps: 50 })
  const [small, large] = [draw(7, 3), draw(7, 6)]
  expect(large.times.subarray(0, 3)).toEqual(small.times)
  expect(large.eps.subarray(0, 15)).toEqual(small.eps)
  expect(draw(8, 3).eps).not.toEqual(small.eps)
  const counts = new Float64Array(50)
  for (const time of draw(1, 50_000).times) counts[time]++
  const chi2 = counts.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0)
  expect(chi2).toBeLessThan(49 + 5 * Math.sqrt(98))
})

test('the level a program gets keeps the digits that 1 - alphaBar loses', () => {
  const { signal, noise } = levelsAtTimes(noiseSchedule({ family: 'cosine', epsilon: 0, timesteps: 1000 }), [0, 999])
  const exact = Math.sin((Math.PI / 2) * 1e-3)
  expect(Math.abs(noise[0] / exact - 1)).toBeLessThan(1e-7)
  expect(signal[1]).toBeGreaterThan(0)
})

test('the way back from signal and noise to log-SNR is the central difference; equal times add up', () => {
  const times = Int32Array.of(3, 49, 3, 20)
  const dSignal = Float32Array.of(0.5, -2, 1.5, 3)
  const dNoise = Float32Array.of(1, 0.25, -3, 2)
  const value = (logSnr: Float64Array) => {
    const alpha = Array.from(times, (t) => 1 / (1 + Math.exp(-logSnr[t])))
    return alpha.reduce((sum, a, i) => sum + dSignal[i] * Math.sqrt(a) + dNoise[i] * Math.sqrt(1 - a), 0)
  }
  const gradient = pullBackToLogSnr(schedule, times, dSignal, dNoise)
  for (let t = 0; t < 50; t++) {
    const at = (h: number) => value(schedule.logSnr.with(t, schedule.logSnr[t] + h))
    expect(gradient[t]).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 8)
  }
  expect(() => levelsAtTimes(schedule, [50])).toThrow(/an integer in \[0, 49\], got 50/)
})
