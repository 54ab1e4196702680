/** Models by name and by path. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { foundDenoiser } from '../../../test/found/denoisers/exact.fixture.ts'
import { filled } from '../../base/index.ts'
import { saveModel, shippedModelFolder } from '../../diffusion/files/index.ts'
import { noiseSchedule as cosine } from '../../diffusion/index.ts'
import { modelFileHash } from '../../files/index.ts'
import { add, constant, conv, trace } from '../../graph/index.ts'
import { initialState, unet2d } from '../../nn/index.ts'
import { encodeModel } from '../../onnx/index.ts'
import { modelFolderOf } from './modelFolder.ts'
import type { OpenModelOptions } from './openedModel.ts'
import { openGivenModel } from './openModel.ts'

const ONE_LEVEL = {
  block_out_channels: [4] as [number],
  down_block_types: ['DownBlock2D' as const],
  up_block_types: ['UpBlock2D' as const],
  add_attention: false,
}

const root = await mkdtemp(join(tmpdir(), 'given-'))
afterAll(() => rm(root, { recursive: true }))

const shipped = shippedModelFolder('digits-16') ?? 'none'
const options = { scheduler: null, weightsPrefix: null, timeScale: 1, size: null, chunk: 4, device: 'cpu' } as const

test('a name that is no path is a model that comes with the project', async () => {
  const given = await openGivenModel('digits-16', options)
  const { hash } = await openGivenModel(shipped, options)
  expect(given).toMatchObject({ hash, imageShape: [1, 16, 16] })
})

test('a path is the folder itself, or the model inside a run', async () => {
  expect(await modelFolderOf(shipped)).toBe(shipped)
  await cp(join(shipped, 'model_index.json'), join(root, 'digits-16', 'model', 'model_index.json'))
  expect(await modelFolderOf(join(root, 'digits-16'))).toBe(join(root, 'digits-16', 'model'))
})

test('learned schedules of another number of times are an error of a folder, and left out where another schedule is given', async () => {
  const scheduler = join(root, 'sixty.json')
  await writeFile(scheduler, JSON.stringify({ betas: Array.from({ length: 60 }, (_, t) => 0.001 + 0.01 * t) }))
  const { schedules, notes } = await openGivenModel('digits-16', { ...options, scheduler })
  expect(schedules).toEqual([])
  expect(notes.join('\n')).toMatch(/dpm-solver\+\+-10, .* are left out: they must be for .*T = 1000, the model 60/)
  const folder = join(root, 'other-times')
  await cp(shipped, folder, { recursive: true })
  await cp(scheduler, join(folder, 'scheduler', 'scheduler_config.json'))
  await expect(openGivenModel(folder, options)).rejects.toMatchObject({ code: 'model.schedules' })
})

test('a name that is nothing names the models that come with the project', async () => {
  const opening = openGivenModel('digits-61', options)
  await expect(opening).rejects.toMatchObject({ code: 'schedule.model', kind: 'input' })
  await expect(opening).rejects.toThrow(/digits-16 or digits-28 or captioned-digits; 'digits-61' is none of them/)
})

test('the numbers for further inputs make another model of a file, other words for it do not', async () => {
  const scheduler = foundDenoiser('scheduler.json')
  const opened = async (name: string, given: Partial<OpenModelOptions>) => {
    const { hash, used, close } = await openGivenModel(foundDenoiser(name), { ...options, scheduler, ...given })
    await close()
    return { hash, used }
  }
  const [one, same, two] = [
    await opened('guidance.onnx', { input: ['guidance=1'] }),
    await opened('guidance.onnx', { input: ['guidance=1.0'] }),
    await opened('guidance.onnx', { input: ['guidance=2'] }),
  ]
  expect(same).toEqual(one)
  expect(two.hash).not.toBe(one.hash)
  const [noise, x0] = [
    await opened('two-outputs.onnx', { modelOutput: 'noise' }),
    await opened('two-outputs.onnx', { modelOutput: 'noise', modelPrediction: 'velocity' }),
  ]
  expect([x0.hash, x0.used === noise.used]).toEqual([noise.hash, false])
  // A file without further inputs keeps the hash of its bytes.
  expect((await opened('plain.onnx', {})).hash).toBe(await modelFileHash(foundDenoiser('plain.onnx')))
})

test('a file that leaves its size open: the side that is asked for, and the channels that it takes', async () => {
  const file = join(root, 'colours.onnx')
  const scheduler = join(root, 'betas.json')
  const open = ['batch', 'channels', 'height', 'width']
  const graph = trace({ x: { dtype: 'float32', shape: [2, 3, 8, 8] }, t: { dtype: 'int64', shape: [] } }, ({ x }) => ({
    out: add(x, conv(x, constant(filled([1, 3, 1, 1], 0.5)))),
  }))
  await writeFile(file, encodeModel(graph, { axisNames: { x: open, out: open } }))
  await writeFile(scheduler, JSON.stringify({ betas: [0.1, 0.2] }))
  const opened = await openGivenModel(file, { ...options, scheduler, size: 16 })
  expect(opened).toMatchObject({
    imageShape: [3, 16, 16],
    differentiable: true,
    trainable: null,
    saves: 'schedules',
    conditional: false,
    batch: 4,
    // The trial, an image alone and among others, and two rounds of the one way to run four images.
    evaluations: 12 + 3,
  })
  await opened.close()
  await expect(openGivenModel(file, { ...options, scheduler })).rejects.toMatchObject({ code: 'model.imageShape' })
})

test('images that are no pictures are refused before anything is sampled, and a prefix with an ONNX file', async () => {
  const latent = join(root, 'latent')
  const network = unet2d({ sample_size: 4, in_channels: 4, out_channels: 4, norm_num_groups: 2, ...ONE_LEVEL })
  const noiseSchedule = cosine({ family: 'cosine', timesteps: 10 })
  await saveModel(
    latent,
    { network, state: initialState(network, 0), noiseSchedule, samplingSchedules: [] },
    { onnx: true },
  )
  for (const path of [latent, join(latent, 'unet', 'model.onnx')]) {
    const opening = openGivenModel(path, { ...options, scheduler: join(latent, 'scheduler', 'scheduler_config.json') })
    await expect(opening).rejects.toThrow(/must have 1 or 3 channels to be written.*are \[4, 4, 4\]/)
    await expect(opening).rejects.toMatchObject({ code: 'schedule.pictures', kind: 'input' })
  }
  const opening = openGivenModel('x.onnx', { ...options, weightsPrefix: 'module.' })
  await expect(opening).rejects.toThrow(/weightsPrefix is for the tensors of a model folder, got 'module.'/)
})
