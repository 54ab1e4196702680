/** README and the guide say what is there: its code runs (the examples' own tests), its table is that of the committed run, its commands parse. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import type { ComparisonResult, QuickResult, ShippedRecord } from '../scripts/readmeParts.ts'
import { GUIDE_PAGES, withComparisons, withExamples, withModelTables, withTable } from '../scripts/readmeParts.ts'
import { REWARD_MODULE } from '../src/jobs/init/rewardModule.ts'

const readme = readFileSync('README.md', 'utf8')

test.each(GUIDE_PAGES)('the TypeScript of %s is that of the examples, which run as tests', (page) => {
  const text = readFileSync(page, 'utf8')
  expect(withExamples(text)).toBe(text)
  expect(text.match(/```ts\n/g) ?? []).toHaveLength((text.match(/<!-- example: /g) ?? []).length)
})

test('README and the page on TypeScript have examples', () => {
  for (const page of ['README.md', 'docs/guide/typescript.md'])
    expect(readFileSync(page, 'utf8')).toMatch(/```ts\nimport/)
})

test('its reward module is the one that bilevel init writes', () => {
  expect(readFileSync('docs/guide/entropy.md', 'utf8')).toContain(`\`\`\`js\n${REWARD_MODULE}\`\`\``)
})

test('its table is that of the committed run', () => {
  const result = JSON.parse(readFileSync('docs/results/quick.json', 'utf8')) as QuickResult
  expect(withTable(readme, result)).toBe(readme)
})

test('the tables of the models that come along are those of their records, with the best default', () => {
  const models = readFileSync('assets/models/README.md', 'utf8')
  const recordOf = (name: string) =>
    JSON.parse(readFileSync(`assets/models/${name}/record.json`, 'utf8')) as ShippedRecord
  for (const name of ['digits-16', 'digits-28']) expect(models).toContain(`<!-- ${name}:begin -->`)
  expect(withModelTables(models, recordOf)).toBe(models)
  for (const steps of [3, 5, 10]) expect(models).toContain(`| best default, ${steps} steps: `)
})

test('the tables of comparisons are those of the committed runs, the best first', () => {
  const page = readFileSync('docs/guide/compare.md', 'utf8')
  const resultOf = (name: string) =>
    JSON.parse(readFileSync(`docs/results/compare/${name}.json`, 'utf8')) as ComparisonResult
  expect(withComparisons(page, resultOf)).toBe(page)
  for (const [, name] of page.matchAll(/<!-- compare:(\S+) \S+ -->/g)) {
    const key = name.startsWith('schedule') ? 'fid' : 'r1'
    const values = resultOf(name).methods.map(({ figures }) => figures[key].mean * (key === 'fid' ? 1 : -1))
    expect(values).toEqual(values.toSorted((a, b) => a - b))
  }
})

test('a table says in words what its numbers say, also where learning did not win', () => {
  const result = JSON.parse(readFileSync('docs/results/quick.json', 'utf8')) as QuickResult
  const { gain } = result
  const other = {
    ...gain,
    overBestDefault: { mean: -1.5, standardError: 0.2 },
    overStart: { mean: 0.1, standardError: 0.2 },
  }
  const text = withTable(readme, { ...result, gain: other })
  expect(text).toContain('worse than the best default (higher by 1.50 ± 0.20)')
  expect(text).toContain('not distinguishable from its start, not tuned (lower by 0.10 ± 0.20)')
})

test.each(GUIDE_PAGES)('every file that %s points to is there', (page) => {
  const targets = [...readFileSync(page, 'utf8').matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target)
  const isDead = (target: string) => !target.startsWith('https:') && !existsSync(join(dirname(page), target))
  expect(targets.filter(isDead)).toEqual([])
})

test('README leads to every page of the guide', () => {
  const unnamed = GUIDE_PAGES.slice(1).filter((page) => !readme.includes(`](${page})`))
  expect(unnamed).toEqual([])
})

test('both commands of a fresh machine stand on lines of their own', () => {
  expect(readme).toMatch(/^npm ci && npm start$/m)
  expect(readme).toMatch(/^npm ci && npm test$/m)
})
