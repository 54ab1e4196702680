/** Gradient clipping by the global norm, PyTorch's `clip_grad_norm_`: g min(1, maxNorm / (|g| + 1e-6)). */
import { inputError } from '../../base/index.ts'
import type { SymbolicTensor } from '../../graph/index.ts'
import { add, div, minimum, mul, reduceSum, sqrt } from '../../graph/index.ts'

/** Euclidean norm of a flat gradient [n], a scalar []. */
function gradientNorm(gradient: SymbolicTensor): SymbolicTensor {
  return sqrt(reduceSum(mul(gradient, gradient), [0], false))
}

/**
 * The gradient [n], scaled down to the largest norm where it is longer.
 * @throws `nn.optimizer` unless maxNorm > 0
 */
export function clipGradient(gradient: SymbolicTensor, maxNorm: number): SymbolicTensor {
  if (!(maxNorm > 0)) throw inputError('nn.optimizer', `the largest gradient norm must be above 0, got ${maxNorm}`)
  return mul(gradient, minimum(div(maxNorm, add(gradientNorm(gradient), 1e-6)), 1))
}
