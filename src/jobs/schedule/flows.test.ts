/** Whole runs on flows, and on models trained here to predict something else than the noise: learned, saved, opened and sampled again, guided. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { saveModel } from '../../diffusion/files/index.ts'
import { flowSchedule, noiseSchedule, withZeroTerminalSnr } from '../../diffusion/index.ts'
import { initialState, unet } from '../../nn/index.ts'
import type { LearnedModel } from '../../tuners/index.ts'
import { runEntropyJob } from '../entropy/job.ts'
import { resolveEntropyConfig } from '../entropy/settings.ts'
import { openModelAt } from '../opening/openModel.ts'
import { chooseSampling } from '../opening/samplingChoice.ts'
import { sampleModel } from '../sample/run.ts'
import { resolveSampleConfig } from '../sample/settings.ts'
import { runScheduleJob } from './job.ts'
import { planSchedule } from './plan.ts'
import { resolveScheduleConfig } from './settings.ts'

const root = await mkdtemp(join(tmpdir(), 'flows-'))
const at = (...path: string[]) => join(root, ...path)
afterAll(() => rm(root, { recursive: true, force: true }))

const network = unet({ size: 16, channels: [4, 8], imageChannels: 1, layersPerBlock: 1, groups: 2 })
beforeAll(async () => {
  const noiseSchedule = flowSchedule(20)
  const model = {
    network,
    state: initialState(network, 1),
    noiseSchedule,
    prediction: 'velocity',
    samplingSchedules: [],
  } as const
  await saveModel(at('source'), model, { onnx: true })
})

const flags = (values: Readonly<Record<string, unknown>>) => [{ source: 'the flags', values }]
const SMALL = {
  ...{ preset: 'tiny', judge: 'none', samplingFamily: 'levels', starts: 1, iterations: 1, samplingSeeds: [11] },
  ...{ candidateSamples: 65, tuningSamples: 65, evaluationSamples: 65, chunk: 65 },
}
const learn = async (name: string, values: Readonly<Record<string, unknown>>) => {
  const config = resolveScheduleConfig(flags({ ...SMALL, ...values }))
  const { networkEvaluations } = await planSchedule(config)
  const done = await runScheduleJob(config, { folder: at(name) })
  return { ...done, planned: networkEvaluations }
}
/** As the folder of what is kept is called: of what was tuned, or of the best default. */
const nameOf = ({ sampling, settings }: LearnedModel) => `${settings.sampler}-${sampling.levels.length}`
const readJson = async (...path: string[]) => JSON.parse(await readFile(at(...path), 'utf8'))

/** How a run is sampled, where nobody says. */
async function openedRun(name: string, values: Readonly<Record<string, unknown>> = {}) {
  const config = resolveSampleConfig(flags(values))
  const opened = await openModelAt(at(name), config)
  const choice = await chooseSampling(opened, config)
  const { prediction, schedule } = opened
  await opened.close()
  return { prediction, schedule, choice }
}

test('an ONNX file that is a flow: its shift is learned by its derivative, and sampled', async () => {
  const scheduler = at('source', 'scheduler', 'scheduler_config.json')
  const model = at('source', 'unet', 'model.onnx')
  const { learned, json } = await learn('file', {
    ...{ model, scheduler, samplingFamily: 'shift', samplingSteps: 3 },
    // A network that was not trained.
    trustConvention: true,
  })
  expect(learned.sampling.levels.every(({ path }) => path === 'flow')).toBe(true)
  for (const { parameters } of learned.result.history) expect(Object.keys(parameters)).toEqual(['shift'])
  expect(JSON.stringify(json)).toContain('shift')
  const name = nameOf(learned)
  const file = join('schedules', name, 'sampling_schedule.json')
  expect(await readJson('file', 'model', file)).toMatchObject({ process: 'flow', T: 21 })
  const { choice } = await openedRun('file')
  expect(choice.name).toBe(`learned ${name}`)
  expect(choice.schedule.times).toEqual(learned.sampling.times)
  const report = await sampleModel(at('file'), resolveSampleConfig(flags({ count: 2 })), { folder: at('file-images') })
  expect(report.schedule).toMatchObject({ name: `learned ${name}`, steps: learned.sampling.levels.length })
})

test('a folder that is a flow: levels, told times, tau and weights by backpropagation', async () => {
  const free = ['levels', 'times', 'tau', 'weights']
  const { learned, planned } = await learn('folder', {
    model: at('source'),
    samplingFamily: undefined,
    free,
    samplingSteps: 3,
  })
  expect(planned).toBeGreaterThan(0)
  expect(learned.sampling.solver?.tau?.length).toBe(2)
  const { choice, prediction, schedule } = await openedRun('folder')
  expect([prediction, schedule.path, choice.name]).toEqual(['velocity', 'flow', `learned ${nameOf(learned)}`])
  expect(choice.schedule.solver).toEqual(learned.sampling.solver)
  const page = await readFile(at('folder', 'report.html'), 'utf8')
  expect(page).toContain('noise - image (velocity of a flow)')
  expect(page).toContain('shift-3')
})

