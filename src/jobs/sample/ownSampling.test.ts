/** What a model's scheduler file says of its sampling (clipping, times, notes) reaches every command, from folders and ONNX files alike. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readScheduler } from '../../diffusion/files/diffusersScheduler.ts'
import { saveModel, shippedModelFolder, writeSamplingSchedule } from '../../diffusion/files/index.ts'
import { noiseSchedule } from '../../diffusion/index.ts'
import { initialState, unet } from '../../nn/index.ts'
import { openEntropyInputs } from '../entropy/open.ts'
import { resolveEntropyConfig } from '../entropy/settings.ts'
import { evaluateModel } from '../evaluate/run.ts'
import { openModelAt } from '../opening/openModel.ts'
import { chooseSampling } from '../opening/samplingChoice.ts'
import { openScheduleInputs } from '../schedule/open.ts'
import { resolveScheduleConfig } from '../schedule/settings.ts'
import { sampleModel } from './run.ts'
import { resolveSampleConfig } from './settings.ts'

let root = ''
const at = (...path: string[]) => join(root, ...path)

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'own-sampling-'))
  const network = unet({ size: 16, channels: [4, 8], imageChannels: 1, layersPerBlock: 1, groups: 2 })
  const model = {
    network,
    state: initialState(network, 1),
    noiseSchedule: noiseSchedule({ family: 'linear' }),
    samplingSchedules: [],
  }
  await saveModel(at('saved'), model, { onnx: true })
})
afterAll(() => rm(root, { recursive: true, force: true }))

let count = 0

const readOf = (config: object) => readScheduler(JSON.stringify(config), 'config.json')

/** The saved model as somebody else's: a folder and a file, with the given scheduler. */
async function theirs(scheduler: object): Promise<{ folder: string; file: string; config: string }> {
  const folder = at(`theirs${count++}`)
  await cp(at('saved'), folder, { recursive: true })
  const config = join(folder, 'scheduler', 'scheduler_config.json')
  await writeFile(config, JSON.stringify(scheduler))
  return { folder, file: join(folder, 'unet', 'model.onnx'), config }
}

const flags = (values: Readonly<Record<string, unknown>>) => ({ source: 'the flags', values })

/** How it is sampled by `sample`, from the folder; and that the ONNX file is sampled so too. */
async function chosen(scheduler: object, values: Readonly<Record<string, unknown>> = {}) {
  const { folder, file, config: path } = await theirs(scheduler)
  const [ofFolder, ofFile] = await Promise.all(
    [folder, file].map(async (model) => {
      const config = resolveSampleConfig([flags({ steps: 4, ...values, ...(model === file && { scheduler: path }) })])
      const opened = await openModelAt(model, config)
      const { name, settings, schedule, notes } = await chooseSampling(opened, config)
      await opened.close()
      return { name, settings, times: schedule.times, notes: [...opened.notes, ...notes] }
    }),
  )
  expect(ofFile).toEqual(ofFolder)
  return ofFolder
}

test.each([
  ['EulerDiscreteScheduler', 'linspace', [999, 666, 333, 0], 0],
  ['EulerAncestralDiscreteScheduler', 'linspace', [999, 666, 333, 0], 1],
  ['UniPCMultistepScheduler', 'linspace of UniPCMultistepScheduler', [999, 749, 500, 250], 0],
  ['DEISMultistepScheduler', 'linspace of DEISMultistepScheduler', [999, 749, 500, 250], 0],
  ['LMSDiscreteScheduler', 'linspace', [999, 666, 333, 0], 0],
  ['KDPM2DiscreteScheduler', 'linspace', [999, 666, 333, 0], 0],
  ['PNDMScheduler', 'leading of PNDMScheduler', [751, 501, 251, 1], 0],
] as const)('%s: its own times, unclipped, with what is done otherwise', async (_class_name, list, times, eta) => {
  const own = await chosen({ _class_name, clip_sample: true, steps_offset: 1 })
  expect(own).toMatchObject({ name: `default ddim, 4 steps, ${list}`, times, settings: { clip: null, eta } })
  expect(own.notes[0]).toMatch(new RegExp(`${_class_name} (takes .* default|is --sampler [a-z]+$)`))
  // What is asked for comes before the file.
  const asked = await chosen({ _class_name }, { stepList: 'trailing', eta: 0.5 })
  expect(asked).toMatchObject({ name: 'default ddim, 4 steps, trailing', times: [999, 749, 499, 249] })
  expect(asked.settings).toMatchObject({ clip: null, eta: 0.5 })
})

