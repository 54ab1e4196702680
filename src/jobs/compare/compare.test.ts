/** Comparisons as runs on the shipped model, with budgets of a trial or two, and what is refused. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import '../../runtime/node/index.ts'
import { resolveCompareEntropy, runCompareEntropy } from './entropy.ts'
import { openOwnSearch } from './ownSearch.ts'
import { meanPath, shownWithin, styleOf } from './report/compareCharts.ts'
import type { CompareJson } from './report/compareJson.ts'
import { frontOf } from './report/compareJson.ts'
import { resolveCompareSchedule, runCompareSchedule } from './schedule.ts'

const folder = mkdtempSync(join(tmpdir(), 'compare-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const layer = (values: Record<string, unknown>) => [{ source: 'the test', values }]
const words = (values: Record<string, unknown>) => [{ source: 'the flags', values, words: true }]

const OWN = `export default {
  propose: ({ start, trials }) => (trials.length < 2 ? { point: trials.length ? [2, 0, 1, 0.01] : start } : null),
}`

/** What a run leaves that is the same however often it was stopped. */
const lasting = (run: string) => {
  const result = JSON.parse(readFileSync(join(run, 'result.json'), 'utf8')) as CompareJson
  const methods = result.methods.map(({ seconds: _, ...method }) => method)
  return { journal: readFileSync(join(run, 'optuna-journal.log'), 'utf8'), methods, front: result.front }
}

describe('bilevel compare schedule', () => {
  test('stopped in the middle goes on to the same result; another setting is refused', async () => {
    const search = join(folder, 'own.mjs')
    writeFileSync(search, OWN)
    const given = {
      ...{
        methods: ['default', 'random', 'own'],
        budget: '160',
        seeds: [3, 1],
        search,
        tuningSamples: 20,
        samplingSteps: 2,
      },
      ...{ candidateSamples: 20, evaluationSamples: 20, samplingSeeds: [5], judge: 'none', features: 'pixels:16' },
    }
    const config = resolveCompareSchedule(layer(given))
    const whole = join(folder, 'whole')
    const { json, summary } = await runCompareSchedule(config, { folder: whole })
    expect(json.methods.map(({ name }) => name).toSorted()).toEqual(['default', 'own', 'random'])
    expect(json.methods.find(({ name }) => name === 'random')).toMatchObject({ networkEvaluations: 160, trials: 4 })
    expect(json.methods.find(({ name }) => name === 'own')).toMatchObject({ networkEvaluations: 80, trials: 2 })
    expect(summary).toContain('one standard error over 2 seeds')
    expect(readFileSync(join(whole, 'report.html'), 'utf8')).toContain('Best so far against network evaluations')

    const cut = join(folder, 'cut')
    const stop = new AbortController()
    let trials = 0
    const onEvent = ({ kind }: { kind: string }) => {
      if (kind === 'trial' && ++trials === 3) stop.abort()
    }
    const stopped = runCompareSchedule(config, { folder: cut, signal: stop.signal, onEvent })
    await expect(stopped).rejects.toMatchObject({ code: 'interrupted' })
    const other = resolveCompareSchedule(layer({ ...given, budget: '200' }))
    await expect(runCompareSchedule(other, { folder: cut, resume: true })).rejects.toThrow('budget')
    await runCompareSchedule(config, { folder: cut, resume: true })
    expect(lasting(cut)).toEqual(lasting(whole))
  }, 120_000)
})

describe('bilevel compare entropy', () => {
  test('compares strengths and draws what is traded off', async () => {
    const config = resolveCompareEntropy(
      layer({
        ...{ preset: 'tiny', methods: ['default', 'grid', 'published'], budget: '1100', seeds: [0], trialImages: 16 },
        ...{ evaluationImages: 16, samplingSeeds: [4], steps: 4, features: 'none', data: null, judgeNetwork: 'none' },
      }),
    )
    const run = join(folder, 'entropy')
    const { json } = await runCompareEntropy(config, { folder: run })
    expect(json.methods).toHaveLength(3)
    expect(json.methods.find(({ name }) => name === 'grid')!.trials).toBeGreaterThan(4)
    expect(json.front!.length).toBeGreaterThan(0)
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('Pareto front')
  }, 120_000)
})

