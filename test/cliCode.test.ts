/** Rewards in JavaScript as a user runs them: whose code runs when, and what it may do to a run. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { bilevel, bilevelHere, newFolder, untrainedModel } from './cli.fixture.ts'

/** Whole processes on a machine that may be busy. */
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

let folder = ''
const at = (...path: string[]) => join(folder, ...path)
const TINY = ['entropy', '--preset', 'tiny', '--model', 'plain', '--judge', 'symmetry', '--target', 'tilt']
const FEW = ['--max-evaluations', '2000', '--curve-paths', '8']

/** The mean pixel, with chatter, and a trace of having run. */
const MEAN = `import { writeFileSync } from 'node:fs'
writeFileSync('ran', '')
console.log('chatter')
export default {
  range: [-1, 1],
  values: ({ data, shape: [n] }) => {
    process.stdout.write('chatter')
    const size = data.length / n
    return Array.from({ length: n }, (_, i) => data.subarray(i * size, (i + 1) * size).reduce((a, b) => a + b) / size)
  },
}
`

let first: Awaited<ReturnType<typeof bilevel>>
beforeAll(async () => {
  folder = await newFolder()
  await untrainedModel(at('plain'))
  await writeFile(at('mean.mjs'), MEAN)
  first = await bilevel([...TINY, ...FEW, '--reward', './mean.mjs', '--out', 'run', '--json'], folder)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Refused before anything of the module ran. */
async function refused(args: readonly string[], message: string | RegExp): Promise<void> {
  await rm(at('ran'), { force: true })
  const { code, stdout, stderr } = await bilevelHere(args, folder)
  expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(message)])
  expect(existsSync(at('ran'))).toBe(false)
  expect(await readdir(folder)).not.toContain('no')
}

describe('a reward named on the command line', () => {
  test('runs, and what it prints does not mix with the result', async () => {
    expect(first.code, first.stderr).toBe(0)
    expect(first.stdout.split('\n')).toEqual([expect.stringMatching(/^\{.*\}$/), ''])
    expect(first.stderr).toContain('chatter\n')
    const manifest = JSON.parse(await readFile(at('run', 'manifest.json'), 'utf8'))
    const guidance = JSON.parse(await readFile(at('run', 'guidance.json'), 'utf8'))
    expect(manifest.sources.code).toEqual({ './mean.mjs': expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(guidance.code).toEqual(manifest.sources.code)
    expect(await readFile(at('run', 'report.html'), 'utf8')).toContain(' sample run --count 100 --allow-code')
  })
})

describe('a reward that a file names', () => {
  test('runs when it is allowed: of a run, of a guidance file, of a config', async () => {
    const sample = ['sample', 'run', '--count', '2', '--out', 'no']
    await refused(
      sample,
      /run\/guidance.json names code that would run with all your rights: \S*mean.mjs; .* --allow-code/,
    )
    await refused(['sample', 'plain', '--guidance', 'run/guidance.json', '--out', 'no'], /--allow-code/)
    const drawn = await bilevel([...sample.slice(0, -1), 'drawn', '--allow-code', '--json'], folder)
    expect(drawn.code, drawn.stderr).toBe(0)
    expect(drawn.stdout.split('\n').length).toBe(2)
    await writeFile(at('theirs.yaml'), 'reward: ink + 2*./mean.mjs\n')
    await refused(
      [...TINY, '--config', 'theirs.yaml', '--out', 'no'],
      /theirs.yaml names code .*, or name it yourself: --reward 'ink/,
    )
  })

  test('of a run to go on with: named again or allowed, and the one it began with', async () => {
    await refused(['entropy', '--resume', 'run'], /run\/config.yaml names code .*--reward '.\/mean.mjs'/)
    const named = await bilevel(['entropy', '--resume', 'run', '--reward', './mean.mjs', '--json'], folder)
    expect(named.code, named.stderr).toBe(0)
    await writeFile(at('mean.mjs'), `${MEAN}// changed\n`)
    const changed = /run\/manifest.json was made with another .\/mean.mjs: .*nothing of it was run/
    await refused(['entropy', '--resume', 'run', '--allow-code'], changed)
    await refused(['entropy', '--resume', 'run', '--reward', './mean.mjs'], changed)
    await refused(
      ['sample', 'run', '--allow-code', '--out', 'no'],
      /run\/guidance.json was made with another .\/mean.mjs/,
    )
  })
})

describe('a reward that goes wrong in the middle of a run', () => {
  test.each([
    ['exits', 'process.exit(0)', /the reward module '.\/exits.mjs' must go on .* ended with process.exit\(0\)/],
    ['hangs', 'await new Promise(() => {})', /the reward module '.\/hangs.mjs' must answer each call within 2 s/],
    [
      'throws-later',
      "setTimeout(() => { throw new Error('later') }); await new Promise(() => {})",
      /outside of a call.*: later/,
    ],
  ])('%s: it is named, the run has failed, and its folder is free', async (name, text, message) => {
    await writeFile(
      at(`${name}.mjs`),
      `let calls = 0
      export default async ({ data, shape: [n] }) => {
        if (++calls > 4) ${text.includes('await') ? `{ ${text} }` : text}
        return Array.from({ length: n }, (_, i) => data[(i * data.length) / n])
      }`,
    )
    const args = [
      ...TINY,
      ...FEW,
      '--reward',
      `./${name}.mjs`,
      ...(name === 'hangs' ? ['--reward-timeout', '2'] : []),
      '--out',
      name,
      '--json',
    ]
    const { code, stdout, stderr } = await bilevel(args, folder)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr.split('\n').filter((line) => line.startsWith('error: '))).toEqual([expect.stringMatching(message)])
    expect(stderr).not.toContain('this is a bug')
    expect(JSON.parse(await readFile(at(name, 'manifest.json'), 'utf8')).status).toBe('failed')
    expect(await readdir(at(name))).not.toContain('lock')
  })
})

test('in the library, one that nobody disposes of keeps no process alive', async () => {
  await writeFile(at('idle.mjs'), 'setInterval(() => {}, 1000); export default ({ shape: [n] }) => Array(n).fill(1)\n')
  const program = `import { moduleReward, tensor } from ${JSON.stringify(pathToFileURL(resolve('dist/index.js')).href)}
    const reward = await moduleReward('idle.mjs')
    await reward.values(tensor('float32', [1, 1, 1, 2], new Float32Array(2)))
    console.log('rated')`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: folder,
  })
  expect([status, String(stdout)], String(stderr)).toEqual([0, 'rated\n'])
})
