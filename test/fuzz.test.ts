/**
 * Damaged input for every parser: what was once found to be answered wrongly (test/fuzz, by parser), and a few fresh ones.
 * `npm run proof:fuzz` gives each of them thousands.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { corpusName, fuzzTarget } from '../scripts/fuzz/campaign.ts'
import { tryInput } from '../scripts/fuzz/target.ts'
import { openTargets } from '../scripts/fuzz/targets.ts'

const CORPUS = join('test', 'fuzz')
/** Fresh inputs for each parser. */
const FRESH = 40

const { targets, close } = await openTargets()
afterAll(close)

test.each(targets.map((target) => [target.name, target] as const))('%s', async (name, target) => {
  const folder = join(CORPUS, corpusName(name))
  for (const file of existsSync(folder) ? readdirSync(folder) : []) {
    const outcome = await tryInput(target, Uint8Array.from(readFileSync(join(folder, file))))
    expect(outcome, join(folder, file)).not.toMatchObject({ kind: 'fault' })
  }
  const { faults } = await fuzzTarget(target, { seed: 1, first: 0, count: FRESH })
  expect(faults.map(({ number, why }) => `${number}: ${why}`)).toEqual([])
})

test('every folder of found inputs belongs to a parser', () => {
  const known = targets.map(({ name }) => corpusName(name))
  expect(readdirSync(CORPUS).filter((name) => !known.includes(name))).toEqual([])
})
