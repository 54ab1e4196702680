/** The engine's telemetry: no device id, no event database, from whatever thread or entry point a session is opened. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { clean, newFolder } from './cli.fixture.ts'

vi.setConfig({ testTimeout: 120_000 })

let folder = ''
beforeAll(async () => {
  folder = await newFolder()
  await writeFile(join(folder, 'main.mjs'), 'import { open } from "./open.mjs"\nawait open()\n')
  // Lanes of two threads, and a session in this one.
  await writeFile(
    join(folder, 'open.mjs'),
    `import { compileDenoiser, initialState, unet } from ${JSON.stringify(resolve('dist/index.js'))}
    export async function open() {
      const network = unet({ size: 8, channels: [8, 8], groups: 4 })
      for (const batch of [32, 1]) {
        const options = { network, state: initialState(network, 1), batch, binding: 'bound' }
        await (await compileDenoiser(options)).dispose()
      }
      process.stdout.write('opened')
    }`,
  )
  // An environment of its own does not reach the engine.
  await writeFile(
    join(folder, 'thread.mjs'),
    `import { Worker } from 'node:worker_threads'
    new Worker(new URL('./main.mjs', import.meta.url), { env: { HOME: process.env.HOME } })`,
  )
  await writeFile(
    join(folder, 'threadInThread.mjs'),
    `import { Worker } from 'node:worker_threads'
    new Worker(new URL('./thread.mjs', import.meta.url), { env: {} })`,
  )
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const COMMAND = [resolve('dist/cli/main.js'), 'sample', 'digits-16', '--count', '1', '--steps', '1', '--json']

test.each([
  ['the command', COMMAND, '"count":1'],
  ['the library', ['main.mjs'], 'opened'],
  ['the library in a line', ['--input-type=module', '--eval', 'await (await import("./open.mjs")).open()'], 'opened'],
  ['the library in a thread with an environment of its own', ['thread.mjs'], 'opened'],
  ['in a thread of such a thread', ['threadInThread.mjs'], 'opened'],
])('%s leaves nothing of the engine in the home folder', async (_, args, said) => {
  const home = await newFolder()
  const { ORT_DISABLE_TELEMETRY: __, XDG_CACHE_HOME: ___, ...rest } = clean
  const env = { ...rest, HOME: home, BILEVEL_CACHE: 'off' }
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stderr.on('data', (data) => {
    stderr += data
  })
  child.stdout.on('data', (data) => {
    stdout += data
  })
  const [code] = await once(child, 'close')
  expect([code, stdout], stderr).toEqual([0, expect.stringContaining(said)])
  expect(await readdir(home, { recursive: true })).toEqual([])
  await rm(home, { recursive: true })
})
