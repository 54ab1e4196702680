/** SiLU and its gradient in fewer passes over memory: the engine has x sigmoid(x) as one operator. */
import type { SymbolicTensor } from '../../graph/index.ts'
import { add, mul, sigmoid, sub } from '../../graph/index.ts'
import { quickGelu } from './operators.ts'

/** x sigmoid(x), one pass. */
export function siluOnePass(x: SymbolicTensor): SymbolicTensor {
  return quickGelu(x, 1)
}

/** g silu'(x) = g s (1 + x - y), s = sigmoid(x), y = x s: y is at hand from the forward pass. */
export function siluGradient(x: SymbolicTensor, g: SymbolicTensor): SymbolicTensor {
  return mul(mul(g, sigmoid(x)), add(sub(x, siluOnePass(x)), 1))
}
