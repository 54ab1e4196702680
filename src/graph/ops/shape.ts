/** Operators that rearrange elements: reshape, transpose, expand, concatenate, split. (Slices and padding are kept in `slice.ts`.) */
import type { Shape } from '../../base/index.ts'
import { int64, sameShape, sizeOf, stridesOf } from '../../base/index.ts'
import type { Reference } from '../operator.ts'
import { apply, defineOperator } from '../operator.ts'
import { constant, type SymbolicTensor } from '../symbolic.ts'
import { filledTensor } from '../values.ts'
import { broadcastOffsets, broadcastShape, normalAxis, stridedOffsets } from './broadcast.ts'
import { unbroadcast } from './elementwise.ts'
import { slice } from './slice.ts'

export { pad, slice } from './slice.ts'

/** The numbers of an input that shapes depend on. @throws Error if it is not constant */
export function constantIntegers(value: SymbolicTensor | null, what: string): number[] {
  if (!value?.constant) throw new Error(`${what} must be constant`)
  return Array.from(value.constant.data as ArrayLike<number | bigint>, Number)
}

/** A constant int64 vector. */
export function integers(values: readonly number[]): SymbolicTensor {
  return constant(int64(values))
}

function resolveReshape(from: Shape, wanted: readonly number[]): Shape {
  const bad = wanted.find((extent) => !Number.isInteger(extent) || extent < -1)
  if (bad !== undefined) throw new Error(`extents are integers of at least 0, or one -1, got [${wanted}]`)
  const known = wanted.reduce((product, extent) => (extent === -1 ? product : product * extent), 1)
  const open = wanted.filter((extent) => extent === -1).length
  const size = sizeOf(from)
  const shape = wanted.map((extent) => (extent === -1 ? size / known : extent))
  if (open > 1 || shape.some((extent) => !Number.isInteger(extent)) || sizeOf(shape) !== size) {
    throw new Error(`${size} elements of [${from}] do not fit shape [${wanted}]`)
  }
  return shape
}

const reshapeOperator = defineOperator<{ readonly allowzero: number }>({
  name: 'Reshape',
  since: 5,
  inputs: ['data', 'shape'],
  attributes: { allowzero: { kind: 'int', default: 0, since: 14 } },
  infer([x, shape], { allowzero }) {
    const wanted = constantIntegers(shape, 'the shape').map((extent, axis) =>
      extent === 0 && allowzero === 0 ? (x!.shape[axis] ?? 0) : extent,
    )
    return [{ dtype: x!.dtype, shape: resolveReshape(x!.shape, wanted) }]
  },
  evaluate: ([x]) => [x!.data],
  differentiate: ({ inputs: [x], cotangents: [g] }) => [reshape(g!, x!.shape), null],
})

/** The same elements, in order, in another shape; one extent may be -1 (whatever is left). */
export function reshape(x: SymbolicTensor, shape: Shape): SymbolicTensor {
  return sameShape(x.shape, shape) ? x : apply(reshapeOperator, [x, integers(shape)], { allowzero: 1 })[0]
}

/** Removes axes of extent 1: those given, or all of them. @throws `graph.shape` if a given one is not 1 */
export function squeeze(x: SymbolicTensor, axes?: readonly number[]): SymbolicTensor {
  const chosen = axes?.map((axis) => (axis < 0 ? axis + x.rank : axis))
  return reshape(
    x,
    x.shape.filter((extent, axis) => (chosen ? !chosen.includes(axis) : extent !== 1)),
  )
}

/** Inserts axes of extent 1 at the given places of the result. */
export function unsqueeze(x: SymbolicTensor, axes: readonly number[]): SymbolicTensor {
  const rank = x.rank + axes.length
  const chosen = axes.map((axis) => (axis < 0 ? axis + rank : axis))
  const rest = [...x.shape]
  return reshape(
    x,
    Array.from({ length: rank }, (_, axis) => (chosen.includes(axis) ? 1 : (rest.shift() ?? 1))),
  )
}

/** Two axes: all before `axis` in one, the others in the second. */
export function flatten(x: SymbolicTensor, axis = 1): SymbolicTensor {
  return reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))])
}

const transposeOperator = defineOperator<{ readonly perm: readonly number[] }>({
  name: 'Transpose',
  inputs: ['data'],
  attributes: { perm: { kind: 'ints', default: ([x]) => x!.shape.map((_, axis) => x!.rank - 1 - axis) } },
  infer([x], { perm }) {
    if (perm.length !== x!.rank || x!.shape.some((_, axis) => !perm.includes(axis))) {
      throw new Error(`the permutation must hold each axis from 0 to ${x!.rank - 1} once, got [${perm}]`)
    }
    return [{ dtype: x!.dtype, shape: perm.map((axis) => x!.shape[axis]) }]
  },
  evaluate([x], { perm }, [{ shape }]) {
    const strides = stridesOf(x!.shape)
    const from = stridedOffsets(
      shape,
      perm.map((axis) => strides[axis]),
    )
    return [Float64Array.from(from, (offset) => x!.data[offset])]
  },
  differentiate({ cotangents: [g], attributes: { perm } }) {
    return [
      transpose(
        g!,
        perm.map((_, axis) => perm.indexOf(axis)),
      ),
    ]
  },
})

/** Axis i of the result is axis `permutation[i]` of x. */
export function transpose(x: SymbolicTensor, permutation: readonly number[]): SymbolicTensor {
  return apply(transposeOperator, [x], { perm: permutation })[0]
}

