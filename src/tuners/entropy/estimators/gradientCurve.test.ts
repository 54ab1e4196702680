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

describe('degrees', () => {
  const nodes = [-1, -0.6, 0, 0.5, 1.1]
  const noise = (item: number, count = 200) =>
    randomStream({ seed: 6, purpose: 'test', item }).normal(new Float64Array(count))
  /** Items of a quartic with a slope and a cubic of their own. */
  const [slopes, cubics] = [noise(0), noise(1)]
  const value = (x: number) => 1 + 2 * x - x ** 2 + 0.5 * x ** 3 + x ** 4
  const slope = (x: number) => 2 - 2 * x + 1.5 * x ** 2 + 4 * x ** 3
  const quartic = nodes.map((x) => slopes.map((z, i) => value(x) + z * x + 0.3 * cubics[i] * x ** 3))

  test.each(['log', 'scale'] as const)('rise by one as long as there are places to fit them to: %s', (shape) => {
    const curve = new GradientCurve('values', nodes, quartic, { shape })
    const cubic = curve.higher()
    const whole = cubic?.higher()
    expect(whole).toBeInstanceOf(GradientCurve)
    expect(whole?.higher()).toBeNull()
    expect([cubic?.count, whole?.nodes]).toEqual([200, nodes])
    // Three gradients: a line, then the parabola through all.
    const three = new GradientCurve('gradients', nodes.slice(0, 3), quartic.slice(0, 3), { shape })
    expect(three.higher()).not.toBeNull()
    expect(three.higher()?.higher()).toBeNull()
    // A line in the gradient is right where F is a parabola in this t, and not else.
    for (const [k, x] of nodes.slice(0, 3).entries()) {
      expect(three.higher()?.at(x).mean).toBeCloseTo(quartic[k].reduce((a, b) => a + b) / 200, 8)
    }
  })

  test('that of the polynomial itself gives its derivative, item by item', () => {
    const whole = new GradientCurve('values', nodes, quartic).higher()?.higher()
    for (const x of [-0.9, 0.2, 1]) {
      const items = whole?.valuesAt(x) ?? new Float64Array()
      for (const i of [0, 17, 199]) expect(items[i]).toBeCloseTo(slope(x) + slopes[i] + 0.9 * cubics[i] * x * x, 8)
    }
  })

  test('a difference is of the items’ own numbers: what both degrees have in common has no error', () => {
    const curve = new GradientCurve('values', nodes, quartic)
    const [cubic] = [curve.higher() ?? curve]
    const whole = cubic.higher() ?? cubic
    const x = 0.3
    const between = curve.difference(cubic, x)
    expect(between.mean).toBeCloseTo(cubic.at(x).mean - curve.at(x).mean, 10)
    expect(between.count).toBe(200)
    expect(between.standardError).toBeGreaterThan(0)
    // The slopes cancel: far below the error of either.
    expect(between.standardError).toBeLessThan(0.5 * curve.at(x).standardError)
    const back = cubic.difference(curve, x)
    expect([back.mean, back.standardError]).toEqual([
      expect.closeTo(-between.mean, 12),
      expect.closeTo(between.standardError, 12),
    ])
    // Cubic and quartic items differ by the same for all.
    expect(cubic.difference(whole, x).mean).toBeCloseTo(
      slope(x) - (cubic.at(x).mean - mean(slopes) - 0.9 * mean(cubics) * x * x),
      8,
    )
    expect(cubic.difference(whole, x).standardError).toBeCloseTo(0, 8)
    expect(curve.difference(curve, x)).toMatchObject({ mean: 0, standardError: 0 })
  })

  test('controls are kept by higher ones', () => {
    const rows = nodes.map((x) => slopes.map((z) => value(x) + 2 * x * z))
    const helped = new GradientCurve('values', nodes, rows, { controls: [slopes] })
    expect(helped.higher()?.controls).toBe(1)
    expect(helped.higher()?.at(0).standardError).toBeCloseTo(0, 8)
  })

  const mean = (values: Float64Array) => values.reduce((a, b) => a + b) / values.length
})

describe('rounding', () => {
  const nodes = [-0.2, 0.2]
  const rows = nodes.map((x) => Float64Array.from({ length: 50 }, (_, i) => 5 + 1e-6 * x + 0 * i))

  test('of numbers is an error of their difference, which more items do not lower', () => {
    const known = new GradientCurve('values', nodes, rows)
    expect(known.at(0).mean).toBeCloseTo(1e-6, 12)
    expect(known.at(0).standardError).toBeLessThan(1e-12)
    const rounding = 1e-6
    const doubted = new GradientCurve('values', nodes, rows, { rounding })
    // Each of two numbers over a step of .4.
    expect(doubted.at(0).standardError).toBeCloseTo((2 * rounding) / 0.4, 12)
    expect(doubted.at(0).mean).toBe(known.at(0).mean)
    const few = new GradientCurve(
      'values',
      nodes,
      rows.map((row) => row.slice(0, 5)),
      { rounding },
    )
    expect(few.at(0).standardError).toBeCloseTo(doubted.at(0).standardError, 12)
  })

  test('adds to chance in squares, goes into differences, and is kept by higher degrees', () => {
    const wide = [-1, -0.5, 0, 0.5, 1]
    const noise = randomStream({ seed: 8, purpose: 'test' }).normal(new Float64Array(100))
    const noisy = wide.map((x) => noise.map((z) => x * x + z * x))
    const plain = new GradientCurve('values', wide, noisy)
    const doubted = new GradientCurve('values', wide, noisy, { rounding: 0.1 })
    // Weights of the slope at 0 of a parabola through five even places: (-2, -1, 0, 1, 2)/5.
    const floor = 0.1 * (6 / 5)
    expect(doubted.at(0).standardError).toBeCloseTo(Math.hypot(plain.at(0).standardError, floor), 10)
    const [other, plainOther] = [doubted.higher(), plain.higher()]
    if (other === null || plainOther === null) throw new Error('no higher degree')
    expect(other.at(0).standardError).toBeGreaterThan(plainOther.at(0).standardError + 0.1)
    expect(plain.difference(plainOther, 0).standardError).toBeLessThan(1e-10)
    expect(doubted.difference(other, 0).standardError).toBeGreaterThan(floor)
  })
})
