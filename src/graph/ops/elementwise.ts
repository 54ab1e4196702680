/** Elementwise arithmetic with numpy broadcasting. A number among the arguments stands for a scalar of the other's element type. */
import type { DType } from '../../base/index.ts'
import { erfOf, inputError } from '../../base/index.ts'
import type { OperatorDefinition } from '../operator.ts'
import { apply, defineOperator } from '../operator.ts'
import type { Attributes, Operator, TensorType } from '../symbolic.ts'
import { type SymbolicTensor, scalar } from '../symbolic.ts'
import { broadcastOffsets, broadcastShape } from './broadcast.ts'
import { unbroadcast } from './sum.ts'

/** A symbolic tensor, or a number that stands for a scalar of the element type of the other argument (float32 without one). */
export type Operand = SymbolicTensor | number

/** An operand as a tensor; a number becomes a scalar of the given element type. @throws `graph.shape` on 0.5 as an integer */
export function lift(operand: Operand, dtype: DType = 'float32'): SymbolicTensor {
  if (typeof operand === 'number' && !dtype.startsWith('float') && !Number.isInteger(operand)) {
    throw inputError(
      'graph.shape',
      `a number beside an ${dtype} tensor must be an integer, got ${operand}; cast the tensor`,
    )
  }
  return typeof operand === 'number' ? scalar(operand, dtype) : operand
}

/** Element type of the first operand that is a tensor; float32 without one. */
export function dtypeAmong(...operands: readonly Operand[]): DType {
  return operands.find((operand) => typeof operand !== 'number')?.dtype ?? 'float32'
}

/** Whether a type is of floating point numbers. */
export function isFloat(type: TensorType): boolean {
  return type.dtype === 'float32' || type.dtype === 'float64'
}

interface BinaryRule {
  readonly f: (a: number, b: number) => number
  /** What integers do, where it differs. */
  readonly integer?: (a: number, b: number) => number
  /** Cotangents of both inputs before broadcasting is undone. Absent: not differentiable. */
  readonly pullBack?: (
    g: SymbolicTensor,
    a: SymbolicTensor,
    b: SymbolicTensor,
    y: SymbolicTensor,
  ) => readonly [() => SymbolicTensor, () => SymbolicTensor]
  /** First operator set with this form. */
  readonly since: number
  /** Element type of the result, where it is not that of the inputs. */
  readonly result?: 'bool'
  /** Element types allowed; all but bool if absent. */
  readonly takes?: readonly DType[]
}

/** Defines a broadcasting operator of two inputs of one element type. */
export function binary(name: string, rule: BinaryRule): (a: Operand, b: Operand) => SymbolicTensor {
  const { f, integer = f, pullBack, takes, since } = rule
  const operator: Operator<Record<string, never>> = defineOperator<Record<string, never>>({
    name,
    since,
    inputs: ['A', 'B'],
    infer([a, b]) {
      if (a!.dtype !== b!.dtype) throw new Error('both inputs must have the same element type; use cast')
      if (takes ? !takes.includes(a!.dtype) : a!.dtype === 'bool') {
        throw new Error(`the inputs must be ${takes?.join(' or ') ?? 'numbers'}; use cast`)
      }
      return [{ dtype: rule.result ?? a!.dtype, shape: broadcastShape(a!.shape, b!.shape) }]
    },
    evaluate([a, b], _, [type]) {
      const ia = broadcastOffsets(a!.shape, type.shape)
      const ib = broadcastOffsets(b!.shape, type.shape)
      const y = new Float64Array(ia.length)
      const function_ = isFloat(a!) ? f : integer
      for (let i = 0; i < y.length; i++) y[i] = function_(a!.data[ia[i]], b!.data[ib[i]])
      return [y]
    },
    ...(pullBack && {
      differentiate({ inputs: [a, b], outputs: [y], cotangents: [g], wanted }) {
        const [da, db] = pullBack(g!, a!, b!, y)
        return [wanted[0] ? unbroadcast(da(), a!.shape) : null, wanted[1] ? unbroadcast(db(), b!.shape) : null]
      },
    }),
  })
  return (a, b) => {
    const dtype = dtypeAmong(a, b)
    return apply(operator, [lift(a, dtype), lift(b, dtype)], {})[0]
  }
}

/** a + b. */
export const add = binary('Add', { since: 7, f: (a, b) => a + b, pullBack: (g) => [() => g, () => g] })
/** a - b. */
export const sub = binary('Sub', { since: 7, f: (a, b) => a - b, pullBack: (g) => [() => g, () => neg(g)] })
/** a b. */
export const mul = binary('Mul', {
  since: 7,
  f: (a, b) => a * b,
  pullBack: (g, a, b) => [() => mul(g, b), () => mul(g, a)],
})
/** a / b; integers round towards zero. */
export const div = binary('Div', {
  since: 7,
  f: (a, b) => a / b,
  integer: (a, b) => Math.trunc(a / b),
  pullBack: (g, _, b, y) => [() => div(g, b), () => neg(mul(div(g, b), y))],
})
/** a to the power b. The derivative in b needs a > 0. */
export const pow = binary('Pow', {
  since: 7,
  f: (a, b) => a ** b,
  pullBack: (g, a, b, y) => [
    () => (constantNumber(b) === 2 ? mul(mul(g, 2), a) : mul(g, mul(b, pow(a, lowered(b))))),
    () => mul(g, mul(y, log(a))),
  ],
})

