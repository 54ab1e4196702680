/** Folders of other people: what diffusers saves, in the layouts it is shared in, and what downloads and training frameworks do to the files. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { NamedTensors } from '../../base/index.ts'
import { float32, sizeOf } from '../../base/index.ts'
import { encodeSafetensors, initialState, networkFromConfig, stateTensors, unet } from '../../nn/index.ts'
import { compileDenoiser } from '../denoisers/compiledDenoiser.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import type { LoadModelOptions } from './loadModel.ts'
import { loadModel } from './loadModel.ts'
import { saveModel } from './modelFolder.ts'
import type { Files } from './pipelineFolder.fixture.ts'
import { GoldNetworks, pipelineFiles, writeFiles } from './pipelineFolder.fixture.ts'

const root = await mkdtemp(join(tmpdir(), 'foreign-'))
afterAll(() => rm(root, { recursive: true }))
let count = 0

const gold = new GoldNetworks('diffusers.safetensors')
const whole = (name: string) => pipelineFiles(gold, name)
const WEIGHTS = 'diffusion_pytorch_model.safetensors'

async function folderOf(files: Files): Promise<string> {
  const folder = join(root, `f${count++}`)
  await writeFiles(folder, files)
  return folder
}

/** Files under their last names, side by side. */
const flat = (files: Files): Files =>
  Object.fromEntries(Object.entries(files).map(([path, content]) => [path.split('/').at(-1) ?? path, content]))

const withConfig = (name: string, changes: object): Files => ({
  ...whole(name),
  'unet/config.json': JSON.stringify({ ...gold.config(name), ...changes }),
})

const withWeights = (tensors: NamedTensors): Files => ({
  ...whole('averaged'),
  [`unet/${WEIGHTS}`]: encodeSafetensors(tensors),
})

const prefixed = (prefix: string, tensors: NamedTensors): NamedTensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, value]) => [prefix + name, value]))

const state = gold.tensors('averaged', 'state.')

/** Largest distance of our predictions from diffusers', over its largest value. */
async function errorOf(name: string, folder: string, options?: LoadModelOptions): Promise<number> {
  const model = await loadModel(folder, options)
  const { x, t, out, condition } = gold.tensors(name, '')
  const { imageShape } = model.network
  const [size, outputs] = [sizeOf(imageShape), sizeOf(out.shape.slice(1))]
  const denoiser = await compileDenoiser({ ...model, batch: 1, binding: 'bound' })
  let [error, largest] = [0, 0]
  for (let i = 0; i < t.shape[0]; i++) {
    const image = float32((x.data as Float32Array).slice(i * size, (i + 1) * size), [1, ...imageShape])
    const label = condition && Int32Array.of(Number(condition.data[i]))
    const { data } = await denoiser.predict(image, Number(t.data[i]), label)
    expect(data).toHaveLength(size)
    // Each image's outputs begin with its prediction; a learned variance may follow.
    data.forEach((value, j) => {
      const wanted = Number(out.data[i * outputs + j])
      error = Math.max(error, Math.abs(value - wanted))
      largest = Math.max(largest, Math.abs(wanted))
    })
  }
  await denoiser.dispose()
  return error / largest
}

describe('networks saved by diffusers predict what they do there', () => {
  test.each(gold.names)('%s', async (name) => {
    expect(await errorOf(name, await folderOf(whole(name)))).toBeLessThan(1e-4)
  })

  test('a table of n classes is n classes, none of them a null class', async () => {
    const model = await loadModel(await folderOf(whole('classes')))
    expect(model.network.classes).toBe(3)
    expect(model.network.nullClass).toBeUndefined()
    const denoiser = await compileDenoiser({ ...model, batch: 1, binding: 'bound' })
    const image = float32(new Float32Array(64), [1, 1, 8, 8])
    await expect(denoiser.predict(image, 5)).rejects.toThrow(
      /takes a class per image, 0 to 2 \(it has no null class\), got none/,
    )
    await expect(denoiser.predict(image, 5, Int32Array.of(3))).rejects.toMatchObject({
      code: 'nn.condition',
      kind: 'input',
    })
    await denoiser.dispose()
  })

  test('a null row is said in the config: it is the last one', async () => {
    const { network } = await loadModel(await folderOf(withConfig('classes', { _null_class: 2 })))
    expect(network).toMatchObject({ classes: 2, nullClass: 2 })
    const loading = loadModel(await folderOf(withConfig('classes', { _null_class: 1 })))
    await expect(loading).rejects.toThrow(/_null_class must be 2, the last of 3 rows, or null, got 1/)
  })

  test('twice as many outputs as channels: the first half is the prediction, and that is said', async () => {
    const { network, notes } = await loadModel(await folderOf(whole('variance')))
    expect(network.imageShape).toEqual([3, 4, 8])
    expect(notes).toEqual([expect.stringMatching(/gives 6 channels for images of 3: the first half is its prediction/)])
  })
})

