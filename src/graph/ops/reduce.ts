/** Reductions over axes beside the sum (`sum.ts`). Axes may be negative; without axes everything is reduced. */
import { sizeOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { normalAxis } from './broadcast.ts'
import { cast, stopGradient } from './cast.ts'
import { equal, where } from './compare.ts'
import { add, div, exp, isFloat, log, mul, sub } from './elementwise.ts'
import { reshape } from './shape.ts'
import { allAxes, chosenAxes, expand, kept, normalAxes, reducedShape, reduceSum, reduceWith, sumOf } from './sum.ts'

/** Axes and whether they stay as extents of 1. */
type ReduceAttributes = { readonly axes: readonly number[]; readonly keepdims: number }

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
