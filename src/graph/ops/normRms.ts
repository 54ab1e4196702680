/**
 * Normalisation by the root mean square (Zhang, Sennrich 2019): over the last axes, y = scale x / sqrt(mean(x^2) + epsilon). Made of other operators:
 * its derivative is theirs.
 */
import type { SymbolicTensor } from '../symbolic.ts'
import { normalAxis } from './broadcast.ts'
import { add, mul, reciprocal, sqrt } from './elementwise.ts'
import type { LayerNormOptions } from './normLayer.ts'
import { reduceMean } from './reduce.ts'
import { allAxes } from './sum.ts'

/** Normalises x over its last axes by their root mean square; the scale broadcasts. */
export function rmsNorm(x: SymbolicTensor, options: Omit<LayerNormOptions, 'bias'> = {}): SymbolicTensor {
  const { axis = -1, scale, epsilon = 1e-5 } = options
  const axes = allAxes(x).slice(normalAxis(axis, x.rank))
  const inverse = reciprocal(sqrt(add(reduceMean(mul(x, x), axes, true), epsilon)))
  const normalized = mul(x, inverse)
  return scale ? mul(normalized, scale) : normalized
}
