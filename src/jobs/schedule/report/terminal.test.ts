/** The summary in a terminal: an aligned table of the same numbers. */
import { expect, test } from 'vitest'
import { BARE, CONTEXT, LOST, WON } from './scheduleResult.fixture.ts'
import { terminalSummary } from './terminal.ts'

test('a run that won', () => {
  expect(terminalSummary(WON, CONTEXT)).toMatchInlineSnapshot(`
    "10 learned steps: FID 7.62 ± 0.09, against 19.51 ± 0.21 by default and 12.93 ± 0.13 at best

                                sampler       step list                  FID   judge's FID  recognised
    default DDIM, 10 steps      ddim          trailing          19.51 ± 0.21  22.43 ± 0.28      70.9 %
    best default, 10 steps      dpm-solver++  trailing-clipped  12.93 ± 0.13  13.40 ± 0.17      76.4 %
    start, not tuned, 10 steps  dpm-solver++  karras             9.10 ± 0.11   9.20 ± 0.14      79.0 %
    learned, 10 steps           dpm-solver++  learned            7.62 ± 0.09   7.42 ± 0.12      81.1 %
    default DDIM, 50 steps      ddim          trailing          11.61 ± 0.15  12.01 ± 0.19      77.2 %
    real images                 –             –                        0.412             –      94.2 %

    Learned is better than default DDIM at 10 steps: FID lower by 11.89 ± 0.16, a factor of 0.39.
    Learned is better than the best default at 10 steps: FID lower by 5.31 ± 0.12, a factor of 0.59.
    Learned is better than its start, not tuned, at 10 steps: FID lower by 1.48 ± 0.07, a factor of 0.84.
    Learned is better than default DDIM at 50 steps: FID lower by 3.99 ± 0.14, a factor of 0.66.

    FID in lenet-digits16-features-1a2b3c4d; judge resnet-digits16-judge-9f8e7d6c
    learned (cosine): start 0.00391, end 0.9941, tau 1.431, epsilon 0.000398
    5 min 27 s, peak memory 1843 MiB, run runs/quick-3
    "
  `)
})

test('columns line up, and fit a terminal', () => {
  for (const result of [WON, LOST, BARE]) {
    const table = terminalSummary(result, CONTEXT).split('\n').slice(2, 9)
    expect(new Set(table.map((line) => line.length)).size).toBe(1)
    expect(table[0].length).toBeLessThanOrEqual(110)
  }
})

test('says so where learning lost, and what is unknown', () => {
  expect(terminalSummary(LOST, CONTEXT)).toMatch(/^Learning did not win: /)
  const bare = terminalSummary(BARE, { ...CONTEXT, peakMemoryMiB: null })
  expect(bare).toContain('learned (levels+times): logSnr 1 −7.931, log gap 2 1.398, time 1 981.2')
  expect(bare).not.toMatch(/judge |MiB|\u00a0/)
})
