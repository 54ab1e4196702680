/** What is printed fits the model and the choice; that it draws our images is for the real library to say (`npm run interop`). */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { saveModel, shippedModelFolder } from '../../diffusion/files/index.ts'
import { noiseSchedule, samplerSettings, samplingSchedule } from '../../diffusion/index.ts'
import { initialState, mlp, unet } from '../../nn/index.ts'
import { printPython } from './printPython.ts'
import { resolveSampleConfig } from './settings.ts'

const print = (model: string, values: Readonly<Record<string, unknown>> = {}) =>
  printPython(model, resolveSampleConfig([{ source: 'the test', values: { print: 'python', ...values } }]))

let place: string
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'print-python-'))
})
afterAll(() => rm(place, { recursive: true }))

const trained = noiseSchedule({ family: 'cosine', timesteps: 60 })

/** A model folder with one schedule that only bilevel_scheduler.py can be told. */
async function folderOf(network: ReturnType<typeof unet>, name: string, onnx: boolean): Promise<string> {
  const folder = join(place, name)
  const solver = { tau: [0.2], output: 0.1 }
  const schedule = samplingSchedule({ timesteps: 60, logSnr: [-4, 2], times: [59, 12.5], solver })
  const saved = { schedule, settings: samplerSettings({ sampler: 'exponential' }), learnedFor: null }
  const state = initialState(network, 1)
  const samplingSchedules = [{ name: 'exponential-2', ...saved }]
  await saveModel(folder, { network, state, noiseSchedule: trained, samplingSchedules }, { onnx })
  return folder
}

test('of a shipped model: the learned schedule from its folder, the default one in the code, the class by its index', async () => {
  const folder = String(shippedModelFolder('digits-16'))
  const { python, schedule } = await print('digits-16', { schedule: 'dpm-solver++-5', count: 7 })
  expect(schedule).toMatchObject({ name: 'learned dpm-solver++-5', steps: 5 })
  expect(python).toContain(`run = ${JSON.stringify(folder)}\n`)
  expect(python).toContain('classes = torch.arange(7) % 10  # 0 to 9; 10 stands for no class\n')
  expect(python).toContain('UNet2DModel.from_pretrained(f"{run}/unet")')
  expect(python).toContain('DPMSolverMultistepScheduler.from_pretrained(f"{run}/schedules/dpm-solver++-5")')
  const none = await print('digits-16', { schedule: 'default', steps: 4, class: 'unconditional', count: 7 })
  expect(none.python).toContain('classes = torch.full((7,), 10)  # 0 to 9; 10 stands for no class\n')
  expect(none.python).toContain('told = [999, 749, 499, 249]\n')
  expect((await print('digits-16', { class: 3 })).python).toContain('torch.full((100,), 3)')
})

test('of a folder: bilevel_scheduler.py from beside the schedule, from the package where another setting was asked for', async () => {
  const folder = await folderOf(unet({ size: 8, channels: [4, 8], groups: 2 }), 'plain', false)
  const { python } = await print(folder)
  expect(python).toContain('sys.path.insert(0, f"{run}/schedules/exponential-2/bilevel")\n')
  expect(python).not.toContain('classes')
  // Without its own numbers it is DPM-Solver++, by the N levels.
  const other = await print(folder, { schedule: 'exponential-2', sampler: 'dpm-solver++' })
  expect(other.python).toContain('told = [59, 12.5]\n')
  expect(other.notes.join()).toMatch(/tau, output for exponential/)
})

test('of a network without a class in diffusers its ONNX file, and a refusal where there is none', async () => {
  const network = mlp({ image_shape: [3, 1, 2], hidden: [8, 6], time_width: 4, classes: 2 })
  const { python } = await print(await folderOf(network, 'mlp', true))
  expect(python).toContain('InferenceSession(f"{run}/unet/model.onnx", ')
  const without = await folderOf(network, 'without', false)
  await expect(print(without)).rejects.toMatchObject({
    code: 'sample.print',
    message: expect.stringMatching(/has no MLP, .*model.onnx missing/),
  })
})

test('of a text-to-image folder each part by its class, towards each prompt from the empty one', async () => {
  const { python } = await print('captioned-digits', {
    ...{ prompts: 'captioned-digits/prompts.txt', trustConvention: true },
    ...{ guidanceScale: 1.5, steps: 5, count: 12 },
  })
  for (const line of [
    'from transformers import AutoTokenizer, CLIPTextModel',
    '    "a red three on blue",',
    'classes = torch.arange(12) % 10  # of prompts; 10 is the empty one',
    'unet = UNet2DConditionModel.from_pretrained(f"{run}/unet").eval()',
    '        none = unet(x, torch.tensor(time), embeds[torch.full_like(classes, 10)]).sample',
  ])
    expect(python).toContain(`${line}\n`)
})

test('of a folder of ONNX files alone their sessions, and the pictures of its latents', async () => {
  const folder = join(place, 'latents')
  await cp('test/found/latents', folder, { recursive: true })
  await cp('src/text/fixtures/tokenizer', join(folder, 'tokenizer'), { recursive: true })
  await writeFile(join(folder, 'prompts.txt'), 'a red three\n')
  const { python } = await print(folder, {
    ...{ prompts: join(folder, 'prompts.txt'), class: 'a red three', steps: 4, count: 3, trustConvention: true },
  })
  for (const line of [
    'classes = torch.full((3,), 0)  # of prompts; 1 is the empty one',
    'encoder = onnxruntime.InferenceSession(f"{run}/text_encoder/model.onnx", providers=["CPUExecutionProvider"])',
    'def unet(x, time, classes=classes):',
    'x = torch.randn(3, 4, 4, 4)',
    'latents = x / 0.7',
  ])
    expect(python).toContain(`${line}\n`)
  expect(python).toContain('"encoder_hidden_states": embeds[classes].numpy()')
})

test.each([
  ['guidance', { guidance: 'g.json' }, /guided sampling/],
  ['a prefix', { weightsPrefix: 'module.' }, /takes no prefix; got weightsPrefix module\./],
  ["the file's own class", { sampler: 'own', steps: 5 }, /DDIMScheduler is a class of diffusers itself; load it there/],
])('%s is refused', async (_, values, message) => {
  await expect(print('digits-16', values)).rejects.toMatchObject({
    code: 'sample.print',
    message: expect.stringMatching(message),
  })
})
