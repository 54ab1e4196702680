/** Operators that only rearrange elements, reshape and transpose, and the constant integers that shapes are given by. */
import type { Shape } from '../../base/index.ts'
import { int64, sameShape, sizeOf, stridesOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { Reference } from '../symbolic.ts'
import { constant, type SymbolicTensor } from '../symbolic.ts'
import { stridedOffsets } from './broadcast.ts'

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

/** The numbers of an integer input in reference evaluation. */
export function numbersOf(value: Reference | null): number[] {
  return value ? Array.from(value.data) : []
}
