/** Whole runs through the command line: results, repeatability to the byte, going on after a kill and after Ctrl-C, other people's models. */
import { copyFile, cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decode } from 'fast-png'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeIdx } from '../src/data/index.ts'
import { decodeSafetensors } from '../src/nn/index.ts'
import { readEvents, withoutTimes } from '../src/runs/index.ts'
import {
  bilevel,
  bilevelHere,
  CALLED,
  classifierFile,
  newFolder,
  numbersOf,
  printedBy,
  shell,
  start,
  tracesOf,
  withoutPlace,
} from './cli.fixture.ts'

const TINY = ['schedule', '--preset', 'tiny']
const SAMPLES = ['samples/samples.safetensors', 'samples/learned-2-steps.png']
const WEIGHTS = 'model/unet/diffusion_pytorch_model.safetensors'

let folder = ''
const at = (...path: string[]) => join(folder, ...path)
let first: Awaited<ReturnType<typeof bilevel>>
/** What the run's schedule is called, by the sampler that is kept. */
let schedule = ''
let MODEL: readonly string[] = []

beforeAll(async () => {
  folder = await newFolder()
  first = await bilevel([...TINY, '--json'], folder)
  ;[schedule] = await readdir(at('runs', 'schedule-tiny-0', 'model', 'schedules'))
  MODEL = [WEIGHTS, `model/schedules/${schedule}/sampling_schedule.json`]
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const finite = expect.toSatisfy(Number.isFinite)
const estimate = expect.objectContaining({ mean: finite, standardError: finite })

describe('a run', () => {
  test('prints one JSON object with everything that the rows need', () => {
    expect(first.code, first.stderr).toBe(0)
    expect(first.stdout.trimEnd().split('\n').length).toBe(1)
    const row = { fid: estimate, recognised: finite, sampler: expect.any(String), steps: finite }
    expect(JSON.parse(first.stdout)).toMatchObject({
      preset: 'tiny',
      seed: 0,
      learn: 'sampling',
      sampler: 'ddim',
      samplingSteps: 2,
      featureNetwork: expect.stringMatching(/^lenet-digits16-features-[0-9a-f]{8}$/),
      protocol: { samplesPerSeed: 72, samplingSeeds: [11, 12], heldOutImages: 2000, batch: 8 },
      default: { ...row, sampler: 'ddim', steps: 2 },
      bestDefault: { ...row, stepList: expect.any(String) },
      start: { ...row, steps: 2, stepList: expect.any(String) },
      manySteps: { ...row, steps: 10 },
      learned: { ...row, schedule: { family: expect.any(String), levels: [finite, finite] } },
      decision: { kept: expect.stringMatching(/^(learned|start)$/), difference: estimate, images: 8 * 72 },
      stillMoving: false,
      steps: [{ samplingSteps: 2 }],
      judgeFid: { default: estimate, bestDefault: estimate, learned: estimate },
      gain: { overDefault: estimate, overBestDefault: estimate, overStart: estimate },
      real: { fid: finite, recognised: finite },
      networkEvaluations: { default: finite, learned: finite },
      seconds: finite,
      peakMemoryMiB: finite,
      run: 'runs/schedule-tiny-0',
    })
  })

  test('leaves a folder with everything in it', async () => {
    const run = at('runs', 'schedule-tiny-0')
    expect((await readdir(run)).toSorted()).toEqual([
      'charts',
      'checkpoints',
      'config.yaml',
      'events.jsonl',
      'manifest.json',
      'model',
      'model-default',
      'report.html',
      'result.json',
      'samples',
      'tensorboard',
    ])
    const manifest = JSON.parse(await readFile(join(run, 'manifest.json'), 'utf8'))
    expect(manifest).toMatchObject({ status: 'done', command: 'schedule', sources: { model: null } })
    expect(manifest.sources.data.sha256).toMatch(/^[0-9a-f]{64}$/)
    const report = await readFile(join(run, 'report.html'), 'utf8')
    expect(report.startsWith('<!doctype html>')).toBe(true)
    expect(JSON.parse(await readFile(join(run, 'result.json'), 'utf8'))).toEqual(JSON.parse(first.stdout))
  })

  test('prints a command that works as printed', async () => {
    const commands = await printedBy(at('runs', 'schedule-tiny-0'))
    expect(commands).toEqual([`${CALLED} sample runs/schedule-tiny-0 --schedule ${schedule}`])
    const { code, stderr } = await shell(commands[0], folder)
    expect([code, stderr]).toEqual([0, expect.stringContaining(`100 images by learned ${schedule}`)])
    expect((await readdir(at('samples', 'images'))).length).toBe(100)
  })

  test('killed at any point, it goes on to the same numbers and bytes', async () => {
    const args = [...TINY, '--checkpoint-seconds', '0', '--out', 'killed']
    const places = ['run folder', 'iteration 1', 'iteration 3', 'default DDIM, 2 steps:']
    for (const place of places.slice(0, 1 + Math.floor(Math.random() * places.length))) {
      const running = start(place === places[0] ? args : ['schedule', '--resume', 'killed'], folder)
      await running.says(place)
      await new Promise((wake) => setTimeout(wake, 1000 * Math.random()))
      running.kill('SIGKILL')
      await running.finished
    }
    const left: readonly string[] = await readdir(at('killed')).catch(() => [])
    const resumed = left.includes('manifest.json')
    const { code, stderr } = await bilevel(resumed ? ['schedule', '--resume', 'killed'] : args, folder)
    expect(code, stderr).toBe(0)
    expect(await numbersOf(at('killed'))).toEqual(await numbersOf(at('runs', 'schedule-tiny-0')))
    const files = [...SAMPLES, ...MODEL]
    expect(await tracesOf(at('killed'), files)).toEqual(await tracesOf(at('runs', 'schedule-tiny-0'), files))
  })
})

describe('a run that is over', () => {
  const iterationsOf = async (...run: string[]) => {
    const events = withoutTimes(await readEvents(at(...run, 'events.jsonl'))) as readonly Record<string, unknown>[]
    return events.filter(({ type }) => type === 'tune')
  }
  const resumed = (run: string, ...flags: string[]) => bilevelHere(['schedule', '--resume', run, ...flags], folder)

  test('goes on with more iterations: history grows, what is kept is decided anew; fewer are refused and change nothing', async () => {
    await cp(at('runs', 'schedule-tiny-0'), at('longer'), { recursive: true })
    const before = JSON.parse(await readFile(at('longer', 'result.json'), 'utf8'))
    const more = await resumed('longer', '--iterations', '5')
    expect(more.code, more.stderr).toBe(0)
    const after = JSON.parse(await readFile(at('longer', 'result.json'), 'utf8'))
    const [three, five] = [await iterationsOf('runs', 'schedule-tiny-0'), await iterationsOf('longer')]
    expect(five.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5])
    expect(five.slice(0, 3)).toEqual(three)
    expect(after.decision.difference).not.toEqual(before.decision.difference)
    expect(after.protocol.tuning.iterations).toBe(5)
    expect(await readFile(at('longer', 'config.yaml'), 'utf8')).toContain('iterations: 5')
    const manifest = JSON.parse(await readFile(at('longer', 'manifest.json'), 'utf8'))
    expect([manifest.status, manifest.resumed.length]).toEqual(['done', 1])

    const kept = await tracesOf(at('longer'), [...SAMPLES, 'config.yaml'])
    const fewer = await resumed('longer', '--iterations', '4')
    expect([fewer.code, fewer.stderr]).toEqual([2, expect.stringContaining('5 are done, got 4; give 5 or more')])
    expect(await tracesOf(at('longer'), [...SAMPLES, 'config.yaml'])).toEqual(kept)
    expect(JSON.parse(await readFile(at('longer', 'manifest.json'), 'utf8'))).toEqual(manifest)
    // The run, as any that is over, may be gone on with to the same.
    const again = await resumed('longer')
    expect(again.code, again.stderr).toBe(0)
    expect(await numbersOf(at('longer'))).toEqual(withoutPlace(after))
  })

  test('killed while it goes on, it ends in the same numbers and bytes', async () => {
    await cp(at('runs', 'schedule-tiny-0'), at('cut'), { recursive: true })
    const running = start(['schedule', '--resume', 'cut', '--iterations', '5', '--checkpoint-seconds', '0'], folder)
    await running.says('iteration 4')
    running.kill('SIGKILL')
    await running.finished
    const { code, stderr } = await resumed('cut')
    expect(code, stderr).toBe(0)
    expect(await numbersOf(at('cut'))).toEqual(await numbersOf(at('longer')))
    const files = [...SAMPLES, ...MODEL]
    expect(await tracesOf(at('cut'), files)).toEqual(await tracesOf(at('longer'), files))
  })
})

/** Pictures of 4x4, compared as they are. */
const FEW = ['--tuning-samples', '20', '--candidate-samples', '20', '--evaluation-samples', '20', '--size', '4']
const PIXELS = ['--preset', 'tiny', '--iterations', '2', '--features', 'pixels', '--judge', 'none', ...FEW]

describe('a run that was cut off and moved, as were its data', () => {
  const images = (offset: number) =>
    encodeIdx({
      shape: [400, 4, 4],
      data: new Uint8Array(400 * 16).map((_, i) => Math.imul(i ^ (i >>> 8), 2_654_435_761 + 2 * offset) >>> 24),
    })
  const CHANGED: Readonly<Record<string, string>> = {
    '--features': 'features must be',
    '--start': 'start (was "auto", now "trailing")',
    '--evaluation-samples': 'evaluationSamples (was 20, now 30)',
  }
  const resumed = (...flags: string[]) => bilevelHere(['schedule', '--resume', 'away/run', ...flags], folder)

  test('goes on with the same data elsewhere, known by their hash, and is over with more sampling seeds', async () => {
    for (const name of ['here', 'away']) await mkdir(at(name))
    await writeFile(at('here', 'images-idx3-ubyte'), images(1))
    await writeFile(at('away', 'other-idx3-ubyte'), images(2))
    const words = ['schedule', ...PIXELS, '--data', 'here/images-idx3-ubyte']
    const running = start([...words, '--sampling-seeds', '11', '--out', 'here/run'], folder)
    await running.says('iteration 1')
    running.kill('SIGKILL')
    await running.finished
    await rename(at('here', 'run'), at('away', 'run'))
    await rename(at('here', 'images-idx3-ubyte'), at('away', 'renamed-idx3-ubyte'))

    const lost = await resumed()
    expect([lost.code, lost.stderr]).toEqual([
      2,
      expect.stringMatching(
        /here\/images-idx3-ubyte cannot be read.*if it was moved, --data NEW says where it lies now/,
      ),
    ])
    const other = await resumed('--data', 'away/other-idx3-ubyte')
    expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('data changed since')])
    const found = await resumed('--data', 'away/renamed-idx3-ubyte')
    expect(found.code, found.stderr).toBe(0)
    const rows = async (run: string) => {
      const {
        learned,
        bestDefault,
        default: own,
        start,
        gain,
      } = JSON.parse(await readFile(at(run, 'result.json'), 'utf8'))
      return { learned, bestDefault, own, start, gain }
    }
    expect((await rows('away/run')).own.fid.standardError).toBeNull()
    // From here on the run knows where its data lie.
    const seeds = await resumed('--sampling-seeds', '11,12')
    expect(seeds.code, seeds.stderr).toBe(0)

    await rename(at('away', 'renamed-idx3-ubyte'), at('here', 'images-idx3-ubyte'))
    const whole = await bilevel([...words, '--sampling-seeds', '11,12', '--out', 'here/whole'], folder)
    expect(whole.code, whole.stderr).toBe(0)
    expect(await rows('away/run')).toEqual(await rows('here/whole'))
  })

  test('what is not a place may not change', async () => {
    for (const [flag, value] of [
      ['--features', 'none'],
      ['--start', 'trailing'],
      ['--evaluation-samples', '30'],
    ]) {
      const { code, stderr } = await resumed('--data', 'here/images-idx3-ubyte', flag, value)
      expect([code, stderr], stderr).toEqual([2, expect.stringContaining(CHANGED[flag])])
    }
  })
})

