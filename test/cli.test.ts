/** The command line from outside: help, settings, what goes wrong, and its exit codes. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { decode, encode } from 'fast-png'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeIdx } from '../src/data/index.ts'
import { openRun } from '../src/runs/runFolder.ts'
import type { Finished } from './cli.fixture.ts'
import { bilevel, bilevelHere, classifierFile, newFolder, start } from './cli.fixture.ts'

let folder = ''
beforeAll(async () => {
  folder = await newFolder()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Pixels as bytes, of which no derivative is. */
const BYTES = resolve('test/found/judges/bytes.onnx')

const png = (size: number, value: number) =>
  encode({ width: size, height: size, channels: 1, data: new Uint8Array(size * size).fill(value) })

// The rest of this file asks the command in this process.
describe('as a process of its own the command says the same, to the byte, and ends with the same code', () => {
  test.each([
    [['--help'], 0],
    [[], 2],
    [['shedule'], 2],
    [['schedule', '--preset', 'tiny', '--seed', '7', '--dry-run', '--json'], 0],
    [['sample', 'digits-16', '--steps', ''], 2],
    [['sample', 'digits-17'], 2],
  ])('%j', async (words, code) => {
    const environment = { BILEVEL_COUNT: '3' }
    const finished = await bilevel(words, folder, environment)
    expect(finished.code, finished.stderr).toBe(code)
    expect(await bilevelHere(words, folder, environment)).toEqual(finished)
    expect(await readdir(folder)).toEqual([])
  })

  test('of an environment that is wrong', async () => {
    const finished = await bilevel(['schedule'], folder, { BILEVEL_SEEED: '1' })
    expect(finished).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining("did you mean 'seed'?") })
    expect(await bilevelHere(['schedule'], folder, { BILEVEL_SEEED: '1' })).toEqual(finished)
  })
})

describe('help', () => {
  test.each([
    [],
    ['schedule'],
    ['entropy'],
    ['sample'],
    ['evaluate'],
    ['show'],
    ['compare'],
    ['compare', 'schedule'],
    ['compare', 'entropy'],
    ['fid'],
    ['convert'],
    ['onnx'],
    ['onnx', 'check'],
    ['runs'],
    ['init'],
  ])('bilevel %s --help', async (...command) => {
    const { code, stdout, stderr } = await bilevelHere([...command, '--help'], folder)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatchSnapshot()
  })

  test('without a command it is shown, as a mistake', async () => {
    const { code, stdout, stderr } = await bilevelHere([], folder)
    expect([code, stdout, stderr.startsWith('Usage: bilevel')]).toEqual([2, '', true])
  })

  test('runs alone lists what there is, and is no mistake where there is nothing yet', async () => {
    const { code, stdout, stderr } = await bilevelHere(['runs'], folder)
    expect([code, stdout, stderr]).toEqual([0, 'no runs in runs\n', ''])
  })

  test.each(['schedule', 'entropy'])('%s alone shows its help and starts nothing', async (command) => {
    const { code, stdout, stderr } = await bilevelHere([command], folder)
    expect([code, stdout, stderr.startsWith(`Usage: bilevel ${command}`)]).toEqual([2, '', true])
    expect(await readdir(folder)).toEqual([])
  })
})

