import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { float32, sizeOf } from '../../base/index.ts'
import type { DenoisingNetwork } from '../../nn/index.ts'
import { initialState, mlp, shuffleUnet, unet, unet2d } from '../../nn/index.ts'
import { checkModel } from '../../onnx/index.ts'
import { compileDenoiser } from '../denoisers/compiledDenoiser.ts'
import { openForeignDenoiser } from '../denoisers/openForeignDenoiser.ts'
import type { SamplerSettings } from '../samplers/settings.ts'
import { samplerSettings } from '../samplers/settings.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import { noiseSchedule, noiseScheduleFromBetas, withZeroTerminalSnr } from '../schedules/noiseSchedule.ts'
import { samplingSchedule, samplingScheduleFrom } from '../schedules/samplingSchedule.ts'
import { loadModel } from './loadModel.ts'
import type { Model, NamedSchedule } from './modelFolder.ts'
import { exportOnnx, MODEL_FILES, saveModel, scheduleName } from './modelFolder.ts'
import { readTrainingScheduler } from './modelFolderScheduler.ts'
import type { SavedSchedule } from './scheduleFile.ts'

const root = await mkdtemp(join(tmpdir(), 'model-'))
afterAll(() => rm(root, { recursive: true }))
let count = 0
const fresh = () => join(root, `m${count++}`)

const training = noiseSchedule({ family: 'cosine', timesteps: 60, start: 0.02, end: 0.95, tau: 1.3, epsilon: 0.01 })

const networks: Record<string, DenoisingNetwork> = {
  'UNet2DModel with attention and classes, not square': unet2d({
    sample_size: [8, 4],
    in_channels: 2,
    out_channels: 2,
    block_out_channels: [4, 8],
    layers_per_block: 1,
    norm_num_groups: 2,
    attention_head_dim: 4,
    down_block_types: ['DownBlock2D', 'AttnDownBlock2D'],
    up_block_types: ['AttnUpBlock2D', 'UpBlock2D'],
    num_class_embeds: 4,
    flip_sin_to_cos: false,
  }),
  'ShuffleUNet, integer times and running statistics': shuffleUnet({
    sample_size: 8,
    base_dim: 4,
    time_embedding_dim: 8,
    timesteps: 60,
  }),
  'MLP with classes': mlp({ image_shape: [3, 1, 2], hidden: [8, 6], time_width: 4, classes: 2 }),
}

/** Weights and statistics away from where they start, so that no layer is idle. */
function stateOf(network: DenoisingNetwork) {
  const { weights, statistics } = initialState(network, 5)
  return {
    weights: weights.map((value, i) => value + 0.1 * Math.sin(i)),
    statistics: statistics.map((value, i) => value + 0.2 * Math.cos(i) ** 2),
  }
}

const named = (saved: SavedSchedule): NamedSchedule => ({ name: scheduleName(saved), ...saved })

/** A schedule on the trailing times, its levels away from the training schedule's. */
function learned(settings: Partial<SamplerSettings>, steps = 10, times?: readonly number[]): NamedSchedule {
  const tied = samplingScheduleFrom(training, 'trailing', steps)
  const logSnr = tied.levels.map((level, i) => level.logSnr - 0.3 * Math.cos(i))
  return named({
    schedule: samplingSchedule({ timesteps: 60, logSnr, times: times ?? tied.times }),
    settings: samplerSettings(settings),
    learnedFor: { features: 'digits16', hash: 'abc' },
  })
}

function modelOf(network: DenoisingNetwork, options: Partial<Model> = {}): Model {
  return { network, state: stateOf(network), noiseSchedule: training, samplingSchedules: [], ...options }
}

const tiny = networks['MLP with classes']

/** Every file below a folder, by its path. */
async function filesOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const texts = await Promise.all(files.toSorted().map((file) => readFile(file, 'latin1')))
  return Object.fromEntries(files.toSorted().map((file, i) => [file.slice(folder.length + 1), texts[i]]))
}

