/** Choices among elements: the largest ones, their places, ones and zeros. */
import type { SymbolicTensor } from '../../../graph/index.ts'
import {
  abs,
  argMax,
  cast,
  constant,
  equal,
  neg,
  scalar,
  slice,
  sub,
  tensorOf,
  topK,
  toReference,
} from '../../../graph/index.ts'
import { carriedAs } from '../elementTypes.ts'
import type { Importer, ImporterTable, NodeCall } from '../importer.ts'
import { callEntry, constantOf, numbersOf, refused, required } from '../importer.ts'

const frontAxis = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis)

/** The place of the largest of f(x) along an axis: the first such, or the last. */
const placeOf =
  (f: (x: SymbolicTensor) => SymbolicTensor): Importer =>
  (call) => {
    const x = required(call, 0, 'data')
    const { attributes } = call
    const axis = frontAxis(attributes.int('axis', 0), x.rank)
    const keep = attributes.int('keepdims', 1) !== 0
    if (attributes.int('select_last_index', 0) === 0) return [argMax(f(x), axis, keep)]
    const fromBack = argMax(slice(f(x), { axis, step: -1 }), axis, keep)
    return [sub(x.shape[axis] - 1, fromBack)]
  }

/** Before operator set 10 the count is an attribute, before 11 the largest are meant. */
function largest(call: NodeCall): SymbolicTensor[] {
  const x = required(call, 0, 'X')
  const { attributes, opset } = call
  const [count] = opset >= 10 ? (numbersOf(required(call, 1, 'K'), 'K') ?? []) : [attributes.int('k')]
  attributes.ignore('sorted')
  const { values, indices } = topK(x, count, {
    axis: attributes.int('axis', -1),
    largest: attributes.int('largest', 1) !== 0,
  })
  return [values, indices]
}

/** One where the largest stands (the first of equals), 0 elsewhere. Before operator set 13 all axes from `axis` on are one. */
function hardmax(call: NodeCall): SymbolicTensor[] {
  const x = required(call, 0, 'input')
  const flat = call.opset < 13
  const axis = frontAxis(call.attributes.int('axis', flat ? 1 : -1), x.rank)
  if (flat && axis !== x.rank - 1) throw refused(`before operator set 13 its axis must be the last, got ${axis}`)
  const values = constant(tensorOf(x.dtype, [2], [0, 1]))
  return callEntry('OneHot', [argMax(x, axis), scalar(x.shape[axis], 'int64'), values], { axis })
}

/** Places of all that is not 0, one column each; only of what is known beforehand, as its shape depends on it. */
function nonZero(call: NodeCall): SymbolicTensor[] {
  const { shape, data } = toReference(constantOf(required(call, 0, 'X'), 'X'))
  const found = [...data.keys()].filter((i) => data[i] !== 0)
  const rows = shape.map((extent, axis) => {
    const stride = shape.slice(axis + 1).reduce((product, size) => product * size, 1)
    return found.map((i) => Math.floor(i / stride) % extent)
  })
  return [constant(tensorOf('int64', [shape.length, found.length], rows.flat()))]
}

export const choice: ImporterTable = {
  ArgMax: placeOf((x) => x),
  ArgMin: placeOf(neg),
  TopK: largest,
  Hardmax: hardmax,
  NonZero: nonZero,

  EyeLike(call) {
    const { shape, dtype } = required(call, 0, 'input')
    if (shape.length !== 2) throw refused(`its input must be a matrix, got [${shape}]`)
    const { attributes } = call
    const type = attributes.has('dtype') ? carriedAs(attributes.int('dtype')) : dtype
    const k = attributes.int('k', 0)
    const [rows, columns] = shape
    const ones = Float64Array.from({ length: rows * columns }, (_, i) =>
      Number((i % columns) - Math.floor(i / columns) === k),
    )
    return [constant(tensorOf(type, shape, ones))]
  },

  IsInf(call) {
    const x = required(call, 0, 'X')
    const { attributes } = call
    const [above, below] = [attributes.int('detect_positive', 1) !== 0, attributes.int('detect_negative', 1) !== 0]
    if (above && below) return [equal(abs(x), Infinity)]
    if (above) return [equal(x, Infinity)]
    return [
      below ? equal(x, -Infinity) : cast(constant(tensorOf('float32', x.shape, new Float64Array(x.size))), 'bool'),
    ]
  },

  Compress(call) {
    const x = required(call, 0, 'input')
    const kept = numbersOf(required(call, 1, 'condition'), 'condition') ?? []
    const { attributes } = call
    const flat = !attributes.has('axis')
    const places = kept.flatMap((holds, i) => (holds ? [i] : []))
    const indices = constant(tensorOf('int64', [places.length], places))
    const source = flat ? callEntry('Reshape', [x, constant(tensorOf('int64', [1], [-1]))])[0] : x
    return callEntry('Gather', [source, indices], { axis: flat ? 0 : attributes.int('axis') })
  },
}
