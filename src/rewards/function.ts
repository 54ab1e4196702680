/** Rewards in plain JavaScript: a function of pixels, or a module by its path. */
import { readFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Shape } from '../base/index.ts'
import { BilevelError, didYouMean, inputError } from '../base/index.ts'
import type { Images } from '../diffusion/index.ts'
import { hashOf } from './hash.ts'
import type { RawGradient, Reward } from './reward.ts'
import { defineReward } from './reward.ts'

/** Images as a plain function gets them: a copy of the pixels [n, channels, height, width], row-major. */
export interface RatedImages {
  readonly data: Float32Array | Float64Array
  readonly shape: Shape
}

/** One number per image. `classes`: what each image was asked to be, where the sampler is told. */
export type RewardFunction = (
  images: RatedImages,
  classes?: Int32Array,
) => ArrayLike<number> | Promise<ArrayLike<number>>

/** A reward of plain functions. */
export interface FunctionRewardOptions {
  readonly name: string
  readonly values: RewardFunction
  /** Values and d value_i / d image_i, per unit of `range`, a number per pixel. Absent: no derivative, target tilt only. */
  readonly gradient?: (images: RatedImages, classes?: Int32Array) => RawGradient | Promise<RawGradient>
  /** Pixel range it takes. Default [-1, 1]. */
  readonly range?: readonly [number, number]
  /** Default null: not declared. */
  readonly valueRange?: readonly [number, number] | null
  /** [channels, height, width]. Default null: any. */
  readonly imageShape?: Shape | null
  /** Whether it cannot do without `classes`. Default false. */
  readonly needsClasses?: boolean
  /** What a reader of its numbers must know, a sentence each. Default: nothing. */
  readonly notes?: readonly string[]
  /** What tells it from others. Default: that of the functions' source text, which does not see what they close over. */
  readonly hash?: string
}

/**
 * A reward from plain functions, in float64 where the images are.
 * @throws `reward.range`; when it rates images, `reward.function` with what a function threw
 * @example functionReward({ name: 'dark', values: ({ data, shape: [n] }) => ... })
 */
export function functionReward(options: FunctionRewardOptions): Reward {
  const { name, values, gradient, range, valueRange = null, imageShape = null, needsClasses = false } = options
  const source = `${values} ${gradient ?? ''} ${range ?? ''}`
  return defineReward({
    name,
    hash: options.hash ?? hashOf('function', source),
    imageShape,
    valueRange,
    ...(range && { imageRange: range }),
    ...(needsClasses && { classes: Infinity }),
    ...(options.notes && { notes: options.notes }),
    values: (images, classes) => called(name, values, images, classes),
    ...(gradient && {
      gradient: (images: Images, classes: Int32Array | undefined) => called(name, gradient, images, classes),
    }),
    noDerivative: 'it is a plain function; give it a function gradient too, or use target tilt',
  })
}

/** What somebody's function gives; what it throws is a mistake of theirs, not a bug of ours. */
async function called<T>(
  name: string,
  f: (images: RatedImages, classes?: Int32Array) => T | Promise<T>,
  images: Images,
  classes: Int32Array | undefined,
): Promise<T> {
  try {
    return await f(copyOf(images), classes)
  } catch (cause) {
    if (cause instanceof BilevelError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw inputError('reward.function', `reward '${name}' must return numbers, but it threw: ${reason}`, { cause })
  }
}

/** So that a function that writes to its argument spoils nobody else's images. */
const copyOf = ({ data, shape }: Images): RatedImages => ({ data: data.slice(), shape: [...shape] })

/** What the default export of a module may hold besides `values`. */
const KEYS = ['name', 'values', 'gradient', 'range', 'valueRange', 'needsClasses'] as const

/**
 * A reward from a module whose default export is a function of images, or an object {values, gradient?, name?, range?, valueRange?,
 * needsClasses?} as for `functionReward`. Hash: SHA-256 of the file alone, without what it imports.
 * @param path  .js, .mjs or .cjs, relative to the working directory
 * @param range pixel range where the module does not declare its own; default [-1, 1], which the reward's notes then say
 * @throws `reward.module` if the file is missing, fails to load or exports something else
 */
export async function moduleReward(path: string, range?: readonly [number, number] | null): Promise<Reward> {
  const file = resolve(path)
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw inputError('reward.module', `a reward module must be a readable file, '${path}' is none`, { cause })
  })
  const exported = await load(path, file)
  const own = typeof exported === 'function' ? { values: exported as RewardFunction } : checkedExport(path, exported)
  const chosen = own.range ?? range ?? undefined
  const name = own.name ?? basename(path)
  return functionReward({
    ...own,
    name,
    notes: chosen ? [] : [assumed(name)],
    hash: hashOf('module', bytes, String(chosen ?? '')),
    ...(chosen && { range: chosen }),
  })
}

const assumed = (name: string) =>
  `reward '${name}' does not say which pixel range it takes and is given [-1, 1]; let its module declare range, or give --reward-range`

async function load(path: string, file: string): Promise<unknown> {
  try {
    const loaded = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as { readonly default?: unknown }
    return loaded.default
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw inputError('reward.module', `the reward module '${path}' must load, but: ${reason}`, { cause })
  }
}

type ModuleExport = Omit<FunctionRewardOptions, 'name' | 'hash' | 'imageShape' | 'notes'> & { readonly name?: string }

function checkedExport(path: string, exported: unknown): ModuleExport {
  const complain = (came: string) =>
    inputError(
      'reward.module',
      `the default export of '${path}' must be a function (images) => numbers, or an object with such a function 'values' and perhaps ` +
        `${KEYS.filter((key) => key !== 'values').join(', ')}; got ${came}`,
    )
  if (typeof exported !== 'object' || exported === null) {
    throw complain(exported === undefined ? 'no default export' : typeof exported)
  }
  const given = exported as Record<string, unknown>
  const unknown = Object.keys(given).find((key) => !(KEYS as readonly string[]).includes(key))
  if (unknown !== undefined) throw complain(`'${unknown}'${didYouMean(unknown, KEYS)}`)
  const isPair = (value: unknown) =>
    Array.isArray(value) && value.length === 2 && value.every((end) => typeof end === 'number')
  const holds = (key: (typeof KEYS)[number], fits: (value: unknown) => boolean) => {
    if (given[key] !== undefined && !fits(given[key])) throw complain(`${key} ${JSON.stringify(given[key])}`)
  }
  if (typeof given.values !== 'function') throw complain(`values ${typeof given.values}`)
  holds('gradient', (value) => typeof value === 'function')
  holds('name', (value) => typeof value === 'string')
  holds('range', isPair)
  holds('valueRange', isPair)
  holds('needsClasses', (value) => typeof value === 'boolean')
  return given as unknown as ModuleExport
}
