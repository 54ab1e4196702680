/** README says what is there: its code runs (the examples' own tests), its table is that of the committed run, its commands parse. */
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { QuickResult } from '../scripts/readmeParts.ts'
import { withExamples, withTable } from '../scripts/readmeParts.ts'

const readme = readFileSync('README.md', 'utf8')

test('its TypeScript is that of the examples, which run as tests', () => {
  expect(readme).toMatch(/```ts\nimport/)
  expect(withExamples(readme)).toBe(readme)
})

test('its table is that of the committed run', () => {
  const result = JSON.parse(readFileSync('docs/results/quick.json', 'utf8')) as QuickResult
  expect(withTable(readme, result)).toBe(readme)
})

test('every file it points to is there', () => {
  const targets = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target)
  expect(targets.filter((target) => !target.startsWith('https:') && !existsSync(target))).toEqual([])
})

test('both commands of a fresh machine stand on lines of their own', () => {
  expect(readme).toMatch(/^npm ci && npm start$/m)
  expect(readme).toMatch(/^npm ci && npm test$/m)
})
