/** Prompts from a file: one a line. */
import { readFile } from 'node:fs/promises'
import { inputError, standInError } from '../base/index.ts'

/** The prompts of a text: its lines without the white space around them; empty lines, and those that begin with '#', are none. */
export function promptsOf(text: string): string[] {
  return text
    .replace(/^\ufeff/, '')
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}

/** Prompts of a file, UTF-8, in its order. @throws `text.prompts` if it cannot be read or holds none */
export async function readPrompts(path: string): Promise<string[]> {
  const bytes = await readFile(path).catch((error: Error) => {
    throw inputError(
      'text.prompts',
      `prompts must be a text file with one a line, '${path}' cannot be read: ${error.message}`,
    )
  })
  const standIn = standInError(bytes, `'${path}'`)
  if (standIn) throw standIn
  const prompts = promptsOf(decoded(bytes, path))
  if (prompts.length > 0) return prompts
  throw inputError('text.prompts', `'${path}' must hold a prompt a line, it holds none`)
}

function decoded(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw inputError('text.prompts', `'${path}' must be UTF-8 text, it is not`, { cause })
  }
}
