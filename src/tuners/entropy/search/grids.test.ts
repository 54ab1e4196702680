/** Which strengths of guidance are shown. */
import { expect, test } from 'vitest'
import { gaussianJob } from '../gaussianJob.fixture.ts'
import { sampleGrids } from './grids.ts'

const job = gaussianJob({ a: 1, b: 1, steps: 3, settings: { lambdaRange: [0.5, 8], gridImages: 4, seed: 2 } })
const curve = [0.5, 1, 2, 4, 8]

test.each([
  { value: 1, labels: ['base', 'weak', 'chosen', 'strongest'], lambdas: [null, 4, 1, 0.5] },
  { value: 8, labels: ['base', 'chosen', 'strongest'], lambdas: [null, 8, 0.5] },
  { value: 0.5, labels: ['base', 'weak', 'chosen'], lambdas: [null, 2, 0.5] },
])('chosen lambda $value: no strength twice', async ({ value, labels, lambdas }) => {
  const { grids, evaluations } = await sampleGrids(job, value, true, curve)
  expect(grids.map(({ label }) => label)).toEqual(labels)
  expect(grids.map(({ lambda }) => lambda)).toEqual(lambdas)
  // From the same noise, at scale s moved by s: N(s a, 1).
  const [base, ...guided] = grids
  for (const { lambda, images } of guided) {
    for (const [i, pixel] of images.entries()) expect(pixel - base.images[i]).toBeCloseTo(1 / (lambda ?? 0), 4)
  }
  expect(evaluations).toBeGreaterThan(0)
})
