/** Model folders of networks that predict noise, the sample, velocity, and of a flow: as diffusers' own classes read and sample them, and as they come back. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { tensor } from '../../base/index.ts'
import { predictionOf } from '../denoiser.ts'
import { compileDenoiser } from '../denoisers/compiledDenoiser.ts'
import { sample } from '../samplers/sample.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { flowLevelOf } from '../schedules/level.ts'
import { samplingSchedule, samplingScheduleAt } from '../schedules/samplingSchedule.ts'
import { loadModel } from './loadModel.ts'
import { saveModel } from './modelFolder.ts'
import { trainingSchedulerConfig } from './modelFolderScheduler.ts'
import { PREDICTED, predictedModel } from './predictedModels.fixture.ts'

interface Gold {
  readonly steps: number
  readonly time: number
  readonly start: number[]
  readonly models: Readonly<
    Record<
      string,
      {
        readonly scheduler: string
        readonly prediction_type: string | null
        readonly told: number[]
        readonly images: number[]
        readonly raw: number[]
      }
    >
  >
}

const gold = JSON.parse(await readFile('test/gold/predictions.json', 'utf8')) as Gold
const root = await mkdtemp(join(tmpdir(), 'predictions-'))
afterAll(() => rm(root, { recursive: true }))

const start = tensor('float32', [2, 1, 8, 8], Float32Array.from(gold.start))
/** In a range of 1, float32 of two libraries. */
const near = (came: ArrayLike<number>, wanted: readonly number[], tolerance: number) => {
  for (const [i, value] of wanted.entries()) expect(Math.abs(came[i] - value)).toBeLessThan(tolerance)
}

describe.each(PREDICTED)('%s', (target) => {
  const folder = join(root, target)
  const theirs = gold.models[target]

  test('diffusers finds the class and what is predicted', async () => {
    const { notes } = await saveModel(folder, predictedModel(target))
    expect(notes).toEqual([])
    const read = async (name: string) => JSON.parse(await readFile(join(folder, name), 'utf8'))
    const [index, scheduler] = [await read('model_index.json'), await read('scheduler/scheduler_config.json')]
    expect(index.scheduler).toEqual(['diffusers', theirs.scheduler])
    expect(scheduler._class_name).toBe(theirs.scheduler)
    expect(scheduler.prediction_type ?? null).toBe(theirs.prediction_type)
  })

  test('it comes back: what it predicts, its schedule, its clip', async () => {
    const model = predictedModel(target)
    const other = join(root, `${target}-clip`)
    await saveModel(other, { ...model, clip: [-2, 2] }, { onnx: true })
    const loaded = await loadModel(other)
    expect(loaded.prediction).toBe(predictionOf(target))
    expect(loaded.clip).toEqual([-2, 2])
    expect(loaded.noiseSchedule.path).toBe(target === 'flow' ? 'flow' : undefined)
    expect(loaded.noiseSchedule.timesteps).toBe(target === 'flow' ? 61 : 60)
    for (const [t, value] of model.noiseSchedule.logSnr.entries()) {
      expect(loaded.noiseSchedule.logSnr[t]).toBeCloseTo(value, 9)
    }
    await saveModel(folder, { ...model, clip: null })
    expect((await loadModel(folder)).clip).toBe(null)
  })

  test('diffusers’ own pipeline draws the same images from the folder', async () => {
    await saveModel(folder, predictedModel(target))
    const { network, state, prediction, noiseSchedule, sampler } = await loadModel(folder)
    const denoiser = await compileDenoiser({ network, state, batch: 2, binding: 'bound', prediction })
    near((await denoiser.predict(start, gold.time)).data, theirs.raw, 2e-5)
    const own = sampler.levelsOf?.({ steps: gold.steps })
    const schedule = own
      ? { timesteps: noiseSchedule.timesteps, levels: own.levels, times: own.told }
      : samplingScheduleAt(noiseSchedule, theirs.told)
    near(schedule.times, theirs.told, 1e-5)
    // FlowMatchEulerDiscreteScheduler does not clip.
    const settings = samplerSettings({ ...sampler.settings, ...(target === 'flow' && { clip: null }) })
    const { images } = await sample({ denoiser, schedule, settings, start, seed: 0 })
    near(images.data, theirs.images, 1e-3)
    await denoiser.dispose()
  })
})

test('a schedule of another process in the folder is refused', async () => {
  const folder = join(root, 'mixed')
  const levels = [0.9, 0.2].map((sigma) => flowLevelOf(sigma).logSnr)
  const schedule = samplingSchedule({ timesteps: 61, logSnr: levels, times: [54, 12], path: 'flow' })
  const saved = { schedule, settings: samplerSettings({ sampler: 'exponential' }), learnedFor: null }
  await saveModel(folder, { ...predictedModel('flow'), samplingSchedules: [{ name: 'exponential-2', ...saved }] })
  expect((await loadModel(folder)).samplingSchedules).toEqual([{ name: 'exponential-2', ...saved }])
  const file = join(folder, 'schedules', 'exponential-2', 'sampling_schedule.json')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace('"process": "flow"', '"output": 0.1'))
  await expect(loadModel(folder)).rejects.toThrow(
    `${file} must be for the model's process, it is for no flow, the model is one`,
  )
})

test('what diffusers has no form for is refused, and so is a clip that is none', async () => {
  const { noiseSchedule } = predictedModel('flow')
  expect(() => trainingSchedulerConfig(noiseSchedule, 'noise', null)).toThrow(
    'on a flow diffusers takes a network that predicts eps - x0 (velocity), got one that predicts noise',
  )
  const folder = join(root, 'clip')
  await saveModel(folder, predictedModel('flow'))
  const file = join(folder, 'scheduler', 'scheduler_config.json')
  const config = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, JSON.stringify({ ...config, _clip: [1, -1] }))
  await expect(loadModel(folder)).rejects.toThrow(/_clip must be \[low, high\] with low < high, got \[1,-1\]/)
})
