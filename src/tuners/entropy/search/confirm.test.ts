/** What is advised where the evaluations do not do for a decision. */
import { expect, test } from 'vitest'
import { gaussianJob } from '../gaussianJob.fixture.ts'
import { tuneEntropyStrength } from '../tune.ts'

test.each([3000, 6000, 12_000])('is more evaluations than %i', async (maxEvaluations) => {
  const job = gaussianJob({
    ...{ a: 1, b: 1, steps: 6 },
    settings: { maxEvaluations, tolerance: 1.02, curvePaths: 8, explorePaths: 8, estimator: 'paired-differences' },
  })
  const { entropyStrength } = await tuneEntropyStrength(job)
  expect(entropyStrength.resolved).toBe(false)
  const [, from, to] = /raise maxEvaluations from (\d+) to about (\d+)/.exec(entropyStrength.reason ?? '') ?? []
  expect(Number(from)).toBe(maxEvaluations)
  expect(Number(to)).toBeGreaterThan(maxEvaluations)
})
