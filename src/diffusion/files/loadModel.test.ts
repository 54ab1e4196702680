/** Folders as diffusers writes them, and everything that is no such folder. */

import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { float32, sizeOf } from '../../base/index.ts'
import { encodeSafetensors, initialState, mlp } from '../../nn/index.ts'
import { compileDenoiser } from '../denoisers/compiledDenoiser.ts'
import { sample } from '../samplers/sample.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import { samplingScheduleFrom } from '../schedules/samplingSchedule.ts'
import { loadModel } from './loadModel.ts'
import { saveModel } from './modelFolder.ts'
import type { Files } from './pipelineFolder.fixture.ts'
import { GoldNetworks, pipelineFiles, writeFiles } from './pipelineFolder.fixture.ts'

const root = await mkdtemp(join(tmpdir(), 'load-'))
afterAll(() => rm(root, { recursive: true }))
let count = 0

const gold = new GoldNetworks('unet2d.safetensors')

/** A pipeline folder with a gold network; `changes` replaces files, or removes them. */
async function pipeline(name = 'plain', changes: Files = {}): Promise<string> {
  const folder = join(root, `p${count++}`)
  await writeFiles(folder, { ...pipelineFiles(gold, name), ...changes })
  return folder
}

describe('a pipeline of diffusers', () => {
  test.each(gold.names)('predicts what PyTorch does, network %s', async (name) => {
    const model = await loadModel(await pipeline(name))
    const { x, t, out, condition } = gold.tensors(name, '')
    const denoiser = await compileDenoiser({ ...model, batch: 1, binding: 'bound' })
    const size = sizeOf(model.network.imageShape)
    const largest = Math.max(...(out.data as Float32Array).map(Math.abs))
    for (let i = 0; i < t.shape[0]; i++) {
      const image = float32((x.data as Float32Array).slice(i * size, (i + 1) * size), [1, ...model.network.imageShape])
      const label = condition && Int32Array.of(Number(condition.data[i]))
      const { data } = await denoiser.predict(image, Number(t.data[i]), label)
      data.forEach((value, j) => {
        expect(Math.abs(value - Number(out.data[i * size + j]))).toBeLessThan(1e-4 * largest)
      })
    }
    await denoiser.dispose()
  })

  test('gives its schedule, its sampler and what it predicts, and samples by it', async () => {
    const model = await loadModel(await pipeline())
    expect(model.prediction).toBe('velocity')
    expect(model.samplingSchedules).toEqual([])
    const linear = noiseSchedule({ family: 'linear' })
    model.noiseSchedule.logSnr.forEach((value, t) => void expect(value).toBeCloseTo(linear.logSnr[t], 10))
    expect(model.sampler).toMatchObject({ stepList: 'leading', notes: [] })
    expect(model.sampler.settings).toMatchObject({ sampler: 'ddpm', variance: 'large', clip: [-1, 1] })
    const denoiser = await compileDenoiser({ ...model, batch: 2, binding: 'bound' })
    expect(denoiser.prediction).toBe('velocity')
    // One clipped DDIM step ends at x0Hat = clip(signal x - noise v).
    const schedule = samplingScheduleFrom(model.noiseSchedule, 'linspace', 1)
    const size = 2 * sizeOf(denoiser.imageShape)
    const start = float32(
      Float32Array.from({ length: size }, (_, i) => Math.sin(i)),
      [2, ...denoiser.imageShape],
    )
    const { images } = await sample({ denoiser, schedule, settings: samplerSettings(), start, seed: 0 })
    const v = await denoiser.predict(start, 999)
    const { signal, noise } = schedule.levels[0]
    images.data.forEach((value, i) => {
      expect(value).toBeCloseTo(Math.max(-1, Math.min(1, signal * start.data[i] - noise * v.data[i])), 5)
    })
    await denoiser.dispose()
  })

  test('is not written over', async () => {
    const folder = await pipeline()
    await expect(saveModel(folder, await loadModel(folder))).rejects.toMatchObject({ code: 'model.folder' })
  })

  test('is saved as a model of this project elsewhere, with the same weights, schedule and prediction', async () => {
    const model = await loadModel(await pipeline('attention'))
    const folder = join(root, 'saved')
    await saveModel(folder, model)
    const again = await loadModel(folder)
    expect(again.state).toEqual(model.state)
    expect(again.prediction).toBe('velocity')
    again.noiseSchedule.betas.forEach((beta, t) => void expect(beta).toBeCloseTo(model.noiseSchedule.betas[t], 12))
  })
})