test('a sampler that is not the default is named, and has its own settings where it is asked for', async () => {
  const ddpm = { _class_name: 'DDPMScheduler', variance_type: 'fixed_large', clip_sample_range: 2 }
  const byDefault = await chosen(ddpm)
  expect(byDefault).toMatchObject({
    name: 'default ddim, 4 steps, leading',
    settings: { clip: [-2, 2], clippedNoise: 'keep' },
  })
  expect(byDefault.notes).toEqual(['sampled with ddim, the default; DDPMScheduler is --sampler ddpm'])
  const asked = await chosen(ddpm, { sampler: 'ddpm' })
  expect(asked.settings).toMatchObject({ clip: [-2, 2], clippedNoise: 'recompute', variance: 'large' })
  expect(asked.notes).toEqual([])
  const solver = await chosen({ _class_name: 'DPMSolverMultistepScheduler' }, { sampler: 'dpm-solver++' })
  expect(solver).toMatchObject({ times: [999, 749, 500, 250], settings: { sampler: 'dpm-solver++', clip: null } })
})

test('levels between training times are those of the file, and so are the steps of its own class', async () => {
  const karras = { _class_name: 'EulerDiscreteScheduler', use_karras_sigmas: true }
  const { planOf } = readOf(karras)
  const byDefault = await chosen(karras)
  expect(byDefault.name).toBe('default ddim, 4 steps, levels of EulerDiscreteScheduler')
  expect(byDefault.times).toEqual(planOf({ steps: 4 }).told)
  expect(byDefault.times[1] % 1).not.toBe(0)
  const unipc = await chosen({ _class_name: 'UniPCMultistepScheduler' }, { sampler: 'own' })
  expect(unipc).toMatchObject({ name: 'default own, 4 steps of UniPCMultistepScheduler', times: [999, 749, 500, 250] })
  for (const given of [{ schedule: 'cosine' }, { stepList: 'trailing' }, { eta: 0.5 }]) {
    await expect(chosen(karras, { sampler: 'own', ...given })).rejects.toThrow(
      /sampler own takes .* from .*, got .*leave/,
    )
  }
  await expect(chosen(PNDM, { sampler: 'own' })).rejects.toThrow(/scheduler_config.json: PNDMScheduler takes pseudo/)
})

test('a flow is sampled at its own levels, and schedules of other processes are refused', async () => {
  const flow = { _class_name: 'FlowMatchEulerDiscreteScheduler', use_dynamic_shifting: true }
  // 8 x 8 patches: mu is straight through (256, .5) and (4096, 1.15).
  const mu = 0.5 + ((64 - 256) * (1.15 - 0.5)) / (4096 - 256)
  const { told } = readOf(flow).planOf({ steps: 4, mu })
  const { file, config: scheduler } = await theirs(flow)
  const given = { steps: 4, scheduler }
  const choose = async (values: object) => {
    const config = resolveSampleConfig([flags({ ...given, ...values })])
    const opened = await openModelAt(file, config)
    return chooseSampling(opened, config).finally(opened.close)
  }
  const byDefault = await choose({})
  for (const [i, time] of byDefault.schedule.times.entries()) expect(time).toBeCloseTo(told[i], 6)
  expect(byDefault.name).toBe('default ddim, 4 steps, levels of FlowMatchEulerDiscreteScheduler')
  expect(byDefault.schedule.levels.map(({ path }) => path)).toEqual(['flow', 'flow', 'flow', 'flow'])
  const trailing = await choose({ stepList: 'trailing' })
  expect(trailing.schedule.times).toEqual([1000, 750, 500, 250])
  for (const [i, { signal, noise, path }] of trailing.schedule.levels.entries()) {
    expect([noise, signal, path]).toEqual([
      expect.closeTo(trailing.schedule.times[i] / 1000, 12),
      expect.closeTo(1 - trailing.schedule.times[i] / 1000, 12),
      'flow',
    ])
  }
  const shifted = await choose({ stepList: 'shift-3' })
  expect(shifted.schedule.times).toEqual([1000, 900, 750, 500].map((time) => expect.closeTo(time, 9)))
  await expect(choose({ schedule: 'cosine' })).rejects.toThrow(
    /the model is a flow, and the schedule cosine is of no flow; take the default/,
  )
  const saved = at('flow-schedule.json')
  const flowText = writeSamplingSchedule({ ...byDefault, learnedFor: null })
  await writeFile(saved, flowText)
  expect((await choose({ schedule: saved, steps: null })).schedule).toEqual({
    ...byDefault.schedule,
    levels: byDefault.schedule.levels.map((level) => ({
      ...level,
      signal: expect.closeTo(level.signal, 12),
      noise: expect.closeTo(level.noise, 12),
    })),
  })
  const { process: _, ...turning } = JSON.parse(flowText)
  await writeFile(saved, JSON.stringify(turning))
  await expect(choose({ schedule: saved, steps: null })).rejects.toThrow(
    /flow-schedule.json is of no flow; take the default/,
  )
  const other = JSON.stringify({ ...JSON.parse(flowText), T: 1000, times: [999, 750, 500, 250] })
  await writeFile(saved, other)
  await expect(chosen({ _class_name: 'DDIMScheduler' }, { schedule: saved, steps: null })).rejects.toThrow(
    /the model is no flow, and the schedule .* is of a flow; take a schedule learned for this model/,
  )
  const images = (sampler: string | null, out: string) =>
    sampleModel(file, resolveSampleConfig([flags({ ...given, count: 2, sampler, trustConvention: true })]), {
      folder: at(out),
    })
  const [own, plain] = [await images('own', 'own'), await images(null, 'plain')]
  expect(own.schedule).toMatchObject({ sampler: 'own steps of FlowMatchEulerDiscreteScheduler', steps: 4, clip: null })
  expect(own.networkEvaluations).toBe(plain.networkEvaluations)
  // Euler's steps on a flow are those of DDIM.
  expect(await readFile(at('own', 'grid.png'))).toEqual(await readFile(at('plain', 'grid.png')))
})