const jsonAt = async (folder: string, name: string) => JSON.parse(await readFile(join(folder, name), 'utf8'))

function imagesFor(network: DenoisingNetwork, batch: number) {
  const shape = [batch, ...network.imageShape]
  return float32(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(7 * i + batch)),
    shape,
  )
}

const conditionFor = (network: DenoisingNetwork, batch: number) =>
  network.classes === undefined
    ? undefined
    : Int32Array.from({ length: batch }, (_, i) => i % ((network.nullClass ?? network.classes! - 1) + 1))

describe.each(Object.entries(networks))('%s', (_, network) => {
  test('comes back from disk: the same files when saved again, the same predictions', async () => {
    const [first, second] = [fresh(), fresh()]
    const schedules = [learned({}), learned({ sampler: 'dpm-solver++' }, 5)]
    const model = modelOf(network, { samplingSchedules: schedules, clip: [-2, 2] })
    const { notes } = await saveModel(first, { ...model, samplingSchedules: [schedules[0]], prediction: 'velocity' })
    expect(notes).toEqual([])
    await saveModel(first, model, { onnx: true })
    const loaded = await loadModel(first)
    await saveModel(second, loaded, { onnx: true })
    expect(await filesOf(second)).toEqual(await filesOf(first))
    expect(loaded.network.config).toEqual(network.config)
    expect(loaded.state).toEqual(model.state)
    expect(loaded.noiseSchedule.logSnr).toEqual(training.logSnr)
    expect(loaded).toMatchObject({ prediction: 'noise', clip: [-2, 2], samplingSchedules: schedules })
    expect(loaded.sampler.settings).toEqual(samplerSettings({ clip: [-2, 2] }))
    const shared = { batch: 3, binding: 'bound' } as const
    const ours = await compileDenoiser({ ...model, ...shared })
    const theirs = await compileDenoiser({ ...loaded, ...shared })
    const x = imagesFor(network, 3)
    const condition = conditionFor(network, 3)
    expect(await theirs.predict(x, 41, condition)).toEqual(await ours.predict(x, 41, condition))
    await Promise.all([ours.dispose(), theirs.dispose()])
  })

  test('its ONNX file gives our predictions at any batch, of standard operators', async () => {
    const state = stateOf(network)
    const path = `${fresh()}.onnx`
    const bytes = exportOnnx(network, state)
    await writeFile(path, bytes)
    const { inputs, outputs, opsets } = checkModel(bytes)
    const names = ['sample', 'timestep', ...(network.classes === undefined ? [] : ['class_labels'])]
    expect(inputs.map(({ name }) => name)).toEqual(names)
    expect(inputs.every(({ shape }) => shape[0] === 'batch')).toBe(true)
    expect(outputs).toMatchObject([{ name: 'out_sample', shape: ['batch', ...network.imageShape] }])
    expect([...opsets]).toEqual([['', 17]])
    const file = await openForeignDenoiser({ model: path, noiseSchedule: training })
    expect(file).toMatchObject({ times: network.times, conditional: network.classes !== undefined })
    for (const batch of [1, 3, 7]) {
      const ours = await compileDenoiser({ network, state, batch, binding: 'bound' })
      const x = imagesFor(network, batch)
      const condition = conditionFor(network, batch)
      const wanted = await ours.predict(x, 23, condition)
      const came = await file.predict(x, 23, condition)
      const largest = Math.max(...wanted.data.map(Math.abs))
      const error = Math.max(...came.data.map((value, i) => Math.abs(value - wanted.data[i])))
      expect(error).toBeLessThan(1e-4 * largest + 1e-6)
      expect(largest).toBeGreaterThan(1e-2)
      await ours.dispose()
    }
    await file.dispose()
  })
})

