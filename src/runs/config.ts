/**
 * Settings from several places, later ones winning: defaults < preset < config file < environment < flags. One zod schema
 * says which keys there are and what they hold; unknown keys are errors that name the nearest known one. (Keys are looked up in objects;
 * the members of a union should be strict objects.)
 */
import { readFile } from 'node:fs/promises'
import { parse as parseYaml } from 'yaml'
import { z } from 'zod'
import { inputError, nearestOf, requireBounded, requireLength } from '../base/index.ts'
import { canonicalJson, isRecord, jsonHash } from './json.ts'

export type Settings = Readonly<Record<string, unknown>>

/** Settings of one place. */
export interface SettingsLayer {
  /** What errors call it: `preset quick`, `my.yaml`, `the environment`, `the flags`. */
  readonly source: string
  /** Undefined values count as not given. */
  readonly values: Settings
  /** Words (environment, flags): what a field does not take as a word is read as YAML, so `8` becomes a number. */
  readonly words?: boolean
}

/** The prefix of environment variables. */
const ENVIRONMENT_PREFIX = 'BILEVEL_'

/** The keys of an object schema with their schemas (optional, default and nullable wrappers looked through); null for other schemas. */
export function keysOf(schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> | null {
  let inside: z.core.$ZodType | undefined = schema
  while (inside && !(inside instanceof z.ZodObject)) {
    const { def } = inside._zod as unknown as { def: { innerType?: z.core.$ZodType; in?: z.core.$ZodType } }
    inside = def.innerType ?? def.in
  }
  return inside instanceof z.ZodObject ? inside.shape : null
}

/**
 * Merges the layers, later ones winning key by key (lists whole), and checks the result.
 * @param replaced settings of earlier releases, each with what to use in its place
 * @throws `config.unknownKey` naming what replaced the key, or the nearest known one; `config.invalid` listing every field that does not hold, with
 *   the place its value came from
 */
export function resolveSettings<S extends z.ZodObject>(
  schema: S,
  layers: readonly SettingsLayer[],
  replaced: Readonly<Record<string, string>> = {},
): z.infer<S> {
  const origins = new Map<string, string>()
  const merged = layers.reduce<Settings>(
    (below, layer) => mergeLayer(below, layer.values, schema, { layer, origins, path: [], replaced }),
    {},
  )
  const result = schema.safeParse(merged)
  if (result.success) return result.data
  const faults = result.error.issues.map(({ path, message }) => {
    const name = path.join('.')
    const source = path
      .map((_, i) => origins.get(path.slice(0, path.length - i).join('.')))
      .find((found) => found !== undefined)
    return `${name || 'settings'}: ${message}${source ? ` (from ${source})` : ''}`
  })
  throw inputError('config.invalid', `settings must fit their fields: ${faults.join('; ')}`)
}

interface MergeContext {
  readonly layer: SettingsLayer
  readonly origins: Map<string, string>
  readonly path: readonly string[]
  readonly replaced: Readonly<Record<string, string>>
}

function mergeLayer(below: Settings, values: Settings, schema: z.core.$ZodType, context: MergeContext): Settings {
  const { layer, origins, path } = context
  const known = keysOf(schema) ?? {}
  const merged: Record<string, unknown> = { ...below }
  for (const [key, given] of Object.entries(values)) {
    if (given === undefined) continue
    if (!Object.hasOwn(known, key)) throw unknownKey(key, Object.keys(known), context)
    const field = known[key]
    const value = layer.words && typeof given === 'string' ? fromWord(given, field) : given
    const inner = { ...context, path: [...path, key] }
    if (isRecord(value) && keysOf(field)) {
      const under = merged[key]
      merged[key] = mergeLayer(isRecord(under) ? under : {}, value, field, inner)
    } else {
      merged[key] = value
      origins.set(inner.path.join('.'), layer.source)
    }
  }
  return merged
}

function unknownKey(key: string, known: readonly string[], { layer, path, replaced }: MergeContext): Error {
  const { source } = layer
  const nearest = nearestOf(key, known)
  const full = (name: string): string => [...path, name].join('.')
  if (Object.hasOwn(replaced, full(key))) {
    return inputError('config.unknownKey', `${full(key)} in ${source} is no setting any more; ${replaced[full(key)]}`)
  }
  const some = known.length === 0 ? 'there are no settings here' : 'the settings are those of --help, in camelCase'
  const hint = nearest === undefined ? some : `did you mean '${full(nearest)}'?`
  return inputError('config.unknownKey', `unknown setting '${full(key)}' in ${source}; ${hint}`)
}

/** A word as the field takes it: `none` for nothing where that may be, as it is if it may be, else as YAML (numbers, booleans, lists). */
function fromWord(word: string, field: z.core.$ZodType): unknown {
  if (word === 'none' && z.safeParse(field, null).success) return null
  // Empty YAML is null, which no empty word means: none is said as 'none' or left out.
  if (word === '' || z.safeParse(field, word).success) return word
  try {
    return parseYaml(word, { logLevel: 'error' })
  } catch {
    return word
  }
}

/** Settings of a YAML (or JSON) file. @throws `config.file` if it is not a readable mapping, with the line */
export async function readSettingsFile(path: string): Promise<SettingsLayer> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw inputError('config.file', `config file ${path} cannot be read: ${cause.message}`, { cause })
  })
  return { source: path, values: parseSettings(text, path) }
}