describe('a search from the command line', () => {
  const HERE = ['--data', 'here/images-idx3-ubyte']
  const SEARCH = ['schedule', ...PIXELS, ...HERE, '--sampling-family', 'levels', '--starts', '2', '--json']

  test('of several numbers of steps: a schedule and a result each', async () => {
    const words = [...SEARCH, '--sampling-steps', '3,2', '--out', 'several']
    const { code, stdout, stderr } = await bilevelHere(words, folder)
    expect(code, stderr).toBe(0)
    const json = JSON.parse(stdout)
    expect(json.samplingSteps).toBe(3)
    expect(json.steps.map(({ samplingSteps }: { samplingSteps: number }) => samplingSteps)).toEqual([3, 2])
    expect(
      (await readdir(at('several', 'model', 'schedules'))).map((name) => name.split('-').at(-1)).toSorted(),
    ).toEqual(['2', '3'])
    expect(await readFile(at('several', 'report.html'), 'utf8')).toContain('Quality and network evaluations')
    expect(stderr).toContain('2 steps, start learned at 3 steps: ')
    const events = await readEvents(at('several', 'events.jsonl'))
    expect(events.filter(({ type }) => type === 'decision').map(({ step }) => step)).toEqual([3, 2])
    const screened = events.filter(({ type, step }) => type === 'trial' && step === 3)
    expect(screened.length).toBeGreaterThan(40)
  })

  test('from a file: it is the start, and a candidate beside the defaults', async () => {
    await writeFile(at('sigmas.txt'), '60\n1.5\n0')
    const words = [...SEARCH, '--start', 'sigmas.txt', '--out', 'from-file']
    const { code, stdout, stderr } = await bilevelHere(words, folder)
    expect(code, stderr).toBe(0)
    const json = JSON.parse(stdout)
    const tuned = (await readEvents(at('from-file', 'events.jsonl'))).find(({ type }) => type === 'tune')
    const parameters = tuned?.parameters as Readonly<Record<string, number>>
    expect(parameters['logSnr 2']).toBeCloseTo(-2 * Math.log(1.5), 9)
    expect(Math.exp(parameters['log gap 1'])).toBeCloseTo(2 * Math.log(60 / 1.5), 9)
    expect(json.candidates.map(({ stepList }: { stepList: string }) => stepList)).toContain('sigmas.txt')
    const other = await bilevelHere(
      [...SEARCH, '--start', 'sigmas.txt', '--sampling-steps', '3', '--out', 'no'],
      folder,
    )
    expect([other.code, other.stderr]).toEqual([2, expect.stringMatching(/learned for, 3, but sigmas\.txt has 2/)])
    const two = await bilevelHere(
      [...SEARCH, '--start', 'sigmas.txt', '--sampling-steps', '2,3', '--out', 'no'],
      folder,
    )
    expect([two.code, two.stderr]).toEqual([
      2,
      expect.stringMatching(/moreSteps must be none where the start is given/),
    ])
  })
})