test('the ONNX reference checker accepts the files, where Python has it', async () => {
  const python = ['python3', '/usr/bin/python3'].find((name) => spawnSync(name, ['-c', 'import onnx']).status === 0)
  const files = Object.values(networks).map((network) => ({ path: `${fresh()}.onnx`, network }))
  for (const { path, network } of files) await writeFile(path, exportOnnx(network, stateOf(network)))
  const check = 'import onnx, sys\nfor f in sys.argv[1:]: onnx.checker.check_model(f, full_check=True)'
  const came = python ? spawnSync(python, ['-c', check, ...files.map(({ path }) => path)], { encoding: 'utf8' }) : null
  expect(came?.stderr ?? '').toBe('')
  expect(came?.status ?? 0).toBe(0)
})

/** Of every schedule, whatever else can be told. */
const OWN_FILES = ['sampling_schedule.json', 'sigmas.json', 'sigmas.txt']

describe('the files', () => {
  test('are those of diffusers for its own class', async () => {
    const folder = fresh()
    const network = unet({ size: 8, channels: [4, 8], groups: 2 })
    await saveModel(folder, modelOf(network, { samplingSchedules: [learned({})] }))
    expect(Object.keys(await filesOf(folder))).toEqual([
      'model_index.json',
      'scheduler/scheduler_config.json',
      'schedules/ddim-10/bilevel/bilevel_scheduler.py',
      'schedules/ddim-10/bilevel/scheduler_config.json',
      'schedules/ddim-10/per_step/scheduler_config.json',
      'schedules/ddim-10/sampling_schedule.json',
      'schedules/ddim-10/scheduler_config.json',
      'schedules/ddim-10/sigmas.json',
      'schedules/ddim-10/sigmas.txt',
      'unet/config.json',
      'unet/diffusion_pytorch_model.safetensors',
    ])
    expect(await jsonAt(folder, 'model_index.json')).toMatchObject({
      _class_name: 'DDPMPipeline',
      scheduler: ['diffusers', 'DDIMScheduler'],
      unet: ['diffusers', 'UNet2DModel'],
    })
    expect(await jsonAt(folder, 'unet/config.json')).toEqual({ ...network.config, _producer: 'bilevel-diffusion' })
    const scheduler = await jsonAt(folder, 'scheduler/scheduler_config.json')
    expect(scheduler).toMatchObject({
      _class_name: 'DDIMScheduler',
      num_train_timesteps: 60,
      prediction_type: 'epsilon',
      clip_sample: true,
      clip_sample_range: 1,
      set_alpha_to_one: true,
      timestep_spacing: 'trailing',
      rescale_betas_zero_snr: false,
    })
    expect(scheduler.trained_betas.length).toBe(60)
    const bytes = await readFile(join(folder, MODEL_FILES.weights))
    expect(JSON.parse(bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE()))).__metadata__).toEqual({
      format: 'pt',
    })
  })

  test('say where diffusers has no class, or cannot be told a schedule', async () => {
    const folder = fresh()
    const times = [59, 40, 22, 9, 1]
    const samplingSchedules = [
      learned({ clippedNoise: 'recompute' }),
      learned({ sampler: 'ddpm', clippedNoise: 'recompute' }, 6),
      learned({ sampler: 'dpm-solver++' }, 5, times),
      learned({ clip: [0, 1] }, 3),
    ]
    const { notes } = await saveModel(folder, modelOf(tiny, { samplingSchedules }))
    expect(notes.length).toBe(3)
    expect(notes[0]).toMatch(
      /ddim-10 has no scheduler_config.json for a plain pipeline: .*recompute.*ddim-10\/per_step/,
    )
    expect(notes[1]).toMatch(/dpm-solver\+\+-5: pass timesteps=\[59,40,22,9,1\]/)
    expect(notes[2]).toMatch(
      /ddim-3 has no scheduler_config.json for a plain pipeline: .*\[-r, r\], got \[0,1\]; any pipeline takes ddim-3\/bilevel/,
    )
    expect(await readdir(join(folder, 'schedules/ddim-10'))).toEqual(['bilevel', 'per_step', ...OWN_FILES])
    expect(await readdir(join(folder, 'schedules/ddim-3'))).toEqual(['bilevel', ...OWN_FILES])
    expect((await jsonAt(folder, 'schedules/ddpm-6/scheduler_config.json'))._class_name).toBe('DDPMScheduler')
    const loop = await jsonAt(folder, 'schedules/ddim-10/per_step/scheduler_config.json')
    expect(loop).toMatchObject({ _class_name: 'DDIMScheduler', _step_arguments: { use_clipped_model_output: true } })
    expect((await jsonAt(folder, 'schedules/dpm-solver++-5/scheduler_config.json'))._timesteps).toEqual(times)
    const index = await jsonAt(folder, 'model_index.json')
    expect(index.unet).toEqual(['bilevel-diffusion', 'MLP'])
    expect(index._note).toMatch(/diffusers has no MLP: run unet\/model.onnx/)
    expect((await loadModel(folder)).samplingSchedules.map(({ name }) => name)).toEqual([
      'ddim-10',
      'ddim-3',
      'ddpm-6',
      'dpm-solver++-5',
    ])
  })

  test('of an older save, whose index named DDIMPipeline, are read and written over', async () => {
    const folder = fresh()
    await saveModel(folder, modelOf(tiny, { samplingSchedules: [] }))
    const index = await jsonAt(folder, 'model_index.json')
    await writeFile(join(folder, 'model_index.json'), JSON.stringify({ ...index, _class_name: 'DDIMPipeline' }))
    expect((await loadModel(folder)).network.kind).toBe('MLP')
    await saveModel(folder, modelOf(tiny, { samplingSchedules: [] }))
    expect(await jsonAt(folder, 'model_index.json')).toEqual(index)
  })

  test('of an older save are gone', async () => {
    const folder = fresh()
    const two = [learned({}), learned({ sampler: 'dpm-solver++' }, 6)]
    await saveModel(folder, modelOf(tiny, { samplingSchedules: two }), { onnx: true })
    await saveModel(folder, modelOf(tiny, { samplingSchedules: [two[1]] }))
    expect(Object.keys(await filesOf(folder)).filter((name) => /onnx|ddim|partial/.test(name))).toEqual([])
    const recomputed = { ...two[1], settings: samplerSettings({ clippedNoise: 'recompute' }) }
    await saveModel(folder, modelOf(tiny, { samplingSchedules: [recomputed] }))
    expect(await readdir(join(folder, 'schedules/dpm-solver++-6'))).toEqual(['bilevel', 'per_step', ...OWN_FILES])
    const untold = { ...two[1], settings: samplerSettings({ clip: [0, 1] }) }
    await saveModel(folder, modelOf(tiny, { samplingSchedules: [untold], clip: null }))
    expect(await readdir(join(folder, 'schedules/dpm-solver++-6'))).toEqual(['bilevel', ...OWN_FILES])
    const { clip } = await jsonAt(folder, 'schedules/dpm-solver++-6/bilevel/scheduler_config.json')
    expect(clip).toEqual([0, 1])
    const heun = { ...two[1], settings: samplerSettings({ sampler: 'heun', clippedNoise: 'keep' }) }
    await saveModel(folder, modelOf(tiny, { samplingSchedules: [heun], clip: null }))
    expect(await readdir(join(folder, 'schedules/dpm-solver++-6'))).toEqual(OWN_FILES)
  })

  test('are not written among those of others, and nothing is then written', async () => {
    const folder = fresh()
    await mkdir(folder)
    await writeFile(join(folder, 'x.txt.123.partial'), 'what an earlier write left behind')
    await saveModel(folder, modelOf(tiny))
    const other = fresh()
    await mkdir(other)
    for (const [name, text] of [
      ['notes.txt', 'mine'],
      ['model_index.json', '{"_class_name": "DDPMPipeline"}'],
      ['model_index.json', 'no JSON'],
    ]) {
      await writeFile(join(other, name), text)
      const named = name === 'notes.txt' ? 'holds other files; ' : `or ${join(other, name)} was damaged or changed; `
      await expect(saveModel(other, modelOf(tiny))).rejects.toThrow(`${named}choose another folder`)
    }
    expect(Object.keys(await filesOf(other))).toEqual(['model_index.json', 'notes.txt'])
    await expect(saveModel(join(other, 'notes.txt'), modelOf(tiny))).rejects.toMatchObject({ code: 'model.folder' })
    const twice = modelOf(tiny, { samplingSchedules: [learned({}), learned({})] })
    await expect(saveModel(fresh(), twice)).rejects.toThrow(/different names.*two of 'ddim-10'/)
    const outside = modelOf(tiny, { samplingSchedules: [{ ...learned({}), name: '../ddim' }] })
    await expect(saveModel(fresh(), outside)).rejects.toMatchObject({ code: 'model.schedules' })
  })
})

