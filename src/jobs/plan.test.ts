/** Plans of jobs from their settings: against counts by hand, and as `--dry-run` words them. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SymbolicTensor } from '../graph/index.ts'
import { mul, trace } from '../graph/index.ts'
import { encodeOpenBatch } from '../onnx/index.ts'
import { UNKNOWN_CALLER } from '../runs/index.ts'
import { runEntropyJob } from './entropy/job.ts'
import { planEntropy } from './entropy/plan.ts'
import { resolveEntropyConfig } from './entropy/settings.ts'
import { planEvaluate } from './evaluate/plan.ts'
import { evaluateConfigOf, evaluateModel } from './evaluate/run.ts'
import { REWARD_MODULE } from './init/rewardModule.ts'
import { anyJob } from './job.ts'
import { planText } from './planning/forecast.ts'
import { sampleLayers } from './sample/guidedSampling.ts'
import { planSample } from './sample/plan.ts'
import { sampleModel } from './sample/run.ts'
import { resolveSampleConfig } from './sample/settings.ts'
import { runScheduleJob, scheduleJob } from './schedule/job.ts'
import { planSchedule } from './schedule/plan.ts'
import { resolveScheduleConfig } from './schedule/settings.ts'

/** Operations per second, whatever this machine does. */
const rateOf = async () => 1e9

const given = (values: Record<string, unknown>) => [{ source: 'the test', values }]

test('schedule: more steps of training cost their evaluations and their seconds, not more memory', async () => {
  const planned = (trainSteps: number) =>
    planSchedule(resolveScheduleConfig(given({ preset: 'tiny', trainSteps, batch: 16 })), rateOf)
  const [few, many] = [await planned(10), await planned(1_000_010)]
  expect(many.networkEvaluations - few.networkEvaluations).toBe(1_000_000 * 3 * 16)
  expect(few.seconds).toBeGreaterThan(0)
  expect(many.seconds).toBeGreaterThan(100 * Number(few.seconds))
  expect(many.memoryMiB).toBe(few.memoryMiB)
})

test('schedule of a model that is there: no training, and the memory of kept activations where tuning keeps them', async () => {
  const settings = {
    model: 'digits-16',
    samplingSteps: 5,
    iterations: 2,
    candidateSamples: 100,
    evaluationSamples: 100,
  }
  const [tuned, trained] = [
    await planSchedule(resolveScheduleConfig(given(settings)), rateOf),
    await planSchedule(resolveScheduleConfig(given({ ...settings, learn: 'tied' })), rateOf),
  ]
  expect(tuned.networkEvaluations).toBeLessThan(trained.networkEvaluations)
  // 96 images and five steps less of what 269 KiB each are kept of; the tied problem trains and keeps none.
  const fewer = await planSchedule(resolveScheduleConfig(given({ ...settings, tuningSamples: 96 })), rateOf)
  expect(Number(tuned.memoryMiB) - Number(fewer.memoryMiB)).toBeCloseTo((96 * 5 * 269) / 1024, -1)
  expect(Number(fewer.memoryMiB)).toBeLessThan(Number(trained.memoryMiB))
})

test('entropy: what it may take at most, by hand', async () => {
  const settings = { maxEvaluations: 50_000, curvePoints: 7, curvePaths: 20, gridImages: 4, steps: 6 }
  const plan = await planEntropy(resolveEntropyConfig(given(settings)), rateOf)
  // paths at the curve's points, the base model and the chosen lambda, and four grids: three evaluations a step
  expect(plan.networkEvaluations).toBe(50_000 + ((7 + 2) * 20 + 4 * 4) * 3 * 6)
  expect(plan.seconds).toBeGreaterThan(0)
})

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plan-'))
})
afterAll(() => rm(folder, { recursive: true }))

const SMALL = { features: 'pixels', judge: 'none', tuningSamples: 65, candidateSamples: 65, evaluationSamples: 65 }

test('preset tiny of schedule spends no more than planned', async () => {
  const config = resolveScheduleConfig(given({ preset: 'tiny', iterations: 1, samplingSeeds: [11], ...SMALL }))
  const { networkEvaluations } = await planSchedule(config, rateOf)
  let done = 0
  const onProgress = (at: { readonly done: number }) => {
    done = at.done
  }
  await runScheduleJob(config, { folder: join(folder, 'schedule'), onProgress })
  expect(done).toBeGreaterThan(0)
  expect(done).toBeLessThanOrEqual(networkEvaluations)
})

const FEW = { steps: 3, explorePaths: 8, curvePaths: 8, particles: 8, gridImages: 1 }

test('preset tiny of entropy, and images guided or tilted by what it finds, spend no more than planned', async () => {
  const run = join(folder, 'guided')
  const tiny = { preset: 'tiny', model: 'digits-16', class: 'unconditional', data: null, maxEvaluations: 1, ...FEW }
  const config = resolveEntropyConfig(given(tiny))
  const { networkEvaluations } = await planEntropy(config, rateOf)
  const { json } = await runEntropyJob(config, { folder: run })
  expect(json.networkEvaluations).toBeLessThanOrEqual(networkEvaluations)
  const guidance = join(run, 'guidance.json')
  for (const target of ['guided', 'tilt']) {
    const saved = JSON.parse(await readFile(guidance, 'utf8'))
    await writeFile(guidance, JSON.stringify({ ...saved, target }))
    const given = [{ source: 'the test', values: { guidance, count: 3 } }]
    const guided = resolveSampleConfig([...(await sampleLayers('digits-16', given)), ...given])
    const report = await sampleModel('digits-16', guided, { folder: join(folder, `${target} images`) })
    const planned = await planSample('digits-16', guided, rateOf)
    expect(report.networkEvaluations).toBeLessThanOrEqual(planned.networkEvaluations)
    expect(report.networkEvaluations).toBeGreaterThanOrEqual(planned.networkEvaluations / 3)
  }
})

