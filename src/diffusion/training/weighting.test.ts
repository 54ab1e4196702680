/** Weights against their formulas in each prediction's own loss. */
import { describe, expect, test } from 'vitest'
import { TRAINING_TARGETS } from '../denoiser.ts'
import { logSnrDensity } from '../schedules/logSnrDensity.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import type { WeightingName } from './weighting.ts'
import { checkImportance, effectiveShare, lossWeight, MOST_WEIGHT, WEIGHTING_NAMES } from './weighting.ts'

/** As the papers write them, for the loss of each prediction; R is the signal-to-noise ratio. */
const PAPERS: Readonly<Record<string, (R: number, gamma: number) => number>> = {
  'min-snr noise': (R, gamma) => Math.min(1, gamma / R),
  'min-snr sample': (R, gamma) => Math.min(R, gamma),
  'min-snr velocity': (R, gamma) => Math.min(R, gamma) / (R + 1),
  'min-snr flow': (R, gamma) => Math.min(R, gamma) / (1 + Math.sqrt(R)) ** 2,
  'soft-min-snr noise': (R, gamma) => gamma / (R + gamma),
  'soft-min-snr sample': (R, gamma) => 1 / (1 / R + 1 / gamma),
  'soft-min-snr velocity': (R, gamma) => 1 / (1 / R + 1 / gamma) / (R + 1),
  'soft-min-snr flow': (R, gamma) => 1 / (1 / R + 1 / gamma) / (1 + Math.sqrt(R)) ** 2,
  'v-like noise': (R) => Math.min(MOST_WEIGHT, 1 + 1 / R),
  'v-like sample': (R) => Math.min(MOST_WEIGHT, 1 + R),
  'v-like velocity': () => 1,
  'v-like flow': (R) => (1 + R) / (1 + Math.sqrt(R)) ** 2,
}

describe.each(WEIGHTING_NAMES)('%s', (name) => {
  test.each(TRAINING_TARGETS)('in the loss of %s', (target) => {
    for (const logSnr of [-100, -14, -3, 0.4, 1, 6, 9.9]) {
      const weighting = { name, gamma: 3.5 }
      const { value, slope } = lossWeight(weighting, target, logSnr)
      const wanted = name === 'uniform' ? 1 : PAPERS[`${name} ${target}`](Math.exp(logSnr), 3.5)
      expect(Math.abs(value / wanted - 1)).toBeLessThan(1e-12)
      const h = 1e-5
      const [above, below] = [h, -h].map((step) => lossWeight(weighting, target, logSnr + step).value)
      expect(Math.abs(slope - (above - below) / (2 * h))).toBeLessThan(1e-8 + 1e-6 * value)
    }
  })

  test('one loss whatever is predicted: weight times the multiple of the clean image’s loss is the same', () => {
    if (name === 'uniform') return
    for (const logSnr of [-4, 0, 3]) {
      const R = Math.exp(logSnr)
      const multiples = { noise: R, sample: 1, velocity: 1 + R, flow: (1 + Math.sqrt(R)) ** 2 }
      const clean = TRAINING_TARGETS.map((target) => lossWeight({ name }, target, logSnr).value * multiples[target])
      for (const value of clean) expect(value).toBeCloseTo(clean[0], 10)
    }
  })
})

test('gamma is the paper’s where none is given', () => {
  const at = (name: WeightingName) => lossWeight({ name }, 'sample', 9).value
  expect(at('min-snr')).toBeCloseTo(5, 10)
  expect(at('soft-min-snr')).toBeCloseTo(1 / (1 / 4 + Math.exp(-9)), 10)
})

test('importance sampling is refused where few draws would count', () => {
  const code = noiseSchedule({ family: 'cosine' })
  const wide = logSnrDensity({ name: 'normal', width: 5, code })
  // 1 / integral of p_times^2 / p, by a sum over log-SNR.
  let sum = 0
  for (let i = 0; i < 60_000; i++) {
    const logSnr = wide.low + ((i + 0.5) * (wide.high - wide.low)) / 60_000
    const times = 1 / (2 * Math.PI * Math.cosh(logSnr / 2))
    sum += (times ** 2 / wide.density(logSnr)) * ((wide.high - wide.low) / 60_000)
  }
  expect(Math.abs(effectiveShare(wide) * sum - 1)).toBeLessThan(0.05)
  expect(() => checkImportance(wide)).not.toThrow()
  const refused = expect.objectContaining({ code: 'training.importance', kind: 'input' })
  expect(() => checkImportance(logSnrDensity({ name: 'laplace', code }))).toThrow(refused)
  expect(() => checkImportance(logSnrDensity({ name: 'uniform', code }))).toThrow(/it leaves levels out/)
})
