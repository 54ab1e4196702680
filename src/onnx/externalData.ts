/**
 * Where a model file says that its weights lie: in files of their own beside it (`external_data` of onnx.proto3).
 */
import { BilevelError } from '../base/index.ts'
import { readFields, text } from './protobuf.ts'
import { ENTRY, TENSOR } from './schema.ts'

/** A message: which of its fields are messages that may hold tensors, by field number. */
interface Message {
  readonly [field: number]: () => Message
}

const tensor: Message = {}
const sparseTensor: Message = { 1: () => tensor, 2: () => tensor }
const attribute: Message = {
  5: () => tensor,
  6: () => graph,
  10: () => tensor,
  11: () => graph,
  22: () => sparseTensor,
  23: () => sparseTensor,
}
const node: Message = { 5: () => attribute }
const graph: Message = { 1: () => node, 5: () => tensor, 15: () => sparseTensor }
const functionBody: Message = { 7: () => node, 11: () => attribute }
const model: Message = { 7: () => graph, 25: () => functionBody }

/** Whether a path of outside data stays in the model's folder: relative, without a way up. */
export function isConfined(location: string): boolean {
  const parts = location.split(/[\\/]/)
  return location !== '' && parts[0] !== '' && !/^[a-zA-Z]:/.test(location) && !parts.includes('..')
}

/** Paths of outside data, relative to the model's folder, each once and in order; none in bytes that are no ONNX file. */
export function externalLocations(bytes: Uint8Array): string[] {
  try {
    return [...new Set(locationsIn(bytes, model))].toSorted()
  } catch (error) {
    // What the reader of this project does not take, the engine refuses or reads in its own way: its bytes are hashed all the same.
    if (error instanceof BilevelError) return []
    throw error
  }
}

function* locationsIn(bytes: Uint8Array, message: Message): Generator<string> {
  for (const { field, kind, value } of readFields(bytes)) {
    if (kind !== 'bytes') continue
    const inner = message[field]
    if (inner) yield* locationsIn(value, inner())
    else if (message === tensor && field === TENSOR.externalData) yield* locationOf(value)
  }
}

/** Of one key with its value. */
function* locationOf(bytes: Uint8Array): Generator<string> {
  const found = new Map([...readFields(bytes)].map(({ field, value }) => [field, value]))
  const [key, value] = [found.get(ENTRY.key), found.get(ENTRY.value)]
  if (key instanceof Uint8Array && value instanceof Uint8Array && text(key) === 'location') yield text(value)
}