describe('damage', () => {
  /** Flips the lowest bit of the first digit behind some text. */
  const flip = async (path: string, behind: string) => {
    const bytes = await readFile(at(path))
    const start = bytes.indexOf(behind) + behind.length
    const digit = start + bytes.subarray(start).findIndex((byte) => byte >= 48 && byte < 58)
    bytes[digit] ^= 1
    await writeFile(at(path), bytes)
  }
  const copyOfRun = (name: string) => cp(at('runs', 'schedule-tiny-0'), at(name), { recursive: true })

  test('a terminal that hangs up leaves a checkpoint; a flipped bit in it is noticed, and the older one gone on from', async () => {
    const running = start([...TINY, '--checkpoint-seconds', '0', '--out', 'hung'], folder)
    await running.says('iteration 2')
    running.kill('SIGHUP')
    expect((await running.finished).code).toBe(130)
    expect(JSON.parse(await readFile(at('hung', 'manifest.json'), 'utf8')).status).toBe('interrupted')
    const [newest, older] = (await readdir(at('hung', 'checkpoints'))).map(Number).toSorted((a, b) => b - a)
    await flip(`hung/checkpoints/${newest}/state.json`, '"history":')
    await rm(at('hung', 'events.jsonl'))
    const { code, stderr } = await bilevel(['schedule', '--resume', 'hung'], folder)
    expect(code, stderr).toBe(0)
    expect(stderr).toMatch(
      `checkpoints/${newest} is not a whole checkpoint: state.json is not the file it was saved with`,
    )
    expect(stderr).toMatch(`the run goes on from the older one of step ${older}`)
    expect(stderr).toMatch(/events\.jsonl had lost \d+ of its events/)
    expect(await numbersOf(at('hung'))).toEqual(await numbersOf(at('runs', 'schedule-tiny-0')))
    const files = [...SAMPLES, ...MODEL]
    expect(await tracesOf(at('hung'), files)).toEqual(await tracesOf(at('runs', 'schedule-tiny-0'), files))
    expect((await readdir(at('hung', 'tensorboard'))).length).toBe(2)
  })

  test('in what a run left is an error that names the file, through the run; by itself it is used, and said', async () => {
    await copyOfRun('damaged')
    const weights = `damaged/model/schedules/${schedule}/sampling_schedule.json`
    await flip(weights, '"levels"')
    const through = await bilevelHere(['sample', 'damaged', '--count', '2', '--out', 'no'], folder)
    expect([through.code, through.stderr]).toEqual([2, expect.stringContaining(`error: ${weights} must be the file`)])
    const itself = await bilevel(['sample', 'damaged/model', '--count', '2', '--out', 'itself'], folder)
    expect([itself.code, itself.stderr]).toEqual([0, expect.stringContaining(`${weights} is not the file`)])
    await flip('damaged/config.yaml', 'seed:')
    const settings = await bilevelHere(['evaluate', 'damaged', '--samples', '72', '--seeds', '1'], folder)
    expect([settings.code, settings.stderr]).toEqual([
      2,
      expect.stringMatching(/error: damaged\/config\.yaml must hold/),
    ])
  })
})

