/**
 * Prompts as token ids, as a text tower was trained to take them: begin-of-text, the words, end-of-text, padded to one length. A prompt that is too
 * long is cut before its end-of-text: CLIP reads a prompt at that token, so that two long prompts without it would mean the same.
 */
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers'
import type { Tensor } from '../base/index.ts'
import { inputError, tensor } from '../base/index.ts'
import { likeRust } from './likeRust.ts'
import type { TokenizerConfig, TokenizerJson } from './tokenizerJson.ts'
import { withSpecialTokens } from './tokenizerJson.ts'

/** Prompts as a text tower takes them. */
export interface PromptTokens {
  /** int64 [prompts, length] */
  readonly ids: Tensor
  /** int64 [prompts, length]: 1 where there is a token of the prompt, 0 where there is padding. */
  readonly mask: Tensor
  /** Which prompts were too long and were cut. */
  readonly cut: readonly number[]
}

/** What is used of the package, whose own types do not resolve for modules of Node. */
interface Library {
  encode(text: string, options?: { readonly add_special_tokens?: boolean }): { readonly ids: readonly number[] }
  token_to_id(token: string): number | undefined
  get_vocab(): ReadonlyMap<string, number>
}

export interface Tokenizer {
  /** Tokens of each prompt, with padding. */
  readonly length: number
  /** Ids are below it. */
  readonly vocabulary: number
  /** @throws `text.prompts` if there is none */
  encode(prompts: readonly string[]): PromptTokens
}

/**
 * A tokenizer from its files.
 * @param json    `tokenizer.json`
 * @param config  `tokenizer_config.json`
 * @param length  tokens of each prompt; default what the configuration says (`model_max_length`)
 * @throws `text.length` without a length or with one that leaves no room for a word; `text.tokenizer` on a file that the library does not take
 */
export function makeTokenizer(json: TokenizerJson, config: TokenizerConfig, length?: number): Tokenizer {
  const library = open(json, config)
  const [before, after] = framing(library)
  const extent = requireLength(length ?? config.model_max_length, before.length + after.length)
  const pad = padId(library, config)
  return {
    length: extent,
    vocabulary: Math.max(...library.get_vocab().values()) + 1,
    encode(prompts) {
      if (prompts.length === 0) throw inputError('text.prompts', 'there must be a prompt, got none')
      const ids = new BigInt64Array(prompts.length * extent).fill(BigInt(pad))
      const mask = new BigInt64Array(prompts.length * extent)
      const cut: number[] = []
      const room = extent - before.length - after.length
      prompts.forEach((prompt, i) => {
        const words = library.encode(prompt, { add_special_tokens: false }).ids
        if (words.length > room) cut.push(i)
        const row = [...before, ...words.slice(0, room), ...after]
        ids.set(row.map(BigInt), i * extent)
        mask.fill(1n, i * extent, i * extent + row.length)
      })
      const shape = [prompts.length, extent]
      return { ids: tensor('int64', shape, ids), mask: tensor('int64', shape, mask), cut }
    },
  }
}

function open(json: TokenizerJson, config: TokenizerConfig): Library {
  if (config.padding_side === 'left') {
    throw inputError('text.tokenizer', "text towers that are padded on the right are taken, padding_side is 'left'")
  }
  try {
    return new HuggingFaceTokenizer(
      {
        normalizer: null,
        pre_tokenizer: null,
        post_processor: null,
        decoder: null,
        ...likeRust(withSpecialTokens(json, config)),
      },
      config,
    )
  } catch (error) {
    throw inputError(
      'text.tokenizer',
      `tokenizer.json must be a tokenizer of the tokenizers library: ${(error as Error).message}`,
      {
        cause: error,
      },
    )
  }
}

/** Tokens that are put before and after a prompt, whatever puts them there. */
function framing(library: Library): [readonly number[], readonly number[]] {
  const word = 'a'
  const bare = library.encode(word, { add_special_tokens: false }).ids
  const framed = library.encode(word).ids
  const start = framed.findIndex((_, i) => bare.every((id, j) => framed[i + j] === id))
  return [framed.slice(0, start), framed.slice(start + bare.length)]
}

/** transformers writes 1e30 where no length is known. */
const LONGEST = 100_000

function requireLength(length: number | undefined, framed: number): number {
  if (length === undefined || length > LONGEST) {
    throw inputError(
      'text.length',
      'the length that prompts are padded to must be known; tokenizer_config.json has no model_max_length: give the length that the text tower takes',
    )
  }
  if (Number.isInteger(length) && length > framed) return length
  throw inputError(
    'text.length',
    `prompts must have room for a word beside ${framed} special tokens, the length is ${length}`,
  )
}

function padId(library: Library, { pad_token }: TokenizerConfig): number {
  const id = pad_token === undefined ? undefined : library.token_to_id(pad_token)
  if (id !== undefined) return id
  throw inputError(
    'text.tokenizer',
    'tokenizer_config.json must name a pad_token that the vocabulary holds, to pad prompts to one length',
  )
}
