/** Plain functions of somebody's: what they return, checked, and what they throw, named. */
import { BilevelError, failure, inputError } from './errors.ts'
import type { Shape } from './tensor.ts'

/** Images as a plain function gets them: a copy of the elements [n, channels, height, width], row-major. */
export interface PlainImages {
  readonly data: Float64Array
  readonly shape: Shape
}

/** What a plain function is asked for. */
export interface AskedOf {
  /** Codes are `<room>.function`, `<room>.shape`, `<room>.nan`. */
  readonly room: string
  /** Which function: `vjp of denoiser 'mixture'`. */
  readonly what: string
  /** How many numbers. */
  readonly length: number
  /** Those numbers in words: `a number per pixel of the images [8,1,1,1]`. */
  readonly numbers: string
  /** How it is called: `({ data, shape: [n, channels, height, width] }, time)`. */
  readonly call: string
  /** Place of number i: `image 3 at time 500`. */
  readonly place: (i: number) => string
}

/**
 * Calls somebody's function for finite numbers. Returns a copy, in float32 where it returned float32, else in float64.
 * @throws what `AskedOf` says; errors of this project are passed on as they are
 */
export async function numbersFrom(
  f: () => ArrayLike<number> | Promise<ArrayLike<number>>,
  { room, what, length, numbers, call, place }: AskedOf,
): Promise<Float32Array | Float64Array> {
  const returned: unknown = await throwing(
    f,
    `${room}.function`,
    what,
    `it is called with ${call} and returns ${numbers}`,
  )
  const came = typeof returned === 'object' ? (returned as ArrayLike<number> | null)?.length : undefined
  if (came !== length) {
    const words = came === undefined ? inWords(returned) : `${came} of them`
    throw inputError(`${room}.shape`, `${what} must return ${numbers}, ${length} in all, got ${words}`)
  }
  const values = returned as ArrayLike<unknown>
  const checked = returned instanceof Float32Array ? new Float32Array(length) : new Float64Array(length)
  for (let i = 0; i < length; i++) checked[i] = typeof values[i] === 'number' ? (values[i] as number) : Number.NaN
  const bad = checked.findIndex((value) => !Number.isFinite(value))
  if (bad < 0) return checked
  const odd = values[bad]
  const word = typeof odd === 'number' ? String(odd) : inWords(odd)
  throw failure(`${room}.nan`, `${what} must return finite numbers, got ${word} for ${place(bad)}; repair it there`)
}

/** What somebody's function gives; what it throws is a mistake of theirs, not a bug of ours. */
export async function throwing<T>(f: () => T | Promise<T>, code: string, what: string, how: string): Promise<T> {
  try {
    return await f()
  } catch (cause) {
    if (cause instanceof BilevelError) throw cause
    const reason = cause instanceof Error ? cause.message : inWords(cause)
    throw inputError(code, `${what} must return numbers, but it threw: ${reason} (${how})`, { cause })
  }
}

/** What somebody's function returned, in a few words. */
export function inWords(value: unknown): string {
  const text = () => JSON.stringify(value)?.slice(0, 40) ?? String(value)
  if (value === undefined || value === null) return String(value)
  if (typeof value === 'number') return `the single number ${value}`
  if (typeof value === 'bigint') return `the bigint ${value}n`
  if (typeof value === 'string') return `the text ${text()}`
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name} of ${(value as Float32Array).length}`
  if (Array.isArray(value)) return `the list ${text()}`
  if (typeof value !== 'object') return `a ${typeof value}`
  const keys = Object.keys(value).slice(0, 5)
  return keys.length > 0 ? `an object of ${keys.join(', ')}` : 'an object without fields'
}