describe('settings', () => {
  const resolved = async (args: readonly string[], environment = {}) => {
    const { code, stdout, stderr } = await bilevelHere(
      ['schedule', '--dry-run', '--json', ...args],
      folder,
      environment,
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.split('\n').length, 'one line').toBe(2)
    return JSON.parse(stdout)
  }

  test('flags win over the environment, that over the file, that over the preset', async () => {
    await writeFile(join(folder, 'my.yaml'), 'trainSteps: 7\nbatch: 9\nseed: 3\nnetwork:\n  groups: 2\n')
    const environment = { BILEVEL_BATCH: '10', BILEVEL_SEED: '4' }
    const config = await resolved(['--preset', 'tiny', '--config', 'my.yaml', '--seed', '5'], environment)
    expect(config).toMatchObject({ trainSteps: 7, batch: 10, seed: 5, iterations: 3, samplingSteps: 2 })
    expect(config.network).toMatchObject({ groups: 2, channels: [8, 8] })
  })

  test('lists, ranges, nothing and switches as words', async () => {
    const flags = ['--sampling-seeds', '3,5-7', '--clip', 'none', '--no-z', '--class-conditional', '--no-fresh-samples']
    expect(await resolved([...flags, '--through', '2', '--network-channels', '8,16', '--eta', '0'])).toMatchObject({
      samplingSeeds: [3, 5, 6, 7],
      clip: null,
      z: false,
      classConditional: true,
      freshSamples: false,
      through: 2,
    })
    expect((await resolved(['--clip', '-1,0.5'])).clip).toEqual([-1, 0.5])
    const training = ['--training-family', 'sigmoid', '--training-start', '-4', '--training-tau', '1.2']
    expect(
      (await resolved([...training, '--training-end', 'none'], { BILEVEL_TRAINING__EPSILON: '0.1' })).training,
    ).toEqual({
      start: -4,
      end: null,
      tau: 1.2,
      epsilon: 0.1,
    })
  })

  test('without --json they are YAML that --config reads back', async () => {
    const { stdout } = await bilevelHere(['schedule', '--dry-run', '--preset', 'mnist', '--seed', '8'], folder)
    await writeFile(join(folder, 'printed.yaml'), stdout)
    expect(await resolved(['--config', 'printed.yaml'])).toEqual(await resolved(['--preset', 'mnist', '--seed', '8']))
  })

  test('defaults follow what is given: a file has no derivative, a tied schedule one family', async () => {
    const config = await resolved(['--model', 'unet.onnx'])
    expect(config).toMatchObject({
      estimator: 'coordinate',
      samplingFamily: 'level-power',
      freshSamples: false,
      size: null,
    })
    expect(await resolved(['--training-family', 'sigmoid', '--learn', 'tied'])).toMatchObject({
      samplingFamily: 'sigmoid',
    })
    expect(await resolved(['--free', 'levels,times'])).toMatchObject({
      samplingFamily: 'free',
      free: ['levels', 'times'],
      sampler: 'dpm-solver++',
    })
    expect(await resolved(['--free', 'levels,tau'])).toMatchObject({ samplingFamily: 'free', sampler: 'exponential' })
    expect(await resolved(['--features', 'f.onnx', '--estimator', 'two-point'])).toMatchObject({
      estimator: 'two-point',
    })
  })
})

test('a run of a program of one’s own is gone on with there', async () => {
  const run = await openRun({
    folder: join(folder, 'own'),
    config: { seed: 1 },
    version: '1',
    manifest: { command: 'problem' },
  })
  await run.close('interrupted')
  const { code, stderr } = await bilevelHere(['schedule', '--resume', 'own'], folder)
  expect([code, stderr]).toEqual([2, expect.stringMatching(/own was made by a program of yours; go on with it there/)])
  const { stdout } = await bilevelHere(['runs', '.'], folder)
  expect(stdout).toMatch(/^own +problem +interrupted/m)
  await rm(join(folder, 'own'), { recursive: true })
})

describe('--dry-run', () => {
  test.each([
    ['sample', ['--count', '7', '--steps', '3'], { count: 7, steps: 3 }, 'at most 21 network evaluations'],
    [
      'evaluate',
      ['--samples', '70', '--seeds', '1,2', '--steps', '2'],
      { samplingSeeds: [1, 2], data: 'digits' },
      'at most 280 network evaluations',
    ],
  ])('%s: settings and cost, and nothing else happens', async (command, args, settings, cost) => {
    const all = [command, 'digits-16', '--schedule', 'default', ...args, '--dry-run']
    const before = await readdir(folder)
    const person = await bilevelHere(all, folder)
    expect([person.code, person.stderr]).toEqual([0, expect.stringContaining(cost)])
    const program = await bilevelHere([...all, '--json'], folder)
    expect([program.code, program.stderr]).toEqual([0, ''])
    expect(JSON.parse(program.stdout)).toMatchObject(settings)
    expect(await readdir(folder)).toEqual(before)
  })

  test.each([
    [['--size', '14'], 'sample_size must be a multiple of 4 with 3 levels, got 14x14'],
    [['--model', 'digits-61'], "'digits-61' is none of them"],
    [['--data', 'nowhere'], 'nowhere cannot be read'],
    [['--objective', 'reward', '--reward', './none.mjs'], "'./none.mjs' is none"],
  ])('schedule %j is refused as the work itself refuses it', async (args, why) => {
    const dry = await refused(['schedule', ...args, '--dry-run'])
    expect([dry.code, dry.stderr]).toEqual([2, expect.stringContaining(why)])
    const run = await bilevelHere(['schedule', ...args, '--out', 'refused'], folder)
    expect(run.stderr.split('\n').find((line) => line.startsWith('error: '))).toBe(dry.stderr.trim())
  })
})

