/**
 * Any state of plain data and typed arrays as JSON and named tensors, exactly: arrays become tensors named by their path, and what JSON
 * cannot hold (NaN, infinities, -0) is spelled out. An array that occurs twice is kept once.
 */
import type { NamedTensors, Tensor } from '../base/index.ts'
import { inputError, internalError, tensor } from '../base/index.ts'
import type { Json } from './json.ts'
import { isRecord } from './json.ts'

/** A state in the two forms that checkpoints hold. */
export interface EncodedState {
  readonly state: Json
  readonly tensors: NamedTensors
}

const TENSOR = '$tensor'
const NUMBER = '$number'

/** @throws an internal error on anything else than plain objects, lists, words, numbers, booleans, null and float or int32 arrays */
export function encodeState(value: unknown): EncodedState {
  const tensors: Record<string, Tensor> = {}
  const names = new Map<object, string>()
  const encode = (item: unknown, path: string): Json => {
    if (item === null || typeof item === 'string' || typeof item === 'boolean') return item
    if (typeof item === 'number') return encodeNumber(item)
    if (Array.isArray(item)) return item.map((inner, i) => encode(inner, `${path}.${i}`))
    if (ArrayBuffer.isView(item)) {
      const known = names.get(item)
      if (known !== undefined) return { [TENSOR]: known }
      names.set(item, path)
      tensors[path] = tensorOf(item, path)
      return { [TENSOR]: path }
    }
    if (isRecord(item) && Object.getPrototypeOf(item) === Object.prototype) {
      const known = Object.entries(item).filter(([, inner]) => inner !== undefined)
      return Object.fromEntries(known.map(([key, inner]) => [key, encode(inner, path === '' ? key : `${path}.${key}`)]))
    }
    throw internalError(`a state holds a ${typeof item} at ${path}`)
  }
  return { state: encode(value, ''), tensors }
}

/** What was encoded. @throws `runs.checkpoint` if a tensor is missing */
export function decodeState({ state, tensors }: EncodedState): unknown {
  if (Array.isArray(state)) return state.map((item: Json) => decodeState({ state: item, tensors }))
  if (!isRecord(state)) return state
  const { [TENSOR]: name, [NUMBER]: number } = state
  if (typeof number === 'string') return Number(number)
  if (typeof name === 'string') {
    const found = Object.hasOwn(tensors, name) ? tensors[name] : undefined
    if (found) return found.data
    throw inputError('runs.checkpoint', `a checkpoint must hold the tensors its state names, '${name}' is not there`)
  }
  return Object.fromEntries(
    Object.entries(state).map(([key, item]) => [key, decodeState({ state: item as Json, tensors })]),
  )
}

const encodeNumber = (value: number): Json =>
  Number.isFinite(value) && !Object.is(value, -0) ? value : { [NUMBER]: Object.is(value, -0) ? '-0' : String(value) }

function tensorOf(array: ArrayBufferView, path: string): Tensor {
  if (array instanceof Float32Array) return tensor('float32', [array.length], array)
  if (array instanceof Float64Array) return tensor('float64', [array.length], array)
  if (array instanceof Int32Array) return tensor('int32', [array.length], array)
  throw internalError(`a state holds a ${array.constructor.name} at ${path}`)
}
