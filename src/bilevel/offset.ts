/**
 * The offset theta_z - theta_y: what z keeps between iterations, and how far it has converged.
 *
 * z is stationary where H offset + grad f / gamma = 0 (H: the lower Hessian): where the lower gradients' difference has taken up the whole
 * pull of f. A twin that starts at offset 0 feels the pull undiminished. So, with one step from the same optimizer state on the same
 * minibatch with the same pull, and both displacements taken against y's own step,
 *
 *     residual r  = (z' - y') - (z - y)      what is left of the pull, in the optimizer's own metric
 *     pull     r0 = y'(pulled) - y'          the whole of it
 *     converged   = 1 - <r, r0> / <r0, r0>
 *
 * 0 at offset 0, 1 where z is stationary. On a quadratic of one curvature, after k steps of contraction rho, it is 1 - rho^k, the share
 * offset / offset*, exactly; with several curvatures, their mean weighted by the squared pull, so slow directions count. It holds while q
 * moves, unlike the offset's own change. The inner product, unlike the residual's norm, averages out the noise of the minibatch's Hessian.
 */
import type { Vector } from './problem.ts'

export interface OffsetReport {
  /** Euclidean norm of theta_z - theta_y at the end of the iteration. */
  readonly norm: number
  /** norm / |theta_y|. Near the weights' own rounding (float32: 6e-8) the difference of lower gradients drowns: lower gamma. */
  readonly relative: number
  /** Share of the pull that z's offset balanced at the start of the iteration, 0 to 1 (noise can exceed it); null if f does not pull. */
  readonly converged: number | null
  /** |r| / |r0|: the same with noise and slow directions, 1 to 0. */
  readonly residual: number | null
}

/** a - b in float64. */
export function difference(a: Vector, b: Vector): Float64Array {
  const result = new Float64Array(a.length)
  for (let i = 0; i < result.length; i++) result[i] = a[i] - b[i]
  return result
}

/** weights + offset, in the weights' own precision. */
export function displaced(weights: Vector, offset: Float64Array): Vector {
  const moved = weights.slice()
  for (let i = 0; i < moved.length; i++) moved[i] += offset[i]
  return moved
}

export function norm(vector: Vector): number {
  return Math.sqrt(inner(vector, vector))
}

export function inner(a: Vector, b: Vector): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}

/**
 * How much of the pull the offset balances.
 * @param before offset before the step
 * @param after  offset after the step of y and of z
 * @param pull   displacement, against y's step, of a twin that made the pulled step from y
 */
export function offsetConvergence(
  before: Float64Array,
  after: Float64Array,
  pull: Float64Array,
): Pick<OffsetReport, 'converged' | 'residual'> {
  const whole = inner(pull, pull)
  if (whole === 0) return { converged: null, residual: null }
  const left = difference(after, before)
  return { converged: 1 - inner(left, pull) / whole, residual: Math.sqrt(inner(left, left) / whole) }
}