/** One error line, the exit code, and nothing written. */
async function refused(args: readonly string[], environment = {}): Promise<Finished> {
  const before = await readdir(folder, { recursive: true })
  const finished = await bilevelHere(args, folder, environment)
  expect(finished.stdout).toBe('')
  expect(await readdir(folder, { recursive: true })).toEqual(before)
  const errors = finished.stderr.split('\n').filter((line) => line.startsWith('error: '))
  expect(errors.length, finished.stderr).toBe(1)
  expect(finished.stderr).not.toMatch(/\n {4}at /)
  return finished
}

describe('mistakes in the command', () => {
  test.each([
    [['schedule', '--samplingsteps', '3'], "did you mean '--sampling-steps'?"],
    [['shedule'], "did you mean 'schedule'?"],
    [['train'], "unknown command 'train'; see bilevel --help"],
    [['onnx', 'chek'], "did you mean 'check'?"],
    [['onnx', 'check', 'x.onnx', '--shap', 'x=1'], "did you mean '--shape'?"],
    [['onnx', 'check', 'x.onnx', '--shape', 'x'], 'shape: '],
    [['onnx', 'check', '--banana', 'x.onnx'], "unknown option '--banana'; see bilevel onnx check --help"],
    [['schedule', '--banana', '3'], "unknown option '--banana'; see bilevel schedule --help"],
    [['compare', 'schedule', '--banana', '3'], "unknown option '--banana'; see bilevel compare schedule --help"],
    [['schedule', 'x'], 'too many arguments'],
    [['sample'], "missing required argument 'model'"],
    [['schedule', '--seed'], 'argument missing'],
    [['schedule', '--preset', 'quik'], "did you mean 'quick'?"],
    [['schedule', '--sampler', 'euler'], '(from the flags)'],
    [['schedule', '--batch', '1.5'], 'batch'],
    [['schedule', '--sampling-steps', '1001'], 'samplingSteps must be at most the 1000 timesteps'],
    [['schedule', '--sampling-steps', '3,1001'], 'moreSteps must be numbers of steps up to the 1000 timesteps'],
    [['schedule', '--sampling-steps', '3,5,3'], 'samplingSteps must name each number of steps once, got 3,5,3'],
    [['schedule', '--sampling-steps', '3,5', '--learn', 'tied'], 'samplingSteps must be one number with learn tied'],
    [['schedule', '--sampling-steps', '3,x'], 'samplingSteps: must be a number of steps from 1 to'],
    [['schedule', '--step-list', 'karras'], '--step-list is no flag any more; give the list to start (--start NAME)'],
    [['schedule', '--step-list=karras'], '--step-list is no flag any more; give the list to start (--start NAME)'],
    [
      ['schedule', '--start-powers', '1,2'],
      '--start-powers is no flag any more; leave it out: start auto (--start auto',
    ],
    [['schedule', '--step-lists', 'karras'], "unknown option '--step-lists'"],
    [['entropy', '--start-powers', '1'], "unknown option '--start-powers'"],
    [['schedule', '--start', 'karass', '--preset', 'tiny', '--sampling-family', 'levels'], 'there is no file karass'],
    [['schedule', '--start', 'karass', '--preset', 'tiny'], 'with family cosine, which starts at the model'],
    [
      ['schedule', '--start', 'list.txt', '--sampling-family', 'cosine'],
      'got list.txt; name a list, or say --sampling-family levels to start from a file',
    ],
    [['schedule', '--training-start', '1', '--training-end', '0.5'], 'start must be below end, got start 1, end 0.5'],
    [['schedule', '--training-tau', '-1'], 'cosine schedule: tau must lie in [0.01, 1000000], got -1'],
    [['schedule', '--training-family', 'linear', '--training-epsilon', '0.1'], 'no parameter epsilon'],
    [['schedule', '--config', 'missing.yaml'], 'cannot be read'],
    [['schedule', '--resume'], 'no unfinished run'],
    [
      ['schedule', '--preset', 'tiny', '--out', ''],
      "option '--out <folder>' argument '' is invalid. A path must not be",
    ],
    [['schedule', '--resume', ''], "option '--resume [folder]' argument '' is invalid"],
    [['entropy', '--config', ''], "option '--config <file>' argument '' is invalid"],
    [['schedule', '--preset', 'tiny', '--model', ''], 'model: must not be empty'],
    [['sample', 'digits-16', '--out', ''], "option '--out <folder>' argument '' is invalid"],
    [['sample', ''], "'' is none of them"],
    [['sample', 'digits-16', '--steps', ''], 'steps: Invalid input'],
    [['sample', 'digits-16', '--out', '/dev/null'], '/dev/null is a file, or lies in one; give another --out'],
    [['schedule', '--network-kind', 'shuffle'], 'network.layersPerBlock is for unet networks'],
  ])('%j', async (args, message) => {
    const { code, stderr } = await refused(args)
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
  })

  test('unknown keys of a file and of the environment name the nearest', async () => {
    await writeFile(join(folder, 'bad.yaml'), 'trainStep: 7\n')
    const file = await refused(['schedule', '--config', 'bad.yaml'])
    expect(file.stderr).toContain("unknown setting 'trainStep' in bad.yaml; did you mean 'trainSteps'?")
    for (const [line, use] of [
      ['stepList: karras', 'stepList in old.yaml is no setting any more; give the list to start (--start NAME)'],
      ['startPowers: [1, 2]', 'startPowers in old.yaml is no setting any more; leave it out: start auto (--start auto'],
    ]) {
      await writeFile(join(folder, 'old.yaml'), `preset: tiny\n${line}\n`)
      const old = await refused(['schedule', '--config', 'old.yaml'])
      expect([old.code, old.stderr]).toEqual([2, expect.stringContaining(use)])
    }
    const powers = await refused(['schedule'], { BILEVEL_START_POWERS: '1' })
    expect([powers.code, powers.stderr]).toEqual([2, expect.stringContaining('startPowers in the environment is no')])
    const variable = await refused(['schedule'], { BILEVEL_SEEED: '1' })
    expect([variable.code, variable.stderr]).toEqual([2, expect.stringContaining("did you mean 'seed'?")])
  })
})

