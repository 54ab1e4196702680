/** The exact core against gold numbers by enumeration, differences of its own values, and limits. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FiniteProblem } from './exact.ts'
import {
  expectation,
  hypergradient,
  klOf,
  lowerSolution,
  penaltySlope,
  penaltySolution,
  penaltyValue,
  tilt,
  upperValue,
} from './exact.ts'

interface GoldCase {
  readonly gamma: number
  readonly p0: number[]
  readonly r1: number[]
  readonly r2: number[]
  readonly rows: Record<string, number>[]
  readonly best_lambda: number
  readonly best_upper: number
}

const { cases } = JSON.parse(readFileSync('test/gold/entropy_discrete.json', 'utf8')) as { cases: GoldCase[] }
const problemOf = ({ p0, r1, r2 }: GoldCase): FiniteProblem => ({ p0, upper: r1, lower: r2 })

/** Smallest value of f over a fine grid in log lambda, refined by golden sections about its best point. */
function minimiser(f: (lambda: number) => number, low: number, high: number): number {
  const at = (i: number) => low * (high / low) ** (i / 2000)
  const best = Array.from({ length: 2001 }, (_, i) => i).reduce((a, b) => (f(at(b)) < f(at(a)) ? b : a))
  let [left, right] = [Math.log(at(Math.max(0, best - 1))), Math.log(at(Math.min(2000, best + 1)))]
  const ratio = (Math.sqrt(5) - 1) / 2
  for (let i = 0; i < 60; i++) {
    const [x1, x2] = [right - ratio * (right - left), left + ratio * (right - left)]
    if (f(Math.exp(x1)) < f(Math.exp(x2))) right = x2
    else left = x1
  }
  return Math.exp((left + right) / 2)
}

describe.each(cases.map((gold, index) => ({ gold, index })))('gold case $index', ({ gold }) => {
  const problem = problemOf(gold)

  test.each(gold.rows)('lambda $lam', (row) => {
    const y = lowerSolution(problem, row.lam)
    const z = penaltySolution(problem, row.lam, gold.gamma)
    const got = {
      upper: upperValue(problem, row.lam),
      lower_reward: expectation(y.p, problem.lower),
      kl_lower: klOf(y, problem.lower, row.lam),
      kl_penalty: klOf(z, z.reward, row.lam),
      penalty_value: penaltyValue(problem, row.lam, gold.gamma),
      penalty_grad: penaltySlope(problem, row.lam, gold.gamma),
      exact_grad: hypergradient(problem, row.lam),
    }
    for (const [name, value] of Object.entries(got)) {
      expect(Math.abs(value - row[name]), name).toBeLessThan(1e-9 * Math.max(1, Math.abs(row[name])))
    }
  })

  test('the best lambda', () => {
    const best = minimiser((lambda) => upperValue(problem, lambda), 0.02, 100)
    expect(Math.abs(best / gold.best_lambda - 1)).toBeLessThan(2e-3)
    expect(Math.abs(upperValue(problem, best) - gold.best_upper)).toBeLessThan(1e-6)
  })

  test('gradients are the slopes of the values', () => {
    for (const lambda of [0.3, 1.7, 6]) {
      const step = 1e-4 * lambda
      const slope = (f: (at: number) => number) => (f(lambda + step) - f(lambda - step)) / (2 * step)
      expect(hypergradient(problem, lambda)).toBeCloseTo(
        slope((at) => upperValue(problem, at)),
        6,
      )
      expect(penaltySlope(problem, lambda, 2)).toBeCloseTo(
        slope((at) => penaltyValue(problem, at, 2)),
        6,
      )
    }
  })

  test('the penalty goes to the problem itself as gamma grows', () => {
    const error = (gamma: number) => Math.abs(penaltySlope(problem, 1.3, gamma) - hypergradient(problem, 1.3))
    expect(error(1e5)).toBeLessThan(error(1e3) / 50)
    expect(penaltyValue(problem, 1.3, 1e6)).toBeCloseTo(upperValue(problem, 1.3), 4)
  })
})

test('a tilt is a distribution, and its KL is that of the definition', () => {
  const weight = fc.double({ min: 1e-3, max: 1, noNaN: true })
  const reward = fc.double({ min: -1e4, max: 1e4, noNaN: true })
  fc.assert(
    fc.property(
      fc.array(fc.tuple(weight, reward), { minLength: 2, maxLength: 20 }),
      fc.double({ min: 0.01, max: 1e3, noNaN: true }),
      (support, lambda) => {
        const total = support.reduce((sum, [w]) => sum + w, 0)
        const p0 = support.map(([w]) => w / total)
        const h = support.map(([, r]) => r)
        const solution = tilt(p0, h, lambda)
        expect(solution.p.reduce((a, b) => a + b)).toBeCloseTo(1, 9)
        const kl = solution.p.reduce((sum, p, i) => (p > 0 ? sum + p * Math.log(p / p0[i]) : sum), 0)
        const scale = 1 + Math.max(...h.map(Math.abs)) / lambda
        expect(Math.abs(klOf(solution, h, lambda) - kl)).toBeLessThan(1e-14 * scale + 1e-9)
      },
    ),
  )
})

test('rewards far beyond the range of exp are weighed', () => {
  const problem = { p0: [0.5, 0.25, 0.25], upper: [1, 2, 3], lower: [1e6, 1e6 + 1, -1e6] }
  expect(lowerSolution(problem, 0.5).p[1]).toBeCloseTo((0.25 * Math.E ** 2) / (0.5 + 0.25 * Math.E ** 2), 9)
  expect(Number.isFinite(penaltySlope(problem, 0.001, 3))).toBe(true)
})

test('states without mass stay without', () => {
  expect([...tilt([0.5, 0, 0.5], [0, 100, 0], 1).p]).toEqual([0.5, 0, 0.5])
})

test.each([
  [() => tilt([0.5, 0.4], [1, 2], 1), 'exact.support'],
  [() => tilt([1.5, -0.5], [1, 2], 1), 'exact.support'],
  [() => tilt([0.5, 0.5], [1], 1), 'exact.support'],
  [() => tilt([], [], 1), 'exact.support'],
  [() => tilt([0.5, 0.5], [1, 2], 0), 'exact.lambda'],
  [() => penaltySolution({ p0: [1], upper: [0], lower: [0] }, 1, -2), 'exact.gamma'],
])('bad input %#', (call, code) => {
  expect(call).toThrow(expect.objectContaining({ code }))
})