test('plain images and their evaluation spend what is planned', async () => {
  const config = resolveSampleConfig(given({ count: 5, steps: 3, schedule: 'default' }))
  const report = await sampleModel('digits-16', config, { folder: join(folder, 'plain') })
  expect((await planSample('digits-16', config, rateOf)).networkEvaluations).toBe(report.networkEvaluations)
  const [measured] = given({
    samples: 65,
    samplingSeeds: [1, 2],
    steps: 1,
    schedule: 'default',
    features: 'pixels',
    judge: 'none',
  })
  const { json } = await evaluateModel('digits-16', measured)
  const plan = await planEvaluate('digits-16', await evaluateConfigOf('digits-16', measured), rateOf)
  expect(plan.networkEvaluations).toBe(json.networkEvaluations)
})

test('a file is planned by what it was measured to take, and a run of it says so first', async () => {
  const [model, scheduler] = ['half.onnx', 'betas.json'].map((name) => join(folder, name))
  const types = (batch: number) =>
    ({ x: { dtype: 'float32', shape: [batch, 1, 16, 16] }, t: { dtype: 'int64', shape: [batch] } }) as const
  const half = encodeOpenBatch((batch) =>
    trace(types(batch), ({ x }: Record<'x' | 't', SymbolicTensor>) => ({ y: mul(x, 0.5) })),
  )
  await writeFile(model, half)
  await writeFile(scheduler, JSON.stringify({ betas: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6] }))
  const file = { preset: 'tiny', model, scheduler, iterations: 1, samplingSeeds: [11], ...SMALL }
  const config = resolveScheduleConfig(given(file))
  const { networkEvaluations, seconds, memoryMiB } = await planSchedule(config)
  // A network of next to nothing: the process alone.
  expect(memoryMiB).toBeGreaterThan(250)
  expect(memoryMiB).toBeLessThan(330)
  expect(seconds).toBeGreaterThan(0)
  expect(seconds / networkEvaluations).toBeLessThan(0.01)
  const sample = resolveSampleConfig(
    given({ count: 1000, steps: 3, schedule: 'default', scheduler, trustConvention: true }),
  )
  const drawn = await planSample(model, sample)
  expect(drawn.networkEvaluations).toBeGreaterThan(3000)
  expect(drawn.seconds / drawn.networkEvaluations).toBeLessThan(0.01)

  const lines: string[] = []
  const rates = new Set<number | undefined>()
  let done = 0
  const request = {
    config,
    argument: '',
    folder: join(folder, 'file'),
    resume: false,
    allowCode: false,
    caller: UNKNOWN_CALLER,
  }
  await anyJob(scheduleJob).run(request, {
    signal: new AbortController().signal,
    onNote: () => {},
    onLine: (line) => lines.push(line),
    onProgress: (progress) => {
      rates.add(progress.forecastRate)
      done = progress.done
    },
  })
  expect(lines[0]).toMatch(/^expected: at most [\d,]+ network evaluations, and about \d+ MiB of memory$/)
  expect(lines[1]).toMatch(
    /^forecast: about \d+ s for [\d,]+ network evaluations of [\d.e-]+ ms each, as measured just now$/,
  )
  expect(lines.filter((line) => line.startsWith('forecast'))).toHaveLength(1)
  const [rate, ...others] = rates
  expect(others).toEqual([])
  expect(rate).toBeGreaterThan(100)
  expect(done).toBeLessThanOrEqual(networkEvaluations)
})

test('in words', () => {
  const plan = { networkEvaluations: 1_234_567, seconds: 125, memoryMiB: 812.4 }
  expect(planText(plan)).toBe(
    'plan: at most 1,234,567 network evaluations, which take about 2 min 05 s on this machine if it is idle, and about 812 MiB',
  )
  const file = {
    networkEvaluations: 1040,
    checking: 1000,
    seconds: 10.4,
    memoryMiB: null,
    measured: true,
    lines: ['data: some'],
  }
  expect(planText(file)).toBe(
    'plan: at most 1,040 network evaluations, 1,000 of them to check what was given, which take about 10 s at the pace measured just now; the memory of a file whose network cannot be read is not known\ndata: some',
  )
  expect(planText({ ...file, networkEvaluations: 0, checking: 0, lines: ['A: a.npz'] })).toBe(
    'plan: no network is run\nA: a.npz',
  )
})

test('checking what is given is planned and counted: a convention with pictures and without, rewards of files', async () => {
  const found = (name: string) => resolve('test/found', name)
  const [model, scheduler] = ['eps.onnx', 'sched.json'].map((name) => found(`conventions/${name}`))
  const data = found('conventions/pictures-idx3-ubyte.gz')
  const config = resolveSampleConfig(given({ scheduler, count: 2, steps: 2, chunk: 8 }))
  for (const how of [config, { ...config, data }]) {
    const { networkEvaluations, checking = 0 } = await planSample(model, how)
    const report = await sampleModel(model, how, { folder: join(folder, `checked ${how.data}`) })
    expect(networkEvaluations - checking).toBe(report.networkEvaluations)
    expect(report.checkingEvaluations).toBeGreaterThan(100)
    expect(report.checkingEvaluations).toBeLessThanOrEqual(checking)
  }
  const reward = join(folder, 'reward.mjs')
  await writeFile(reward, REWARD_MODULE)
  const entropy = (values: Record<string, unknown>) =>
    planEntropy(resolveEntropyConfig(given({ steps: 6, target: 'tilt', ...values })), rateOf)
  expect((await entropy({ reward })).checking).toBe(16 * 6)
  expect((await entropy({ reward: 'ink' })).checking).toBe(0)
})