describe('both levels learned', () => {
  const args = [...TINY, '--learn', 'both', '--iterations', '3', '--lower-steps', '1', '--twin-steps', '2']
  const more = [
    '--train-steps',
    '4',
    '--sampling-seeds',
    '11',
    '--class-conditional',
    '--size',
    '8',
    '--features',
    'pixels',
  ]

  test('Ctrl-C leaves a checkpoint; meanwhile the folder is locked; resumed, the twins go on to the byte', async () => {
    const whole = bilevel([...args, ...more, '--out', 'whole'], folder)
    const running = start([...args, ...more, '--out', 'stopped'], folder)
    await running.says('iteration 1')
    // Held where it is, it cannot end before it is asked to stop.
    running.kill('SIGSTOP')
    const second = await bilevel(['schedule', '--resume', 'stopped'], folder)
    expect([second.code, second.stderr]).toEqual([2, expect.stringMatching(/process \d+ uses \S*stopped/)])
    running.kill('SIGINT')
    running.kill('SIGCONT')
    const stopped = await running.finished
    expect([stopped.code, stopped.stdout]).toEqual([130, ''])
    expect(stopped.stderr).toContain(`go on with: ${CALLED} schedule --resume stopped`)
    expect(JSON.parse(await readFile(at('stopped', 'manifest.json'), 'utf8')).status).toBe('interrupted')

    const changed = await bilevelHere(['schedule', '--resume', 'stopped', '--seed', '9', '--batch', '9'], folder)
    expect([changed.code, changed.stderr]).toEqual([
      2,
      expect.stringContaining('batch (was 8, now 9), seed (was 0, now 9)'),
    ])

    const { code, stderr } = await bilevel(['schedule', '--resume', 'stopped', '--checkpoint-seconds', '5'], folder)
    expect(code, stderr).toBe(0)
    expect((await whole).code).toBe(0)
    expect(await numbersOf(at('stopped'))).toEqual(await numbersOf(at('whole')))
    const [name] = await readdir(at('whole', 'model', 'schedules'))
    const model = MODEL.map((file) => file.replace(/schedules\/[^/]+/, `schedules/${name}`))
    const files = [...SAMPLES, ...model, 'model/scheduler/scheduler_config.json']
    expect(await tracesOf(at('stopped'), files)).toEqual(await tracesOf(at('whole'), files))
  })

  test('a second Ctrl-C ends it at once', async () => {
    const running = start([...TINY, '--iterations', '100000', '--out', 'ended'], folder)
    await running.says('iteration 1')
    running.kill('SIGINT')
    await running.says('once more')
    running.kill('SIGINT')
    // By the signal, which shells count as 130; the task may have stopped with that code by then.
    expect([130, 'SIGINT']).toContain((await running.finished).code)
  })
})

