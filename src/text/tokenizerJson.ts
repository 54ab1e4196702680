/**
 * The files of a tokenizer: `tokenizer.json` (the tokenizers library's own), or `vocab.json` and `merges.txt` of CLIP with what transformers'
 * CLIPTokenizer makes of them; and the special tokens of `tokenizer_config.json`.
 * https://huggingface.co/docs/tokenizers/api/models
 */
import { z } from 'zod'
import { inputError } from '../base/index.ts'

const addedToken = z.looseObject({ id: z.int().nonnegative(), content: z.string().min(1) })

/** What must be there of `tokenizer.json`; the rest is the library's matter. */
export const tokenizerJsonSchema = z.looseObject({
  added_tokens: z.array(addedToken).default([]),
  normalizer: z.looseObject({ type: z.string() }).nullish(),
  pre_tokenizer: z.looseObject({ type: z.string() }).nullish(),
  model: z.looseObject({
    type: z.string().optional(),
    vocab: z.union([z.record(z.string(), z.int()), z.array(z.unknown())]),
  }),
})
export type TokenizerJson = z.infer<typeof tokenizerJsonSchema>

/** A token by its text, or as transformers writes an AddedToken. */
const namedToken = z
  .union([z.string(), z.looseObject({ content: z.string() })])
  .nullish()
  .transform((token) => (typeof token === 'object' && token !== null ? token.content : (token ?? undefined)))

/** `tokenizer_config.json` and `special_tokens_map.json`. */
export const tokenizerConfigSchema = z.looseObject({
  tokenizer_class: z.string().optional(),
  model_max_length: z.number().optional(),
  padding_side: z.enum(['left', 'right']).optional(),
  bos_token: namedToken,
  eos_token: namedToken,
  unk_token: namedToken,
  pad_token: namedToken,
})
export type TokenizerConfig = z.infer<typeof tokenizerConfigSchema>

/** CLIP's own, where the files name none. */
export const CLIP_TOKENS = {
  bos_token: '<|startoftext|>',
  eos_token: '<|endoftext|>',
  unk_token: '<|endoftext|>',
  pad_token: '<|endoftext|>',
} as const

const CLIP_PIECES =
  "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"

/**
 * `tokenizer.json` of CLIP's vocabulary and merges.
 * @param merges the text of `merges.txt`: a line of its version, then pairs, the first learned first
 * @throws `text.tokenizer` on a line that is no pair, or a special token that the vocabulary lacks
 */
export function clipTokenizerJson(
  vocabulary: Readonly<Record<string, number>>,
  merges: string,
  { bos_token, eos_token, unk_token }: TokenizerConfig,
): TokenizerJson {
  const special = {
    bos: bos_token ?? CLIP_TOKENS.bos_token,
    eos: eos_token ?? CLIP_TOKENS.eos_token,
    unk: unk_token ?? CLIP_TOKENS.unk_token,
  }
  const idOf = (token: string) => {
    if (Object.hasOwn(vocabulary, token)) return vocabulary[token]
    throw inputError('text.tokenizer', `vocab.json must hold the special token '${token}', it does not`)
  }
  return {
    added_tokens: [],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: CLIP_PIECES }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [special.eos, idOf(special.eos)],
      cls: [special.bos, idOf(special.bos)],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: special.unk,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: { ...vocabulary },
      merges: pairsOf(merges),
    },
  }
}

function pairsOf(merges: string): [string, string][] {
  const lines = merges.split(/\r?\n/)
  const first = lines[0].startsWith('#version') ? 1 : 0
  return lines.slice(first).flatMap((line, i): [string, string][] => {
    if (line.trim() === '') return []
    const pair = line.split(' ')
    if (pair.length === 2) return [[pair[0], pair[1]]]
    throw inputError(
      'text.tokenizer',
      `merges.txt must hold two pieces a line, line ${first + i + 1} is '${line.slice(0, 60)}'`,
    )
  })
}

/** The added tokens with the special ones of the configuration, as transformers adds them. They are found in a prompt before anything is done to it. */
export function withSpecialTokens(json: TokenizerJson, config: TokenizerConfig): TokenizerJson {
  const known = new Set(json.added_tokens.map(({ content }) => content))
  const vocabulary = json.model.vocab
  const missing = [config.bos_token, config.eos_token, config.unk_token, config.pad_token].filter(
    (token): token is string => token !== undefined && !known.has(token),
  )
  const added = [...new Set(missing)].map((content) => {
    const id = Array.isArray(vocabulary) ? undefined : vocabulary[content]
    if (id === undefined)
      throw inputError('text.tokenizer', `the vocabulary must hold the special token '${content}', it does not`)
    return { id, content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false }
  })
  return { ...json, added_tokens: [...json.added_tokens, ...added] }
}