describe('fields of a config', () => {
  test('what leaves the network as it is, and unknown fields that are null, are no matter', async () => {
    const changes = {
      decay: 0.9,
      cur_decay_value: 0.5,
      power: 0.75,
      dropout: 0.3,
      attention_window: null,
      num_train_timesteps: 4000,
    }
    expect(await errorOf('classes', await folderOf(withConfig('classes', changes)))).toBeLessThan(1e-4)
  })

  test.each([
    [{ act_fn: 'mish' }, /act_fn: .*"silu".*got "mish"/],
    [{ resnet_time_scale_shift: 'scale_shift' }, /resnet_time_scale_shift: .*"default", got "scale_shift"/],
    [{ time_embedding_type: 'fourier' }, /time_embedding_type: .*"positional", got "fourier"/],
    [{ attention_window: 7 }, /unknown: attention_window \(7\), supported: sample_size, in_channels/],
    [{ out_channels: 2 }, /out_channels must be in_channels, or twice as many.*got in_channels 3 and out_channels 2/],
    [{ in_channels: 9 }, /got in_channels 9 and out_channels 6/],
    [{ sample_size: null }, /sample_size: .*got null/],
  ])('%j is refused by name', async (changes, message) => {
    const loading = loadModel(await folderOf(withConfig('variance', changes)))
    await expect(loading).rejects.toThrow(message)
    await expect(loading).rejects.toMatchObject({ code: 'nn.config', kind: 'input' })
  })
})

