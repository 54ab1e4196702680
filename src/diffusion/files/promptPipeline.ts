/**
 * A text-to-image pipeline from a folder of diffusers or Optimum, with its parts as ONNX: `unet/model.onnx`, `text_encoder/model.onnx`, `tokenizer/`,
 * `scheduler/`. The prompts are its classes, in their order, and the empty prompt is the null class after the last: guidance towards a class is guidance
 * towards a prompt, and classes may be asked for by their words.
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { inputError } from '../../base/index.ts'
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

/**
 * Reads the network with what it is told of each prompt.
 * @throws `model.prompts` where the network's weights lie in files of their own; `onnx.inputs` where it takes no prompt; `text.*`, `onnx.open`
 * @example
 * const { model, nullClass, prompts } = await loadPromptPipeline(files, ['a red three on blue'])
 * const denoiser = await openForeignDenoiser({ model, noiseSchedule, classes: { classes: prompts.length, nullClass } })
 */
export async function loadPromptPipeline(
  { unet, encoder, tokenizer, scheduler }: PromptPipelineFiles,
  prompts: readonly string[],
  device: DeviceOptions = {},
): Promise<PromptPipeline> {
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
  const cutNotes = cut.map((i) => `the prompt '${prompts[i]}' is too long for the tokenizer and was cut`)
  return {
    model: inputFromTable(bytes, { input: STATES, table: embeds, name: CLASSES }),
    scheduler,
    prompts,
    nullClass: prompts.length,
    notes: cutNotes,
    encoder: form,
  }
}
