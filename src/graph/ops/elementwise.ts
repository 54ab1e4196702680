/** Elementwise arithmetic with numpy broadcasting. A number among the arguments stands for a float32 scalar. */
import type { Shape } from '../../base/index.ts'
import { sameShape, sizeOf, stridesOf } from '../../base/index.ts'
import type { Operator } from '../operator.ts'
import { apply, defineOperator } from '../operator.ts'
import type { TensorType } from '../symbolic.ts'
import { scalar, SymbolicTensor } from '../symbolic.ts'
import { reduceSum } from './reduce.ts'
import { reshape } from './shape.ts'

/** A symbolic tensor, or a number that stands for a float32 scalar. */
export type Operand = SymbolicTensor | number

export const lift = (operand: Operand): SymbolicTensor => (typeof operand === 'number' ? scalar(operand) : operand)

/** The broadcast shape of two shapes. @throws Error if an extent differs and neither is 1 */
export function broadcastShape(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, axis) => {
    const x = a[axis - rank + a.length] ?? 1
    const y = b[axis - rank + b.length] ?? 1
    if (x !== y && x !== 1 && y !== 1) throw new Error(`shapes [${a}] and [${b}] do not broadcast`)
    return x === 1 ? y : x
  })
}

/** For each element of `to`, the offset of the element of `from` that is broadcast there. */
export function broadcastOffsets(from: Shape, to: Shape): Int32Array {
  const offsets = new Int32Array(sizeOf(to))
  const strides = stridesOf(from)
  const lead = to.length - from.length
  const steps = to.map((_, axis) => (axis < lead || from[axis - lead] === 1 ? 0 : strides[axis - lead]))
  const index = new Array<number>(to.length).fill(0)
  for (let i = 0, offset = 0; i < offsets.length; i++) {
    offsets[i] = offset
    for (let axis = to.length - 1; axis >= 0; axis--) {
      offset += steps[axis]
      if (++index[axis] < to[axis]) break
      offset -= steps[axis] * to[axis]
      index[axis] = 0
    }
  }
  return offsets
}

/** Sums a cotangent over the axes along which a tensor of `shape` was broadcast. */
export function unbroadcast(cotangent: SymbolicTensor, shape: Shape): SymbolicTensor {
  if (sameShape(cotangent.shape, shape)) return cotangent
  const lead = cotangent.rank - shape.length
  const axes = cotangent.shape.flatMap((extent, axis) =>
    axis < lead || (shape[axis - lead] === 1 && extent !== 1) ? [axis] : [],
  )
  const summed = axes.length > 0 ? reduceSum(cotangent, axes, true) : cotangent
  return sameShape(summed.shape, shape) ? summed : reshape(summed, shape)
}

interface BinaryRule {
  readonly f: (a: number, b: number) => number
  /** Cotangents of both inputs before broadcasting is undone. Absent: not differentiable. */
  readonly pullBack?: (g: SymbolicTensor, a: SymbolicTensor, b: SymbolicTensor, y: SymbolicTensor) => (() => SymbolicTensor)[]
  readonly result?: 'bool'
}

function binary(name: string, rule: BinaryRule): (a: Operand, b: Operand) => SymbolicTensor {
  const { f, pullBack } = rule
  const operator: Operator<Record<string, never>> = defineOperator<Record<string, never>>({
    name,
    infer([a, b]) {
      if (a!.dtype !== b!.dtype) throw new Error('both inputs must have the same element type')
      return [{ dtype: rule.result ?? a!.dtype, shape: broadcastShape(a!.shape, b!.shape) }]
    },
    evaluate([a, b], _, [type]) {
      const ia = broadcastOffsets(a!.shape, type.shape)
      const ib = broadcastOffsets(b!.shape, type.shape)
      return [Float64Array.from(ia, (offset, i) => f(a!.data[offset], b!.data[ib[i]]))]
    },
    ...(pullBack && {
      differentiate({ inputs: [a, b], outputs: [y], cotangents: [g], wanted }) {
        const [da, db] = pullBack(g!, a!, b!, y)
        return [wanted[0] ? unbroadcast(da(), a!.shape) : null, wanted[1] ? unbroadcast(db(), b!.shape) : null]
      },
    }),
  })
  return (a, b) => apply(operator, [lift(a), lift(b)], {})[0]
}

export const add = binary('Add', { f: (a, b) => a + b, pullBack: (g) => [() => g, () => g] })
export const sub = binary('Sub', { f: (a, b) => a - b, pullBack: (g) => [() => g, () => neg(g)] })
export const mul = binary('Mul', { f: (a, b) => a * b, pullBack: (g, a, b) => [() => mul(g, b), () => mul(g, a)] })
export const div = binary('Div', {
  f: (a, b) => a / b,
  pullBack: (g, _, b, y) => [() => div(g, b), () => neg(div(mul(g, y), b))],
})
/** a to the power b. The derivative in b needs a > 0. */
export const pow = binary('Pow', {
  f: (a, b) => a ** b,
  pullBack: (g, a, b, y) => [() => mul(g, mul(b, pow(a, sub(b, 1)))), () => mul(g, mul(y, log(a)))],
})
/** Elementwise comparisons: bool, no derivative. */
export const less = binary('Less', { f: (a, b) => Number(a < b), result: 'bool' })
export const greater = binary('Greater', { f: (a, b) => Number(a > b), result: 'bool' })
export const equal = binary('Equal', { f: (a, b) => Number(a === b), result: 'bool' })

interface UnaryRule {
  readonly f: (x: number) => number
  readonly pullBack?: (g: SymbolicTensor, x: SymbolicTensor, y: SymbolicTensor) => SymbolicTensor
}

function unary(name: string, { f, pullBack }: UnaryRule): (x: SymbolicTensor) => SymbolicTensor {
  const operator = defineOperator<Record<string, never>>({
    name,
    infer: ([x]): TensorType[] => [x!],
    evaluate: ([x]) => [x!.data.map(f)],
    ...(pullBack && {
      differentiate: ({ inputs: [x], outputs: [y], cotangents: [g] }) => [pullBack(g!, x!, y)],
    }),
  })
  return (x) => apply(operator, [x], {})[0]
}

export const neg = unary('Neg', { f: (x) => -x, pullBack: (g) => neg(g) })
export const exp = unary('Exp', { f: Math.exp, pullBack: (g, _, y) => mul(g, y) })
export const log = unary('Log', { f: Math.log, pullBack: (g, x) => div(g, x) })
export const sqrt = unary('Sqrt', { f: Math.sqrt, pullBack: (g, _, y) => div(mul(g, 0.5), y) })
export const reciprocal = unary('Reciprocal', { f: (x) => 1 / x, pullBack: (g, _, y) => neg(mul(g, mul(y, y))) })
export const sin = unary('Sin', { f: Math.sin, pullBack: (g, x) => mul(g, cos(x)) })
export const cos = unary('Cos', { f: Math.cos, pullBack: (g, x) => neg(mul(g, sin(x))) })
export const tanh = unary('Tanh', { f: Math.tanh, pullBack: (g, _, y) => mul(g, sub(1, mul(y, y))) })
export const sigmoid = unary('Sigmoid', {
  f: (x) => 1 / (1 + Math.exp(-x)),
  pullBack: (g, _, y) => mul(g, mul(y, sub(1, y))),
})
export const abs = unary('Abs', { f: Math.abs, pullBack: (g, x) => mul(g, sign(x)) })
export const sign = unary('Sign', { f: Math.sign })
