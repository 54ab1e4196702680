/**
 * A text-to-image pipeline from a folder of diffusers or Optimum, with its parts as ONNX: `unet/model.onnx`, `text_encoder/model.onnx`, `tokenizer/`,
 * `scheduler/`. The prompts are its classes, in their order, and the empty prompt is the null class after the last: guidance towards a class is guidance
 * towards a prompt, and classes may be asked for by their words.
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tensor } from '../../base/index.ts'
import { inputError, sizeOf, tensor } from '../../base/index.ts'
import { externalLocations, inputFromTable } from '../../onnx/index.ts'
import type { DeviceOptions } from '../../runtime/index.ts'
import type { EncoderForm } from '../../text/index.ts'
import { embedPrompts } from '../../text/index.ts'

/** Paths of the parts. */
export interface PromptPipelineFiles {
  readonly unet: string
  readonly encoder: string
  readonly tokenizer: string
  readonly scheduler: string
}

export interface PromptPipeline {
  /** The denoising network as an ONNX file that takes a class for each image. */
  readonly model: Uint8Array
  /** Path of its training schedule. */
  readonly scheduler: string
  /** Names of the classes. */
  readonly prompts: readonly string[]
  /** The empty prompt's. */
  readonly nullClass: number
  /** What a reader must know of the prompts, a sentence each. */
  readonly notes: readonly string[]
  /** How its text encoder is called. */
  readonly encoder: EncoderForm
}

/** What the network takes of a prompt. */
const STATES = 'encoder_hidden_states'
/** What it takes instead. */
const CLASSES = 'class_labels'

/** The parts of a folder; null: it is no such pipeline. */
export async function findPromptPipeline(folder: string): Promise<PromptPipelineFiles | null> {
  const files = {
    unet: join(folder, 'unet', 'model.onnx'),
    encoder: join(folder, 'text_encoder', 'model.onnx'),
    tokenizer: join(folder, 'tokenizer'),
    scheduler: join(folder, 'scheduler', 'scheduler_config.json'),
  }
  const there = await Promise.all(Object.values(files).map((path) => stat(path).then(Boolean, () => false)))
  return there.every(Boolean) ? files : null
}

/** A pipeline's network, and what it is told of each of some prompts. */
export interface ReadPipeline {
  /** The network as it lies there. */
  readonly unet: Uint8Array
  readonly scheduler: string
  readonly prompts: readonly string[]
  /** float32 [prompts + 1, tokens, width]: the last is of the empty prompt. */
  readonly embeds: Tensor<'float32'>
  /** Which prompts were too long and were cut. */
  readonly cut: readonly number[]
  readonly encoder: EncoderForm
}

/**
 * Reads the network, and runs the text encoder for each prompt.
 * @throws as `loadPromptPipeline`
 */
export async function readPromptPipeline(
  { unet, encoder, tokenizer, scheduler }: PromptPipelineFiles,
  prompts: readonly string[],
  device: DeviceOptions = {},
): Promise<ReadPipeline> {
  if (prompts.length === 0) throw inputError('model.prompts', 'a text-to-image pipeline needs a prompt, got none')
  const bytes = await readFile(unet)
  const [outside] = externalLocations(bytes)
  if (outside !== undefined) {
    throw inputError(
      'model.prompts',
      `'${unet}' must hold its weights itself, they lie in '${outside}'; export it without external data (up to 2 GiB)`,
    )
  }
  const { embeds, cut, form } = await embedPrompts({ encoder, tokenizer, ...device }, [...prompts, ''])
  return { unet: bytes, scheduler, prompts, embeds, cut, encoder: form }
}

/**
 * The pipeline of neighbouring prompts among those that were read, as if it had been read for them alone.
 * @throws `onnx.inputs` where the network takes no prompt
 */
export function promptPipelineOf(
  { unet, scheduler, prompts: all, embeds, cut, encoder }: ReadPipeline,
  first = 0,
  count = all.length - first,
): PromptPipeline {
  const prompts = all.slice(first, first + count)
  const table = rowsOf(embeds, [...Array.from(prompts, (_, i) => first + i), all.length])
  return {
    model: inputFromTable(unet, { input: STATES, table, name: CLASSES }),
    scheduler,
    prompts,
    nullClass: count,
    notes: cut
      .filter((i) => i >= first && i < first + count)
      .map((i) => `the prompt '${all[i]}' is too long for the tokenizer and was cut`),
    encoder,
  }
}

function rowsOf({ shape: [, ...row], data }: Tensor<'float32'>, rows: readonly number[]): Tensor<'float32'> {
  const size = sizeOf(row)
  const taken = tensor('float32', [rows.length, ...row], new Float32Array(rows.length * size))
  for (const [i, at] of rows.entries()) taken.data.set(data.subarray(at * size, (at + 1) * size), i * size)
  return taken
}

/**
 * Reads the network with what it is told of each prompt.
 * @throws `model.prompts` where the network's weights lie in files of their own; `onnx.inputs` where it takes no prompt; `text.*`, `onnx.open`
 * @example
 * const { model, nullClass, prompts } = await loadPromptPipeline(files, ['a red three on blue'])
 * const denoiser = await openForeignDenoiser({ model, noiseSchedule, classes: { classes: prompts.length, nullClass } })
 */
export const loadPromptPipeline = async (...asked: Parameters<typeof readPromptPipeline>): Promise<PromptPipeline> =>
  promptPipelineOf(await readPromptPipeline(...asked))
