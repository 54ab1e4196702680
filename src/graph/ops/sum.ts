/**
 * Sums over axes and broadcasting: each is the derivative of the other. And what every reduction over axes is made of. Axes may be negative;
 * without axes everything is summed.
 */
import type { Shape } from '../../base/index.ts'
import { int64, sameShape, sizeOf, stridesOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { Reference, TensorType } from '../symbolic.ts'
import { constant, SymbolicTensor } from '../symbolic.ts'
import { broadcastOffsets, broadcastShape, normalAxis, stridedOffsets } from './broadcast.ts'
import { constantIntegers, integers, reshape } from './shape.ts'

/** What is left of a shape without some of its axes, counted from the front; `keep`: with extents of 1 in their place. */
export function reducedShape(shape: Shape, axes: readonly number[], keep: boolean): Shape {
  return shape.flatMap((extent, axis) => (axes.includes(axis) ? (keep ? [1] : []) : [extent]))
}

/** Axes from the front, each once, in order. @throws Error if one does not exist or comes twice */
export function normalAxes(axes: readonly number[], rank: number): number[] {
  const normal = axes.map((axis) => normalAxis(axis, rank))
  if (new Set(normal).size !== normal.length) throw new Error(`each axis must come once, got [${axes}]`)
  return normal.sort((a, b) => a - b)
}

/** Calls `visit(offsets of one reduced group, index of the result)` for each element of the result. */
function forEachGroup(shape: Shape, axes: readonly number[], visit: (offsets: Int32Array, at: number) => void): void {
  const strides = stridesOf(shape)
  const pick = (inside: boolean) => {
    const chosen = shape.map((_, axis) => axis).filter((axis) => axes.includes(axis) === inside)
    return stridedOffsets(
      chosen.map((axis) => shape[axis]),
      chosen.map((axis) => strides[axis]),
    )
  }
  const inner = pick(true)
  const offsets = new Int32Array(inner.length)
  pick(false).forEach((start, at) => {
    for (let i = 0; i < inner.length; i++) offsets[i] = start + inner[i]
    visit(offsets, at)
  })
}

/** Reference evaluation of a reduction over axes counted from the front: f of every group. `values` holds one group after the other. */
export function reduceWith(
  x: Reference,
  axes: readonly number[],
  type: TensorType,
  f: (values: Float64Array) => number,
): Float64Array {
  const y = new Float64Array(sizeOf(type.shape))
  let values: Float64Array | undefined
  forEachGroup(x.shape, axes, (offsets, at) => {
    values ??= new Float64Array(offsets.length)
    for (let i = 0; i < offsets.length; i++) values[i] = x.data[offsets[i]]
    y[at] = f(values)
  })
  return y
}

export const sumOf = (values: Float64Array) => {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]
  return sum
}

/** A reduced tensor (with or without its extents of 1) in the shape that broadcasts against the original. */
export function kept(value: SymbolicTensor, original: SymbolicTensor, axes: readonly number[]): SymbolicTensor {
  return reshape(value, reducedShape(original.shape, axes, true))
}

/** Axes of a ReduceSum call: its second input, which must be constant. */
function axesOf(axes: SymbolicTensor | Reference | null): number[] {
  const values = axes instanceof SymbolicTensor ? axes.constant?.data : axes?.data
  if (!values) throw new Error('the axes must be constant')
  return Array.from(values as ArrayLike<number | bigint>, Number)
}

const reduceSumOperator = defineOperator<{ readonly keepdims: number; readonly noop_with_empty_axes: number }>({
  name: 'ReduceSum',
  since: 13,
  inputs: ['data', 'axes'],
  attributes: { keepdims: { kind: 'int', default: 1 }, noop_with_empty_axes: { kind: 'int', default: 0 } },
  infer([x, axes], { keepdims }) {
    if (x!.dtype === 'bool') throw new Error('the input must be numbers; use cast')
    return [{ dtype: x!.dtype, shape: reducedShape(x!.shape, normalAxes(axesOf(axes), x!.rank), keepdims === 1) }]
  },
  evaluate([x, axes], _, [type]) {
    return [reduceWith(x!, normalAxes(axesOf(axes), x!.shape.length), type, sumOf)]
  },
  differentiate({ inputs: [x, axes], cotangents: [g] }) {
    return [expand(kept(g!, x!, normalAxes(axesOf(axes), x!.rank)), x!.shape), null]
  },
})

export const allAxes = ({ shape }: SymbolicTensor): number[] => shape.map((_, axis) => axis)

/** All axes where none are named; negative ones counted from the front where they exist (the shape rule refuses the others). */
export function chosenAxes(x: SymbolicTensor, axes: readonly number[] | undefined): number[] {
  if (axes === undefined) return allAxes(x)
  return axes.map((axis) => (axis < 0 && axis >= -x.rank ? axis + x.rank : axis))
}

/** Sum over axes (all of them if not given; none for an empty list). Reduced axes vanish, or stay as 1 with `keepDims`. */
export function reduceSum(x: SymbolicTensor, axes?: readonly number[], keepDims = false): SymbolicTensor {
  const chosen = chosenAxes(x, axes)
  if (chosen.length === 0) return x
  const attributes = { keepdims: Number(keepDims), noop_with_empty_axes: 0 }
  return apply(reduceSumOperator, [x, constant(int64(chosen))], attributes)[0]
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

/** Sums a cotangent over the axes along which a tensor of `shape` was broadcast. */
export function unbroadcast(cotangent: SymbolicTensor, shape: Shape): SymbolicTensor {
  if (sameShape(cotangent.shape, shape)) return cotangent
  const lead = cotangent.rank - shape.length
  const axes = cotangent.shape.flatMap((extent, axis) =>
    extent !== 1 && (axis < lead || shape[axis - lead] === 1) ? [axis] : [],
  )
  return reshape(reduceSum(cotangent, axes, true), shape)
}
