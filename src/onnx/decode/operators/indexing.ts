/** Parts of tensors: slices, pieces, borders, elements by index. Indices of any integer type are taken. */
import { sameShape } from '../../../base/index.ts'
import type { SymbolicTensor } from '../../../graph/index.ts'
import {
  concat,
  constant,
  expand,
  gatherND,
  isBorder,
  pad,
  padByBorder,
  slice,
  split,
  tensorOf,
  triangle,
} from '../../../graph/index.ts'
import type { Importer, ImporterTable, NodeCall } from '../importer.ts'
import { asWritten, callEntry, integerConstant, numbersOf, refused, required } from '../importer.ts'
import { castTo } from './types.ts'

/** The graph's operator, its second input as int64. */
const withIndices: Importer = (call) => {
  const indices = castTo(required(call, 1, 'indices'), 'int64')
  return asWritten(call, { inputs: call.inputs.with(1, indices) })
}

const frontAxis = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

/** The extents of the parts: as given, or as even as they can be. */
function partsOf(call: NodeCall, extent: number): readonly number[] {
  const { inputs, attributes, opset, outputs } = call
  const given =
    opset >= 13 ? numbersOf(inputs[1], 'split') : attributes.has('split') ? attributes.ints('split') : undefined
  if (given) return given
  const count = attributes.int('num_outputs', outputs.length)
  if (count < 1) throw refused(`it must make at least one part, got ${count}`)
  const each = Math.ceil(extent / count)
  if (!attributes.has('num_outputs') && each * count !== extent) {
    throw refused(`an extent of ${extent} cannot be cut into ${count} equal parts; the file says no sizes`)
  }
  return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(each, extent - i * each)))
}

/** Widths at the beginning of each axis, then at the end of each. Those below 0 cut off. */
function padded(call: NodeCall): SymbolicTensor[] {
  const { inputs, attributes, opset } = call
  const x = required(call, 0, 'data')
  const mode = attributes.string('mode', 'constant')
  const widths = opset >= 11 ? numbersOf(required(call, 1, 'pads'), 'pads') : attributes.ints('pads')
  const value = opset >= 11 ? inputs[2] : constant(tensorOf(x.dtype, [], [attributes.float('value', 0)]))
  const axes = numbersOf(inputs[3], 'axes') ?? x.shape.map((_, axis) => axis)
  if (!widths || widths.length !== 2 * axes.length) throw refused(`it must give two widths an axis, got [${widths}]`)
  const all = new Array<number>(2 * x.rank).fill(0)
  axes.forEach((axis, i) => {
    all[frontAxis(axis, x.rank)] = widths[i]
    all[x.rank + frontAxis(axis, x.rank)] = widths[axes.length + i]
  })
  const cut = slice(
    x,
    x.shape.flatMap((extent, axis) => {
      const [start, end] = [Math.max(0, -all[axis]), extent - Math.max(0, -all[x.rank + axis])]
      return start === 0 && end === extent ? [] : [{ axis, start, end }]
    }),
  )
  const outside = all.map((width) => Math.max(0, width))
  const filling =
    value && value.rank > 0 ? callEntry('Reshape', [value, integerConstant([])], { allowzero: 1 })[0] : value
  const around = { before: outside.slice(0, x.rank), after: outside.slice(x.rank) }
  if (isBorder(mode)) return [padByBorder(cut, around, mode)]
  if (filling) return callEntry('Pad', [cut, integerConstant(outside), filling], { mode })
  return [pad(cut, around)]
}

/** Indices that name the place along the first `count` axes too, which x and they have in common. */
function withStackPlaces(x: SymbolicTensor, indices: SymbolicTensor, count: number): SymbolicTensor {
  if (count === 0) return indices
  const shape = indices.shape.with(-1, 1)
  const stack = shape.slice(0, count)
  if (!sameShape(stack, x.shape.slice(0, count)))
    throw refused(`data and indices must begin with the same ${count} extents`)
  const places = stack.map((extent, axis) => {
    const along = shape.map((_, i) => (i === axis ? extent : 1))
    const counting = constant(
      tensorOf(
        'int64',
        along,
        Array.from({ length: extent }, (_, i) => i),
      ),
    )
    return expand(counting, shape)
  })
  return concat([...places, indices], indices.rank - 1)
}

export const indexing: ImporterTable = {
  Gather: withIndices,
  GatherElements: withIndices,
  GatherND(call) {
    const [x, indices] = [required(call, 0, 'data'), castTo(required(call, 1, 'indices'), 'int64')]
    return [gatherND(x, withStackPlaces(x, indices, call.attributes.int('batch_dims', 0)))]
  },
  ScatterElements: withIndices,
  ScatterND: withIndices,
  Scatter(call) {
    const [x, indices, updates] = call.inputs
    return callEntry('ScatterElements', [x, indices && castTo(indices, 'int64'), updates], call.attributes.rest())
  },
  OneHot: (call) => asWritten(call, { inputs: call.inputs.with(0, castTo(required(call, 0, 'indices'), 'int64')) }),

  Slice(call) {
    if (call.opset >= 10) return asWritten(call)
    const x = required(call, 0, 'data')
    const { attributes } = call
    const [starts, ends] = [attributes.ints('starts'), attributes.ints('ends')]
    const axes = attributes.ints(
      'axes',
      starts.map((_, axis) => axis),
    )
    return [
      slice(
        x,
        axes.map((axis, i) => ({ axis, start: starts[i], end: ends[i] })),
      ),
    ]
  },

  Split(call) {
    const x = required(call, 0, 'input')
    const axis = frontAxis(call.attributes.int('axis', 0), x.rank)
    return split(x, partsOf(call, x.shape[axis]), axis)
  },

  Pad: padded,

  /** The lower or the upper triangle; k moves the diagonal. */
  Trilu(call) {
    const x = required(call, 0, 'input')
    const upper = call.attributes.int('upper', 1) !== 0
    const [k] = numbersOf(call.inputs[1], 'k') ?? [0]
    return [triangle(x, upper ? 'upper' : 'lower', k)]
  },
}
