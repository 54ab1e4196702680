/** The gradient over a stretch against polynomials, closed forms, and its intervals against their promised coverage. */
import { describe, expect, test } from 'vitest'
import { randomStream } from '../../base/index.ts'
import { derivatives, GradientCurve, lagrange } from './gradientCurve.ts'

describe('interpolation', () => {
  const nodes = [-0.9, -0.2, 0.4, 1.3]
  const cubic = (x: number) => 2 - x + 3 * x ** 2 - 0.7 * x ** 3
  const slope = (x: number) => -1 + 6 * x - 2.1 * x ** 2

  test.each([-0.9, -0.5, 0.4, 1.1])('is exact for a cubic and its derivative at %f', (x) => {
    const along = (weights: number[]) => weights.reduce((sum, w, j) => sum + w * cubic(nodes[j]), 0)
    expect(along(lagrange(nodes, x))).toBeCloseTo(cubic(x), 12)
    expect(along(derivatives(nodes, x))).toBeCloseTo(slope(x), 12)
  })

  test('of two nodes is the central difference', () => {
    const [minus, plus] = derivatives([0.3, 0.7], 0.5)
    expect(minus).toBeCloseTo(-2.5, 12)
    expect(plus).toBeCloseTo(2.5, 12)
  })
})

/** Items whose F is b^2 (e^-x - 1)^2 with a common shift: the Gaussian problem, minimum at 0, second derivative 2 b^2. */
function gaussianRows(nodes: readonly number[], count: number, seed: number, b = 1.5): Float64Array[] {
  const shift = randomStream({ seed, purpose: 'test' }).normal(new Float64Array(count))
  return nodes.map((x) => shift.map((z) => (b * (Math.exp(-x) - 1) + z) ** 2))
}

describe('a curve of values', () => {
  const nodes = [-0.45, -0.15, 0.15, 0.45]

  test('has root, slope and error of the closed form', () => {
    const near = nodes.map((x) => x / 3)
    const curve = new GradientCurve('values', near, gaussianRows(near, 4000, 1))
    const root = curve.root() ?? Number.NaN
    expect(Math.abs(root)).toBeLessThan(0.05)
    // Where the mean gradient is 0 the mean of z is b (1 - e^-x), and F'' = 2 b^2 e^-2x.
    expect(Math.abs(curve.slope(root) / (4.5 * Math.exp(-2 * root)) - 1)).toBeLessThan(0.02)
    // dF_i = -2 b e^-x (b (e^-x - 1) + z): spread 2 b at 0, so the root's is 2b/(2 b^2 sqrt n).
    expect(Math.abs(curve.rootError(root) * 1.5 * Math.sqrt(4000) - 1)).toBeLessThan(0.1)
  })

  test('without a change of sign has no root, and an interval that is left open is null', () => {
    const away = nodes.map((x) => x + 3)
    expect(new GradientCurve('values', away, gaussianRows(away, 50, 2)).root()).toBeNull()
    const few = new GradientCurve('values', nodes, gaussianRows(nodes, 6, 3))
    const root = few.root() ?? 0
    const { low, high } = few.interval(root, 1e-6)
    expect([low, high]).toContain(null)
  })

  test.each([0.05, 0.2])('covers the root as often as promised: error %f', (alpha) => {
    let covered = 0
    const repetitions = 300
    for (let seed = 0; seed < repetitions; seed++) {
      const curve = new GradientCurve('values', nodes, gaussianRows(nodes, 120, 100 + seed))
      const root = curve.root()
      if (root === null) continue
      const { low, high } = curve.interval(root, alpha)
      if ((low ?? Number.NEGATIVE_INFINITY) < 0 && (high ?? Number.POSITIVE_INFINITY) > 0) covered++
    }
    const share = covered / repetitions
    expect(Math.abs(share - (1 - alpha))).toBeLessThan(3.5 * Math.sqrt((alpha * (1 - alpha)) / repetitions))
  })

  test('the ends of an interval are where the gradient is significant, and not before', () => {
    const curve = new GradientCurve('values', nodes, gaussianRows(nodes, 400, 7))
    const root = curve.root() ?? 0
    const { low, high } = curve.interval(root, 0.05)
    const ratio = (x: number) => curve.at(x).mean / curve.at(x).standardError
    expect(ratio(high ?? Number.NaN)).toBeCloseTo(1.966, 2)
    expect(ratio(low ?? Number.NaN)).toBeCloseTo(-1.966, 2)
  })
})

test('a curve of gradients interpolates them', () => {
  const nodes = [-1, 0, 1]
  const rows = nodes.map((x) => Float64Array.from([x ** 2 + 2 * x - 0.5, x ** 2 + 2 * x + 0.1]))
  const curve = new GradientCurve('gradients', nodes, rows)
  expect(curve.at(0.3).mean).toBeCloseTo(0.09 + 0.6 - 0.2, 12)
  expect(curve.root()).toBeCloseTo(-1 + Math.sqrt(1.2), 8)
})
