/** Prompts as the text encoder of a pipeline gives them to its denoising network. */
import type { Tensor } from '../base/index.ts'
import { inputError, sizeOf, tensor } from '../base/index.ts'
import type { DeviceOptions } from '../runtime/index.ts'
import { openModel } from '../runtime/index.ts'
import { openTokenizer } from './openTokenizer.ts'

export interface PromptEncoder extends DeviceOptions {
  /** Path of the text encoder's ONNX file, with `input_ids` and perhaps `attention_mask`. */
  readonly encoder: string
  /** Folder of the tokenizer. */
  readonly tokenizer: string
}

export interface EmbeddedPrompts {
  /** float32 [prompts, tokens, width] */
  readonly embeds: Tensor<'float32'>
  /** Which prompts were too long and were cut. */
  readonly cut: readonly number[]
  readonly form: EncoderForm
}

/** How a text encoder is called. */
export interface EncoderForm {
  /** Element types by name. */
  readonly inputs: Readonly<Record<string, string>>
  /** Name of the last hidden state. */
  readonly output: string
  /** Tokens of a prompt, with padding. */
  readonly length: number
}

const STATES = 'last_hidden_state'

/**
 * The last hidden states of each prompt, run by itself.
 * @throws `text.encoder` on a file of another form; `text.tokenizer`, `text.prompts`, `onnx.open`
 */
export async function embedPrompts(
  { encoder, tokenizer: folder, ...device }: PromptEncoder,
  prompts: readonly string[],
): Promise<EmbeddedPrompts> {
  const model = await openModel(encoder, device)
  try {
    const refuse = (why: string) => inputError('text.encoder', `'${encoder}' must be a text encoder: ${why}`)
    const ids = model.inputs.find(({ name }) => name === 'input_ids')
    const other = model.inputs.find(({ name }) => name !== 'input_ids' && name !== 'attention_mask')
    if (!ids || other)
      throw refuse(
        `it takes input_ids and perhaps attention_mask, not ${model.inputs.map(({ name }) => name).join(', ')}`,
      )
    const output =
      model.outputs.find(({ name }) => name === STATES) ?? model.outputs.find(({ shape }) => shape.length === 3)
    if (!output)
      throw refuse(`it gives ${STATES} [b,tokens,width], not ${model.outputs.map(({ name }) => name).join(', ')}`)
    const [, tokens] = ids.shape
    const tokenizer = await openTokenizer(folder, typeof tokens === 'number' ? { length: tokens } : {})
    const rows: Tensor[] = []
    for (const prompt of prompts) {
      const found = tokenizer.encode([prompt])
      const given = { input_ids: found.ids, attention_mask: found.mask }
      const feeds = model.inputs.map(
        ({ name, dtype }) => [name, inType(given[name as keyof typeof given], dtype)] as const,
      )
      rows.push((await model.run(Object.fromEntries(feeds), [output.name]))[output.name])
    }
    const [, ...shape] = rows[0].shape
    const embeds = tensor('float32', [rows.length, ...shape], new Float32Array(rows.length * sizeOf(shape)))
    rows.forEach(({ data }, i) => {
      embeds.data.set(data as Float32Array, i * sizeOf(shape))
    })
    const inputs = Object.fromEntries(model.inputs.map(({ name, dtype }) => [name, dtype]))
    const form = { inputs, output: output.name, length: tokenizer.length }
    return { embeds, cut: tokenizer.encode(prompts).cut, form }
  } finally {
    await model.dispose()
  }
}

/** Token ids in the element type that a file declares. */
const inType = ({ shape, data }: Tensor, dtype: string): Tensor =>
  dtype === 'int32'
    ? tensor('int32', shape, Int32Array.from(data as BigInt64Array, Number))
    : tensor('int64', shape, data as BigInt64Array)
