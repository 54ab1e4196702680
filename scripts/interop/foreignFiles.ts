/** Files as somebody else has them: `theirs.onnx` and its schedule `theirs.json`, and pipelines of ONNX files. */
import { copyFile, cp, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { add, cos, mul, reshape, trace } from '../../src/graph/index.ts'
import { encodeModel } from '../../src/onnx/index.ts'
import type { Workplace } from './case.ts'

/** The file and schedule of a small class-conditional run. */
export async function ownFile(at: Workplace): Promise<void> {
  at.bilevel(['schedule', '--preset', 'tiny', '--class-conditional', '--iterations', '1', '--out', 'made'])
  const model = join(at.folder, 'made', 'model')
  await copyFile(join(model, 'unet', 'model.onnx'), join(at.folder, 'theirs.onnx'))
  await copyFile(join(model, 'scheduler', 'scheduler_config.json'), join(at.folder, 'theirs.json'))
}

/** Some nonlinear function of the image and the time as a fraction, for 24 images a run. */
export async function foreignFile(at: Workplace): Promise<void> {
  const inputs = {
    pixels: { dtype: 'float32', shape: [24, 1, 16, 16] },
    fraction: { dtype: 'float32', shape: [24, 1] },
  } as const
  const graph = trace(inputs, ({ pixels, fraction }) => {
    const time = reshape(fraction, [24, 1, 1, 1])
    return { answer: add(mul(pixels, add(mul(time, 0.7), 0.2)), mul(cos(add(mul(pixels, 2), time)), 0.3)) }
  })
  await writeFile(join(at.folder, 'theirs.onnx'), encodeModel(graph))
  const scheduler = {
    _class_name: 'DDPMScheduler',
    num_train_timesteps: 20,
    beta_schedule: 'linear',
    beta_start: 0.005,
    beta_end: 0.5,
  }
  await writeFile(join(at.folder, 'theirs.json'), JSON.stringify(scheduler))
}

/** Two text-to-image pipelines with random weights, `model` of pixels and `latents`, and `prompts.txt`. */
export async function onnxPrompts({ folder }: Workplace): Promise<void> {
  for (const [name, source] of [
    ['model', 'src/diffusion/files/fixtures/prompts'],
    ['latents', 'test/found/latents'],
  ]) {
    await cp(resolve(source), join(folder, name), { recursive: true })
    await cp(resolve('src/text/fixtures/tokenizer'), join(folder, name, 'tokenizer'), { recursive: true })
  }
  await writeFile(join(folder, 'prompts.txt'), 'a red three on blue\nthe number 7, white on black\n')
}
