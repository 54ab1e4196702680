/**
 * Settings declared once: a key's range, default, help and help group stand together, and from there come the type, the defaults, the checks of the
 * library, the fields of config files and the flags of the command line.
 */
import { z } from 'zod'
import { inputError } from '../base/index.ts'

/** What is said of a setting. */
export interface SettingWords<T> {
  /** Where it stands in the help. */
  readonly group: string
  readonly description: string
  readonly default: T
  /** What must hold, after "must be". Default: made of the schema. */
  readonly rule?: string
  /** Another flag of the same, by the key that it would have: one of earlier releases. */
  readonly alias?: string
}

/** A setting: what it may be, and what is said of it. */
export const setting = <S extends z.ZodType>(schema: S, words: SettingWords<z.input<S>>): S =>
  schema.meta({ ...words }) as S

/** The same setting with another default. */
export const withDefault = <S extends z.ZodType>(schema: S, value: z.input<S>): S =>
  schema.meta({ ...wordsOf(schema), default: value }) as S

type Shape = Readonly<Record<string, z.ZodType>>
type Defaults<S extends Shape> = { readonly [K in keyof S]: z.input<S[K]> }
type Values<S extends Shape> = { readonly [K in keyof S]: z.output<S[K]> }

const wordsOf = (schema: z.ZodType): Partial<SettingWords<unknown>> => z.globalRegistry.get(schema) ?? {}

/** Every default of a shape, objects in it key by key. */
export const defaultsOf = <S extends Shape>(shape: S): Defaults<S> =>
  Object.fromEntries(
    Object.entries(shape).map(([name, schema]) => [
      name,
      schema instanceof z.ZodObject ? defaultsOf(schema.shape) : wordsOf(schema).default,
    ]),
  ) as Defaults<S>

/** The values of a shape's keys among others. */
export const valuesOf = <S extends Shape>(shape: S, all: Values<S>): Values<S> =>
  Object.fromEntries(Object.keys(shape).map((name) => [name, all[name]])) as Values<S>

/** @throws `code` naming the first setting that is not what it may be */
export function checkDeclared(shape: Shape, settings: Readonly<Record<string, unknown>>, code: string): void {
  for (const [name, schema] of Object.entries(shape)) {
    const value = settings[name]
    if (!schema.safeParse(value).success) throw refused(code, name, ruleOf(schema, value), value)
  }
}

/** That a setting is not what it must be. */
export const refused = (code: string, name: string, rule: string, value: unknown): Error =>
  inputError(code, `${name} must be ${rule}, got ${JSON.stringify(value)}`)

/** What must hold, in words. */
function ruleOf(schema: z.ZodType, value: unknown): string {
  const { rule } = wordsOf(schema)
  if (rule !== undefined) return rule
  if (schema instanceof z.ZodEnum) return `one of ${schema.options.join(', ')}`
  if (schema instanceof z.ZodBoolean) return 'true or false'
  if (!(schema instanceof z.ZodNumber)) return 'as its description says'
  const { type, minimum, exclusiveMinimum, maximum, exclusiveMaximum } = z.toJSONSchema(schema)
  if (type === 'integer') {
    const isAbove = typeof value === 'number' && maximum !== undefined && value > maximum
    return `a whole number from ${minimum}${isAbove ? ` to ${maximum}` : ''}`
  }
  if (minimum !== undefined && exclusiveMaximum !== undefined) return `in [${minimum}, ${exclusiveMaximum})`
  if (minimum !== undefined && maximum !== undefined) return `in [${minimum}, ${maximum}]`
  return `above ${exclusiveMinimum}`
}
