/** `bilevel entropy` and guided samples as a user runs them: results, repeatability, going on after a kill and after Ctrl-C, what goes wrong. */
import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeSafetensors } from '../src/nn/index.ts'
import {
  bilevel,
  bilevelHere,
  CALLED,
  newFolder,
  numbersOf,
  printedBy,
  shell,
  start,
  tracesOf,
  untrainedModel,
} from './cli.fixture.ts'
import { foundDenoiser } from './found/denoisers/exact.fixture.ts'

/** A reward without derivative that is best where the mean pixel is .15. */
const JUDGE = `export default ({ data, shape: [n] }) => {
  const size = data.length / n
  const mean = (i) => data.slice(i * size, (i + 1) * size).reduce((sum, pixel) => sum + pixel, 0) / size
  return Array.from({ length: n }, (_, i) => -((mean(i) - 0.15) ** 2))
}
`
const TINY = ['entropy', '--preset', 'tiny', '--model', 'plain', '--judge', './judge.mjs']
const FILES = ['samples/samples.safetensors', 'samples/chosen.png', 'guidance.json']

let folder = ''
const at = (...path: string[]) => join(folder, ...path)
let first: Awaited<ReturnType<typeof bilevel>>

beforeAll(async () => {
  folder = await newFolder()
  await untrainedModel(at('plain'))
  await untrainedModel(at('classes'), 3)
  await writeFile(at('judge.mjs'), JUDGE)
  first = await bilevel([...TINY, '--json'], folder)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const finite = expect.toSatisfy(Number.isFinite)
const estimate = { mean: finite, standardError: finite }
const three = { base: estimate, tuned: estimate, lambdaMin: estimate }

async function samplesOf(file: string): Promise<Float32Array> {
  const { tensors } = decodeSafetensors(await readFile(at(file)))
  return Float32Array.from((tensors.chosen ?? tensors.samples).data as Float32Array)
}

describe('a run', () => {
  test('prints one JSON object with everything that was found', () => {
    expect(first.code, first.stderr).toBe(0)
    expect(first.stdout.trimEnd().split('\n').length).toBe(1)
    const result = JSON.parse(first.stdout)
    expect(result).toMatchObject({
      preset: 'tiny',
      seed: 0,
      target: 'guided',
      reward: 'ink',
      judge: 'judge.mjs',
      sampler: { sampler: 'ddim', eta: 1 },
      samplingSteps: 4,
      lambdaRange: [0.01, 10],
      entropyStrength: { value: finite, low: finite, high: finite, resolved: true, boundary: null },
      upper: three,
      lower: three,
      diversity: three,
      kl: { value: finite, kind: 'path' },
      effectiveSampleSize: finite,
      networkEvaluations: finite,
      seconds: finite,
      peakMemoryMiB: finite,
      run: 'runs/entropy-tiny-0',
    })
    expect(result.extend).toBeNull()
    expect(result.restsOn).toMatchObject({ tuned: { trusted: true, collapsed: false } })
    const { low, value, high } = result.entropyStrength
    expect(low <= value && value <= high && high / low <= 2).toBe(true)
    const { base, tuned, lambdaMin } = result.upper
    expect(tuned.mean).toBeGreaterThan(base.mean + 3 * Math.hypot(base.standardError, tuned.standardError))
    expect(tuned.mean).toBeGreaterThan(lambdaMin.mean + 3 * Math.hypot(lambdaMin.standardError, tuned.standardError))
    expect(new Set(result.curve.map(({ target }: { target: string }) => target))).toEqual(new Set(['guided', 'tilt']))
  })

  test('leaves a folder with everything in it', async () => {
    const run = at('runs', 'entropy-tiny-0')
    expect((await readdir(run)).toSorted()).toEqual([
      'charts',
      'config.yaml',
      'events.jsonl',
      'guidance.json',
      'manifest.json',
      'report.html',
      'result.json',
      'samples',
      'tensorboard',
    ])
    const manifest = JSON.parse(await readFile(join(run, 'manifest.json'), 'utf8'))
    expect(manifest).toMatchObject({ status: 'done', command: 'entropy' })
    for (const name of ['model', 'reward', 'judge', 'data', 'features', 'judgeNetwork']) {
      expect(manifest.sources[name].sha256, name).toMatch(/^[0-9a-f]{64}$/)
    }
    expect((await readFile(join(run, 'report.html'), 'utf8')).startsWith('<!doctype html>')).toBe(true)
    expect(JSON.parse(await readFile(join(run, 'result.json'), 'utf8'))).toEqual(JSON.parse(first.stdout))
    const guidance = JSON.parse(await readFile(join(run, 'guidance.json'), 'utf8'))
    expect(guidance).toMatchObject({ reward: 'ink', target: 'guided', class: 'unconditional', sampler: 'ddim' })
  })

  test('killed at any point, it goes on to the same numbers and bytes', async () => {
    const args = [...TINY, '--checkpoint-seconds', '0', '--out', 'killed']
    const places = ['run folder', 'iteration 2', 'confirmed', 'guided at lambda']
    for (const place of places.slice(0, 2 + Math.floor(Math.random() * (places.length - 1)))) {
      const running = start(place === places[0] ? args : ['entropy', '--resume', 'killed', '--allow-code'], folder)
      await running.says(place)
      await new Promise((wake) => setTimeout(wake, 1000 * Math.random()))
      running.kill('SIGKILL')
      await running.finished
    }
    const left: readonly string[] = await readdir(at('killed')).catch(() => [])
    const resumed = left.includes('manifest.json')
    const { code, stderr } = await bilevel(resumed ? ['entropy', '--resume', 'killed', '--allow-code'] : args, folder)
    expect(code, stderr).toBe(0)
    expect(await numbersOf(at('killed'))).toEqual(await numbersOf(at('runs', 'entropy-tiny-0')))
    expect(await tracesOf(at('killed'), FILES)).toEqual(await tracesOf(at('runs', 'entropy-tiny-0'), FILES))
  })

  test('Ctrl-C leaves a checkpoint; the folder is locked meanwhile; changed settings are named', async () => {
    const running = start([...TINY, '--out', 'stopped'], folder)
    await running.says('iteration 1')
    // Held where it is, it cannot end before it is asked to stop.
    running.kill('SIGSTOP')
    const second = await bilevel(['entropy', '--resume', 'stopped', '--allow-code'], folder)
    expect([second.code, second.stderr]).toEqual([2, expect.stringMatching(/process \d+ uses \S*stopped/)])
    running.kill('SIGINT')
    running.kill('SIGCONT')
    const stopped = await running.finished
    // What was left may be done before the order is heard.
    expect([0, 130]).toContain(stopped.code)
    if (stopped.code === 130) {
      expect(stopped.stdout).toBe('')
      expect(stopped.stderr).toContain(`go on with: ${CALLED} entropy --resume stopped --allow-code`)
      expect(JSON.parse(await readFile(at('stopped', 'manifest.json'), 'utf8')).status).toBe('interrupted')
    }
    // This one names the command by how it was called.
    const other = await bilevel(['schedule', '--resume', 'stopped'], folder)
    const rest = `stopped is a run of bilevel entropy; go on with: ${CALLED} entropy --resume stopped --allow-code`
    expect([other.code, other.stderr]).toEqual([2, expect.stringContaining(rest)])
    const changed = await bilevelHere(
      ['entropy', '--resume', 'stopped', '--allow-code', '--seed', '9', '--tolerance', '3'],
      folder,
    )
    expect([changed.code, changed.stderr]).toEqual([
      2,
      expect.stringContaining('tolerance (was 2, now 3), seed (was 0, now 9)'),
    ])
    const { code, stderr } = await bilevel(
      ['entropy', '--resume', 'stopped', '--allow-code', '--checkpoint-seconds', '5'],
      folder,
    )
    expect(code, stderr).toBe(0)
    expect(await numbersOf(at('stopped'))).toEqual(await numbersOf(at('runs', 'entropy-tiny-0')))
    expect(await tracesOf(at('stopped'), FILES)).toEqual(await tracesOf(at('runs', 'entropy-tiny-0'), FILES))
  })
})

describe('guided samples', () => {
  test("are the run's own tuned ones for its seed, from the file or from the run, in any number", async () => {
    const grid = await samplesOf('runs/entropy-tiny-0/samples/samples.safetensors')
    const guidance = 'runs/entropy-tiny-0/guidance.json'
    const byFile = await bilevel(
      ['sample', 'plain', '--guidance', guidance, '--count', '3', '--out', 'by-file', '--json'],
      folder,
    )
    expect(byFile.code, byFile.stderr).toBe(0)
    expect(JSON.parse(byFile.stdout)).toMatchObject({ guidance, schedule: { sampler: 'ddim', steps: 4, eta: 1 } })
    // As the report prints it, into the folder that is made for it.
    const commands = await printedBy(at('runs', 'entropy-tiny-0'))
    expect(commands).toEqual([`${CALLED} sample runs/entropy-tiny-0 --count 100`])
    const byRun = await shell(commands[0], folder)
    expect(byRun.code, byRun.stderr).toBe(0)
    const [few, many] = [await samplesOf('by-file/samples.safetensors'), await samplesOf('samples/samples.safetensors')]
    const apart = (a: Float32Array, b: Float32Array, n: number) =>
      Math.max(...Array.from({ length: n }, (_, i) => Math.abs(a[i] - b[i])))
    expect(apart(few, grid, 3 * 256)).toBeLessThan(1e-4)
    expect(apart(many, grid, 4 * 256)).toBeLessThan(1e-4)
    const unguided = [
      'sample',
      'runs/entropy-tiny-0',
      '--guidance',
      'none',
      '--steps',
      '4',
      '--eta',
      '1',
      '--count',
      '4',
    ]
    expect((await bilevelHere([...unguided, '--out', 'unguided'], folder)).code).toBe(0)
    expect(apart(await samplesOf('unguided/samples.safetensors'), grid, 4 * 256)).toBeGreaterThan(0.1)
  })

  test('of a class: the file says which, a flag says another', async () => {
    const args = [
      '--preset',
      'tiny',
      '--model',
      'classes',
      '--judge',
      './judge.mjs',
      '--class',
      '2',
      '--sampler',
      'ddpm',
    ]
    const few = ['--max-evaluations', '2000', '--features', 'none', '--out', 'of-class', '--json']
    const run = await bilevel(['entropy', ...args, ...few], folder)
    expect(run.code, run.stderr).toBe(0)
    expect(JSON.parse(run.stdout)).toMatchObject({
      diversity: null,
      featureNetwork: null,
      sampler: { sampler: 'ddpm' },
    })
    const drawn = async (out: string, ...more: string[]) => {
      const { code, stdout, stderr } = await bilevelHere(
        ['sample', 'classes', '--guidance', 'of-class/guidance.json', '--count', '4', '--out', out, '--json', ...more],
        folder,
      )
      expect(code, stderr).toBe(0)
      return { report: JSON.parse(stdout), samples: await samplesOf(`${out}/samples.safetensors`) }
    }
    const [same, other] = [await drawn('class-2'), await drawn('class-0', '--class', '0')]
    expect([same.report.class, other.report.class]).toEqual([2, 0])
    const grid = await samplesOf('of-class/samples/samples.safetensors')
    const far = (samples: Float32Array) => Math.max(...samples.map((value, i) => Math.abs(value - grid[i])))
    expect(far(same.samples)).toBeLessThan(1e-4)
    expect(far(other.samples)).toBeGreaterThan(1e-3)
  })

  test('of another model or with other steps than the guidance was tuned for', async () => {
    const guidance = ['--guidance', 'runs/entropy-tiny-0/guidance.json', '--count', '2']
    const other = await bilevelHere(['sample', 'classes', ...guidance, '--out', 'other-model'], folder)
    expect([other.code, other.stderr]).toEqual([0, expect.stringContaining('was tuned for another model')])
    const steps = await bilevelHere(['sample', 'plain', ...guidance, '--steps', '5', '--out', 'no'], folder)
    expect([steps.code, steps.stderr]).toEqual([2, expect.stringContaining('steps 5 is given; leave it out')])
    const missing = await bilevelHere(['sample', 'plain', '--guidance', 'missing.json', '--out', 'no'], folder)
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining("'missing.json' cannot be read")])
  })
})