describe('a folder for images', () => {
  test('that a killed process began is filled by the next one, and nothing is left beside the images', async () => {
    const gone = start(['--version'], folder)
    await gone.finished
    await mkdir(join(folder, 'begun', `samples.${gone.pid}.partial`, 'images'), { recursive: true })
    await writeFile(join(folder, 'begun', 'grid.png'), 'half of it was moved already')
    await mkdir(join(folder, 'taken', `samples.${process.pid}.partial`), { recursive: true })
    const { code, stderr } = await bilevel(
      ['sample', 'digits-16', '--count', '1', '--steps', '1', '--out', 'begun'],
      folder,
    )
    expect(code, stderr).toBe(0)
    expect((await readdir(join(folder, 'begun'))).toSorted()).toEqual(['grid.png', 'images', 'samples.safetensors'])
    const taken = await refused(['sample', 'digits-16', '--count', '1', '--out', 'taken'])
    expect(taken.stderr).toMatch(/taken holds samples\.\d+\.partial/)
  })
})

test('one picture of all images; what is there is not written over', async () => {
  const words = ['sample', 'digits-16', '--count', '4', '--steps', '1', '--out', 'all.png']
  const { code, stderr } = await bilevelHere(words, folder)
  expect([code, stderr]).toEqual([0, expect.stringContaining('4 images by')])
  const { width, height } = decode(await readFile(join(folder, 'all.png')))
  expect([width >= 32, height >= 32]).toEqual([true, true])
  expect((await refused(words)).stderr).toMatch(/a new file, but all\.png is there/)
  expect((await refused([...words.slice(0, -1), 'no/all.png'])).stderr).toMatch(/but no is none; make it/)
})

