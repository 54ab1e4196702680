/** The printed Python fits the network and the sampler; that it draws our images is for the real library to say (`npm run interop`). */
import { expect, test } from 'vitest'
import { exportForms } from '../../diffusion/files/index.ts'
import type { SamplerSettings } from '../../diffusion/index.ts'
import { samplerSettings, samplingSchedule } from '../../diffusion/index.ts'
import type { PythonNetwork } from './context.ts'
import { learnsVariance, ownInputs, pythonCode } from './python.ts'

const TRAILING = samplingSchedule({ timesteps: 1000, logSnr: [-5, -2, 1, 4], times: [999, 749, 499, 249] })

function codeFor(network: PythonNetwork, settings: Partial<SamplerSettings> = {}, schedule = TRAILING): string {
  const forms = exportForms({ schedule, settings: samplerSettings(settings), prediction: 'noise' })
  const imageShape = [1, 28, 20]
  return pythonCode({ forms, network, imageShape, run: 'runs/a "b"', folder: 'model/schedules/s-4' }) ?? 'none'
}

test('a UNet2DModel with classes gets them in turn', () => {
  const code = codeFor({ kind: 'UNet2DModel', classes: 7 })
  expect(code).toContain('classes = torch.arange(16) % 7  # 0 to 6\n')
  expect(code).toContain('unet(x, t, class_labels=classes).sample')
  expect(code).toContain('x = torch.randn(16, 1, 28, 20)')
  expect(code).toContain('run = "runs/a \\"b\\""')
})

test('of a network that predicts its variance too the first half is taken', () => {
  expect(codeFor({ kind: 'UNet2DModel', learnsVariance: true })).toContain('output = unet(x, t).sample[:, :1]\n')
  expect(learnsVariance({ in_channels: 3, out_channels: 6 })).toBe(true)
  expect(learnsVariance({ in_channels: 3, out_channels: 3 })).toBe(false)
  expect(learnsVariance({ image_shape: [1, 2, 2] })).toBe(false)
})

test('the null class is stated', () => {
  const code = codeFor({ kind: 'UNet2DModel', classes: 7, nullClass: 7 })
  expect(code).toContain('classes = torch.arange(16) % 7  # 0 to 6; 7 stands for no class\n')
})

test('what no class of diffusers takes, bilevel_scheduler.py does', () => {
  const solver = { tau: [0.1, 0.2, 0.3] }
  const { timesteps, times } = TRAILING
  const schedule = samplingSchedule({ timesteps, times, logSnr: [-5, -2, 1, 4], solver })
  const code = codeFor({ kind: 'UNet2DModel' }, { sampler: 'exponential' }, schedule)
  expect(code.split('\n')).toEqual([
    'import sys',
    '',
    'import torch',
    'from diffusers import UNet2DModel',
    '',
    'run = "runs/a \\"b\\""',
    'unet = UNet2DModel.from_pretrained(f"{run}/model/unet").eval()',
    'sys.path.insert(0, f"{run}/model/schedules/s-4/bilevel")',
    'from bilevel_scheduler import BilevelScheduler',
    'scheduler = BilevelScheduler.from_pretrained(f"{run}/model/schedules/s-4/bilevel")',
    'scheduler.set_timesteps(scheduler.steps)',
    'x = torch.randn(16, 1, 28, 20)',
    'with torch.no_grad():',
    '    for t in scheduler.timesteps:',
    '        output = unet(x, t).sample',
    '        x = scheduler.step(output, t, x).prev_sample',
  ])
})

