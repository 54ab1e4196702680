/** Reductions over axes. Axes may be negative; without axes everything is reduced. */
import type { Shape } from '../../base/index.ts'
import { int64, sizeOf, stridesOf } from '../../base/index.ts'
import type { Reference } from '../operator.ts'
import { apply, defineOperator } from '../operator.ts'
import type { TensorType } from '../symbolic.ts'
import { constant, SymbolicTensor } from '../symbolic.ts'
import { normalAxis, stridedOffsets } from './broadcast.ts'
import { cast, stopGradient } from './cast.ts'
import { equal, where } from './compare.ts'
import { add, div, exp, isFloat, log, mul, sub } from './elementwise.ts'
import { expand, reshape } from './shape.ts'

/** Axes and whether they stay as extents of 1. */
type ReduceAttributes = { readonly axes: readonly number[]; readonly keepdims: number }

function reducedShape(shape: Shape, axes: readonly number[], keep: boolean): Shape {
  return shape.flatMap((extent, axis) => (axes.includes(axis) ? (keep ? [1] : []) : [extent]))
}

/** Axes from the front, each once, in order. @throws Error if one does not exist or comes twice */
function normalAxes(axes: readonly number[], rank: number): number[] {
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

function reduceWith(x: Reference, axes: readonly number[], type: TensorType, f: (values: Float64Array) => number) {
  const y = new Float64Array(sizeOf(type.shape))
  let values: Float64Array | undefined
  forEachGroup(x.shape, axes, (offsets, at) => {
    values ??= new Float64Array(offsets.length)
    for (let i = 0; i < offsets.length; i++) values[i] = x.data[offsets[i]]
    y[at] = f(values)
  })
  return y
}

const sumOf = (values: Float64Array) => {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]
  return sum
}

/** A reduced tensor (with or without its extents of 1) in the shape that broadcasts against the original. */
function kept(value: SymbolicTensor, original: SymbolicTensor, axes: readonly number[]): SymbolicTensor {
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

interface AttributeReduction {
  readonly integers?: boolean
  readonly f: (values: Float64Array) => number
  readonly pullBack: (
    g: SymbolicTensor,
    x: SymbolicTensor,
    y: SymbolicTensor,
    axes: readonly number[],
  ) => SymbolicTensor
}

/** Up to opset 17 all reductions but ReduceSum take their axes as an attribute. */
function reduction(name: string, { integers = false, f, pullBack }: AttributeReduction) {
  const operator = defineOperator<ReduceAttributes>({
    name,
    until: 17,
    inputs: ['data'],
    attributes: { axes: { kind: 'ints', default: ([x]) => allAxes(x!) }, keepdims: { kind: 'int', default: 1 } },
    infer([x], { axes, keepdims }) {
      if (!isFloat(x!) && (!integers || x!.dtype === 'bool')) throw new Error('the input must be float; use cast')
      const empty = axes.find((axis) => x!.shape[axis] === 0)
      if (empty !== undefined) throw new Error(`axis ${empty} is empty, so it has no ${name.slice(6).toLowerCase()}`)
      return [{ dtype: x!.dtype, shape: reducedShape(x!.shape, normalAxes(axes, x!.rank), keepdims === 1) }]
    },
    evaluate: ([x], { axes }, [type]) => [reduceWith(x!, normalAxes(axes, x!.shape.length), type, f)],
    differentiate({ inputs: [x], outputs: [y], cotangents: [g], attributes }) {
      const axes = normalAxes(attributes.axes, x!.rank)
      return [pullBack(kept(g!, x!, axes), x!, kept(y, x!, axes), axes)]
    },
  })
  return (x: SymbolicTensor, axes?: readonly number[], keepDims = false): SymbolicTensor => {
    const chosen = chosenAxes(x, axes)
    return chosen.length === 0 ? x : apply(operator, [x], { axes: chosen, keepdims: Number(keepDims) })[0]
  }
}

const allAxes = ({ shape }: SymbolicTensor): number[] => shape.map((_, axis) => axis)

/** All axes where none are named; negative ones counted from the front where they exist (the shape rule refuses the others). */
function chosenAxes(x: SymbolicTensor, axes: readonly number[] | undefined): number[] {
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

/** Mean over axes; arguments as `reduceSum`. */
export const reduceMean = reduction('ReduceMean', {
  f: (values) => sumOf(values) / values.length,
  pullBack(g, x, _, axes) {
    const count = sizeOf(axes.map((axis) => x.shape[axis]))
    return expand(mul(g, 1 / count), x.shape)
  },
})

/** Derivative of an extremum: shared evenly among those that reach it. */
function extremumPullBack(g: SymbolicTensor, x: SymbolicTensor, y: SymbolicTensor, axes: readonly number[]) {
  const reached = equal(x, y)
  return where(reached, div(g, reduceSum(cast(reached, x.dtype), axes, true)), 0)
}

/** Maximum over axes; arguments as `reduceSum`. Ties share the derivative evenly. */
export const reduceMax = reduction('ReduceMax', {
  integers: true,
  f: (values) => values.reduce((a, b) => Math.max(a, b)),
  pullBack: extremumPullBack,
})

/** Minimum over axes; arguments as `reduceSum`. Ties share the derivative evenly. */
export const reduceMin = reduction('ReduceMin', {
  integers: true,
  f: (values) => values.reduce((a, b) => Math.min(a, b)),
  pullBack: extremumPullBack,
})

/** log of the sum of exp over axes, arguments as `reduceSum`. By way of the maximum (no overflow), which cancels from the derivative. */
export function logSumExp(x: SymbolicTensor, axes?: readonly number[], keepDims = false): SymbolicTensor {
  const top = stopGradient(reduceMax(x, axes, true))
  const total = add(log(reduceSum(exp(sub(x, top)), axes, true)), top)
  return reshape(total, reducedShape(x.shape, normalAxes(chosenAxes(x, axes), x.rank), keepDims))
}

const argMaxOperator = defineOperator<{ readonly axis: number; readonly keepdims: number }>({
  name: 'ArgMax',
  inputs: ['data'],
  attributes: { axis: { kind: 'int', default: 0 }, keepdims: { kind: 'int', default: 1 } },
  assumed: { select_last_index: 0 },
  infer([x], { axis, keepdims }) {
    const normal = normalAxis(axis, x!.rank)
    if (x!.shape[normal] === 0) throw new Error(`axis ${axis} is empty, so it has no maximum`)
    return [{ dtype: 'int64', shape: reducedShape(x!.shape, [normal], keepdims === 1) }]
  },
  evaluate([x], { axis }, [type]) {
    return [
      reduceWith(x!, [normalAxis(axis, x!.shape.length)], type, (values) =>
        values.reduce((best, value, i) => (value > values[best] ? i : best), 0),
      ),
    ]
  },
})

/** Index of the first maximum along an axis: int64, no derivative. */
export function argMax(x: SymbolicTensor, axis: number, keepDims = false): SymbolicTensor {
  return apply(argMaxOperator, [x], { axis, keepdims: Number(keepDims) })[0]
}
