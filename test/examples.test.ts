/** The examples run as they stand, against the package as it is installed. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import ts from 'typescript'
import { describe, expect, test, vi } from 'vitest'
import { loadModel } from '../src/diffusion/files/index.ts'

async function outputOf(run: () => Promise<unknown>): Promise<string> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  try {
    await run()
    return log.mock.calls.map((words) => words.join(' ')).join('\n')
  } finally {
    log.mockRestore()
  }
}

test('a problem of one’s own is solved', async () => {
  expect(await outputOf(() => import('../examples/ownProblem.ts'))).toBe('q = 2.000')
})

test('a learned schedule is saved with its model', async () => {
  const output = await outputOf(() => import('../examples/learnSchedule.ts'))
  expect(output).toMatch(/^learned, 4 steps: [\d.]+, best default: [\d.]+, in lenet-digits16-features-/)
  const [, folder] = /model: (.*)$/.exec(output) ?? []
  const { samplingSchedules } = await loadModel(folder)
  // Learned, or the best default where that is what is kept.
  expect(samplingSchedules.map(({ name }) => name)).toEqual([expect.stringMatching(/^[a-z+-]+-\d$/)])
  await rm(folder, { recursive: true })
})

test('an entropy strength is tuned on the model that comes with the project', async () => {
  const output = await outputOf(() => import('../examples/tuneEntropy.ts'))
  const [, value, low, high] = /^lambda = ([\d.]+) in \[([\d.]+), ([\d.]+)\]$/m.exec(output)?.map(Number) ?? []
  expect(low).toBeLessThanOrEqual(value)
  expect(value).toBeLessThanOrEqual(high)
  expect(output).toMatch(/^judge's reward: -[\d.]+ unguided, -?[\d.]+ at lambda$/m)
  expect(output).toMatch(/^12 points on the trade-off curve$/m)
})

describe('plain functions', () => {
  let ran: Promise<string> | undefined
  const mixture = () => (ran ??= outputOf(() => import('../examples/mixture.ts')))

  test('a schedule is learned and a strength is tuned on a mixture of normals', async () => {
    const output = await mixture()
    const [, untouched, start, learned] =
      /^default DDIM, 4 steps: FID ([\d.]+)\nstart, not tuned, 4 steps: FID ([\d.]+)\nlearned, 4 steps: FID ([\d.]+)$/m
        .exec(output)
        ?.map(Number) ?? []
    expect(start).toBeLessThan(untouched / 4)
    expect(learned).toBeLessThan(start)
    const [, value, low, high] = /^lambda = ([\d.]+) in \[([\d.]+), ([\d.]+)\]$/m.exec(output)?.map(Number) ?? []
    expect(low).toBeLessThan(value)
    expect(high).toBeGreaterThan(value)
    expect(high).toBeLessThan(1.5 * low)
    const [, base, tuned] = /^judge's reward: (-[\d.]+) unguided, (-[\d.]+) at lambda$/m.exec(output)?.map(Number) ?? []
    expect(tuned).toBeGreaterThan(base / 4)
  })

  test('the same through the browser’s entry, which has no engine here', async () => {
    const text = await readFile('examples/mixture.ts', 'utf8')
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    })
    const core = pathToFileURL(resolve('dist/core.js')).href
    const folder = await mkdtemp(join(tmpdir(), 'core-mixture-'))
    const file = join(folder, 'mixture.mjs')
    await writeFile(file, outputText.replace(`'bilevel-diffusion'`, `'${core}'`))
    const { stdout } = await promisify(execFile)(process.execPath, [file])
    expect(stdout.trim()).toBe(await mixture())
    await rm(folder, { recursive: true })
  })
})
