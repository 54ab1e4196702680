/** The printed Python fits the network and the sampler; that it draws our images is for the real library to say (`npm run interop`). */
import { expect, test } from 'vitest'
import { exportForms } from '../../../diffusion/files/index.ts'
import type { SamplerSettings } from '../../../diffusion/index.ts'
import { samplerSettings, samplingSchedule } from '../../../diffusion/index.ts'
import type { PythonNetwork } from '../../reporting/context.ts'
import { ownInputs, pythonCode } from './python.ts'

const TRAILING = samplingSchedule({ timesteps: 1000, logSnr: [-5, -2, 1, 4], times: [999, 749, 499, 249] })

function codeFor(network: PythonNetwork, settings: Partial<SamplerSettings> = {}, schedule = TRAILING): string {
  const forms = exportForms({ schedule, settings: samplerSettings(settings), prediction: 'noise' })
  const imageShape = [1, 28, 20]
  return pythonCode({ forms, network, imageShape, run: 'runs/a "b"', folder: 'model/schedules/s-4' }) ?? 'none'
}

test('a UNet2DModel with classes gets them in turn', () => {
  const code = codeFor({ kind: 'UNet2DModel', classes: 7 })
  expect(code).toContain('classes = torch.arange(16) % 7')
  expect(code).toContain('unet(x, t, class_labels=classes).sample')
  expect(code).toContain('x = torch.randn(16, 1, 28, 20)')
  expect(code).toContain('run = "runs/a \\"b\\""')
})

test('what step takes is passed to it, by the class that takes it', () => {
  const eta = codeFor({ kind: 'UNet2DModel' }, { eta: 0.5 })
  expect(eta).toContain('scheduler = DDIMScheduler.from_pretrained(f"{run}/model/schedules/s-4/per_step")')
  expect(eta).toContain('told = [999, 749, 499, 249]\nscheduler.set_timesteps(len(told))')
  expect(eta).toContain('scheduler.step(output, t, x, eta=0.5).prev_sample')
  const recomputed = codeFor({ kind: 'UNet2DModel' }, { eta: 0.5, clippedNoise: 'recompute' })
  expect(recomputed).toContain('scheduler.step(output, t, x, eta=0.5, use_clipped_model_output=True)')
  const ddpm = codeFor({ kind: 'UNet2DModel' }, { sampler: 'ddpm', clippedNoise: 'recompute' })
  expect(ddpm).toContain('from diffusers import UNet2DModel, DDPMScheduler')
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
  expect(code).toContain('classes = torch.zeros(8, dtype=torch.int64)')
  expect(code).toContain(
    'feeds = {"x": x.numpy(), "t": np.full([8, 1], float(time) * 0.001, np.float64), "y": classes.numpy().astype(np.int32)}',
  )
  expect(code).toContain('network.run(["eps"], feeds)')
})