const expandOperator = defineOperator<Record<string, never>>({
  name: 'Expand',
  since: 8,
  inputs: ['input', 'shape'],
  infer: ([x, shape]) => [{ dtype: x!.dtype, shape: broadcastShape(x!.shape, constantIntegers(shape, 'the shape')) }],
  evaluate: ([x], _, [{ shape }]) => [
    Float64Array.from(broadcastOffsets(x!.shape, shape), (offset) => x!.data[offset]),
  ],
  differentiate: ({ inputs: [x], cotangents: [g] }) => [unbroadcast(g!, x!.shape), null],
})

/** Broadcasts to a shape. */
export function expand(x: SymbolicTensor, shape: Shape): SymbolicTensor {
  return sameShape(x.shape, shape) ? x : apply(expandOperator, [x, integers(shape)], {})[0]
}

/** Copies blocks between one tensor and its parts along an axis: `visit(part, offset in part, offset in whole, length)`. */
function forEachBlock(
  whole: Shape,
  axis: number,
  extents: readonly number[],
  visit: (part: number, inPart: number, inWhole: number, length: number) => void,
): void {
  const inner = sizeOf(whole.slice(axis + 1))
  const outer = sizeOf(whole.slice(0, axis))
  let inWhole = 0
  for (let row = 0; row < outer; row++) {
    extents.forEach((extent, part) => {
      visit(part, row * extent * inner, inWhole, extent * inner)
      inWhole += extent * inner
    })
  }
}

const concatOperator = defineOperator<{ readonly axis: number }>({
  name: 'Concat',
  since: 4,
  inputs: ['inputs...'],
  attributes: { axis: 'int' },
  infer(parts, { axis }) {
    const first = parts[0]!
    const along = normalAxis(axis, first.rank)
    const fits = (part: SymbolicTensor) =>
      part.dtype === first.dtype &&
      part.rank === first.rank &&
      part.shape.every((extent, i) => i === along || extent === first.shape[i])
    if (!parts.every((part) => fits(part!))) {
      throw new Error(`all inputs must have the same element type and the same extents but along axis ${axis}`)
    }
    const total = parts.reduce((sum, part) => sum + part!.shape[along], 0)
    return [{ dtype: first.dtype, shape: first.shape.map((extent, i) => (i === along ? total : extent)) }]
  },
  evaluate(parts, { axis }, [{ shape }]) {
    const along = normalAxis(axis, shape.length)
    const y = new Float64Array(sizeOf(shape))
    const extents = parts.map((part) => part!.shape[along])
    forEachBlock(shape, along, extents, (part, inPart, inWhole, length) => {
      y.set(parts[part]!.data.subarray(inPart, inPart + length), inWhole)
    })
    return [y]
  },
  differentiate({ inputs, cotangents: [g], attributes: { axis }, wanted }) {
    const along = normalAxis(axis, g!.rank)
    const extents = inputs.map((part) => part!.shape[along])
    if (wanted.every(Boolean)) return split(g!, extents, along)
    let start = 0
    return extents.map((extent, i) => {
      start += extent
      return wanted[i] ? slice(g!, { axis: along, start: start - extent, end: start }) : null
    })
  },
})

/** Joins tensors along an axis. */
export function concat(parts: readonly SymbolicTensor[], axis: number): SymbolicTensor {
  return parts.length === 1 ? parts[0] : apply(concatOperator, parts, { axis })[0]
}

const splitOperator = defineOperator<{ readonly axis: number }>({
  name: 'Split',
  since: 13,
  inputs: ['input', 'split'],
  attributes: { axis: { kind: 'int', default: 0 } },
  assumed: { num_outputs: null },
  infer([x, sizes], { axis }) {
    const along = normalAxis(axis, x!.rank)
    const extents = constantIntegers(sizes, 'the sizes')
    const total = extents.reduce((sum, extent) => sum + extent, 0)
    if (total !== x!.shape[along] || extents.some((extent) => extent < 0)) {
      throw new Error(`the sizes must add up to ${x!.shape[along]}, the extent of axis ${axis}, got [${extents}]`)
    }
    return extents.map((extent) => ({
      dtype: x!.dtype,
      shape: x!.shape.map((whole, i) => (i === along ? extent : whole)),
    }))
  },
  evaluate([x], { axis }, types) {
    const along = normalAxis(axis, x!.shape.length)
    const parts = types.map(({ shape }) => new Float64Array(sizeOf(shape)))
    const extents = types.map(({ shape }) => shape[along])
    forEachBlock(x!.shape, along, extents, (part, inPart, inWhole, length) => {
      parts[part].set(x!.data.subarray(inWhole, inWhole + length), inPart)
    })
    return parts
  },
  differentiate({ outputs, cotangents, attributes: { axis } }) {
    const parts = outputs.map((part, i) => cotangents[i] ?? constant(filledTensor(part.dtype, part.shape, 0)))
    return [concat(parts, axis), null]
  },
})

/** Cuts a tensor into parts of the given extents along an axis. */
export function split(x: SymbolicTensor, sizes: readonly number[], axis: number): SymbolicTensor[] {
  return sizes.length === 1 && x.shape[axis] === sizes[0] ? [x] : apply(splitOperator, [x, integers(sizes)], { axis })
}

/** The numbers of an integer input in reference evaluation. */
export function numbersOf(value: Reference | null): number[] {
  return value ? Array.from(value.data) : []
}
