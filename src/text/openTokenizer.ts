/** The tokenizer of a folder of diffusers (`tokenizer/`), Optimum or transformers. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { inputError, parseJson, standInError } from '../base/index.ts'
import type { Tokenizer } from './tokenizer.ts'
import { makeTokenizer } from './tokenizer.ts'
import type { TokenizerConfig, TokenizerJson } from './tokenizerJson.ts'
import { CLIP_TOKENS, clipTokenizerJson, tokenizerConfigSchema, tokenizerJsonSchema } from './tokenizerJson.ts'

export interface TokenizerOptions {
  /** Tokens of each prompt; default `model_max_length` of the folder. */
  readonly length?: number
}

/**
 * Opens `tokenizer.json`, or `vocab.json` with `merges.txt` of CLIP.
 * @throws `text.tokenizer` if neither is there or a file is not what its name says; `text.length`; `file.lfsPointer`
 * @example (await openTokenizer('stable-diffusion/tokenizer')).encode(['a red three on blue']).ids
 */
export async function openTokenizer(folder: string, { length }: TokenizerOptions = {}): Promise<Tokenizer> {
  const names = await readdir(folder).catch((error: Error) => {
    throw inputError(
      'text.tokenizer',
      `the tokenizer must be a folder that can be read, '${folder}' is not: ${error.message}`,
    )
  })
  const has = (name: string) => names.includes(name)
  const configOf = async (name: string): Promise<Partial<TokenizerConfig>> =>
    has(name) ? parsed(folder, name, tokenizerConfigSchema) : {}
  const map = await configOf('special_tokens_map.json')
  const stated = await configOf('tokenizer_config.json')
  const isClip = !has('tokenizer.json') || stated.tokenizer_class?.startsWith('CLIPTokenizer')
  const config = { ...(isClip && CLIP_TOKENS), ...given(map), ...given(stated) } as TokenizerConfig
  if (has('tokenizer.json')) {
    return makeTokenizer(await parsed(folder, 'tokenizer.json', tokenizerJsonSchema), config, length)
  }
  if (has('vocab.json') && has('merges.txt')) return makeTokenizer(await clipFiles(folder, config), config, length)
  throw inputError(
    'text.tokenizer',
    `a tokenizer is tokenizer.json, or vocab.json with merges.txt; '${folder}' holds ${names.slice(0, 8).join(', ') || 'nothing'}`,
  )
}

/** What a file says, without what it leaves open. */
const given = (config: Partial<TokenizerConfig>): Partial<TokenizerConfig> =>
  Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))

async function clipFiles(folder: string, config: TokenizerConfig): Promise<TokenizerJson> {
  const vocabulary = await parsed(folder, 'vocab.json', z.record(z.string(), z.int().nonnegative()))
  return clipTokenizerJson(vocabulary, await textOf(folder, 'merges.txt'), config)
}

async function parsed<T>(folder: string, name: string, schema: z.ZodType<T>): Promise<T> {
  const text = await textOf(folder, name)
  try {
    return schema.parse(parseJson(text))
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message
    throw inputError('text.tokenizer', `'${join(folder, name)}' must be ${name} of a tokenizer: ${why}`, {
      cause: error,
    })
  }
}

async function textOf(folder: string, name: string): Promise<string> {
  const path = join(folder, name)
  const bytes = await readFile(path).catch((error: Error) => {
    throw inputError('text.tokenizer', `'${path}' must be a file that can be read: ${error.message}`)
  })
  const standIn = standInError(bytes, `'${path}'`)
  if (standIn) throw standIn
  return new TextDecoder().decode(bytes)
}
