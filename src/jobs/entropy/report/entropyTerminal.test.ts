/** The summary in a terminal: an aligned table of the same numbers. */
import { expect, test } from 'vitest'
import { BARE_TILT, BOUNDARY, ENTROPY_CONTEXT, RESOLVED, UNRESOLVED } from './entropyResult.fixture.ts'
import { entropySummary } from './entropyTerminal.ts'

test('a resolved strength', () => {
  expect(entropySummary(RESOLVED, ENTROPY_CONTEXT)).toMatchInlineSnapshot(`
    "Entropy strength λ = 0.931, 95 % interval 0.71 to 1.24

                          base       λ = 0.931          λ = 0.01
    judge (r1)   −17.51 ± 0.31  −5.803 ± 0.071     −31.47 ± 0.44
    reward (r2)  −11.48 ± 0.29  −0.087 ± 0.011  −0.0092 ± 0.0021
    diversity    5.021 ± 0.038   4.113 ± 0.042     2.937 ± 0.051

    Best for the guided sampler as it runs (guidance scale 1.07): within the interval the gradient in log λ cannot be told from 0; high/low is 1.75, the tolerance 2.
    The judge (r1) is better by 11.71 ± 0.32: −5.803 ± 0.071 tuned, −17.51 ± 0.31 for the base sampler.
    At the strongest guidance, λ = 0.01, compared with the chosen one, the chased reward (r2) is higher by 0.078 ± 0.011, and the judge worse by 25.67 ± 0.45. That is over-optimisation.
    KL from the base sampler at the chosen λ: 11.42 ± 0.33 nats (of paths, an upper bound on that of images). Diversity: 5.021 ± 0.038 base, 4.113 ± 0.042 tuned, 2.937 ± 0.051 at the strongest guidance.
    Images rarer than 0.7813 % may never have been drawn: they would move λ if their r1 lay 3.24 or more from its mean.

    judge: log-probability:3[resnet-digits16-judge-9f8e7d6c] + 5*typicality[lenet-digits16-features-1a2b3c4d]
    reward: log-probability:3[lenet-digits16-features-1a2b3c4d]
    target guided, estimator paired-differences; 172 800 network evaluations, 3 min 13 s, peak memory 812 MiB, run runs/entropy-quick-3
    "
  `)
})

test('columns line up, and no-break spaces stay out', () => {
  for (const result of [RESOLVED, UNRESOLVED, BOUNDARY, BARE_TILT]) {
    const text = entropySummary(result, ENTROPY_CONTEXT)
    expect(text).not.toMatch(/[\u00a0\u202f]/)
    const [, , ...rest] = text.split('\n')
    const table = rest.slice(0, result.diversity ? 4 : 3)
    expect(new Set(table.map((line) => line.length)).size).toBe(1)
  }
})

test('says so where nothing was resolved, and what is unknown', () => {
  expect(entropySummary(UNRESOLVED, ENTROPY_CONTEXT)).toMatch(/^Not resolved: /)
  const bare = entropySummary(BARE_TILT, { ...ENTROPY_CONTEXT, peakMemoryMiB: null })
  expect(bare).toContain('1.18 nats (of images)')
  expect(bare).not.toMatch(/diversity|MiB/)
})

test('names the direction and the flag where all gradients point there', () => {
  const low = entropySummary({ ...UNRESOLVED, extend: 'low' }, ENTROPY_CONTEXT)
  expect(low).toContain('points to smaller λ, below 0.01: extend the range that way, --lambda-range=0.001,10.')
  const high = entropySummary(BOUNDARY, ENTROPY_CONTEXT)
  expect(high).toContain('points to larger λ, above 10: extend the range that way, --lambda-range=0.01,100.')
  expect(entropySummary(UNRESOLVED, ENTROPY_CONTEXT)).not.toContain('--lambda-range')
})

test('marks error bars of collapsed weights, and of few effective images', () => {
  const at = (share: number, paretoK: number) => ({
    ...RESOLVED,
    curve: RESOLVED.curve.map((point) =>
      point.lambda < 0.5 ? { ...point, effectiveSampleSize: share * 256, paretoK, trusted: false } : point,
    ),
  })
  expect(entropySummary(at(0.01, 0.4), ENTROPY_CONTEXT)).toContain('−31.47 ± 0.44 (weights collapsed)')
  expect(entropySummary(at(0.3, 0.9), ENTROPY_CONTEXT)).toContain('−31.47 ± 0.44 (weights collapsed)')
  const few = entropySummary(at(0.3, 0.4), ENTROPY_CONTEXT)
  expect(few).toContain('−31.47 ± 0.44 (few effective)')
  expect(few).toContain('−5.803 ± 0.071  ')
  expect(few).toContain('few effective images and cannot be believed, nor can their error bars')
})

test('tells how far images that were never drawn would have to lie', () => {
  expect(entropySummary(RESOLVED, ENTROPY_CONTEXT)).toContain(
    'Images rarer than 0.7813 % may never have been drawn: they would move λ if their r1 lay 3.24 or more from its mean.',
  )
  expect(entropySummary(BARE_TILT, ENTROPY_CONTEXT)).toContain(
    'Images rarer than 0.1465 % may never have been drawn: they would move λ from a reward of 1.672 on; the highest drawn is −0.0123.',
  )
  for (const unseen of [null, { share: 0.01, highest: 1, reward: null, judge: null }]) {
    expect(entropySummary({ ...RESOLVED, unseen }, ENTROPY_CONTEXT)).not.toContain('never have been drawn')
  }
})