test('DDIM steps to other times than those of the list where N does not divide T', async () => {
  const trailing = { _class_name: 'DDIMScheduler', timestep_spacing: 'trailing' }
  expect((await chosen(trailing)).notes).toEqual([])
  expect((await chosen(trailing, { steps: 13 })).notes).toEqual([
    'DDIMScheduler steps from t to t - 76; here each step goes to the next time of the list',
  ])
})

test('a model of this project is sampled as before', async () => {
  for (const path of [shippedModelFolder('digits-16') ?? '', at('saved')]) {
    const config = resolveSampleConfig([flags({ schedule: 'default' })])
    const opened = await openModelAt(path, config)
    const { name, settings, notes } = await chooseSampling(opened, config)
    expect([name, settings.clip, settings.eta]).toEqual(['default ddim, 50 steps, trailing', [-1, 1], 0])
    expect([...opened.notes, ...notes]).toEqual([])
  }
})

const PNDM = { _class_name: 'PNDMScheduler', steps_offset: 1, skip_prk_steps: true }
const UNKNOWN = expect.stringContaining('was trained on is not known')
const PNDM_NOTES = [expect.stringContaining('PNDMScheduler takes '), expect.stringContaining('set_alpha_to_one')]

test('sample and evaluate say it in their results and while they run', async () => {
  const { folder } = await theirs(PNDM)
  const said: string[] = []
  const hooks = { onNote: (note: string) => void said.push(note) }
  const sampled = await sampleModel(folder, resolveSampleConfig([flags({ steps: 2, count: 2 })]), {
    folder: at('images'),
    ...hooks,
  })
  expect(sampled).toMatchObject({ notes: PNDM_NOTES, schedule: { times: [501, 1], clip: null } })
  expect(said).toEqual(PNDM_NOTES)
  const measured = { steps: 1, samples: 100, samplingSeeds: [1], data: 'digits', judge: 'none' }
  const { json } = await evaluateModel(folder, flags(measured), hooks)
  expect(json).toMatchObject({ notes: [...PNDM_NOTES, UNKNOWN], schedule: { times: [1], clip: null } })
  expect(said).toEqual([...PNDM_NOTES, ...PNDM_NOTES, UNKNOWN])
})

test('entropy samples so too; schedule says where it learns for other settings', async () => {
  const { folder } = await theirs(PNDM)
  const small = { preset: 'tiny', model: folder, data: null, features: 'none' }
  const entropy = await openEntropyInputs(resolveEntropyConfig([flags(small)]))
  expect(entropy.notes).toEqual(expect.arrayContaining(PNDM_NOTES))
  expect(entropy.subject.schedule.times).toEqual([751, 501, 251, 1])
  expect(entropy.subject.sampler).toMatchObject({ clip: null, eta: 1 })
  await entropy.close()
  const given = { preset: 'tiny', model: folder, data: 'digits', judge: 'none' }
  const schedule = await openScheduleInputs(resolveScheduleConfig([flags(given)]))
  expect(schedule.notes).toEqual([
    ...PNDM_NOTES,
    "clip is [-1, 1], while the model's scheduler has none; --clip none is its own",
    UNKNOWN,
  ])
  await schedule.close()
})
