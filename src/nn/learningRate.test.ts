import { expect, test } from 'vitest'
import type { LearningRateConfig } from './learningRate.ts'
import { learningRate } from './learningRate.ts'

test('constant after warm-up', () => {
  const rate = learningRate({ kind: 'constant', rate: 0.3, warmUpSteps: 4 })
  const expected = [0.075, 0.15, 0.225, 0.3, 0.3, 0.3]
  expected.forEach((value, step) => {
    expect(rate(step)).toBeCloseTo(value, 15)
  })
  expect(learningRate({ kind: 'constant', rate: 0.3 })(0)).toBe(0.3)
})

test('cosine decay with a floor: ends, middle, and beyond the last step', () => {
  const rate = learningRate({ kind: 'cosine', rate: 2, steps: 200, warmUpSteps: 10, floor: 0.05 })
  expect(rate(0)).toBeCloseTo(0.2, 12)
  expect(rate(100)).toBeCloseTo(2 * (0.475 + 0.05), 12)
  expect(rate(50)).toBeCloseTo(2 * (0.475 * (1 + Math.SQRT1_2) + 0.05), 12)
  expect(rate(200)).toBeCloseTo(0.1, 12)
  expect(rate(900)).toBeCloseTo(0.1, 12)
})

test('one cycle: the numbers of PyTorch’s OneCycleLR(max_lr=4e-3, total_steps=20)', () => {
  const rate = learningRate({ kind: 'one-cycle', rate: 4e-3, steps: 20 })
  const torch: [number, number][] = [
    [0, 0.00016],
    [3, 0.002673312629199899],
    [5, 0.004],
    [11, 0.0024450480877451566],
    [19, 1.6e-8],
  ]
  for (const [step, value] of torch) expect(rate(step)).toBeCloseTo(value, 12)
})

test.each<[LearningRateConfig, RegExp]>([
  [{ kind: 'constant', rate: 0 }, /above 0, got 0/],
  [{ kind: 'constant', rate: 1, warmUpSteps: 1.5 }, /warmUpSteps must be an integer/],
  [{ kind: 'cosine', rate: 1, steps: 0 }, /steps must be an integer above 0/],
  [{ kind: 'cosine', rate: 1, steps: 9, floor: 2 }, /floor must be in \[0, 1\]/],
  [{ kind: 'one-cycle', rate: 1, steps: 3, rise: 0.3 }, /more than one step/],
  [{ kind: 'linear', rate: 1 } as unknown as LearningRateConfig, /constant, cosine or one-cycle/],
])('%j is refused', (config, message) => {
  expect(() => learningRate(config)).toThrow(message)
})
