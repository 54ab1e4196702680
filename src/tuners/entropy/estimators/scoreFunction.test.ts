/** The score function against the slope of the Gaussian problem's closed form, with the controls that the search takes. */
import { describe, expect, test } from 'vitest'
import { studentReach } from '../statistics/quantile.ts'
import { controlled } from './controlled.ts'
import type { GaussianProblem } from './gaussianPaths.fixture.ts'
import { gaussianPaths, guidedTruth, slopeOf } from './gaussianPaths.fixture.ts'
import { GradientCurve, meanOf } from './gradientCurve.ts'
import type { PathBatch } from './pool.ts'
import { scoreControls, scoreValues } from './scoreFunction.ts'

const CURVED: GaussianProblem = { slope: 1.3, goal: 0.8, curvature: 0.4 }

const helped = (batch: PathBatch) => controlled(scoreValues(batch), scoreControls([batch]))

describe('one scale', () => {
  test.each([0.3, 0.9, 1.6])('the mean of the paths at scale %d is the slope, with and without controls', (scale) => {
    const batch = gaussianPaths(CURVED, scale, { count: 20_000, seed: 3 })
    for (const { mean, standardError } of [meanOf(scoreValues(batch)), helped(batch)]) {
      expect(Math.abs(mean - slopeOf(guidedTruth, CURVED, scale))).toBeLessThan(3.5 * standardError)
      expect(standardError).toBeLessThan(0.05)
    }
  })

  test('their mean is s Cov(r1, A - sB) as the books have it', () => {
    const batch = gaussianPaths(CURVED, 0.7, { count: 60, seed: 5 })
    const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / 60
    const score = batch.a.map((value, i) => value - 0.7 * batch.b[i])
    const products = batch.upper.map((value, i) => value * score[i])
    const covariance = mean(products) - mean(batch.upper) * mean(score)
    expect(mean(scoreValues(batch))).toBeCloseTo(0.7 * covariance, 12)
  })

  test('controls have mean 0, and lower the error', () => {
    const batch = gaussianPaths(CURVED, 0.5, { count: 4000, seed: 3 })
    for (const control of scoreControls([batch])) {
      const { mean, standardError } = meanOf(control)
      expect(Math.abs(mean)).toBeLessThan(3.5 * standardError)
    }
    expect(helped(batch).standardError).toBeLessThan(0.75 * meanOf(scoreValues(batch)).standardError)
  })

  test('a constant added to r1 changes nothing; a constant r1 has gradient 0', () => {
    const batch = gaussianPaths(CURVED, 0.5, { count: 100, seed: 3 })
    const shifted = scoreValues({ ...batch, upper: batch.upper.map((value) => value + 1e3) })
    for (const [i, value] of scoreValues(batch).entries()) expect(shifted[i]).toBeCloseTo(value, 9)
    const constant = scoreValues({ ...batch, upper: new Float64Array(100).fill(2) })
    for (const value of constant) expect(value).toBeCloseTo(0, 12)
  })
})

describe('a stretch of four scales', () => {
  const middle = Math.log(1 / 0.9)
  const nodes = [-0.3, -0.1, 0.1, 0.3].map((x) => middle + x)
  const curveOf = (count: number, seed: number) => {
    const batches = nodes.map((x) => gaussianPaths(CURVED, Math.exp(-x), { count, seed }))
    return new GradientCurve('gradients', nodes, batches.map(scoreValues), {
      shape: 'scale',
      controls: scoreControls(batches),
    })
  }

  test('95 % intervals from 100 paths cover: .94 measured', () => {
    const truth = slopeOf(guidedTruth, CURVED, 0.9)
    let covered = 0
    for (let seed = 0; seed < 250; seed++) {
      const { mean, standardError, count } = curveOf(100, 1000 + seed).at(middle)
      if (Math.abs(mean - truth) < studentReach(0.05, count - 1) * standardError) covered++
    }
    expect(covered / 250).toBeGreaterThan(0.89)
  })

  test('the controls are means over the scales, item by item', () => {
    const batches = [0.6, 1.1].map((scale) => gaussianPaths(CURVED, scale, { count: 5, seed: 2 }))
    const [score, square] = scoreControls(batches)
    const scoreOf = ({ scale, a, b }: PathBatch, i: number) => a[i] - scale * b[i]
    for (let i = 0; i < 5; i++) {
      const scores = batches.map((batch) => scoreOf(batch, i))
      expect(score[i]).toBeCloseTo((scores[0] + scores[1]) / 2, 12)
      const squares = batches.map((batch, j) => scores[j] ** 2 - batch.b[i])
      expect(square[i]).toBeCloseTo((squares[0] + squares[1]) / 2, 12)
    }
  })
})