/** A network of random weights keeps no convention. */
const TRUST = '--trust-convention'

/** The name of a run that a shell would take apart. */
const THEIRS = `their "$HOME" isn't ours`

describe("somebody's ONNX file", () => {
  test('without a derivative: the target is tilt, said with the operators, and samples come by weight', async () => {
    const args = [
      '--preset',
      'tiny',
      '--model',
      foundDenoiser('int8.onnx'),
      '--scheduler',
      foundDenoiser('scheduler.json'),
    ]
    const given = [...args, '--judge', './judge.mjs', TRUST, '--max-evaluations', '3000']
    const run = await bilevel(['entropy', ...given, '--out', THEIRS, '--json'], folder)
    expect(run.code, run.stderr).toBe(0)
    expect(run.stderr).toMatch(/note: the model \(.*DynamicQuantizeLinear.*\) has no derivative, so the target is tilt/)
    expect(JSON.parse(run.stdout)).toMatchObject({ target: 'tilt', estimator: 'smc', kl: { kind: 'tilt' } })
    const [command] = await printedBy(at(THEIRS))
    const drawn = await shell(`${command} --count 5 --out from-theirs --json`, folder)
    expect(drawn.code, drawn.stderr).toBe(0)
    expect(drawn.stderr).toContain('drawn from the tilt by weighted particles')
    expect((await samplesOf('from-theirs/samples.safetensors')).length).toBe(5 * 64)
  })

  test('with one: it is guided', async () => {
    await copyFile(at('plain', 'unet', 'model.onnx'), at('theirs.onnx'))
    await copyFile(at('plain', 'scheduler', 'scheduler_config.json'), at('theirs.json'))
    const args = ['--preset', 'tiny', '--model', 'theirs.onnx', '--scheduler', 'theirs.json', '--judge', './judge.mjs']
    const run = await bilevel(
      ['entropy', ...args, TRUST, '--max-evaluations', '3000', '--out', 'guided', '--json'],
      folder,
    )
    expect(run.code, run.stderr).toBe(0)
    expect(run.stderr).not.toContain('no derivative')
    expect(JSON.parse(run.stdout)).toMatchObject({ target: 'guided' })
  })
})

