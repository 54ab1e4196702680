/** A model of the hub by its name, from a cache that is there: a pipeline that makes latents. */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bilevelHere, newFolder } from './cli.fixture.ts'

const COMMIT = 'ab12'.padEnd(40, '0')
let folder: string
let environment: Record<string, string>
beforeAll(async () => {
  folder = await newFolder()
  const repository = join(folder, 'hub', 'models--org--latents')
  const snapshot = join(repository, 'snapshots', COMMIT)
  await cp(resolve('test/found/latents'), snapshot, { recursive: true })
  await cp(resolve('src/text/fixtures/tokenizer'), join(snapshot, 'tokenizer'), { recursive: true })
  await mkdir(join(repository, 'refs'), { recursive: true })
  await writeFile(join(repository, 'refs', 'main'), COMMIT)
  await writeFile(join(folder, 'prompts.txt'), 'a red three on blue\n')
  environment = { HF_HUB_CACHE: join(folder, 'hub'), HF_HUB_OFFLINE: '1' }
})
afterAll(() => rm(folder, { recursive: true }))

const READ = ['--prompts', 'prompts.txt', '--trust-convention']

test('show opens it', async () => {
  const { code, stdout, stderr } = await bilevelHere(['show', 'hf:org/latents', ...READ], folder, environment)
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toContain('[4, 4, 4], latents of pictures [3, 8, 8]')
  const missing = await bilevelHere(['show', 'hf:org/none'], folder, environment)
  expect(missing).toMatchObject({ code: 2, stderr: expect.stringMatching(/hf:org\/none is not in .*hub/) })
})

test('a schedule is learned on its latents for a reward of its pictures, its commit is recorded', async () => {
  const learned = await bilevelHere(
    [
      ...[
        'schedule',
        '--model',
        'hf:org/latents',
        '--data',
        'none',
        '--objective',
        'reward',
        '--reward',
        'ink',
        ...READ,
      ],
      ...[
        '--sampling-steps',
        '2',
        '--iterations',
        '1',
        '--tuning-samples',
        '2',
        '--chunk',
        '2',
        '--class',
        '0',
        '--out',
        'run',
      ],
      ...['--candidate-samples', '2', '--evaluation-samples', '2', '--clip', 'none'],
    ],
    folder,
    environment,
  )
  expect(learned.stderr).not.toContain('error')
  expect(learned.code).toBe(0)
  const { sources } = JSON.parse(await readFile(join(folder, 'run', 'manifest.json'), 'utf8'))
  expect(sources.model.hub).toEqual({ repository: 'org/latents', revision: COMMIT })
  const drawn = await bilevelHere(['sample', 'run', '--count', '2', '--chunk', '2', ...READ], folder, environment)
  expect(drawn).toMatchObject({ code: 0 })
})
