/** The benchmark as it is run, at sizes that take no time: every key is there, and floors are operations over the measured rate. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { denoiseGraph } from '../src/diffusion/denoisers/programs.ts'
import { operationCount } from '../src/graph/index.ts'
import { smallNetwork } from './subjects.ts'

// Inside the project, so that the bundle finds the engine; two levels down, so that it finds the assets.
const FOLDER = 'dist/bench-test'
const SCRIPT = `${FOLDER}/main.mjs`

beforeAll(() => {
  mkdirSync(FOLDER, { recursive: true })
  const flags = ['--platform', 'node', '--external', 'onnxruntime-node', '--external', '@cwasm/webp', '--file', SCRIPT]
  execFileSync('node_modules/.bin/rolldown', ['bench/main.ts', ...flags], { stdio: 'pipe' })
})
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

const bench = (...argv: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...argv], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

test('all parts, tiny: one line of JSON, a table beside it', () => {
  const { status, stdout, stderr } = bench('--tiny', '--json')
  expect(stderr).toMatch(/ms +images\/s +of floor +what/)
  expect(stderr).toMatch(/UNet2DModel: tuning iteration, 66 images/)
  expect(status).toBe(0)
  expect(stdout.trim().split('\n')).toHaveLength(1)
  const json = JSON.parse(stdout)
  const positive = expect.any(Number)
  const timed = { seconds: positive, floorSeconds: positive, shareOfFloor: positive }
  expect(json).toMatchObject({
    settings: { base: 8, batch: 4, tiny: true },
    sample: { imagesPerSecond: positive, ...timed },
    trainStep: timed,
    tuneIteration: timed,
    small: { sample: { imagesPerSecond: positive, ...timed }, trainStep: timed },
    guided: { imagesPerSecond: positive, ...timed },
    curve: { seconds: positive },
    frechet: { d64: positive, d2048: positive },
    compile: { coldSeconds: positive, cachedSeconds: positive },
    peakMemoryMiB: positive,
    gemmGflops: positive,
  })
  const { sample } = json.small
  expect(sample.imagesPerSecond * sample.seconds).toBeCloseTo(4, 2)
  const operations = 2 * operationCount(denoiseGraph(smallNetwork({ tiny: true }), 4))
  expect((sample.floorSeconds * json.gemmGflops * 1e9) / operations).toBeCloseTo(1, 3)
  expect(sample.shareOfFloor).toBeCloseTo(sample.floorSeconds / sample.seconds, 3)
})

test('chosen parts alone, by processor time; a wrong flag is exit code 2 in words', () => {
  const { stdout } = bench('--tiny', '--json', '--clock', 'cpu', '--runs', '2', '--only', 'curve')
  const json = JSON.parse(stdout)
  expect(json.settings.clock).toBe('cpu')
  expect(json.curve.seconds).toBe(Math.min(...json.curve.runs.cpu))
  expect(json.curve.runs.cpu).toHaveLength(2)
  expect(json).not.toHaveProperty('sample')
  const wrong = bench('--tinny')
  expect([wrong.status, wrong.stdout]).toEqual([2, ''])
  expect(wrong.stderr).toMatch(/^bench: .*--tinny.*\n$/)
})