/** The number in a constant of one element. */
function constantNumber(value: SymbolicTensor): number | undefined {
  return value.constant && value.size === 1 ? Number(value.constant.data[0]) : undefined
}

/** An exponent less one; the exponent 0.5 becomes the constant -0.5 and so on. */
function lowered(exponent: SymbolicTensor): SymbolicTensor {
  const known = constantNumber(exponent)
  return known === undefined || exponent.rank > 0 ? sub(exponent, 1) : scalar(known - 1, exponent.dtype)
}

interface UnaryRule<A extends Attributes> {
  readonly f: (x: number, attributes: A) => number
  readonly pullBack?: (g: SymbolicTensor, x: SymbolicTensor, y: SymbolicTensor, attributes: A) => SymbolicTensor
  /** Whether integers are allowed. */
  readonly integers?: boolean
  /** A step function, in the place of a derivative. */
  readonly isStep?: boolean
  /** First operator set with this form. */
  readonly since: number
  readonly attributes?: OperatorDefinition<A>['attributes']
}

/** Defines an elementwise operator of one input. */
export function unary<A extends Attributes = Record<string, never>>(
  name: string,
  { f, pullBack, integers = false, isStep = false, since, attributes = {} }: UnaryRule<A>,
): (x: SymbolicTensor, attributes: A) => SymbolicTensor {
  const operator = defineOperator<A>({
    name,
    since,
    inputs: ['X'],
    attributes,
    infer([x]) {
      if (!isFloat(x!) && (!integers || x!.dtype === 'bool')) throw new Error('the input must be float; use cast')
      return [x!]
    },
    evaluate: ([x], values) => [x!.data.map((element) => f(element, values))],
    ...(isStep && { isStep }),
    ...(pullBack && {
      differentiate: ({ inputs: [x], outputs: [y], cotangents: [g], attributes: values }) => [
        pullBack(g!, x!, y, values),
      ],
    }),
  })
  return (x, values) => apply(operator, [x], values)[0]
}

/** The same without attributes. */
export function plain(name: string, rule: UnaryRule<Record<string, never>>): (x: SymbolicTensor) => SymbolicTensor {
  const call = unary(name, rule)
  return (x) => call(x, {})
}

/** -x. */
export const neg = plain('Neg', { since: 6, f: (x) => -x, integers: true, pullBack: (g) => neg(g) })
/** e to the power x. */
export const exp = plain('Exp', { since: 6, f: Math.exp, pullBack: (g, _, y) => mul(g, y) })
/** Natural logarithm. */
export const log = plain('Log', { since: 6, f: Math.log, pullBack: (g, x) => div(g, x) })
/** Square root; its derivative at 0 is infinite. */
export const sqrt = plain('Sqrt', { since: 6, f: Math.sqrt, pullBack: (g, _, y) => div(mul(g, 0.5), y) })
/** 1 / x. */
export const reciprocal = plain('Reciprocal', {
  since: 6,
  f: (x) => 1 / x,
  pullBack: (g, _, y) => neg(mul(g, mul(y, y))),
})
/** Sine of radians. */
export const sin = plain('Sin', { since: 7, f: Math.sin, pullBack: (g, x) => mul(g, cos(x)) })
/** Cosine of radians. */
export const cos = plain('Cos', { since: 7, f: Math.cos, pullBack: (g, x) => neg(mul(g, sin(x))) })
/** Hyperbolic tangent. */
export const tanh = plain('Tanh', { since: 6, f: Math.tanh, pullBack: (g, _, y) => mul(g, sub(1, mul(y, y))) })
/** 1 / (1 + e^-x). */
export const sigmoid = plain('Sigmoid', {
  since: 6,
  f: (x) => 1 / (1 + Math.exp(-x)),
  pullBack: (g, _, y) => mul(g, mul(y, sub(1, y))),
})
/** Absolute value; the derivative at 0 is taken as 0. */
export const abs = plain('Abs', { since: 6, f: Math.abs, integers: true, pullBack: (g, x) => mul(g, sign(x)) })
/** -1, 0 or 1. Its derivative, 0 almost everywhere, is refused: it would hide a mistake. */
export const sign = plain('Sign', { since: 9, f: Math.sign, integers: true, isStep: true })
/** The largest integer not above x; no derivative. */
export const floor = plain('Floor', { since: 6, f: Math.floor, isStep: true })
/** The smallest integer not below x; no derivative. */
export const ceil = plain('Ceil', { since: 6, f: Math.ceil, isStep: true })
/** The nearest integer, of two equally near ones the even; no derivative. */
export const round = plain('Round', { since: 11, f: roundToEven, isStep: true })
/** Error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x. */
export const erf = plain('Erf', {
  since: 9,
  f: erfOf,
  pullBack: (g, x) => mul(mul(g, 2 / Math.sqrt(Math.PI)), exp(neg(mul(x, x)))),
})
/** max(x, 0); the derivative at 0 is taken as 0. */
export const relu = plain('Relu', { since: 6, f: (x) => Math.max(x, 0), pullBack: (g, _, y) => mul(g, sign(y)) })
/** log(1 + e^x). */
export const softplus = plain('Softplus', {
  since: 1,
  f: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  pullBack: (g, x) => mul(g, sigmoid(x)),
})

/** x squared. */
export function square(x: SymbolicTensor): SymbolicTensor {
  return pow(x, 2)
}

function roundToEven(x: number): number {
  const below = Math.floor(x)
  if (x - below !== 0.5) return Math.round(x)
  return below % 2 === 0 ? below : below + 1
}