describe.each(['velocity', 'flow'])('trained here to predict %s', (prediction) => {
  test('the run folder is opened as such, the default side too', async () => {
    const { learned } = await learn(prediction, { prediction })
    const flow = prediction === 'flow'
    for (const side of ['learned', 'default'] as const) {
      const opened = await openedRun(prediction, { side, steps: side === 'default' ? 4 : null })
      expect(opened.prediction).toBe(flow ? 'velocity' : prediction)
      expect(opened.schedule.path).toBe(flow ? 'flow' : undefined)
      expect(opened.choice.settings.clip).toEqual([-1, 1])
    }
    const { choice } = await openedRun(prediction)
    for (const [i, { logSnr }] of learned.sampling.levels.entries()) {
      expect(choice.schedule.levels[i].logSnr).toBeCloseTo(logSnr, 9)
    }
    const index = await readJson(prediction, 'model', 'model_index.json')
    expect(index.scheduler[1]).toBe(flow ? 'FlowMatchEulerDiscreteScheduler' : 'DDIMScheduler')
    const drawn = await sampleModel(at(prediction), resolveSampleConfig(flags({ count: 2 })), {
      folder: at(`${prediction}-images`),
    })
    expect(drawn.schedule.name).toBe(`learned ${nameOf(learned)}`)
  })
})

test('trained on a density with weighted losses: the run says so, and is sampled in the times of the noise schedule', async () => {
  const density = { trainingDensity: 'laplace', densityWidth: 0.8, lossWeighting: 'soft-min-snr' }
  const given = { ...density, prediction: 'velocity', zeroTerminalSnr: true, start: 'trailing' }
  const { learned } = await learn('density', given)
  const wanted = {
    density: { name: 'laplace', mean: 0, width: 0.8 },
    weighting: { name: 'soft-min-snr', gamma: 4 },
  }
  for (const folder of ['model', 'model-default']) {
    const config = await readJson('density', folder, 'scheduler', 'scheduler_config.json')
    expect(config).toMatchObject({ _family: 'cosine', _trained_on: wanted, rescale_betas_zero_snr: true })
  }
  const page = await readFile(at('density', 'report.html'), 'utf8')
  expect(page).toContain('levels drawn from a laplace density of log-SNR, mean 0, width 0.8')
  const { schedule, choice } = await openedRun('density')
  expect(schedule.logSnr).toEqual(withZeroTerminalSnr(noiseSchedule({ family: 'cosine', timesteps: 20 }), 0).logSnr)
  expect(choice.schedule.times).toEqual(learned.sampling.times)
  for (const name of [choice.name.replace('learned ', ''), 'default']) {
    const config = resolveSampleConfig(flags({ count: 2, schedule: name }))
    await expect(sampleModel(at('density'), config, { folder: at(`density-${name}`) })).resolves.toBeTruthy()
  }
  // The settings are the run's own: a resumed one cannot have others.
  const other = resolveScheduleConfig(flags({ ...SMALL, ...given, densityWidth: 0.9 }))
  await expect(runScheduleJob(other, { folder: at('density'), resume: true })).rejects.toThrow(/densityWidth/)
})

test.each([
  ['velocity', 'guided'],
  ['flow', 'guided'],
  ['flow', 'tilt'],
])('of %s: lambda of the target %s, and images by it', async (prediction, target) => {
  const name = `${prediction}-${target}`
  const few = { steps: 3, explorePaths: 8, curvePaths: 8, particles: 8, gridImages: 1, maxEvaluations: 1 }
  const given = { preset: 'tiny', model: at(prediction), target, schedule: 'default', data: null, ...few }
  const { json } = await runEntropyJob(resolveEntropyConfig(flags(given)), { folder: at(name) })
  expect(json.networkEvaluations).toBeGreaterThan(0)
  const guidance = at(name, 'guidance.json')
  const { samplingSchedule } = await readJson(name, 'guidance.json')
  const { timesteps } = (await openedRun(prediction)).schedule
  if ('T' in samplingSchedule) expect(samplingSchedule.T).toBe(timesteps)
  const config = resolveSampleConfig(flags({ count: 2, guidance }))
  const images = await sampleModel(at(name), config, { folder: at(`${name}-images`) })
  expect(images.guidance).toBe(guidance)
})

test('guidance of a flow is refused by a model that is none', async () => {
  const config = resolveSampleConfig(flags({ count: 2, guidance: at('flow-guided', 'guidance.json') }))
  await expect(sampleModel('digits-16', config, { folder: at('none') })).rejects.toThrow(
    /must be for the model's T|is for a flow/,
  )
})

test.each<[Readonly<Record<string, unknown>>, RegExp]>([
  [{ prediction: 'v' }, /prediction/],
  [
    { prediction: 'flow', learn: 'tied' },
    /learn must be sampling with prediction flow, whose levels are sigma = t\/T; got "tied"|learn must be sampling/,
  ],
  [{ prediction: 'flow', trainingFamily: 'sigmoid' }, /trainingFamily must be left out with prediction flow/],
  [{ zeroTerminalSnr: true }, /prediction must be sample or velocity with zeroTerminalSnr/],
  [{ trainingDensity: 'laplace', densityMean: -30 }, /must lie within the log-SNRs/],
  [{ free: ['shift', 'levels'] }, /neither is free beside it; got shift,levels: leave shift or levels out/],
])('%j is refused', (values, message) => {
  expect(() => resolveScheduleConfig(flags({ preset: 'tiny', ...values }))).toThrow(message)
})

test('what is asked of a model that is there and is not so is refused', async () => {
  await expect(learn('other', { model: at('source'), prediction: 'sample' })).rejects.toThrow(
    'prediction is what a model trained here predicts, got sample for a model that predicts flow; leave it out',
  )
  const tied = resolveScheduleConfig(flags({ preset: 'tiny', judge: 'none', model: at('source'), learn: 'tied' }))
  await expect(runScheduleJob(tied, { folder: at('tied') })).rejects.toMatchObject({ code: 'learn.mode' })
})
