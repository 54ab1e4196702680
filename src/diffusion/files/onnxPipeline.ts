/**
 * A pipeline whose parts are ONNX files, in the folders that Optimum writes: `unet/model.onnx` and `scheduler/` with a text encoder and its tokenizer, an
 * autoencoder's decoder, or both. What the decoder's config says is how latents are scaled.
 */
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { inputError } from '../../base/index.ts'
import type { LatentScale } from '../denoisers/latentScale.ts'
import { readJson } from './modelLayout.ts'
import type { PromptPipelineFiles } from './promptPipeline.ts'

/** Paths of the parts. */
export interface OnnxPipelineFiles {
  readonly unet: string
  readonly scheduler: string
  /** Null: it takes no prompts. */
  readonly text: Pick<PromptPipelineFiles, 'encoder' | 'tokenizer'> | null
  /** Null: its images are the pictures. */
  readonly decoder: string | null
  /** Makes latents of pictures; null: there is none. */
  readonly encoder: string | null
}

const isThere = (path: string): Promise<boolean> => stat(path).then(Boolean, () => false)

/** The parts of a folder; null: it is no such pipeline. */
export async function findOnnxPipeline(folder: string): Promise<OnnxPipelineFiles | null> {
  const part = async (...names: readonly string[]) => {
    const path = join(folder, ...names)
    return (await isThere(path)) ? path : null
  }
  const unet = await part('unet', 'model.onnx')
  const scheduler = await part('scheduler', 'scheduler_config.json')
  const encoder = await part('text_encoder', 'model.onnx')
  const tokenizer = await part('tokenizer')
  const decoder = await part('vae_decoder', 'model.onnx')
  const text = encoder && tokenizer ? { encoder, tokenizer } : null
  if (!unet || !scheduler || (!text && !decoder)) return null
  return { unet, scheduler, text, decoder, encoder: await part('vae_encoder', 'model.onnx') }
}

/** What the configs beside a pipeline's files say of its latents. */
export interface LatentConfig {
  readonly scale: LatentScale
  /** Side of a picture over that of its latents; null: not said. */
  readonly factor: number | null
  /** [height, width] of the latents that the network is for; null: not said. */
  readonly sides: readonly [number, number] | null
  /** What a reader must know, a sentence each. */
  readonly notes: readonly string[]
}

/** Of diffusers' AutoencoderKL where its config says none: that of Stable Diffusion's. */
const USUAL_SCALING = 0.18215

const channels = z.array(z.number()).nullish()
const autoencoderSchema = z.object({
  scaling_factor: z.number().positive().nullish(),
  shift_factor: z.number().nullish(),
  latents_mean: channels,
  latents_std: channels,
  block_out_channels: z.array(z.int().positive()).min(1).nullish(),
})
const side = z.int().positive()
const networkSchema = z.object({ sample_size: z.union([side, z.tuple([side, side])]).nullish() })

/** Reads `config.json` beside decoder and network, where there are such. @throws `model.decoder` on values that are none; `model.json` */
export async function latentConfig({
  decoder,
  unet,
}: {
  readonly decoder: string
  readonly unet: string
}): Promise<LatentConfig> {
  const own = await configBeside(decoder)
  const said = own && parsed(autoencoderSchema, own, decoder)
  const network = await configBeside(unet)
  const size = network ? parsed(networkSchema, network, unet).sample_size : null
  const { scaling_factor: scaling, shift_factor: shift, latents_mean: mean, latents_std: deviation } = said ?? {}
  const blocks = said?.block_out_channels
  return {
    scale: {
      scaling: scaling ?? USUAL_SCALING,
      ...(typeof shift === 'number' && { shift }),
      ...(mean && { mean }),
      ...(deviation && { deviation }),
    },
    factor: blocks ? 2 ** (blocks.length - 1) : null,
    sides: typeof size === 'number' ? [size, size] : (size ?? null),
    notes: scaling
      ? []
      : [
          `nothing beside ${placeOf(decoder)} says how its latents are scaled (scaling_factor in config.json): ${USUAL_SCALING} is taken`,
        ],
  }
}

const placeOf = (path: string): string => join(basename(dirname(path)), basename(path))

async function configBeside(path: string) {
  const config = join(dirname(path), 'config.json')
  return (await isThere(config)) ? readJson(config) : null
}

function parsed<T>(schema: z.ZodType<T>, config: unknown, path: string): T {
  const { data, error } = schema.safeParse(config)
  if (data !== undefined) return data
  const { path: at, message } = error?.issues[0] ?? { path: [], message: 'cannot be read' }
  throw inputError(
    'model.decoder',
    `${join(dirname(path), 'config.json')} must say how latents are scaled and sized: ${at.join('.')}: ${message}`,
  )
}
