/** SiLU and its gradient in fewer passes over memory: the engine has x sigmoid(x) as one operator. */
import type { SymbolicTensor } from '../../graph/index.ts'
import { add, mul, sigmoid, sub } from '../../graph/index.ts'
import { quickGelu } from './operators.ts'

/** x sigmoid(x), one pass. */
export function siluOnePass(x: SymbolicTensor): SymbolicTensor {
  return quickGelu(x, 1)
}

/**
 * g silu'(x) = g s (1 + x - y), s = sigmoid(x), y = x s.
 * @param hasSilu whether y is at hand from the forward pass; otherwise a product is cheaper
 */
export function siluGradient(x: SymbolicTensor, g: SymbolicTensor, hasSilu: boolean): SymbolicTensor {
  const s = sigmoid(x)
  const y = hasSilu ? siluOnePass(x) : mul(x, s)
  return mul(mul(g, s), add(sub(x, y), 1))
}