describe('the training schedule', () => {
  async function roundTrip(schedule: NoiseSchedule) {
    const folder = fresh()
    const { notes } = await saveModel(folder, modelOf(tiny, { noiseSchedule: schedule }))
    const config = await jsonAt(folder, MODEL_FILES.scheduler)
    return { folder, notes, config, loaded: (await loadModel(folder)).noiseSchedule }
  }

  test.each([
    ['cosine', { tau: 1.4, epsilon: 0 }, null],
    ['cosine', {}, 'squaredcos_cap_v2'],
    ['sigmoid', { start: -2, tau: 0.8 }, null],
    ['linear', { start: 2e-4, end: 0.03 }, 'linear'],
  ] as const)('of the family %s %o comes back to the last bit', async (family, parameters, own) => {
    const schedule = noiseSchedule({ family, timesteps: 200, ...parameters })
    const { loaded, config, notes } = await roundTrip(schedule)
    expect(loaded.logSnr).toEqual(schedule.logSnr)
    expect(notes).toEqual([])
    expect(config.trained_betas === null ? config.beta_schedule : null).toBe(own)
    if (own === 'linear') expect([config.beta_start, config.beta_end]).toEqual([0.001, 0.15])
  })

  test('of betas: those that DDIMScheduler has are named, float32 ones kept, others hit to 1e-6 of alphaBar', async () => {
    const scaled = Float64Array.from({ length: 40 }, (_, t) => (0.03 + (0.14 * t) / 39) ** 2)
    const named = await roundTrip(noiseScheduleFromBetas(scaled))
    expect(named.config).toMatchObject({ beta_schedule: 'scaled_linear', trained_betas: null })
    named.loaded.betas.forEach((beta, t) => void expect(beta).toBeCloseTo(scaled[t], 11))
    // DDPMScheduler has this one, DDIMScheduler raises NotImplementedError at its name.
    const sigmoid = Float64Array.from({ length: 40 }, (_, t) => 1e-3 + 0.02 / (1 + Math.exp(6 - (12 * t) / 39)))
    const own = await roundTrip(noiseScheduleFromBetas(sigmoid))
    expect(own.config).toMatchObject({ beta_schedule: 'linear', trained_betas: expect.any(Array) })
    own.loaded.betas.forEach((beta, t) => void expect(beta).toBeCloseTo(sigmoid[t], 6))
    const odd = Float64Array.from({ length: 40 }, (_, t) => 0.01 + 0.005 * Math.sin(t))
    const rounded = Float64Array.from(odd, Math.fround)
    expect((await roundTrip(noiseScheduleFromBetas(rounded))).config.trained_betas).toEqual([...rounded])
    const { loaded } = await roundTrip(noiseScheduleFromBetas(odd))
    const wanted = noiseScheduleFromBetas(odd).alphaBar
    loaded.alphaBar.forEach((value, t) => void expect(Math.abs(value / wanted[t] - 1)).toBeLessThan(1e-6))
  })

  test('whose betas were changed by hand is the one of the betas', async () => {
    const { folder, config } = await roundTrip(training)
    config.trained_betas[30] *= 0.5
    await writeFile(join(folder, MODEL_FILES.scheduler), JSON.stringify(config))
    const { noiseSchedule: read } = await loadModel(folder)
    expect(read.betas[30]).toBeCloseTo(training.betas[30] / 2, 6)
  })

  test('beyond float32 is kept here, and noted for diffusers', async () => {
    const steep = noiseSchedule({ family: 'cosine', timesteps: 100, tau: 60 })
    const { loaded, notes } = await roundTrip(steep)
    expect(loaded.logSnr).toEqual(steep.logSnr)
    expect(notes).toEqual([expect.stringMatching(/of 100 training levels are beyond float32/)])
  })
})

