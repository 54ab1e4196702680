/** docs/operators.md agrees with the code. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { operatorPage } from '../scripts/operators/page.ts'

test('docs/operators.md is what npm run docs:operators writes', () => {
  const results = readFileSync('docs/results/operators.json', 'utf8')
  expect(readFileSync('docs/operators.md', 'utf8')).toBe(operatorPage(results))
})
