/** Which degree is believed, and what its interval is worth, on rows whose F is known. */
import { describe, expect, test } from 'vitest'
import { randomStream } from '../../../base/index.ts'
import { GradientCurve } from '../estimators/gradientCurve.ts'
import type { Ends } from './nested.ts'
import { nestedOf } from './nested.ts'

const WIDTH = Math.log(2)
const FIVE = [-2, -1, 0, 1, 2].map((k) => (k * 1.2 * WIDTH) / 2)
const SEVEN = [-3, -2, -1, 0, 1, 2, 3].map((k) => (k * 1.2 * WIDTH) / 3)

interface Noise {
  readonly count: number
  readonly seed: number
  /** Spread of what an item's slope differs by, everywhere the same. */
  readonly slope: number
  /** Spread of what is of one place only. */
  readonly own: number
}

/** Items whose F is f but for a constant and a slope of their own, and noise at each place. */
function rowsOf(f: (x: number) => number, nodes: readonly number[], { count, seed, slope, own }: Noise) {
  const normal = (item: number) => randomStream({ seed, purpose: 'test', item }).normal(new Float64Array(count))
  const [shift, slopes] = [normal(0), normal(1)]
  return nodes.map((x, j) => {
    const places = normal(2 + j)
    return places.map((e, i) => f(x) + 3 * shift[i] + slope * slopes[i] * x + own * e)
  })
}

const NOISE: Noise = { count: 400, seed: 1, slope: 0.6, own: 0.02 }

/** Curves of all degrees that the nodes allow, the lowest first. */
function degrees(curve: GradientCurve): GradientCurve[] {
  const higher = curve.higher()
  return higher === null ? [curve] : [curve, ...degrees(higher)]
}

/** The degree of a belief, by its root: 2 a parabola's. */
function degreeOf(curve: GradientCurve, root: number): number {
  return 2 + degrees(curve).findIndex((fit) => fit.root() === root)
}

const nestedAt = (f: (x: number) => number, nodes = FIVE, noise = NOISE) => {
  const curve = new GradientCurve('values', nodes, rowsOf(f, nodes, noise))
  const nested = nestedOf(curve, WIDTH)
  if (nested === null) throw new Error('no root')
  return { curve, ...nested, degree: degreeOf(curve, nested.root) }
}

describe('the degree', () => {
  test('of a parabola is its own, and the hull little wider than its interval', () => {
    const { curve, root, agrees, degree, ends, error } = nestedAt((x) => (x - 0.1) ** 2)
    expect({ agrees, degree }).toEqual({ agrees: true, degree: 2 })
    // The root's error is that of the mean slope over F'' = 2.
    expect(Math.abs(root - 0.1)).toBeLessThan((3 * 0.6) / (2 * Math.sqrt(400)))
    const own = curve.interval(root, 0.05)
    const { low, high } = ends(0.05)
    expect(low).toBeLessThan(0.1)
    expect(high).toBeGreaterThan(0.1)
    expect(low).toBeLessThanOrEqual(own.low ?? Number.NaN)
    expect(high).toBeGreaterThanOrEqual(own.high ?? Number.NaN)
    expect((high ?? 9) - (low ?? -9)).toBeLessThan(1.15 * ((own.high ?? 0) - (own.low ?? 0)))
    expect(error).toBeGreaterThanOrEqual(curve.rootError(root))
  })

  test.each([
    { of: 'a cubic', f: (x: number) => 2 * (x - 0.2) ** 2 - (x - 0.2) ** 3, nodes: FIVE, truth: 0.2, least: 3 },
    { of: 'a quartic', f: (x: number) => (x - 0.25) ** 2 + 2 * (x - 0.25) ** 4, nodes: SEVEN, truth: 0.25, least: 4 },
    { of: 'an exponential', f: (x: number) => (Math.exp(-x) - 1) ** 2, nodes: SEVEN, truth: 0, least: 3 },
  ])('of $of is no parabola’s, and its root is in the interval', ({ f, nodes, truth, least }) => {
    let [covered, plainly] = [0, 0]
    for (let seed = 0; seed < 25; seed++) {
      const { curve, agrees, degree, ends } = nestedAt(f, nodes, { count: 100, seed, slope: 0.3, own: 0.02 })
      expect(agrees).toBe(true)
      expect(degree).toBeGreaterThanOrEqual(least)
      const inside = ({ low, high }: Ends) => (low ?? -9) < truth && (high ?? 9) > truth
      if (inside(ends(0.05))) covered++
      if (inside(curve.interval(curve.root() ?? Number.NaN, 0.05))) plainly++
    }
    expect(covered).toBeGreaterThanOrEqual(23)
    // A parabola alone, with the same numbers.
    expect(plainly).toBeLessThanOrEqual(10)
  })

  test('that goes through all places has nothing to be compared with', () => {
    const curve = new GradientCurve(
      'values',
      FIVE,
      rowsOf((x) => (Math.exp(-3 * x) - 1) ** 2, FIVE, NOISE),
    )
    const nested = nestedOf(curve, WIDTH)
    expect(nested).toMatchObject({ agrees: false, error: 2 * 1.2 * WIDTH })
    expect(nested?.ends(0.05)).toEqual({ low: null, high: null })
    expect(degreeOf(curve, nested?.root ?? Number.NaN)).toBe(4)
  })

  test('is no matter where F falls all along', () => {
    const curve = new GradientCurve(
      'values',
      FIVE,
      rowsOf((x) => -3 * x, FIVE, NOISE),
    )
    expect(nestedOf(curve, WIDTH)).toBeNull()
  })

  test('rises for what is beyond chance, and not for what noise hides', () => {
    // The cubic of above under fifty times its noise, and under three times that.
    const under = (own: number) => {
      const { degree, agrees } = nestedAt((x) => 2 * (x - 0.2) ** 2 - (x - 0.2) ** 3, FIVE, { ...NOISE, own })
      return { degree, agrees }
    }
    expect(under(1)).toEqual({ degree: 3, agrees: true })
    expect(under(3)).toEqual({ degree: 2, agrees: true })
  })
})

