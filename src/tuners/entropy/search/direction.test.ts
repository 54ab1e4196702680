/** Which way to look further, and what an error bar of collapsed weights may not decide. */
import { describe, expect, test } from 'vitest'
import { gaussianJob } from '../gaussianJob.fixture.ts'
import { weightsCollapsed } from '../statistics/belief.ts'
import { tuneEntropyStrength } from '../tune.ts'
import { directionOf, extendedRange } from './direction.ts'

const gradients = (...means: number[]) =>
  means.map((mean, i) => ({
    lambda: 10 ** (i - 2),
    gradient: { mean, standardError: 0.1, count: 32 },
    collapsed: false,
  }))

describe('the direction', () => {
  test.each([
    ['F rises with lambda everywhere', gradients(0.5, 1, 2, 1), 'low'],
    ['F falls with lambda everywhere', gradients(-3, -1, -0.5, -0.4), 'high'],
    ['what cannot be told from 0 says nothing', gradients(0.5, 1, -0.1, 0.15), 'low'],
    ['flat at the end it would go to', gradients(0.1, 1, 2, 1), null],
    ['an optimum between', gradients(-1, -0.5, 0.5, 1), null],
    ['one gradient is not all', gradients(0.5, 0.1), null],
    ['none', [], null],
  ] as const)('%s', (_, iterations, end) => {
    expect(directionOf(iterations)).toBe(end)
  })

  test('collapsed weights have no say', () => {
    const [first, ...rest] = gradients(-9, 1, 2, 1)
    expect(directionOf([first, ...rest])).toBeNull()
    expect(directionOf([{ ...first, collapsed: true }, ...rest])).toBe('low')
  })

  test('a range goes on by a factor of ten', () => {
    expect(extendedRange([0.01, 10], 'low')).toEqual([0.001, 10])
    expect(extendedRange([0.3, 0.7], 'high')).toEqual([0.3, 7])
  })
})

describe('a job', () => {
  test.each([
    { b: 200, lambdaRange: [0.01, 10], extend: 'low' },
    { b: 0.5, lambdaRange: [0.02, 1], extend: 'high' },
  ] as const)(
    'whose optimum is beyond the $extend end says so, resolved or not',
    async ({ b, lambdaRange, extend }) => {
      for (const [maxEvaluations, resolved] of [
        [1, false],
        [400_000, true],
      ] as const) {
        const job = gaussianJob({ a: 1, b, steps: 4, settings: { curvePaths: 8, lambdaRange, maxEvaluations } })
        const result = await tuneEntropyStrength(job)
        expect([result.entropyStrength.resolved, result.extend]).toEqual([resolved, extend])
      }
    },
  )

  test('with an optimum inside says nothing, however little is known', async () => {
    const job = gaussianJob({ a: 1, b: 1, steps: 4, settings: { curvePaths: 8, maxEvaluations: 1 } })
    const result = await tuneEntropyStrength(job)
    expect([result.entropyStrength.resolved, result.extend]).toEqual([false, null])
  })

  test('of a tilt far from the base marks the gradients and points that collapsed weights make', async () => {
    const settings = { target: 'tilt', estimator: 'importance', maxEvaluations: 1, curvePaths: 16 } as const
    const job = gaussianJob({ a: 1, b: 1, steps: 3, settings: { ...settings, lambdaRange: [0.01, 10] } })
    const { iterations, curve } = await tuneEntropyStrength(job)
    // The tilt at scale s is N(s, 1): at 100 one sample of N(0, 1) has all the weight, at .1 all are nearly even.
    const explored = iterations.filter(({ phase }) => phase === 'explore')
    expect([explored[0].collapsed, explored[explored.length - 1].collapsed]).toEqual([true, false])
    expect([curve[0], curve[curve.length - 1]].map(weightsCollapsed)).toEqual([true, false])
  })
})
