/** Comparisons, logic, choice by a condition, and what is built on choice: minimum, maximum, leaky ReLU, ELU, clip. */
import { apply, defineOperator } from '../operator.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { broadcastOffsets, broadcastShape } from './broadcast.ts'
import type { Operand } from './elementwise.ts'
import { add, binary, dtypeAmong, lift, mul, unary } from './elementwise.ts'
import { reduceSum, unbroadcast } from './sum.ts'

/** a < b, elementwise with broadcasting: bool, no derivative; so are all the comparisons. */
export const less = binary('Less', { since: 7, f: (a, b) => Number(a < b), result: 'bool' })
/** a <= b. */
export const lessOrEqual = binary('LessOrEqual', { since: 12, f: (a, b) => Number(a <= b), result: 'bool' })
/** a > b. */
export const greater = binary('Greater', { since: 7, f: (a, b) => Number(a > b), result: 'bool' })
/** a >= b. */
export const greaterOrEqual = binary('GreaterOrEqual', { since: 12, f: (a, b) => Number(a >= b), result: 'bool' })
/** a = b. */
export const equal = binary('Equal', {
  since: 7,
  f: (a, b) => Number(a === b),
  result: 'bool',
  takes: ['float32', 'float64', 'int64', 'int32', 'bool'],
})
/** Both, of two bool tensors. */
export const and = binary('And', { since: 7, f: (a, b) => a * b, takes: ['bool'] })
/** Either or both, of two bool tensors. */
export const or = binary('Or', { since: 7, f: (a, b) => Math.max(a, b), takes: ['bool'] })

const notOperator = defineOperator<Record<string, never>>({
  name: 'Not',
  inputs: ['X'],
  infer([x]) {
    if (x!.dtype !== 'bool') throw new Error('the input must be bool; compare first')
    return [x!]
  },
  evaluate: ([x]) => [x!.data.map((value) => 1 - value)],
})

/** The opposite of a bool tensor. */
export function not(x: SymbolicTensor): SymbolicTensor {
  return apply(notOperator, [x], {})[0]
}

const whereOperator = defineOperator<Record<string, never>>({
  name: 'Where',
  since: 9,
  inputs: ['condition', 'X', 'Y'],
  infer([condition, a, b]) {
    if (condition!.dtype !== 'bool') throw new Error('the condition must be bool; compare first')
    if (a!.dtype !== b!.dtype) throw new Error('both choices must have the same element type; use cast')
    return [{ dtype: a!.dtype, shape: broadcastShape(condition!.shape, broadcastShape(a!.shape, b!.shape)) }]
  },
  evaluate([condition, a, b], _, [{ shape }]) {
    const [ic, ia, ib] = [condition!, a!, b!].map((value) => broadcastOffsets(value.shape, shape))
    return [Float64Array.from(ic, (offset, i) => (condition!.data[offset] ? a!.data[ia[i]] : b!.data[ib[i]]))]
  },
  differentiate({ inputs: [condition, a, b], cotangents: [g], wanted }) {
    return [
      null,
      wanted[1] ? unbroadcast(where(condition!, g!, 0), a!.shape) : null,
      wanted[2] ? unbroadcast(where(condition!, 0, g!), b!.shape) : null,
    ]
  },
})

/** a where the condition (bool) holds, b elsewhere; all three broadcast. */
export function where(condition: SymbolicTensor, a: Operand, b: Operand): SymbolicTensor {
  const dtype = dtypeAmong(a, b)
  return apply(whereOperator, [condition, lift(a, dtype), lift(b, dtype)], {})[0]
}

/** The smaller of both, elementwise with broadcasting. Where they are equal the derivative goes to the first. */
export const minimum = binary('Min', {
  since: 8,
  f: Math.min,
  pullBack: (g, a, b) => [() => where(lessOrEqual(a, b), g, 0), () => where(less(b, a), g, 0)],
})
/** The larger of both, elementwise with broadcasting. Where they are equal the derivative goes to the first. */
export const maximum = binary('Max', {
  since: 8,
  f: Math.max,
  pullBack: (g, a, b) => [() => where(greaterOrEqual(a, b), g, 0), () => where(greater(b, a), g, 0)],
})

const leaky = unary<{ alpha: number }>('LeakyRelu', {
  since: 6,
  attributes: { alpha: { kind: 'float', default: 0.01 } },
  f: (x, { alpha }) => (x < 0 ? alpha * x : x),
  pullBack: (g, x, _, { alpha }) => where(greater(x, 0), g, mul(g, alpha)),
})

/** x where positive, alpha x elsewhere. */
export function leakyRelu(x: SymbolicTensor, alpha = 0.01): SymbolicTensor {
  return leaky(x, { alpha })
}

const eluOperator = unary<{ alpha: number }>('Elu', {
  since: 6,
  attributes: { alpha: { kind: 'float', default: 1 } },
  f: (x, { alpha }) => (x > 0 ? x : alpha * Math.expm1(x)),
  // Where x <= 0, alpha e^x = y + alpha.
  pullBack: (g, x, y, { alpha }) => where(greater(x, 0), g, mul(g, add(y, alpha))),
})

/** x where positive, alpha (e^x - 1) elsewhere (Clevert, Unterthiner, Hochreiter 2016). */
export function elu(x: SymbolicTensor, alpha = 1): SymbolicTensor {
  return eluOperator(x, { alpha })
}

const clipOperator = defineOperator<Record<string, never>>({
  name: 'Clip',
  since: 11,
  inputs: ['input', 'min?', 'max?'],
  infer([x, low, high]) {
    for (const bound of [low, high]) {
      if (bound && (bound.rank !== 0 || bound.dtype !== x!.dtype)) {
        throw new Error("the bounds must be scalars of the input's element type; use minimum and maximum for tensors")
      }
    }
    const [bottom, top] = [low, high].map((bound) => bound?.constant?.data[0])
    if (bottom !== undefined && top !== undefined && !(bottom <= top)) {
      throw new Error(`the lower bound must not be above the upper one, got ${bottom} and ${top}`)
    }
    return [x!]
  },
  evaluate([x, low, high]) {
    const bottom = low ? low.data[0] : -Infinity
    const top = high ? high.data[0] : Infinity
    return [x!.data.map((value) => Math.min(Math.max(value, bottom), top))]
  },
  differentiate({ inputs: [x, low, high], outputs: [y], cotangents: [g], wanted }) {
    return [
      wanted[0] ? where(equal(x!, y), g!, 0) : null,
      wanted[1] ? reduceSum(where(less(x!, low!), g!, 0)) : null,
      wanted[2] ? reduceSum(where(greater(x!, high!), g!, 0)) : null,
    ]
  },
})

/**
 * x limited to [low, high], numbers or scalar tensors; -Infinity and Infinity leave a side open. Derivative in x: 1 inside and at the
 * bounds, 0 outside. For bounds that broadcast use `minimum` and `maximum`.
 */
export function clip(x: SymbolicTensor, low: Operand, high: Operand): SymbolicTensor {
  const bound = (value: Operand) => (value === -Infinity || value === Infinity ? null : lift(value, x.dtype))
  return apply(clipOperator, [x, bound(low), bound(high)], {})[0]
}
