/** Circular and hyperbolic functions beside sine, cosine and tanh (`elementwise.ts`), and their inverses; angles in radians. */
import type { SymbolicTensor } from '../symbolic.ts'
import { add, div, mul, neg, plain, sqrt, sub } from './elementwise.ts'

const squared = (x: SymbolicTensor) => mul(x, x)

/** Tangent. */
export const tan = plain('Tan', { since: 7, f: Math.tan, pullBack: (g, _, y) => mul(g, add(squared(y), 1)) })
/** Inverse sine of x in [-1, 1]; its derivative at the ends is infinite. */
export const asin = plain('Asin', { since: 7, f: Math.asin, pullBack: (g, x) => div(g, sqrt(sub(1, squared(x)))) })
/** Inverse cosine of x in [-1, 1]; its derivative at the ends is infinite. */
export const acos = plain('Acos', { since: 7, f: Math.acos, pullBack: (g, x) => neg(div(g, sqrt(sub(1, squared(x))))) })
/** Inverse tangent. */
export const atan = plain('Atan', { since: 7, f: Math.atan, pullBack: (g, x) => div(g, add(squared(x), 1)) })
/** Hyperbolic sine. */
export const sinh = plain('Sinh', { since: 9, f: Math.sinh, pullBack: (g, x) => mul(g, cosh(x)) })
/** Hyperbolic cosine. */
export const cosh = plain('Cosh', { since: 9, f: Math.cosh, pullBack: (g, x) => mul(g, sinh(x)) })
/** Inverse hyperbolic sine. */
export const asinh = plain('Asinh', { since: 9, f: Math.asinh, pullBack: (g, x) => div(g, sqrt(add(squared(x), 1))) })
/** Inverse hyperbolic cosine of x >= 1; its derivative at 1 is infinite. */
export const acosh = plain('Acosh', { since: 9, f: Math.acosh, pullBack: (g, x) => div(g, sqrt(sub(squared(x), 1))) })
/** Inverse hyperbolic tangent of x in (-1, 1). */
export const atanh = plain('Atanh', { since: 9, f: Math.atanh, pullBack: (g, x) => div(g, sub(1, squared(x))) })