/** The name of a run that a shell would take apart. */
const THEIRS = `it's "their" run`

describe('models that exist', () => {
  test("other people's file, with its schedule and classifier, learns from values alone", async () => {
    const model = at('runs', 'schedule-tiny-0', 'model')
    await copyFile(join(model, 'unet', 'model.onnx'), at('theirs.onnx'))
    await copyFile(join(model, 'scheduler', 'scheduler_config.json'), at('theirs.json'))
    await writeFile(at('f.onnx'), await classifierFile(50))
    const given = ['--model', 'theirs.onnx', '--scheduler', 'theirs.json', '--features', 'f.onnx', '--trust-convention']
    const small = ['--iterations', '1', '--tuning-samples', '24', '--candidate-samples', '24', '--sampling-seeds', '5']
    const { code, stdout, stderr } = await bilevel(
      [
        ...TINY,
        ...given,
        ...small,
        '--sampler',
        'dpm-solver++',
        '--estimator',
        'coordinate',
        '--out',
        THEIRS,
        '--json',
      ],
      folder,
    )
    expect(code, stderr).toBe(0)
    expect(stderr).toContain('f.onnx is given pixels in [0,1]')
    expect(stderr).toContain('what images theirs.onnx was trained on is not known')
    const result = JSON.parse(stdout)
    expect(result.heldOut).toEqual({ known: false, leftOut: { tuning: 0, heldOut: 0 } })
    const page = await readFile(at(THEIRS, 'report.html'), 'utf8')
    expect(page).toContain('whether the model was trained on some of them is not known')
    expect(page).not.toContain('seen by neither')
    expect(result).toMatchObject({ featureNetwork: expect.stringContaining('f.onnx'), learn: 'sampling' })
    // Learned, or the best default where that is what is kept.
    const isKept = result.decision.kept === 'learned'
    expect(result.learned.schedule.family).toBe(isKept ? 'level-power' : result.bestDefault.stepList)
    const [saved] = await readdir(at(THEIRS, 'model', 'schedules'))
    expect(await readdir(at(THEIRS, 'model', 'schedules', saved))).toEqual(
      expect.arrayContaining(['sampling_schedule.json', 'sigmas.txt']),
    )
    // The run knows whose model it was; its command is quoted for a shell.
    const [command] = await printedBy(at(THEIRS))
    const sampled = await shell(`${command} --count 3 --out from-theirs --json`, folder)
    expect(sampled.code, sampled.stderr).toBe(0)
    expect(JSON.parse(sampled.stdout).schedule).toMatchObject({ name: `learned ${saved}`, steps: 2 })
  })

  test('a run is a model: free levels learned on its frozen network, in pixel features', async () => {
    const args = [
      '--model',
      'runs/schedule-tiny-0',
      '--sampling-family',
      'levels',
      '--features',
      'pixels',
      '--judge',
      'none',
    ]
    const { code, stdout, stderr } = await bilevel(
      [...TINY, ...args, '--iterations', '1', '--sampling-seeds', '5', '--out', at('frozen'), '--json'],
      folder,
    )
    expect(code, stderr).toBe(0)
    const [command] = await printedBy(at('frozen'))
    expect(command).toBe(`${CALLED} sample ${at('frozen')} --schedule ddim-2`)
    const sampled = await shell(`${command} --count 2 --out from-frozen`, folder)
    expect(sampled.code, sampled.stderr).toBe(0)
    expect(stderr).toContain('note: distances are in pixel space')
    expect(JSON.parse(stdout)).toMatchObject({
      networkEvaluations: { default: 0 },
      learned: { recognised: null },
      heldOut: { known: true, leftOut: { tuning: 0, heldOut: 0 } },
    })
    expect(await readFile(at('frozen', 'report.html'), 'utf8')).toContain('seen by neither training nor tuning')
    const weights = 'model/unet/diffusion_pytorch_model.safetensors'
    expect(await readFile(at('frozen', weights))).toEqual(await readFile(at('runs/schedule-tiny-0', weights)))
  })

  test('samples: image i of a seed is the same in any number of them', async () => {
    const sample = async (count: number, out: string) => {
      const args = [
        'sample',
        'runs/schedule-tiny-0/model',
        '--count',
        String(count),
        '--seed',
        '3',
        '--out',
        out,
        '--json',
      ]
      const { code, stdout, stderr } = await bilevelHere([...args, '--sampler', 'ddpm', '--steps', '3'], folder)
      expect(code, stderr).toBe(0)
      const { tensors } = decodeSafetensors(await readFile(at(out, 'samples.safetensors')))
      return { report: JSON.parse(stdout), samples: tensors.samples }
    }
    const [few, many] = [await sample(2, 'few'), await sample(12, 'many')]
    expect(many.report).toMatchObject({
      networkEvaluations: 36,
      schedule: { sampler: 'ddpm', steps: 3, clip: [-1, 1] },
    })
    expect(few.samples.data).toEqual(many.samples.data.subarray(0, 2 * 256))
    expect((await readdir(at('many', 'images'))).length).toBe(12)
    const image = decode(await readFile(at('many', 'images', '11.png')))
    expect([image.width, image.height, image.channels]).toEqual([16, 16, 1])
    const pixel = Number(many.samples.data[11 * 256 + 40])
    expect(Math.abs(image.data[40 * image.channels] - 127.5 * (pixel + 1))).toBeLessThanOrEqual(0.5001)
  })

  test('sampling refuses what does not fit', async () => {
    const refused = async (...more: string[]) => {
      const args = ['sample', 'runs/schedule-tiny-0', '--out', 'no', ...more]
      const { code, stdout, stderr } = await bilevelHere(args, folder)
      expect([code, stdout]).toEqual([2, ''])
      expect(await readdir(folder)).not.toContain('no')
      return stderr
    }
    expect(await refused('--schedule', schedule, '--steps', '3')).toContain(
      `learned ${schedule} has 2 steps, got steps 3`,
    )
    expect(await refused('--schedule', 'ddim-7')).toContain(`a schedule is one of default, ${schedule}, cosine`)
    expect(await refused('--steps', '21')).toContain('1 to 20')
    expect(await refused('--class', '1')).toContain('this model knows no classes')
    expect(await refused('--schedule', 'cosine:start=.8,end=.5', '--steps', '4')).toContain('start must be below end')
    expect(await refused('--schedule', 'cosine:tau=0', '--steps', '4')).toContain('tau must lie in')
  })

  const evaluated = async (...args: string[]) => {
    const { code, stdout, stderr } = await bilevelHere(['evaluate', 'runs/schedule-tiny-0', '--json', ...args], folder)
    expect(code, stderr).toBe(0)
    return { found: JSON.parse(stdout), stderr }
  }

  test('evaluate repeats the default rows of the run, with the network they were measured with', async () => {
    const { manySteps, bestDefault } = JSON.parse(first.stdout)
    const { found, stderr } = await evaluated('--schedule', 'default', '--steps', '10')
    expect(stderr).toContain("the default side's network, runs/schedule-tiny-0/model-default, which trained on")
    expect(found).toMatchObject({ side: 'default', protocol: { samplesPerSeed: 72, samplingSeeds: [11, 12] } })
    expect([found.fid.mean, found.judgeFid.mean, found.recognised.mean]).toEqual([
      manySteps.fid.mean,
      manySteps.judgeFid.mean,
      manySteps.recognised,
    ])
    const { sampler, stepList } = bestDefault
    const best = await evaluated('--schedule', 'default', '--steps', '2', '--sampler', sampler, '--step-list', stepList)
    expect(best.found.fid.mean).toBe(bestDefault.fid.mean)
  })

  test('Karras’ list is one of those to sample from; a network that is not there is none to ask for', async () => {
    const args = ['sample', 'runs/schedule-tiny-0/model', '--count', '1', '--json']
    const list = ['--sampler', 'dpm-solver++', '--step-list', 'karras-model', '--steps', '4', '--out', 'karras']
    const { code, stdout, stderr } = await bilevelHere([...args, ...list], folder)
    expect(code, stderr).toBe(0)
    const { schedule, side } = JSON.parse(stdout)
    expect([side, schedule.times[3], schedule.levels[0]]).toEqual([null, 0, -2 * Math.log(80)])
    const refused = await bilevelHere([...args, '--side', 'default', '--out', 'no'], folder)
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('there is none; leave side out')])
  })

  test('evaluate repeats the row of the run', async () => {
    const { learned } = JSON.parse(first.stdout)
    const { found } = await evaluated()
    expect(found.schedule.name).toBe(`learned ${schedule}`)
    expect(found.side).toBe('learned')
    expect(found.fid.mean).toBeCloseTo(learned.fid.mean, 6)
    expect(found.judgeFid.mean).toBeCloseTo(learned.judgeFid.mean, 6)
    expect(found.recognised.mean).toBeCloseTo(learned.recognised, 12)
    expect(found).toMatchObject({ kid: estimate, precision: estimate, recall: estimate, inceptionScore: estimate })
    expect(found.protocol).toMatchObject({ heldOutKnown: true, heldOutImages: 2000 })
  })
})
