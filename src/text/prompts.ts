/**
 * Prompts from a file: one a line, or several named sets of them. A text file heads each set with a line `[name]`; a `.json` file holds an object of lists
 * by name, or one list.
 */
import { readFile } from 'node:fs/promises'
import { inputError, parseJson, standInError } from '../base/index.ts'

/** Prompts that belong together. */
export interface PromptSet {
  /** Null: the file names no sets, and this is all of it. */
  readonly name: string | null
  /** At least one. */
  readonly prompts: readonly string[]
}

/** The lines of a text without the white space around them; empty lines, and those that begin with '#', are none. */
const linesOf = (text: string): string[] =>
  text
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))

const HEADING = /^\[(.*)\]$/
/** A set's name is also a folder's, on every system. */
const NAME = /^[\p{L}\p{N}_]([\p{L}\p{N} ._-]{0,62}[\p{L}\p{N}_-])?$/u

/**
 * The sets of a file's text, in its order.
 * @param path where the text came from; what ends in `.json` is JSON
 * @throws `text.prompts` on a set that is empty, a name twice, a prompt that belongs to no set, names that are no folder's, another form
 */
export function promptSetsOf(text: string, path: string): PromptSet[] {
  const sets = path.toLowerCase().endsWith('.json') ? setsOfJson(text, path) : setsOfLines(text, path)
  checkNames(sets, path)
  const empty = sets.find(({ prompts }) => prompts.length === 0)
  if (!empty) return sets
  if (empty.name === null) throw inputError('text.prompts', `'${path}' must hold a prompt a line, it holds none`)
  throw inputError(
    'text.prompts',
    `every set of '${path}' must hold a prompt, '${empty.name}' holds none; give it one, or leave its name out`,
  )
}

function setsOfLines(text: string, path: string): PromptSet[] {
  const sets: { name: string | null; prompts: string[] }[] = [{ name: null, prompts: [] }]
  for (const line of linesOf(text)) {
    const heading = HEADING.exec(line)
    if (heading) sets.push({ name: heading[1].trim(), prompts: [] })
    else sets[sets.length - 1].prompts.push(line)
  }
  const [{ prompts: before }, ...named] = sets
  if (named.length === 0) return sets
  if (before.length === 0) return named
  throw inputError(
    'text.prompts',
    `where a file names sets by headings, every prompt stands below one; in '${path}' '${before[0]}' stands above [${named[0].name}]; move it below a heading`,
  )
}

function setsOfJson(text: string, path: string): PromptSet[] {
  const value = jsonOf(text, path)
  if (isWords(value)) return [{ name: null, prompts: trimmed(value) }]
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : []
  const other = entries.find(([, prompts]) => !isWords(prompts))
  if (entries.length === 0 || other) {
    const what = other ? `'${other[0]}' is no list of texts` : 'it is neither'
    throw inputError(
      'text.prompts',
      `a JSON file of prompts is an object of lists of texts by name, {"digits": ["a red three"]}, or one list; in '${path}' ${what}`,
    )
  }
  // An object keeps the last of equal keys: they are counted in the text.
  const twice = keysOf(text).find((key, i, keys) => keys.indexOf(key) < i)
  if (twice !== undefined) throw twiceError(twice, path)
  return entries.map(([name, prompts]) => ({ name, prompts: trimmed(prompts as string[]) }))
}

function jsonOf(text: string, path: string): unknown {
  try {
    return parseJson(text)
  } catch (cause) {
    throw inputError('text.prompts', `'${path}' must be JSON, as its name says: ${(cause as Error).message}`, { cause })
  }
}

const isWords = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')

const trimmed = (prompts: readonly string[]): string[] =>
  prompts.map((prompt) => prompt.trim()).filter((prompt) => prompt !== '')

/** The keys of the outermost object of valid JSON, as often as they are there. */
function keysOf(text: string): string[] {
  const keys: string[] = []
  let depth = 0
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*:?|[[\]{}]/g)) {
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    else if (depth === 1 && token.endsWith(':')) keys.push(String(JSON.parse(token.slice(0, -1))))
  }
  return keys
}

function checkNames(sets: readonly PromptSet[], path: string): void {
  const seen = new Set<string>()
  for (const { name } of sets) {
    if (name === null) continue
    if (!NAME.test(name)) {
      throw inputError(
        'text.prompts',
        `the name of a set is a folder's too: at most 64 letters, digits, spaces, '.', '_', '-', with a letter or digit first and last; '${path}' has '${name}'`,
      )
    }
    const folded = name.normalize('NFC').toLowerCase()
    if (seen.has(folded)) throw twiceError(name, path)
    seen.add(folded)
  }
}

const twiceError = (name: string, path: string) =>
  inputError(
    'text.prompts',
    `the sets of '${path}' must have names of their own, '${name}' is there twice (upper and lower case are one); rename one, or join them`,
  )

/** The sets of a file, UTF-8, in its order: one without a name where it names none. @throws `text.prompts` as `promptSetsOf`, or if it cannot be read */
export async function readPromptSets(path: string): Promise<PromptSet[]> {
  const bytes = await readFile(path).catch((error: Error) => {
    throw inputError(
      'text.prompts',
      `prompts must be a text file with one a line, '${path}' cannot be read: ${error.message}`,
    )
  })
  const standIn = standInError(bytes, `'${path}'`)
  if (standIn) throw standIn
  return promptSetsOf(decoded(bytes, path), path)
}

/**
 * Prompts of a file, UTF-8, in its order.
 * @param set of which of its sets; null, the default: of all
 * @throws `text.prompts` if it cannot be read, is of another form, or has no such set
 */
export async function readPrompts(path: string, set: string | null = null): Promise<string[]> {
  const sets = await readPromptSets(path)
  if (set === null) return sets.flatMap(({ prompts }) => prompts)
  const found = sets.find(({ name }) => name === set)
  if (found) return [...found.prompts]
  const names = sets.flatMap(({ name }) => (name === null ? [] : [name]))
  const rule = names.length > 0 ? `one of ${names.join(', ')}` : 'left out, as the file names none'
  throw inputError('text.prompts', `the set of '${path}' must be ${rule}; got '${set}'`)
}

function decoded(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw inputError('text.prompts', `'${path}' must be UTF-8 text, it is not`, { cause })
  }
}
