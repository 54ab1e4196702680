/** The gradient over a stretch against polynomials, closed forms, and its intervals against their promised coverage. */
import { describe, expect, test } from 'vitest'
import { randomStream } from '../../../base/index.ts'
import { gaussianPaths, guidedTruth, slopeOf } from './gaussianPaths.fixture.ts'
import { fitOf, GradientCurve, slopeWeights } from './gradientCurve.ts'

describe('least squares', () => {
  const nodes = [-0.9, -0.2, 0.1, 0.4, 1.3]
  const along = (weights: number[], f: (x: number) => number) => weights.reduce((sum, w, j) => sum + w * f(nodes[j]), 0)
  const parabolas = {
    log: { value: (x: number) => 2 - x + 3 * x * x, slope: (x: number) => 6 * x - 1 },
    scale: {
      value: (x: number) => 1 + (2 * Math.exp(-x) - 1.5) ** 2,
      slope: (x: number) => -4 * Math.exp(-x) * (2 * Math.exp(-x) - 1.5),
    },
  }

  test.each(['log', 'scale'] as const)(
    'gives the derivative of a parabola in %s, from values and from derivatives',
    (shape) => {
      const { value, slope } = parabolas[shape]
      for (const x of [-0.9, -0.5, 0.4, 1.1]) {
        expect(along(slopeWeights(fitOf('values', shape, nodes), x), value)).toBeCloseTo(slope(x), 10)
        expect(along(slopeWeights(fitOf('gradients', shape, nodes), x), slope)).toBeCloseTo(slope(x), 10)
      }
    },
  )

  test('of two nodes is the central difference, of equal steps the least-squares slope', () => {
    const [minus, plus] = slopeWeights(fitOf('values', 'log', [0.3, 0.7]), 0.5)
    expect(minus).toBeCloseTo(-2.5, 12)
    expect(plus).toBeCloseTo(2.5, 12)
    const even = slopeWeights(fitOf('values', 'log', [-2, -1, 0, 1, 2]), 0)
    for (const [k, weight] of even.entries()) expect(weight).toBeCloseTo((k - 2) / 10, 12)
  })
})

/** Items whose F is b^2 (e^-x - 1)^2 with a common shift: the Gaussian problem, minimum at 0, second derivative 2 b^2. */
function gaussianRows(nodes: readonly number[], count: number, seed: number, b = 1.5): Float64Array[] {
  const shift = randomStream({ seed, purpose: 'test' }).normal(new Float64Array(count))
  return nodes.map((x) => shift.map((z) => (b * (Math.exp(-x) - 1) + z) ** 2))
}

const SCALE = { shape: 'scale' } as const

describe('a curve of values', () => {
  const nodes = [-0.45, -0.15, 0.15, 0.45]

  test('has root, slope and error of the closed form', () => {
    const near = nodes.map((x) => x / 3)
    const curve = new GradientCurve('values', near, gaussianRows(near, 4000, 1), SCALE)
    const root = curve.root() ?? Number.NaN
    expect(Math.abs(root)).toBeLessThan(0.05)
    // Where the mean gradient is 0 the mean of z is b (1 - e^-x), and F'' = 2 b^2 e^-2x.
    expect(Math.abs(curve.slope(root) / (4.5 * Math.exp(-2 * root)) - 1)).toBeLessThan(0.02)
    // dF_i = -2 b e^-x (b (e^-x - 1) + z): spread 2 b at 0, so the root's is 2b/(2 b^2 sqrt n).
    expect(Math.abs(curve.rootError(root) * 1.5 * Math.sqrt(4000) - 1)).toBeLessThan(0.1)
  })

  test('without a change of sign has no root, and an interval that is left open is null', () => {
    const away = nodes.map((x) => x + 3)
    expect(new GradientCurve('values', away, gaussianRows(away, 50, 2), SCALE).root()).toBeNull()
    const few = new GradientCurve('values', nodes, gaussianRows(nodes, 6, 3), SCALE)
    const root = few.root() ?? 0
    const { low, high } = few.interval(root, 1e-6)
    expect([low, high]).toContain(null)
  })

  test.each([0.05, 0.2])('covers the root as often as promised: error %f', (alpha) => {
    let covered = 0
    const repetitions = 300
    for (let seed = 0; seed < repetitions; seed++) {
      const curve = new GradientCurve('values', nodes, gaussianRows(nodes, 120, 100 + seed), SCALE)
      const root = curve.root()
      if (root === null) continue
      const { low, high } = curve.interval(root, alpha)
      if ((low ?? Number.NEGATIVE_INFINITY) < 0 && (high ?? Number.POSITIVE_INFINITY) > 0) covered++
    }
    const share = covered / repetitions
    expect(Math.abs(share - (1 - alpha))).toBeLessThan(3.5 * Math.sqrt((alpha * (1 - alpha)) / repetitions))
  })

  test('the ends of an interval are where the gradient is significant, and not before', () => {
    const curve = new GradientCurve('values', nodes, gaussianRows(nodes, 400, 7), SCALE)
    const root = curve.root() ?? 0
    const { low, high } = curve.interval(root, 0.05)
    const ratio = (x: number) => curve.at(x).mean / curve.at(x).standardError
    expect(ratio(high ?? Number.NaN)).toBeCloseTo(1.966, 2)
    expect(ratio(low ?? Number.NaN)).toBeCloseTo(-1.966, 2)
  })
})

test.each([0.3, 0.9, 1.6])('paired differences: two scales about %d of the chain with the same noise', (scale) => {
  const problem = { slope: 1.3, goal: 0.8, curvature: 0.4 }
  const middle = -Math.log(scale)
  const nodes = [middle - 0.05, middle + 0.05]
  const rows = nodes.map((x) =>
    gaussianPaths(problem, Math.exp(-x), { count: 20_000, seed: 4 }).upper.map((value) => -value),
  )
  const { mean, standardError } = new GradientCurve('values', nodes, rows).at(middle)
  expect(Math.abs(mean - slopeOf(guidedTruth, problem, scale))).toBeLessThan(3.5 * standardError)
  expect(standardError).toBeLessThan(0.03)
})

test('a curve of three gradients has the line nearest to them', () => {
  const nodes = [-1, 0, 1]
  const rows = [-2, 0.5, 3].map((mean) => Float64Array.from([mean - 0.3, mean + 0.3]))
  const curve = new GradientCurve('gradients', nodes, rows)
  expect(curve.at(0.3).mean).toBeCloseTo(0.5 + 2.5 * 0.3, 12)
  expect(curve.root()).toBeCloseTo(-0.2, 8)
})

test('numbers of known mean 0 take their part of the spread out, and are left alone where they take none', () => {
  const nodes = [-0.4, 0, 0.4]
  const noise = randomStream({ seed: 3, purpose: 'test' }).normal(new Float64Array(200))
  const other = randomStream({ seed: 4, purpose: 'test' }).normal(new Float64Array(200))
  const rows = nodes.map((x) => noise.map((z) => x * x + 2 * x * z))
  const plain = new GradientCurve('values', nodes, rows)
  const helped = new GradientCurve('values', nodes, rows, { controls: [noise] })
  const left = new GradientCurve('values', nodes, rows, { controls: [other] })
  expect(plain.at(0).standardError).toBeGreaterThan(0.1)
  expect(helped.at(0)).toMatchObject({ mean: expect.closeTo(0, 8), standardError: expect.closeTo(0, 8) })
  expect([plain.controls, helped.controls, left.controls]).toEqual([0, 1, 0])
  expect(left.at(0)).toEqual(plain.at(0))
})