test('a schedule that was not saved is in the code, by its N levels', () => {
  const asked = { network: { kind: 'UNet2DModel', path: '' }, imageShape: [3, 8, 8], run: 'm', folder: null } as const
  const formsOf = (settings: Partial<SamplerSettings>) =>
    exportForms({ schedule: TRAILING, settings: samplerSettings(settings), prediction: 'noise' })
  const code = pythonCode({ ...asked, forms: formsOf({}), count: 5 })
  expect(code).toContain('unet = UNet2DModel.from_pretrained(run).eval()')
  expect(code).toMatch(/scheduler = DDIMScheduler\(\n {4}num_train_timesteps=4,\n/)
  expect(code).toMatch(/\n {4}trained_betas=\[[^,]+, [^,]+, [^,]+, [^,]+\],\n/)
  expect(code).toContain('    rescale_betas_zero_snr=False,\n')
  expect(code).toContain('told = [999, 749, 499, 249]\n')
  expect(code).toContain('x = torch.randn(5, 3, 8, 8)')
  const own = pythonCode({ ...asked, forms: formsOf({ clip: [0, 1] }) })
  expect(own).toMatch(/sys.path.insert\(0, ".*assets\/python"\)\n/)
  expect(own).toMatch(/scheduler = BilevelScheduler\([\s\S]*\n {4}clip=\[0, 1\],\n {4}clip_bounds=None,\n/)
})

test('what step takes is passed to it, by the class that takes it', () => {
  const eta = codeFor({ kind: 'UNet2DModel' }, { eta: 0.5 })
  expect(eta).toContain('scheduler = DDIMScheduler.from_pretrained(f"{run}/model/schedules/s-4/per_step")')
  expect(eta).toContain('told = [999, 749, 499, 249]\nscheduler.set_timesteps(len(told))')
  expect(eta).toContain('scheduler.step(output, t, x, eta=0.5).prev_sample')
  const recomputed = codeFor({ kind: 'UNet2DModel' }, { eta: 0.5, clippedNoise: 'recompute' })
  expect(recomputed).toContain('scheduler.step(output, t, x, eta=0.5, use_clipped_model_output=True)')
  const ddpm = codeFor({ kind: 'UNet2DModel' }, { sampler: 'ddpm', clippedNoise: 'recompute' })
  expect(ddpm).toContain('from diffusers import DDPMScheduler, UNet2DModel')
  expect(ddpm).toContain('scheduler.step(output, t, x).prev_sample')
})

test('other times of DPM-Solver++ are passed as timesteps', () => {
  const free = samplingSchedule({ timesteps: 1000, logSnr: [-5, -2, 1], times: [999, 640, 3] })
  expect(codeFor({ kind: 'UNet2DModel' }, { sampler: 'dpm-solver++' }, free)).toContain(
    'scheduler.set_timesteps(timesteps=[999, 640, 3])',
  )
})

test('a network that diffusers has no class for runs from its ONNX file', () => {
  const inputs = ownInputs('integer', false)
  const code = codeFor({ kind: 'onnx', path: 'model/unet/model.onnx', inRun: true, inputs, timeScale: 1 })
  expect(code).not.toContain('UNet2DModel')
  expect(code).toContain('onnxruntime.InferenceSession(f"{run}/model/unet/model.onnx", ')
  expect(code).toContain('feeds = {"sample": x.numpy(), "timestep": np.full([16], int(time), np.int64)}')
  expect(code).toContain('network.run(["out_sample"], feeds)')
  expect(code).toContain('output = unet(x, t)\n')
})

test('guidance towards classes is from the null class of the same network', () => {
  const asked = { imageShape: [1, 28, 20], run: 'r', folder: 'model/schedules/s-4', guidanceScale: 2.5 }
  const forms = exportForms({ schedule: TRAILING, settings: samplerSettings(), prediction: 'noise' })
  const unet = { kind: 'UNet2DModel', classes: 7, nullClass: 7, learnsVariance: true } as const
  expect(pythonCode({ ...asked, forms, network: unet })).toContain(
    [
      '        none = unet(x, t, class_labels=torch.full_like(classes, 7)).sample[:, :1]',
      '        output = none + 2.5 * (unet(x, t, class_labels=classes).sample[:, :1] - none)',
    ].join('\n'),
  )
  const inputs = ownInputs('real', true)
  const onnx = { kind: 'onnx', path: 'm.onnx', inRun: true, inputs, timeScale: 1, classes: 3, nullClass: 3 } as const
  const code = pythonCode({ ...asked, forms, network: onnx })
  expect(code).toContain('def unet(x, time, classes=classes):')
  expect(code).toContain(
    '        none = unet(x, t, torch.full_like(classes, 3))\n        output = none + 2.5 * (unet(x, t) - none)',
  )
  for (const guidanceScale of [1, null]) {
    expect(pythonCode({ ...asked, forms, network: onnx, guidanceScale })).toContain('        output = unet(x, t)\n')
  }
})

test("somebody's file in other forms: channels last, half precision, one-hot classes, a constant", () => {
  const inputs = {
    image: { name: 'x', dtype: 'float16', shape: ['b', 28, 20, 3] },
    time: { name: 't', dtype: 'float16', shape: ['b', 1, 1, 1] },
    classes: { name: 'y', dtype: 'float32', shape: ['b', 10] },
    output: 'eps',
    layout: 'nhwc',
    constants: [{ input: { name: 'guidance', dtype: 'float32', shape: ['b'] }, value: 2 }],
  } as const
  const code = codeFor({ kind: 'onnx', path: 'n.onnx', inRun: false, inputs, timeScale: 1, classes: 10 })
  expect(code).toContain(
    'feeds = {"x": np.ascontiguousarray(x.numpy().transpose(0, 2, 3, 1)).astype(np.float16), ' +
      '"t": np.full([16, 1, 1, 1], float(time), np.float16), "y": np.eye(11, 10, dtype=np.float32)[classes.numpy()], ' +
      '"guidance": np.full([16], 2, np.float32)}',
  )
  expect(code).toContain('network.run(["eps"], feeds)[0].transpose(0, 3, 1, 2).astype(np.float32))')
})

test("somebody's file: its names, types, batch and time scale", () => {
  const inputs = {
    image: { name: 'x', dtype: 'float32', shape: [8, 1, 28, 20] },
    time: { name: 't', dtype: 'float64', shape: [8, 1] },
    classes: { name: 'y', dtype: 'int32', shape: [8] },
    output: 'eps',
  } as const
  const code = codeFor({ kind: 'onnx', path: "their 'net'.onnx", inRun: false, inputs, timeScale: 0.001, classes: 10 })
  expect(code).toContain(`onnxruntime.InferenceSession("their 'net'.onnx", `)
  expect(code).toContain('x = torch.randn(8, 1, 28, 20)')
  expect(code).toContain('classes = torch.full((8,), 0)')
  expect(code).toContain(
    'feeds = {"x": x.numpy(), "t": np.full([8, 1], float(time) * 0.001, np.float64), "y": classes.numpy().astype(np.int32)}',
  )
  expect(code).toContain('network.run(["eps"], feeds)')
})