describe('what is no model folder is said to be none', () => {
  const index = (fields: object) => ({ 'model_index.json': JSON.stringify(fields) })
  const without = 'unet/diffusion_pytorch_model.safetensors'

  test.each<[string, Files, string, RegExp]>([
    [
      'no scheduler',
      { 'scheduler/scheduler_config.json': null },
      'model.open',
      /needs scheduler\/scheduler_config.json, or .*give the schedule it was trained with \(--scheduler FILE/,
    ],
    [
      'no config',
      { 'unet/config.json': null },
      'model.open',
      /needs unet\/config.json, or config.json.*it holds: README.md/,
    ],
    ['a broken index', { 'model_index.json': '{"_class' }, 'model.json', /model_index.json must hold JSON/],
    ['an index that is a list', { 'model_index.json': '[]' }, 'model.json', /must hold a JSON object/],
    [
      'a latent pipeline',
      index({ _class_name: 'LDMPipeline', vqvae: ['diffusers', 'VQModel'], unet: ['diffusers', 'UNet2DModel'] }),
      'model.class',
      /a LDMPipeline with a vqvae/,
    ],
    [
      'another network',
      index({ unet: ['diffusers', 'UNet2DConditionModel'] }),
      'model.class',
      /UNet2DModel, ShuffleUNet, MLP.*UNet2DConditionModel.*through its ONNX file/,
    ],
    ['no network', index({ scheduler: ['diffusers', 'DDIMScheduler'] }), 'model.class', /names null as its unet/],
    [
      'a pickle',
      { [without]: null, 'unet/diffusion_pytorch_model.bin': 'x' },
      'model.pickle',
      /diffusion_pytorch_model.bin' is a PyTorch pickle.*safe_serialization=True/,
    ],
    [
      'a pickle under the name of safetensors',
      { [without]: Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0, 0, 0, 0) },
      'safetensors.pickle',
      /convert it in Python/,
    ],
    [
      'an ONNX file alone',
      { [without]: null, 'unet/model.onnx': 'x' },
      'model.open',
      /model.onnx can be opened by itself, with the scheduler_config.json/,
    ],
    [
      'weights of a variant',
      { [without]: null, 'unet/diffusion_pytorch_model.fp16.safetensors': 'x' },
      'model.open',
      /it holds: config.json, diffusion_pytorch_model.fp16.safetensors\); save it again without a variant/,
    ],
    [
      'weights of another network',
      { [without]: encodeSafetensors(gold.tensors('attention', 'state.')) },
      'nn.checkpoint',
      /unknown/,
    ],
    [
      'a schedule without betas',
      { 'scheduler/scheduler_config.json': '{"x": 1}' },
      'scheduler.invalid',
      /scheduler_config.json/,
    ],
    [
      'an empty schedule folder',
      { 'schedules/ddim-10/notes.txt': 'x' },
      'model.open',
      /needs sampling_schedule.json, '.*schedules\/ddim-10' has none/,
    ],
  ])('%s', async (_, changes, code, message) => {
    const folder = await pipeline('plain', changes)
    const loading = loadModel(folder)
    await expect(loading).rejects.toThrow(message)
    await expect(loading).rejects.toMatchObject({ code, kind: 'input' })
  })

  test.each([
    ['weights.ckpt', 'model.pickle', /weights.ckpt' is a PyTorch pickle/],
    ['unet.onnx', 'model.open', /an ONNX file is opened by itself, with its schedule/],
    ['model.safetensors', 'model.open', /is a file; give the folder that holds it/],
  ])('the file %s', async (name, code, message) => {
    const path = join(root, name)
    await writeFile(path, 'x')
    await expect(loadModel(path)).rejects.toThrow(message)
    await expect(loadModel(path)).rejects.toMatchObject({ code })
    await unlink(path)
    await expect(loadModel(path)).rejects.toThrow(/must be a readable folder/)
  })

  test('a learned schedule for another number of timesteps', async () => {
    const network = mlp({ image_shape: [1, 1, 2], hidden: [4], time_width: 2 })
    const [long, short] = [80, 40].map((timesteps) => noiseSchedule({ family: 'cosine', timesteps, end: 0.9 }))
    const schedule = samplingScheduleFrom(long, 'trailing', 4)
    const saved = { name: 'ddim-4', schedule, settings: samplerSettings(), learnedFor: null }
    const folder = join(root, 'other-timesteps')
    const model = { network, state: initialState(network, 0), samplingSchedules: [saved] }
    await saveModel(folder, { ...model, noiseSchedule: short })
    await expect(loadModel(folder)).rejects.toThrow(/it has T = 80, the model 40/)
  })
})