describe('what goes wrong', () => {
  /** One error line, the exit code, and nothing written. */
  const refused = async (...args: string[]): Promise<string> => {
    const before = await readdir(folder)
    const { code, stdout, stderr } = await bilevelHere([...TINY, '--out', 'no', ...args], folder)
    expect([code, stdout], stderr).toEqual([2, ''])
    expect(await readdir(folder)).toEqual(before)
    expect(stderr.split('\n').filter((line) => line.startsWith('error: ')).length, stderr).toBe(1)
    return stderr
  }

  test.each([
    [['--model', 'digits-17'], 'digits-16'],
    [['--model', 'theirs.onnx'], '--scheduler FILE'],
    [['--steps', '25'], '1 to 20'],
    [['--reward', 'inc'], "did you mean 'ink'?"],
    [['--judge', 'ink'], 'must differ from the reward'],
    [['--reward', 'typicality', '--data', 'none'], 'typicality'],
    [['--reward', './judge.mjs', '--target', 'guided', '--judge', 'ink'], 'needs a derivative'],
    [['--lambda-range', '3,1'], '0 < low < high'],
    [['--class', '1'], 'knows no classes'],
    [['--schedule', 'dpm-solver++-10'], 'a schedule is one of'],
    [['--reward', 'theirs.onnx'], 'range'],
    [['--features', 'pixels', '--data', 'none'], 'needs data'],
    [['--sampler', 'dpm-solver++'], 'sampler'],
  ])('%j', async (args, message) => {
    expect(await refused(...args)).toContain(message)
  })

  test('rewards that are constant, of the wrong length or not a number', async () => {
    await writeFile(at('constant.mjs'), 'export default ({ shape: [n] }) => Array(n).fill(1)\n')
    await writeFile(at('short.mjs'), 'export default () => [1]\n')
    await writeFile(at('nan.mjs'), 'export default ({ shape: [n] }) => Array(n).fill(NaN)\n')
    const failed = async (reward: string) => {
      const { code, stdout, stderr } = await bilevelHere(
        [...TINY, '--reward', reward, '--judge', 'ink', '--out', 'no'],
        folder,
      )
      expect(stdout).toBe('')
      await rm(at('no'), { recursive: true, force: true })
      return [code, stderr] as const
    }
    expect(await failed('./constant.mjs')).toEqual([2, expect.stringMatching(/error: .*(constant|same)/)])
    expect((await failed('./short.mjs'))[1]).toMatch(/error: .*one number per image|error: .*\b1\b/)
    expect((await failed('./nan.mjs'))[1]).toMatch(/error: .*(NaN|not finite|finite)/)
  })
})
