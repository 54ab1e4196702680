import { expect, test } from 'vitest'
import { float32, int64 } from '../../base/index.ts'
import { evaluateTensors } from '../evaluate.ts'
import { gradient } from '../gradient.ts'
import { constant } from '../symbolic.ts'
import { gelu, silu } from './activation.ts'
import { reduceSum } from './sum.ts'

const x = constant(float32([-40, -1, 0, 1, 2, 40]))

test('silu and its derivative at known points', () => {
  const [y, slope] = evaluateTensors([silu(x), ...gradient(reduceSum(silu(x)), [x])])
  // x / (1 + e^-x), and sigmoid(x) (1 + x sigmoid(-x)).
  const values = [0, -0.2689414213699951, 0, 0.7310585786300049, 1.7615941559557649, 40]
  const slopes = [0, 0.07232948812851325, 0.5, 0.927670511871487, 1.0907842487848955, 1]
  values.forEach((value, i) => {
    expect(y.data[i]).toBeCloseTo(value, 12)
    expect(slope.data[i]).toBeCloseTo(slopes[i], 12)
  })
})

test('gelu and its derivative at known points', () => {
  const [y, slope] = evaluateTensors([gelu(x), ...gradient(reduceSum(gelu(x)), [x])])
  // Phi(1) = 0.8413447460685429, Phi(2) = 0.9772498680518208, density(1) = 0.24197072451914337, density(2) = 0.05399096651318806.
  const values = [0, -0.15865525393145707, 0, 0.8413447460685429, 1.9544997361036416, 40]
  const slopes = [0, -0.0833154705876863, 0.5, 1.083315470587686, 1.085231801078197, 1]
  values.forEach((value, i) => {
    expect(y.data[i]).toBeCloseTo(value, 9)
    expect(slope.data[i]).toBeCloseTo(slopes[i], 9)
  })
})

test('integers are refused', () => {
  expect(() => silu(constant(int64([1, 2])))).toThrow(/Silu\(int64\[2\]\): the input must be float; use cast/)
})