test('the names of classes are kept where diffusers passes over them; those of DiT pipelines are read', async () => {
  const folder = fresh()
  const network = networks['UNet2DModel with attention and classes, not square']
  const model = { network, state: stateOf(network), noiseSchedule: training, samplingSchedules: [] }
  await saveModel(folder, { ...model, classNames: ['cat', 'dog', 'owl', 'yak'] })
  expect((await loadModel(folder)).classNames).toEqual(['cat', 'dog', 'owl', 'yak'])
  const index = join(folder, MODEL_FILES.index)
  const { _class_names, ...rest } = JSON.parse(await readFile(index, 'utf8'))
  await writeFile(index, JSON.stringify({ ...rest, id2label: { 0: 'a, b', 1: 'c' } }))
  expect((await loadModel(folder)).classNames).toEqual(['a, b', 'c'])
  await saveModel(folder, model)
  expect((await loadModel(folder)).classNames).toBeUndefined()
})

test('what a network was trained on is kept; its schedule is that of the code, to diffusers and here', async () => {
  const [folder, plain] = [fresh(), fresh()]
  const trainedOn = {
    density: { name: 'laplace', mean: -0.5, width: 0.7, importance: true },
    weighting: { name: 'min-snr', gamma: 5 },
  } as const
  await saveModel(folder, modelOf(tiny, { trainedOn }))
  await saveModel(plain, modelOf(tiny))
  const { _trained_on, ...config } = await jsonAt(folder, MODEL_FILES.scheduler)
  expect(_trained_on).toEqual(trainedOn)
  expect(config).toEqual(await jsonAt(plain, MODEL_FILES.scheduler))
  const loaded = await loadModel(folder)
  expect(loaded.trainedOn).toEqual(trainedOn)
  expect(loaded.noiseSchedule.logSnr).toEqual(training.logSnr)
  expect((await loadModel(plain)).trainedOn).toBeUndefined()
})

