/** Rewards that people write, as the command takes them: one to begin with, and one that cannot rate every image. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { bilevelHere, newFolder } from './cli.fixture.ts'

vi.setConfig({ testTimeout: 120_000 })

let folder = ''
const at = (...path: string[]) => join(folder, ...path)
beforeAll(async () => {
  folder = await newFolder()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const TINY = ['entropy', '--preset', 'tiny', '--judge', 'typicality@features', '--max-evaluations', '2000', '--json']

test('bilevel init reward: a module that is guided by, with the command it prints', async () => {
  const made = await bilevelHere(['init', 'reward'], folder)
  expect([made.code, made.stderr]).toEqual([0, ''])
  expect(made.stdout).toMatch(/^reward.mjs; try it: .* entropy --reward .\/reward.mjs --judge typicality@features\n$/)
  const run = await bilevelHere(
    [...TINY, '--reward', './reward.mjs', '--lambda-range', '0.2,20', '--out', 'run'],
    folder,
  )
  expect(run.code, run.stderr).toBe(0)
  const { target, reward, lower, curve } = JSON.parse(run.stdout)
  expect([target, reward]).toEqual(['guided', 'reward.mjs'])
  // Guidance by its derivative raises it towards its most, which is 0.
  expect(lower.lambdaMin.mean - lower.base.mean).toBeGreaterThan(5 * lower.base.standardError)
  expect(curve.length).toBeGreaterThanOrEqual(5)
})

test('bilevel init: a file that is there is left alone; what there is not', async () => {
  await writeFile(at('mine.mjs'), 'mine')
  const again = await bilevelHere(['init', 'reward', '--file', 'mine.mjs'], folder)
  expect([again.code, again.stderr]).toEqual([
    2,
    expect.stringMatching(/'mine.mjs' is there already and is left alone/),
  ])
  expect(await readFile(at('mine.mjs'), 'utf8')).toBe('mine')
  const other = await bilevelHere(['init', 'rewards'], folder)
  expect([other.code, other.stderr]).toEqual([2, expect.stringMatching(/got 'rewards'; did you mean 'reward'\?/)])
  expect((await bilevelHere(['init'], folder)).code).toBe(2)
  const json = await bilevelHere(['init', 'reward', '--file', 'deep.mjs', '--json'], folder)
  expect(JSON.parse(json.stdout)).toEqual({ what: 'reward', file: 'deep.mjs' })
})

test('--on-bad-reward: NaN ends the run, or its images are drawn again and that is said', async () => {
  // The brightest digits: a few of a hundred.
  await writeFile(
    at('nan.mjs'),
    `export default { range: [0, 1], values: ({ data, shape: [n] }) => {
      const size = data.length / n
      const mean = (i) => data.subarray(i * size, (i + 1) * size).reduce((a, b) => a + b, 0) / size
      return Array.from({ length: n }, (_, i) => (mean(i) > 0.21 ? NaN : 100 * mean(i)))
    } }`,
  )
  const args = [...TINY, '--target', 'tilt', '--reward', './nan.mjs', '--lambda-range', '5,50']
  const stopped = await bilevelHere([...args, '--out', 'stopped'], folder)
  expect([stopped.code, stopped.stderr]).toEqual([
    1,
    expect.stringMatching(
      /error: reward 'nan.mjs' must return finite numbers, image \d+ got NaN; .* --on-bad-reward drop/,
    ),
  ])
  const dropped = await bilevelHere([...args, '--on-bad-reward', 'drop', '--out', 'dropped'], folder)
  expect(dropped.code, dropped.stderr).toBe(0)
  expect(dropped.stderr).toMatch(/note: \d+ images, to which reward or judge gave no finite number, /)
  const words = ['sample', 'dropped', '--count', '4', '--out', 'drawn', '--allow-code']
  const drawn = await bilevelHere(words, folder)
  expect(drawn.code, drawn.stderr).toBe(0)
})