test('two arguments: statistics against statistics; a list in another form, on standard output', async () => {
  const found = (name: string) => resolve('test/found', name)
  const stats = ['pytorch-fid', 'rank-deficient'].map((name) => found(`statistics/${name}.npz`))
  const fid = await bilevelHere(['fid', ...stats, '--json'], folder)
  expect([fid.code, JSON.parse(fid.stdout).fid.toFixed(5)]).toEqual([0, '6.01452'])
  expect(fid.stderr).toMatch(/note: the covariance in .*rank 3 of 8/)
  const plan = await bilevelHere(['fid', ...stats, '--dry-run'], folder)
  expect([plan.code, plan.stderr]).toEqual([0, expect.stringContaining('no network is run')])
  const converted = await bilevelHere(['convert', found('starts/ays.txt'), '--to', 'comfyui'], folder)
  expect(converted.stdout).toBe('14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.38, 0.234, 0.113, 0.029, 0.0\n')
})

describe('bad input', () => {
  const schedule = (...args: string[]) => refused(['schedule', '--preset', 'tiny', '--out', 'new-run', ...args])

  beforeAll(async () => {
    const images = encodeIdx({ shape: [50, 28, 28], data: new Uint8Array(50 * 784).map((_, i) => i % 251) })
    await writeFile(join(folder, 'truncated-idx3-ubyte'), images.subarray(0, 20_000))
    for (const name of ['empty', 'mixed', 'few']) await mkdir(join(folder, name))
    await writeFile(join(folder, 'mixed', 'a.png'), png(16, 3))
    await writeFile(join(folder, 'mixed', 'b.png'), png(20, 4))
    for (let i = 0; i < 40; i++) await writeFile(join(folder, 'few', `${i}.png`), png(16, i))
    await writeFile(join(folder, 'f.onnx'), await classifierFile(10))
    await writeFile(join(folder, 'betas.json'), JSON.stringify({ betas: Array(20).fill(0.2) }))
  })

  test.each([
    ['truncated-idx3-ubyte', '20000'],
    ['empty', 'empty'],
    ['mixed', 'one size'],
    ['few', 'needs more images than the 64 features'],
    ['missing', 'cannot be read'],
  ])('data: %s', async (data, message) => {
    const { code, stderr } = await schedule('--data', data)
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
  })

  test.each([
    [['--model', 'f.onnx'], '--scheduler FILE'],
    [['--model', 'f.onnx', '--scheduler', 'betas.json'], "'image' float32[10,1,16,16]"],
    [['--model', 'empty'], 'needs unet/config.json, or config.json beside its weights'],
    [['--features', 'missing.onnx'], "'missing.onnx' is none of these"],
    [['--features', BYTES, '--estimator', 'backpropagation'], 'use two-point, one-point or coordinate'],
    [['--tuning-samples', '64'], 'tuningSamples must be more than the 64 features'],
    [['--size', '8', '--features', 'digits'], 'digit classifiers are for 16 and 28 pixels'],
    [['--size', '17'], 'can be brought to'],
    [['--free', 'levels,tau', '--sampler', 'ddim'], 'sampler must be exponential with tau free, got "ddim"'],
    [['--free', 'history', '--sampling-steps', '2'], 'free history is of 3 sampling steps or more, got 2'],
    [
      [
        '--network-kind',
        'shuffle',
        '--network-channels',
        '8,16',
        '--network-layers-per-block',
        'none',
        '--network-groups',
        'none',
        '--sampling-family',
        'levels+times',
      ],
      'free times need a network with real times',
    ],
  ])('%j', async (args, message) => {
    const { code, stderr } = await schedule(...args)
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
  })

  test('a loss that is not finite: the last good checkpoint stays', async () => {
    const args = ['--preset', 'tiny', '--learning-rate', '1e30', '--warm-up-steps', '0', '--out', 'nan-run']
    const { code, stderr } = await bilevel(['schedule', ...args], folder)
    expect([code, stderr]).toEqual([1, expect.stringMatching(/error: .* must stay finite, but step \d+ gave/)])
    expect((await readdir(join(folder, 'nan-run', 'checkpoints'))).length).toBe(1)
  })
})
