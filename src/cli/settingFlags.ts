/** Flags made from the schema of a command's settings: a setting is described once, with its group in the help. */
import { Option } from 'commander'
import { z } from 'zod'
import { inputError, MOST } from '../base/index.ts'
import type { Settings, SettingsLayer } from '../runs/index.ts'
import { flagName } from './flagName.ts'

type Schema = z.core.$ZodType

/** A setting as a flag. */
interface SettingFlag {
  /** `network.channels` is [network, channels]. */
  readonly path: readonly string[]
  readonly schema: Schema
  readonly group: string
  readonly description: string
  /** Another name of it, as a key. */
  readonly alias?: string
}

/** What is inside nullable and transforming wrappers. */
function insideOf(schema: Schema): Schema {
  const { def } = schema._zod as unknown as { def: { innerType?: Schema; in?: Schema } }
  const inner = def.innerType ?? def.in
  return inner ? insideOf(inner) : schema
}

const isNullable = (schema: Schema): boolean => z.safeParse(schema, null).success

function settingFlags(shape: Readonly<Record<string, Schema>>, under: readonly string[] = []): SettingFlag[] {
  return Object.entries(shape).flatMap(([key, schema]): SettingFlag[] => {
    const path = [...under, key]
    if (schema instanceof z.ZodObject) return settingFlags(schema.shape, path)
    const { group, description, alias } = z.globalRegistry.get(schema) as Omit<SettingFlag, 'path' | 'schema'>
    return [{ path, schema, group, description, ...(alias !== undefined && { alias }) }]
  })
}

/** The key under which commander keeps a flag's value. */
const attributeOf = (flag: SettingFlag): string =>
  flagName(flag.path).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** Every setting as an option, by group, with its default in brackets in the help. */
export function settingOptions(schema: z.ZodObject, defaults: Settings, groups: readonly string[]): Option[] {
  const flags = settingFlags(schema.shape)
  const sorted = groups.flatMap((group) => flags.filter((flag) => flag.group === group))
  return sorted.flatMap((flag) => optionsOf(flag, valueAt(defaults, flag.path)))
}

const valueAt = (settings: Settings, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Settings)[key], settings)

function optionsOf(flag: SettingFlag, value: unknown): Option[] {
  const { group, description, schema } = flag
  const name = flagName(flag.path)
  const inside = insideOf(schema)
  const heading = `${group}:`
  if (inside instanceof z.ZodBoolean) {
    // Commander takes true as the default where `--no-…` comes first.
    const [on, off] = [new Option(`--${name}`, description), new Option(`--no-${name}`, `turn off: ${description}`)]
    const hidden = value ? on : off
    hidden.hideHelp()
    return [on.helpGroup(heading), off.helpGroup(heading)]
  }
  const named = inside instanceof z.ZodArray ? insideOf(inside.element) : inside
  const choices = named instanceof z.ZodEnum ? ` (${named.options.join(', ')})` : ''
  const option = new Option(`--${name} <${placeholder(inside)}>`, `${description}${choices} [${textOf(value)}]`)
  // Given several times it is one list.
  if (isListOfWords(inside)) option.argParser((word: string, before?: string) => (before ? `${before},${word}` : word))
  if (inside instanceof z.ZodRecord)
    option.argParser((word: string, before?: string) => (before ? `${before}\n${word}` : word))
  const { alias } = flag
  const other =
    alias === undefined ? [] : [new Option(`--${flagName([alias])} <${placeholder(inside)}>`, description).hideHelp()]
  return [option.helpGroup(heading), ...other]
}

const isListOfWords = (schema: Schema): boolean =>
  schema instanceof z.ZodArray && insideOf(schema.element) instanceof z.ZodString

function placeholder(schema: Schema): string {
  if (isListOfWords(schema)) return 'value,value,...'
  if (schema instanceof z.ZodRecord) return 'name=n,n,...'
  if (schema instanceof z.ZodArray) return insideOf(schema.element) instanceof z.ZodEnum ? 'name,name,...' : 'n,n,...'
  if (schema instanceof z.ZodTuple) return 'low,high'
  if (schema instanceof z.ZodNumber) return 'n'
  if (schema instanceof z.ZodUnion) return schema.options.map(alternative).join('|')
  return schema instanceof z.ZodEnum ? 'name' : 'value'
}

/** Of a union of a number and a word, a name, or a list. */
function alternative(schema: Schema): string {
  if (schema instanceof z.ZodLiteral) return String(schema.value)
  if (schema instanceof z.ZodArray) return 'n,n,...'
  return schema instanceof z.ZodString ? 'name' : 'n'
}

const textOf = (value: unknown): string =>
  value === null || isEmpty(value) ? 'none' : Array.isArray(value) ? value.join(',') : String(value)

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && !Array.isArray(value) && Object.keys(value ?? {}).length === 0

/** The settings that flags were given for, as words. */
export function flagsLayer(schema: z.ZodObject, given: Readonly<Record<string, unknown>>): SettingsLayer {
  const values: Record<string, unknown> = {}
  for (const flag of settingFlags(schema.shape)) {
    const { alias } = flag
    const other = alias === undefined ? undefined : given[alias]
    const own = given[attributeOf(flag)]
    if (alias !== undefined && own !== undefined && other !== undefined) {
      throw inputError(
        'config.alias',
        `--${flagName(flag.path)} and --${flagName([alias])} are one setting, got both; give one of them`,
      )
    }
    const word = own ?? other
    if (word === undefined) continue
    let into = values
    for (const key of flag.path.slice(0, -1)) {
      into[key] ??= {}
      into = into[key] as Record<string, unknown>
    }
    into[flag.path[flag.path.length - 1]] = typeof word === 'string' ? wordOf(word, flag.schema) : word
  }
  return { source: 'the flags', values, words: true }
}

/** `none` for nothing, lists with commas, in lists of counts `0-63` for a range. */
function wordOf(word: string, schema: Schema): unknown {
  if (word === 'none' && isNullable(schema)) return null
  const inside = insideOf(schema)
  if (isListOfWords(inside)) return JSON.stringify(word.split(','))
  if (inside instanceof z.ZodRecord) return listsByName(word)
  if (inside instanceof z.ZodArray)
    return `[${word.replace(/(\d+)-(\d+)/g, (_, a, b) => rangeOf(Number(a), Number(b)))}]`
  const isList = inside instanceof z.ZodUnion && inside.options.some((option) => option instanceof z.ZodArray)
  return inside instanceof z.ZodTuple || (isList && word.includes(',')) ? `[${word}]` : word
}

/** `a=1,2` on each line. What is no such line is left as it is, for the check of the setting to refuse. */
function listsByName(lines: string): unknown {
  const entries = lines.split('\n').map((line) => /^(.+)=([\d\s,-]*)$/.exec(line))
  if (entries.includes(null)) return lines
  const lists = entries.map((entry) => [
    entry?.[1],
    entry?.[2]
      .split(',')
      .filter((n) => n.trim())
      .map(Number),
  ])
  return Object.fromEntries(lists)
}

/** @throws `config.range` on a range that is longer than a list of seeds may be */
function rangeOf(first: number, last: number): string {
  const length = Math.max(0, last - first + 1)
  if (length > MOST.seeds || last > Number.MAX_SAFE_INTEGER) {
    throw inputError(
      'config.range',
      `a range names at most ${MOST.seeds} whole numbers, ${first}-${last} names ${length}; give fewer`,
    )
  }
  return Array.from({ length }, (_, i) => first + i).join(',')
}