test.each(['sample', 'velocity'] as const)(
  'zero terminal SNR, %s: readers stretch the family’s own betas',
  async (prediction) => {
    for (const family of ['cosine', 'sigmoid', 'linear'] as const) {
      const base = noiseSchedule({ family, timesteps: 60, ...(family === 'sigmoid' && { tau: 0.8 }) })
      const schedule = withZeroTerminalSnr(base, 0)
      const folder = fresh()
      const { notes } = await saveModel(folder, modelOf(tiny, { noiseSchedule: schedule, prediction }))
      expect(notes.filter((note) => /float32/.test(note))).toEqual([])
      const config = await jsonAt(folder, MODEL_FILES.scheduler)
      expect(config).toMatchObject({ rescale_betas_zero_snr: true, _family: family })
      const again = await loadModel(folder)
      expect(again.noiseSchedule.logSnr).toEqual(schedule.logSnr)
      // A second copy is the same file.
      const copy = fresh()
      await saveModel(copy, again)
      expect(await jsonAt(copy, MODEL_FILES.scheduler)).toEqual(config)
      // What stands there for readers that know no family: stretched once, not twice.
      const { _family, _parameters, ...foreign } = config
      const read = readTrainingScheduler(JSON.stringify(foreign), 'the config').schedule
      for (const [t, alphaBar] of schedule.alphaBar.entries()) expect(read.alphaBar[t]).toBeCloseTo(alphaBar, 5)
    }
  },
)
