/**
 * Smooth activations as composite operators with their own compact derivative, so that a runtime may run either in one pass.
 * SiLU(x) = x sigmoid(x); GELU(x) = x Phi(x), Phi the distribution function of the standard normal (Hendrycks, Gimpel 2016).
 */
import { normalCdf, sameShape } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { Operator, SymbolicTensor } from '../symbolic.ts'
import { add, erf, exp, isFloat, mul, sigmoid, sub } from './elementwise.ts'

interface Activation {
  readonly f: (x: number) => number
  readonly slope: (x: number) => number
  readonly expand: (x: SymbolicTensor) => SymbolicTensor
  readonly expandSlope: (x: SymbolicTensor, g: SymbolicTensor) => SymbolicTensor
}

function activation(
  name: string,
  { f, slope, expand, expandSlope }: Activation,
): (x: SymbolicTensor) => SymbolicTensor {
  const gradient: Operator<Record<string, never>> = defineOperator<Record<string, never>>({
    name: `${name}Gradient`,
    domain: 'composite',
    infer([x, g]) {
      if (!sameShape(x!.shape, g!.shape)) throw new Error(`the cotangent must be [${x!.shape}], got [${g!.shape}]`)
      return [x!]
    },
    evaluate: ([x, g]) => [g!.data.map((value, i) => value * slope(x!.data[i]))],
    expand: ([x, g]) => [expandSlope(x!, g!)],
  })
  const operator: Operator<Record<string, never>> = defineOperator<Record<string, never>>({
    name,
    domain: 'composite',
    infer([x]) {
      if (!isFloat(x!)) throw new Error('the input must be float; use cast')
      return [x!]
    },
    evaluate: ([x]) => [x!.data.map(f)],
    differentiate: ({ inputs: [x], cotangents: [g] }) => apply(gradient, [x, g], {}),
    expand: ([x]) => [expand(x!)],
  })
  return (x) => apply(operator, [x], {})[0]
}

const logistic = (x: number) => 1 / (1 + Math.exp(-x))

/** x sigmoid(x), elementwise; also called swish. */
export const silu = activation('Silu', {
  f: (x) => x * logistic(x),
  slope: (x) => logistic(x) * (1 + x * logistic(-x)),
  expand: (x) => mul(x, sigmoid(x)),
  // With s = sigmoid(x) and y = x s, both at hand from the forward pass: d(x s)/dx = s + x s (1 - s) = y + s (1 - y).
  expandSlope(x, g) {
    const s = sigmoid(x)
    const y = mul(x, s)
    return mul(g, add(y, mul(s, sub(1, y))))
  },
})

const normalDensity = (x: number) => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI)

const distribution = (x: SymbolicTensor) => mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5)

/** x Phi(x), elementwise, by the error function (not the tanh approximation). */
export const gelu = activation('Gelu', {
  f: (x) => x * normalCdf(x),
  slope: (x) => normalCdf(x) + x * normalDensity(x),
  expand: (x) => mul(x, distribution(x)),
  expandSlope(x, g) {
    const density = mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI))
    return mul(g, add(distribution(x), mul(x, density)))
  },
})

/** u(x) = sqrt(2 / pi) (x + CUBIC x^3): tanh u is close to erf(x / sqrt 2). */
const CUBIC = 0.044715
const LINEAR = Math.sqrt(2 / Math.PI)

/** 2 u(x) by way of x^2, which the derivative needs too. */
const twiceU = (x: SymbolicTensor, squared: SymbolicTensor) => mul(x, add(mul(squared, 2 * LINEAR * CUBIC), 2 * LINEAR))

/** GELU by the hyperbolic tangent, x (1 + tanh u) / 2 = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3); elementwise. */
export const geluTanh = activation('GeluTanh', {
  f: (x) => x * logistic(2 * LINEAR * (x + CUBIC * x ** 3)),
  slope(x) {
    const s = logistic(2 * LINEAR * (x + CUBIC * x ** 3))
    return s + x * s * (1 - s) * 2 * LINEAR * (1 + 3 * CUBIC * x * x)
  },
  expand: (x) => mul(x, sigmoid(twiceU(x, mul(x, x)))),
  // With s = sigmoid(2 u) and y = x s: s + y (1 - s) 2 u'(x).
  expandSlope(x, g) {
    const squared = mul(x, x)
    const s = sigmoid(twiceU(x, squared))
    const slope = add(mul(squared, 6 * LINEAR * CUBIC), 2 * LINEAR)
    return mul(g, add(s, mul(mul(mul(x, s), sub(1, s)), slope)))
  },
})
