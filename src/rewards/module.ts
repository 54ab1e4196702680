/** Rewards from JavaScript modules, by their path. */
import { readFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { didYouMean, inputError } from '../base/index.ts'
import type { OnBadReward } from './answers.ts'
import type { FunctionRewardOptions, RatedImages, RewardFunction } from './function.ts'
import { functionReward } from './function.ts'
import { hashOf } from './hash.ts'
import type { ModuleExport } from './moduleServer.ts'
import { openModuleThread } from './moduleThread.ts'
import type { Reward } from './reward.ts'

/** What the default export of a module may hold besides `values`. */
const KEYS = ['name', 'values', 'gradient', 'range', 'valueRange', 'needsClasses', 'checkDerivative'] as const

/** Seconds that loading a module and each of its calls may take. */
export const MODULE_TIMEOUT = 600

/**
 * A reward from a module whose default export is a function of images, or an object {values, gradient?, name?, range?, valueRange?,
 * needsClasses?, checkDerivative?} as for `functionReward`. It runs in a thread of its own, whose standard output goes to stderr, until `dispose`. Hash:
 * SHA-256 of the file alone, without what it imports.
 * @param path  .js, .mjs or .cjs, relative to the working directory
 * @param range pixel range where the module does not declare its own; default [-1, 1], which the reward's notes then say
 * @param timeout seconds that loading and each call may take; null: no limit; default 600
 * @param onBad what an image is that gets NaN, an infinity or null: an error, or left out; default stop
 * @throws `reward.module` if the file is missing, fails to load or exports something else, `reward.timeout`; when it rates images, as
 *   `functionReward`, and both of these where the thread has ended
 */
export async function moduleReward(
  path: string,
  range?: readonly [number, number] | null,
  timeout: number | null = MODULE_TIMEOUT,
  onBad: OnBadReward = 'stop',
): Promise<Reward> {
  const file = resolve(path)
  const bytes = await readModule(path)
  const thread = await openModuleThread(path, file, KEYS, timeout)
  try {
    const { gradient, ...own } = checkedExport(path, thread.exported)
    const chosen = own.range ?? range ?? undefined
    const name = own.name ?? basename(path)
    const calling =
      (called: 'values' | 'gradient') =>
      ({ data, shape }: RatedImages, classes?: Int32Array) =>
        thread.call({ name: called, data, shape, classes })
    const reward = functionReward({
      ...own,
      name,
      values: calling('values') as RewardFunction,
      ...(gradient && { gradient: calling('gradient') as NonNullable<FunctionRewardOptions['gradient']> }),
      notes: chosen ? [] : [assumed(name)],
      hash: hashOf('module', bytes, String(chosen ?? '')),
      ...(chosen && { range: chosen }),
      onBad,
    })
    return { ...reward, dispose: () => thread.close() }
  } catch (error) {
    await thread.close()
    throw error
  }
}

/** The bytes of a module. @throws `reward.module` */
export async function readModule(path: string): Promise<Uint8Array> {
  return readFile(resolve(path)).catch((cause: unknown) => {
    throw inputError('reward.module', `a reward module must be a readable file, '${path}' is none`, { cause })
  })
}

const assumed = (name: string) =>
  `reward '${name}' does not say which pixel range it takes and is given [-1, 1]; let its module declare range, or give --reward-range`

/** What a module has, besides `values`. */
interface CheckedExport
  extends Pick<FunctionRewardOptions, 'range' | 'valueRange' | 'needsClasses' | 'checkDerivative'>,
    Partial<Pick<FunctionRewardOptions, 'name'>> {
  readonly gradient: boolean
}

function checkedExport(path: string, { type, fields }: ModuleExport): CheckedExport {
  const complain = (came: string) =>
    inputError(
      'reward.module',
      `the default export of '${path}' must be a function (images) => numbers, or an object with such a function 'values' and perhaps ` +
        `${KEYS.filter((key) => key !== 'values').join(', ')}; got ${came}`,
    )
  if (type === 'function') return { gradient: false }
  if (type === 'class') throw complain('a class; make one of it and export that: export default new Name()')
  if (type !== 'object') throw complain(type === 'undefined' ? 'no default export' : type)
  const unknown = Object.keys(fields).find((key) => !(KEYS as readonly string[]).includes(key))
  if (unknown !== undefined) throw complain(`'${unknown}'${didYouMean(unknown, KEYS)}`)
  const typeOf = (key: (typeof KEYS)[number]) => fields[key]?.type ?? 'undefined'
  const isPair = (value: unknown) =>
    Array.isArray(value) && value.length === 2 && value.every((end) => typeof end === 'number')
  const held = <T>(key: (typeof KEYS)[number], fits: (value: unknown) => boolean): Readonly<Record<string, T>> => {
    const field = fields[key]
    if (field === undefined) return {}
    if (fits(field.value)) return { [key]: field.value as T }
    throw complain(`${key} ${JSON.stringify(field.value)}`)
  }
  if (typeOf('values') !== 'function') throw complain(`values ${typeOf('values')}`)
  if (!['function', 'undefined'].includes(typeOf('gradient'))) {
    throw complain(`gradient ${JSON.stringify(fields.gradient?.value)}`)
  }
  return {
    gradient: typeOf('gradient') === 'function',
    ...held<string>('name', (value) => typeof value === 'string'),
    ...held<[number, number]>('range', isPair),
    ...held<[number, number]>('valueRange', isPair),
    ...held<boolean>('needsClasses', (value) => typeof value === 'boolean'),
    ...held<boolean>('checkDerivative', (value) => typeof value === 'boolean'),
  }
}
