/** Pipeline folders as diffusers writes them, with networks of the gold files. */
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Tensor } from '../../base/index.ts'
import { decodeSafetensors, encodeSafetensors } from '../../nn/index.ts'

/** A gold file's networks: configs by name, tensors under `<name>.`. */
export class GoldNetworks {
  readonly #file
  constructor(file: 'unet2d.safetensors' | 'diffusers.safetensors') {
    this.#file = decodeSafetensors(readFileSync(`test/gold/${file}`), file)
  }

  get names(): readonly string[] {
    return Object.keys(this.#file.metadata)
  }

  config(name: string): Readonly<Record<string, unknown>> {
    return JSON.parse(this.#file.metadata[name])
  }

  /** Tensors whose names begin with `<name>.<prefix>`, without it. */
  tensors(name: string, prefix: '' | 'state.'): Record<string, Tensor> {
    const start = `${name}.${prefix}`
    const entries = Object.entries(this.#file.tensors).filter(([key]) => key.startsWith(start))
    return Object.fromEntries(entries.map(([key, value]) => [key.slice(start.length), value]))
  }
}

/** A config as `save_pretrained` leaves it: fields in order, those of other versions too. */
const ddpm = {
  _class_name: 'DDPMScheduler',
  _diffusers_version: '0.21.4',
  beta_end: 0.02,
  beta_schedule: 'linear',
  beta_start: 0.0001,
  clip_sample: true,
  clip_sample_range: 1.0,
  dynamic_thresholding_ratio: 0.995,
  num_train_timesteps: 1000,
  prediction_type: 'v_prediction',
  sample_max_value: 1.0,
  steps_offset: 0,
  thresholding: false,
  timestep_spacing: 'leading',
  trained_betas: null,
  variance_type: 'fixed_large',
}

/** Text or bytes by path; null: no such file. */
export type Files = Readonly<Record<string, string | Uint8Array | null>>

/** The files of a pipeline with a gold network. */
export function pipelineFiles(gold: GoldNetworks, name: string): Files {
  return {
    'README.md': 'A pipeline.',
    'model_index.json': JSON.stringify({
      _class_name: 'DDPMPipeline',
      _diffusers_version: '0.21.4',
      scheduler: ['diffusers', 'DDPMScheduler'],
      unet: ['diffusers', 'UNet2DModel'],
    }),
    'scheduler/scheduler_config.json': JSON.stringify(ddpm),
    'unet/config.json': JSON.stringify({
      _name_or_path: 'somewhere',
      ...gold.config(name),
      _class_name: 'UNet2DModel',
    }),
    'unet/diffusion_pytorch_model.safetensors': encodeSafetensors(gold.tensors(name, 'state.'), { format: 'pt' }),
  }
}

/** Writes files under a folder. */
export async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [file, content] of Object.entries(files)) {
    if (content === null) continue
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), content)
  }
}