describe('what is refused', () => {
  test.each([
    [{ methods: ['grid', 'gird'] }, "got 'gird'; did you mean"],
    [{ methods: ['own'] }, 'own needs --search'],
    [{ budget: '20x' }, 'minutes (20m)'],
    [{ seeds: '[]' }, 'seed'],
    [{ seeds: '[1,1]' }, 'each seed is named once'],
    [{ seeds: '[a-b]' }, 'seeds'],
    [{ trainSteps: '5' }, 'trainSteps'],
  ])('%j', (given, said) => {
    const list = Object.fromEntries(
      Object.entries(given).map(([key, value]) => [key, Array.isArray(value) ? JSON.stringify(value) : value]),
    )
    expect(() => resolveCompareSchedule(words(list))).toThrow(said)
  })

  test('a budget that nothing fits into, with the least that would do', async () => {
    const config = resolveCompareSchedule(layer({ budget: '9', methods: ['default', 'random'], features: 'pixels:16' }))
    const run = runCompareSchedule(config, { folder: join(folder, 'small') })
    await expect(run).rejects.toThrow(/give --budget 960 or more/)
  })

  test('a module that is no search', async () => {
    const path = join(folder, 'none.mjs')
    writeFileSync(path, 'export default 3')
    await expect(openOwnSearch(path)).rejects.toThrow('exports number')
    await expect(openOwnSearch(join(folder, 'missing.mjs'))).rejects.toThrow('cannot be read')
  })
})

test('settings that were resolved resolve to themselves, as a resumed run has them', () => {
  const schedule = resolveCompareSchedule(layer({ samplingSteps: 4, guidanceScale: null }))
  expect(resolveCompareSchedule(layer(schedule))).toEqual(schedule)
  expect(schedule).toMatchObject({ model: 'digits-16', sampler: 'exponential', seeds: [0], budget: '200000' })
  const entropy = resolveCompareEntropy(layer({ preset: 'prompts' }))
  expect(resolveCompareEntropy(layer(entropy))).toEqual(entropy)
  expect(entropy).toMatchObject({ model: 'captioned-digits', steps: 8 })
})

describe('the report', () => {
  const point = (across: number, up: number) => ({ method: 'grid', across, up })

  test('a front is what nothing is better than in both', () => {
    const points = [point(1, 5), point(2, 4), point(2, 3), point(3, 1), point(0, 5), point(2.5, 0)]
    expect(frontOf(points)).toEqual([point(1, 5), point(2, 4), point(3, 1)])
  })

  test('a path is the mean over seeds from where all have something', () => {
    const run = (seed: number, ...path: [number, number][]) => ({
      seed,
      networkEvaluations: 100,
      figures: {},
      path: path.map(([evaluations, value]) => ({ evaluations, value })),
    })
    const runs = [run(0, [10, 4], [40, 2]), run(1, [20, 6], [60, 4])]
    expect(meanPath({ runs } as unknown as CompareJson['methods'][number])).toEqual([
      { x: 20, y: 5 },
      { x: 40, y: 4 },
      { x: 60, y: 3 },
      { x: 100, y: 3 },
    ])
  })

  test('no two of eleven methods look alike', () => {
    const styles = Array.from({ length: 11 }, (_, place) => styleOf(place === 10 ? 'bilevel' : `m${place}`, place))
    expect(new Set(styles.map((style) => JSON.stringify(style))).size).toBe(11)
  })
})

test('what is far behind every end is drawn at the edge', () => {
  const [below, above] = [
    [-30, -8, -6, -4, -7],
    [-7, -4],
  ] as const
  expect(below.map(shownWithin(below, above, 'higher'))).toEqual([-8.5, -8, -6, -4, -7])
  const distances = [60, 20, 12, 4] as const
  expect(distances.map(shownWithin(distances, [12, 4], 'lower'))).toEqual([16, 16, 12, 4])
})
