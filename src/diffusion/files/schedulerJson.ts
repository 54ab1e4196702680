/** The JSON of schedules as Python writes it, and errors that name the file. */
import type { z } from 'zod'
import { BilevelError, inputError, parseJson } from '../../base/index.ts'

/** What a schema makes of JSON. @throws `scheduler.invalid` naming the file and the field */
export function parsed<S extends z.ZodType>(schema: S, json: unknown, name: string): z.output<S> {
  const result = schema.safeParse(json)
  if (result.success) return result.data
  const { path, message } = result.error.issues[0]
  throw inputError('scheduler.invalid', `${name}: ${path.join('.')}: ${message}`)
}

/** What is thrown inside names the file. */
export function named<T>(name: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof BilevelError)) throw error
    throw inputError(error.code, `${name}: ${error.message}`, { cause: error })
  }
}

/** JSON as Python writes it: -Infinity stands for "no bound"; NaN, which is no number, becomes a word. */
export function jsonOf(text: string, name: string): unknown {
  const infinite: Readonly<Record<string, string>> = { Infinity: '1e999', '-Infinity': '-1e999', NaN: '"NaN"' }
  const plain = text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) => infinite[token] ?? token)
  try {
    return parseJson(plain, { infinities: true })
  } catch (error) {
    throw inputError('scheduler.json', `${name} must hold JSON: ${(error as Error).message}`, { cause: error })
  }
}