test('fewer items: ends further out, by the root of their ratio', () => {
  const { root, ends } = nestedAt((x) => x ** 2)
  const [many, few] = [ends(0.05), ends(0.05, 100)]
  expect(ends(0.05, 400)).toEqual(many)
  expect((root - (few.low ?? 0)) / (root - (many.low ?? 0))).toBeCloseTo(2, 1)
  expect(((few.high ?? 0) - root) / ((many.high ?? 0) - root)).toBeCloseTo(2, 1)
  // So few that no sign is told on what was drawn.
  expect(ends(0.001, 3)).toEqual({ low: null, high: null })
})

test('gradients are nested alike', () => {
  const slope = (x: number) => 2 * (x - 0.1) + 4 * (x - 0.1) ** 3
  const curve = new GradientCurve('gradients', FIVE, rowsOf(slope, FIVE, { ...NOISE, slope: 0.1 }))
  const nested = nestedOf(curve, WIDTH)
  expect(nested?.agrees).toBe(true)
  const { low, high } = nested?.ends(0.05) ?? {}
  expect(low).toBeLessThan(0.1)
  expect(high).toBeGreaterThan(0.1)
})

describe('of a skewed F, (b(e^-x - 1) + z)^2 fitted in log lambda', () => {
  /** Share of 150 seeds that have an interval, of these the share that covers, and the share that a parabola's own would. */
  function outcomes(reach: number, aside: number, own: number) {
    const nodes = [-2, -1, 0, 1, 2].map((k) => reach * WIDTH * (k / 2 + aside))
    const seeds = 150
    let [told, covered, plainly] = [0, 0, 0]
    for (let seed = 0; seed < seeds; seed++) {
      const normal = (item: number) => randomStream({ seed, purpose: 'test', item }).normal(new Float64Array(100))
      const z = normal(0)
      const rows = nodes.map((x, j) => {
        const places = normal(1 + j)
        return z.map((shift, i) => (1.5 * (Math.exp(-x) - 1) + shift) ** 2 + own * places[i])
      })
      const curve = new GradientCurve('values', nodes, rows)
      const inside = ({ low, high }: Ends) =>
        (low ?? Number.NEGATIVE_INFINITY) < 0 && (high ?? Number.POSITIVE_INFINITY) > 0
      const nested = nestedOf(curve, WIDTH)
      if (nested?.agrees) {
        told++
        if (inside(nested.ends(0.05))) covered++
      }
      const root = curve.root()
      if (root !== null && inside(curve.interval(root, 0.05))) plainly++
    }
    return { told: told / seeds, covered: covered / told, plainly: plainly / seeds }
  }

  test.each([
    { reach: 1.2, aside: 0, own: 1 },
    { reach: 0.6, aside: 0, own: 0 },
    { reach: 0.6, aside: 0.2, own: 0 },
  ])('the hull covers the root, a parabola’s interval does not: $reach tolerances about $aside, $own', (at) => {
    const { told, covered, plainly } = outcomes(at.reach, at.aside, at.own)
    expect(told).toBeGreaterThan(0.8)
    expect(covered).toBeGreaterThanOrEqual(0.93)
    expect(plainly).toBeLessThan(0.9)
  })

  test('far too wide and aside, hardly ever an interval is told', () => {
    const { told, covered } = outcomes(1.2, 0.2, 0)
    expect(told).toBeLessThan(0.15)
    expect(told * (1 - covered)).toBeLessThanOrEqual(0.05)
  })
})