/** Without the picture of the place that follows. */
const firstLine = ({ message }: Error): string => message.split('\n')[0].replace(/:$/, '')

/** Settings of YAML text; empty text: none. @throws `config.file` */
export function parseSettings(text: string, source: string): Settings {
  let values: unknown
  try {
    requireLength(text)
    // Its warnings would go to the terminal by another way than ours.
    values = parseYaml(text, { logLevel: 'error', prettyErrors: true })
    requireBounded(values)
  } catch (cause) {
    throw inputError('config.file', `${source} is not valid YAML: ${firstLine(cause as Error)}`, { cause })
  }
  if (values === null || values === undefined) return {}
  if (!isRecord(values))
    throw inputError('config.file', `${source} must hold 'key: value' lines, got ${JSON.stringify(values)}`)
  return values
}

/**
 * Settings from `BILEVEL_…` variables: `BILEVEL_SAMPLING_STEPS` is `samplingSteps`, two underscores lead into an object
 * (`BILEVEL_NETWORK__CHANNELS` is `network.channels`). `ignored`: variables with the prefix that are no settings.
 */
export function environmentLayer(
  environment: Readonly<Record<string, string | undefined>>,
  ignored: readonly string[] = [],
): SettingsLayer {
  const values: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(ENVIRONMENT_PREFIX) || ignored.includes(name) || value === undefined) continue
    const path = name.slice(ENVIRONMENT_PREFIX.length).split('__').map(camelCase)
    let into = values
    for (const key of path.slice(0, -1)) {
      if (!isRecord(into[key])) into[key] = {}
      into = into[key] as Record<string, unknown>
    }
    into[path[path.length - 1]] = value
  }
  return { source: 'the environment', values, words: true }
}

const camelCase = (name: string): string =>
  name.toLowerCase().replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

/** SHA-256 (hex) of settings; the order of keys does not matter. */
export const settingsHash = (settings: Settings): string => jsonHash(settings)

/** One setting in which two configs differ; undefined: not there. */
export interface SettingsChange {
  /** Path with dots. */
  readonly key: string
  readonly before: unknown
  readonly after: unknown
}

/**
 * The settings in which two configs differ, by path; lists are compared whole. Keys in `aside` (and what is below them) do not count; a
 * setting that is off (null) is one that an older version did not know.
 */
export function settingsChanges(
  before: Settings,
  after: Settings,
  aside: readonly string[] = [],
  prefix = '',
): SettingsChange[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return keys.flatMap((name): SettingsChange[] => {
    const key = prefix + name
    const [a, b] = [before[name], after[name]]
    if (aside.includes(key) || canonicalJson(a ?? null) === canonicalJson(b ?? null)) return []
    if (isRecord(a) && isRecord(b)) return settingsChanges(a, b, aside, `${key}.`)
    return [{ key, before: a, after: b }]
  })
}

/** @throws `runs.configChanged` listing the settings that differ, before and after */
export function requireSameSettings(before: Settings, after: Settings, aside: readonly string[] = []): void {
  const changes = settingsChanges(before, after, aside)
  if (changes.length === 0) return
  const text = (value: unknown): string => (value === undefined ? 'not set' : JSON.stringify(value))
  const list = changes.map(({ key, before: a, after: b }) => `${key} (was ${text(a)}, now ${text(b)})`).join(', ')
  throw inputError(
    'runs.configChanged',
    `a resumed run must keep the settings it began with, these differ: ${list}; give the old values back or start a new run`,
  )
}
