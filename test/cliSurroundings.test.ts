/** What surrounds a command: every documented environment variable with every command, and outputs that nobody reads to the end. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { add, div, reshape, sub, trace } from '../src/graph/index.ts'
import { encodeModel } from '../src/onnx/index.ts'
import { bilevel, bilevelHere, clean, newFolder, untrainedModel } from './cli.fixture.ts'

/** Whole processes on a machine that may be busy. */
vi.setConfig({ testTimeout: 120_000 })

let folder = ''
const at = (...path: string[]) => join(folder, ...path)
beforeAll(async () => {
  folder = await newFolder()
  await untrainedModel(at('plain'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('environment variables', () => {
  const environment = () => ({
    BILEVEL_CACHE: 'off',
    BILEVEL_COUNT: '3',
    BILEVEL_DATA: 'digits',
    BILEVEL_LAMBDA_RANGE: '[.1,10]',
    BILEVEL_SAMPLES: '70',
    BILEVEL_SAMPLING_STEPS: '3',
    NO_COLOR: '1',
    ONNXRUNTIME_NODE_INSTALL: 'skip',
    ORT_DISABLE_TELEMETRY: '1',
    XDG_CACHE_HOME: at('cache'),
  })

  test('these are all that are documented', async () => {
    const texts = ['README.md', 'docs/guide/runs.md', 'test/__snapshots__/cli.test.ts.snap'].map((path) =>
      readFile(path, 'utf8'),
    )
    const prose = (await Promise.all(texts)).join('\n').replaceAll(/```ts\n.*?```/gs, '')
    const words = prose.match(/\b(?:[A-Z]{2,}_)+[A-Z]{2,}\b/g) ?? []
    expect([...new Set(words)].toSorted()).toEqual(Object.keys(environment()))
  })

  test.each([
    [['schedule', '--preset', 'tiny', '--dry-run', '--json'], { samplingSteps: 3 }],
    [['entropy', '--preset', 'tiny', '--dry-run', '--json'], { lambdaRange: [0.1, 10] }],
    [['sample', 'plain', '--out', 'images', '--steps', '2', '--json'], { count: 3 }],
    [
      ['evaluate', 'plain', '--features', 'pixels', '--judge', 'none', '--seeds', '1', '--steps', '2', '--json'],
      { protocol: { samplesPerSeed: 70 } },
    ],
  ])('%j takes its own ones of all of them', async (args, result) => {
    const { code, stdout, stderr } = await bilevel(args, folder, environment())
    expect(code, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject(result)
    expect(existsSync(at('cache'))).toBe(false)
  })

  test('none of them is a reason to start a job of minutes', async () => {
    const { code, stderr } = await bilevelHere(['entropy'], folder, {
      BILEVEL_CACHE: 'off',
      BILEVEL_SAMPLING_STEPS: '3',
    })
    expect([code, stderr.startsWith('Usage: bilevel entropy')]).toEqual([2, true])
  })

  test.each([
    [['sample', 'plain'], { BILEVEL_COUT: '3' }, "unknown setting 'cout' in the environment; did you mean 'count'?"],
    [['evaluate', 'plain'], { BILEVEL_SAMPLES: 'x' }, 'samples: Invalid input'],
    [['schedule', '--dry-run'], { BILEVEL_CACHE: '/tmp' }, "BILEVEL_CACHE must be on or off, got '/tmp'"],
  ])('what is none of them, or not theirs, is named: %j %j', async (args, variables, message) => {
    const { code, stderr } = await bilevelHere(args, folder, variables)
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
  })

  test('none is nothing, as with flags', async () => {
    const { code, stdout, stderr } = await bilevel(['sample', 'plain', '--json', '--out', 'none'], folder, {
      BILEVEL_DATA: 'digits',
      BILEVEL_COUNT: '1',
      BILEVEL_GUIDANCE: 'none',
      BILEVEL_STEPS: '2',
    })
    expect(code, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ guidance: null, count: 1, schedule: { steps: 2 } })
  })
})

describe('images that are no numbers', () => {
  test.each(['sample', 'evaluate'])('%s names image and step, and writes none', async (command) => {
    const types = { x: { dtype: 'float32', shape: [4, 1, 16, 16] }, t: { dtype: 'float32', shape: [4] } } as const
    const model = trace(types, ({ x, t }) => {
      const zero = sub(x, x)
      return { eps: add(div(zero, zero), reshape(t, [4, 1, 1, 1])) }
    })
    await writeFile(at('nan.onnx'), encodeModel(model))
    await writeFile(at('betas.json'), JSON.stringify({ betas: Array(20).fill(0.2) }))
    const few = command === 'sample' ? ['--count', '4', '--out', 'no'] : ['--samples', '80', '--features', 'pixels']
    const args = [command, 'nan.onnx', '--scheduler', 'betas.json', '--steps', '3', '--chunk', '4', ...few, '--json']
    const { code, stdout, stderr } = await bilevelHere(args, folder)
    expect([code, stdout, stderr]).toEqual([
      1,
      '',
      expect.stringMatching(
        /error: sampled images must be finite, but image 0 has NaN after step 1 of \d+ \(time 19\): /,
      ),
    ])
    expect(await readdir(folder)).not.toContain('no')
  })
})

describe('an output that is closed', () => {
  /** Runs with readers that are gone from the start. */
  async function unread(args: readonly string[], gone: readonly ('stdout' | 'stderr')[]) {
    const child = spawn(process.execPath, [resolve('dist/cli/main.js'), ...args], {
      cwd: folder,
      env: clean,
      stdio: 'pipe',
    })
    let stdout = ''
    child.stdout.on('data', (data) => {
      stdout += data
    })
    child.stderr.resume()
    for (const name of gone) child[name].destroy()
    const [code] = await once(child, 'close')
    return { code, stdout }
  }

  test('stderr: a run goes on to its end, and the result is whole', async () => {
    const args = ['entropy', '--preset', 'tiny', '--model', 'plain', '--max-evaluations', '2000', '--curve-paths', '8']
    const { code, stdout } = await unread([...args, '--out', 'quiet', '--json'], ['stderr'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ run: 'quiet' })
    expect(JSON.parse(await readFile(at('quiet', 'manifest.json'), 'utf8')).status).toBe('done')
  })

  test('both: the images are there', async () => {
    const args = ['sample', 'plain', '--count', '2', '--out', 'unread', '--json']
    expect(await unread(args, ['stdout', 'stderr'])).toMatchObject({ code: 0 })
    expect(await readdir(at('unread', 'images'))).toHaveLength(2)
  })

  test.skipIf(!existsSync('/dev/full'))('a full disk under stdout: said, as the result is lost', async () => {
    const full = openSync('/dev/full', 'w')
    const args = [resolve('dist/cli/main.js'), 'entropy', '--preset', 'tiny', '--dry-run', '--json']
    const child = spawn(process.execPath, args, { cwd: folder, env: clean, stdio: ['ignore', full, 'pipe'] })
    let stderr = ''
    child.stderr?.on('data', (data) => {
      stderr += data
    })
    const [code] = await once(child, 'close')
    closeSync(full)
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^error: standard output must take the result, but: ENOSPC/),
    ])
    expect(stderr).not.toContain('bug')
  })
})
