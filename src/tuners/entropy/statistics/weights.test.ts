/** Weights against hand sums, and the tail fit against samples of known shape. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomStream } from '../../../base/index.ts'
import { paretoTail, shapeOf, tailLength } from './paretoTail.ts'
import { normalisedWeights } from './weights.ts'

describe('weights', () => {
  test('are what exp would make them, shifted or not, however large', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 30 }),
        fc.double({ min: -1e5, max: 1e5, noNaN: true }),
        (logs, shift) => {
          const plain = logs.map(Math.exp)
          const total = plain.reduce((a, b) => a + b)
          const { weights, logMean } = normalisedWeights(logs.map((value) => value + shift))
          plain.forEach((value, i) => {
            expect(weights[i]).toBeCloseTo(value / total, 9)
          })
          expect(Math.abs(logMean - shift - Math.log(total / logs.length))).toBeLessThan(1e-9)
        },
      ),
    )
  })

  test('effective sample size', () => {
    expect(normalisedWeights([Math.log(3), Math.log(1)]).effectiveSampleSize).toBeCloseTo(16 / 10, 12)
  })

  test('a path of no weight is allowed, a pool of none is not', () => {
    expect([...normalisedWeights([Number.NEGATIVE_INFINITY, 0]).weights]).toEqual([0, 1])
    for (const bad of [[], [Number.NaN, 0], [Number.NEGATIVE_INFINITY], [Number.POSITIVE_INFINITY, 0]]) {
      expect(() => normalisedWeights(bad)).toThrow(expect.objectContaining({ code: 'weights.values' }))
    }
  })
})

/** n draws of a generalised Pareto distribution of shape k and scale sigma, ascending. */
function paretoSample(k: number, sigma: number, n: number, seed: number): Float64Array {
  const stream = randomStream({ seed, purpose: 'test.pareto' })
  return Float64Array.from({ length: n }, () => (sigma / k) * ((1 - stream.uniform()) ** -k - 1)).sort()
}

describe('Pareto tail', () => {
  test.each([-0.3, 0.2, 0.5, 0.9, 1.4])('the shape %d of a generalised Pareto sample', (k) => {
    const found = [1, 2, 3, 4].map((seed) => shapeOf(paretoSample(k, 2.5, 4000, seed)))
    const mean = found.reduce((a, b) => a + b) / found.length
    // asymptotic standard error (1 + k)/sqrt(n); the prior's pull, ten observations in 4000
    expect(Math.abs(mean - k)).toBeLessThan(
      (3 * (1 + Math.max(0, k))) / Math.sqrt(4 * 4000) + (0.5 * 10) / 4000 + 0.003,
    )
  })

  test.each([0.4, 0.8])('of weights exp(exponential/rate), a Pareto law of shape %d', (k) => {
    const stream = randomStream({ seed: 7, purpose: 'test.tail' })
    const weights = Float64Array.from({ length: 100_000 }, () => (1 - stream.uniform()) ** -k)
    expect(Math.abs((paretoTail(weights) ?? Number.NaN) - k)).toBeLessThan(0.15)
  })

  test('does not depend on the unit of the weights or their order', () => {
    const weights = paretoSample(0.6, 1, 500, 3)
    const k = paretoTail(weights)
    expect(paretoTail(weights.map((w) => w * 1e-12))).toBeCloseTo(k ?? Number.NaN, 8)
    expect(paretoTail(weights.slice().reverse())).toBe(k)
  })

  test('is min(.2 S, 3 sqrt S) long, and absent for flat or few weights', () => {
    expect([tailLength(100), tailLength(225), tailLength(10_000)]).toEqual([20, 45, 300])
    expect(paretoTail(new Float64Array(1000).fill(0.001))).toBeNull()
    expect(paretoTail([1, 2, 3, 4])).toBeNull()
  })
})