describe('layouts', () => {
  test('all files side by side, with and without an index', async () => {
    expect(await errorOf('classes', await folderOf(flat(whole('classes'))))).toBeLessThan(1e-4)
    const files = { ...flat(whole('classes')), 'model_index.json': null }
    expect(await errorOf('classes', await folderOf(files))).toBeLessThan(1e-4)
  })

  test("a hub repository's, from the first versions of diffusers: fewer channels, else as it is", async () => {
    const found = async (name: string) =>
      JSON.parse(await readFile(join(import.meta.dirname, '../../../test/found/flat-folder', name), 'utf8'))
    const config = { ...(await found('config.json')), block_out_channels: [32, 32, 64, 64], layers_per_block: 1 }
    const network = networkFromConfig(config)
    const folder = await folderOf({
      'config.json': JSON.stringify(config),
      'model_index.json': JSON.stringify(await found('model_index.json')),
      'scheduler_config.json': JSON.stringify(await found('scheduler_config.json')),
      [WEIGHTS]: encodeSafetensors(stateTensors(network, initialState(network, 4))),
    })
    const model = await loadModel(folder)
    expect(model).toMatchObject({
      prediction: 'noise',
      notes: [],
      sampler: { className: 'DDPMScheduler', settings: { sampler: 'ddpm', variance: 'large', clip: [-1, 1] } },
    })
    expect(model.network.imageShape).toEqual([3, 32, 32])
    expect(model.network.classes).toBeUndefined()
    const { timesteps, alphaBar } = model.noiseSchedule
    expect(timesteps).toBe(1000)
    expect(alphaBar[0]).toBeCloseTo(1 - 1e-4, 8)
    expect(model.state.weights).toEqual(initialState(network, 4).weights)
  })

  test('a network alone, with the schedule it is given', async () => {
    const files = flat(whole('averaged'))
    const folder = await folderOf({ 'config.json': files['config.json'], [WEIGHTS]: files[WEIGHTS] })
    const alone = loadModel(folder)
    await expect(alone).rejects.toThrow(/has neither; give the schedule it was trained with \(--scheduler FILE/)
    await expect(alone).rejects.toMatchObject({ code: 'model.open' })
    const scheduler = join(root, 'betas.json')
    await writeFile(scheduler, JSON.stringify({ betas: Array.from({ length: 40 }, (_, i) => 0.01 + i * 0.002) }))
    expect(await errorOf('averaged', folder, { scheduler })).toBeLessThan(1e-4)
    const model = await loadModel(folder, { scheduler })
    expect(model.noiseSchedule.betas[3]).toBeCloseTo(0.016, 12)
    expect(model.notes).toEqual([])
  })

  test('the network of a pipeline: the pipeline is named', async () => {
    const folder = await folderOf(whole('averaged'))
    await expect(loadModel(join(folder, 'unet'))).rejects.toThrow(`or give the whole pipeline, '${folder}'`)
  })

  test('a schedule that is given stands in place of the own one, and that is said', async () => {
    const scheduler = join(root, 'own.json')
    await writeFile(scheduler, JSON.stringify({ betas: [0.1, 0.2, 0.3] }))
    const folder = await folderOf(whole('averaged'))
    const { noiseSchedule: schedule, notes } = await loadModel(folder, { scheduler })
    expect(schedule.timesteps).toBe(3)
    expect(notes).toEqual([
      `its schedule is read from ${scheduler}, not from the folder's own ${join(folder, 'scheduler/scheduler_config.json')}`,
    ])
  })

  test('weights in shards, and an index that does not hold what it says', async () => {
    const names = Object.keys(state).toSorted()
    const [a, b] = [names.slice(0, 9), names.slice(9)].map((part) =>
      Object.fromEntries(part.map((name) => [name, state[name]])),
    )
    const file = (i: number) => `diffusion_pytorch_model-0000${i}-of-00002.safetensors`
    const map = (pick: (name: string) => string) =>
      JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(names.map((name) => [name, pick(name)])) })
    const shards: Files = {
      ...whole('averaged'),
      [`unet/${WEIGHTS}`]: null,
      [`unet/${WEIGHTS}.index.json`]: map((name) => file(name in a ? 1 : 2)),
      [`unet/${file(1)}`]: encodeSafetensors(a),
      [`unet/${file(2)}`]: encodeSafetensors(b),
    }
    expect(await errorOf('averaged', await folderOf(shards))).toBeLessThan(1e-4)
    const faults: [Files, RegExp][] = [
      [{ [`unet/${file(2)}`]: null }, /has no diffusion_pytorch_model-00002-of-00002.safetensors; download all/],
      [{ [`unet/${WEIGHTS}.index.json`]: map(() => file(1)) }, /00001-of-00002.safetensors has no tensor '/],
      [
        { [`unet/${WEIGHTS}.index.json`]: map(() => '../../x.safetensors') },
        /names of files beside it, got '.*' in "..\/..\/x.safetensors"/,
      ],
      [{ [`unet/${WEIGHTS}.index.json`]: '{"weight_map": 3}' }, /must hold {"weight_map".*got 3/],
    ]
    for (const [changes, message] of faults) {
      const loading = loadModel(await folderOf({ ...shards, ...changes }))
      await expect(loading).rejects.toThrow(message)
      await expect(loading).rejects.toMatchObject({ code: 'model.shards' })
    }
  })
})

describe('names of tensors', () => {
  const extra = { 'ema.step': float32([1]), 'ema.conv_in.bias': state['conv_in.bias'] }

  test.each([
    [
      '_orig_mod.',
      {},
      /under '_orig_mod.' \(as torch.compile names them\): give weightsPrefix '_orig_mod.' \(--weights-prefix _orig_mod.\)/,
    ],
    ['module.', {}, /under 'module.' \(as DistributedDataParallel names them\)/],
    ['module._orig_mod.', {}, /under 'module._orig_mod.' \(as torch.compile and DistributedDataParallel/],
    ['unet.', extra, /under 'unet.' \(as Lightning names them\)/],
  ])('%s is said, and taken off where that is asked', async (prefix, others, message) => {
    const folder = await folderOf(withWeights({ ...prefixed(prefix, state), ...others }))
    await expect(loadModel(folder)).rejects.toThrow(message)
    await expect(loadModel(folder)).rejects.toMatchObject({ code: 'nn.checkpoint', kind: 'input' })
    expect(await errorOf('averaged', folder, { weightsPrefix: prefix })).toBeLessThan(1e-4)
    const wrong = loadModel(folder, { weightsPrefix: 'net.' })
    await expect(wrong).rejects.toThrow(/begin with the given prefix 'net.', there are/)
    await expect(wrong).rejects.toMatchObject({ code: 'nn.prefix' })
  })

  test('two networks in one file: each prefix is said', async () => {
    const folder = await folderOf(withWeights({ ...prefixed('unet.', state), ...prefixed('ema_model.', state) }))
    await expect(loadModel(folder)).rejects.toThrow(
      /under 'ema_model.' \(as a moving average names them\).*under 'unet.'.*give the one that is meant.*--weights-prefix unet\./,
    )
  })

  test('a tensor that is missing, or misshapen, or there under two names, is refused by name', async () => {
    const { 'conv_in.weight': conv, ...rest } = state
    const faults: [NamedTensors, RegExp][] = [
      [rest, /diffusion_pytorch_model.safetensors must hold exactly the \d+ tensors.*1 missing: conv_in.weight\. Use/],
      [
        { ...rest, 'conv_in.weight': float32(new Float32Array(36), [4, 9]) },
        /1 of another shape: conv_in.weight \(needs float \[4,1,3,3\], has float32 \[4,9\]\)/,
      ],
      [
        {
          ...rest,
          'conv_in.weight': conv,
          'mid_block.attentions.0.query.bias': state['mid_block.attentions.0.to_q.bias'],
        },
        /it has mid_block.attentions.0.to_q.bias as '.*' and as '/,
      ],
    ]
    for (const [tensors, message] of faults) {
      const loading = loadModel(await folderOf(withWeights(tensors)))
      await expect(loading).rejects.toThrow(message)
      await expect(loading).rejects.toMatchObject({ code: 'nn.checkpoint' })
    }
  })
})

describe('what stands in for a file is said', () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:88dd72b2\nsize 454741132\n'
  const page = '<!DOCTYPE html>\n<html><head><title>Entry not found</title></head></html>'
  test.each([`unet/${WEIGHTS}`, 'unet/config.json', 'scheduler/scheduler_config.json'])('%s', async (path) => {
    const fetched = loadModel(await folderOf({ ...whole('averaged'), [path]: pointer }))
    await expect(fetched).rejects.toThrow(
      /is a Git LFS pointer.*454741132 bytes \(434 MiB\), was not fetched; run 'git lfs install'/,
    )
    await expect(fetched).rejects.toMatchObject({ code: 'file.lfsPointer', kind: 'input' })
    const saved = loadModel(await folderOf({ ...whole('averaged'), [path]: page }))
    await expect(saved).rejects.toThrow(/is a web page titled 'Entry not found', saved in place of the file/)
    await expect(saved).rejects.toMatchObject({ code: 'file.webPage', kind: 'input' })
  })
})

describe('folders of this project', () => {
  const network = unet({ size: 4, channels: [4], groups: 2, classes: 3 })
  const model = {
    network,
    state: initialState(network, 0),
    noiseSchedule: noiseSchedule({ family: 'cosine', timesteps: 10 }),
    samplingSchedules: [],
  }

  test('say that they have a null class', async () => {
    const folder = join(root, 'own')
    await saveModel(folder, model)
    const config = JSON.parse(await readFile(join(folder, 'unet/config.json'), 'utf8'))
    expect(config).toMatchObject({ num_class_embeds: 4, _null_class: 3, _producer: 'bilevel-diffusion' })
    expect((await loadModel(folder)).network).toMatchObject({ classes: 3, nullClass: 3 })
  })

  test('written before they did are known by their index, the network alone by that above it', async () => {
    const folder = join(root, 'old')
    await saveModel(folder, model)
    const path = join(folder, 'unet/config.json')
    const { _null_class, _producer, ...old } = JSON.parse(await readFile(path, 'utf8'))
    expect([_null_class, _producer]).toEqual([3, 'bilevel-diffusion'])
    await writeFile(path, JSON.stringify(old))
    expect((await loadModel(folder)).network).toMatchObject({ classes: 3, nullClass: 3 })
    const scheduler = join(folder, 'scheduler/scheduler_config.json')
    expect((await loadModel(join(folder, 'unet'), { scheduler })).network).toMatchObject({ classes: 3, nullClass: 3 })
  })

  test('keep a network of others without a null class as it is', async () => {
    const folder = join(root, 'theirs')
    await saveModel(folder, await loadModel(await folderOf(whole('classes'))))
    expect((await loadModel(folder)).network.classes).toBe(3)
    expect(await errorOf('classes', folder)).toBeLessThan(1e-4)
  })
})
