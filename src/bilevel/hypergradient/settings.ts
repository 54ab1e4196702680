/** What decides an `implicit` or `unrolled` hypergradient. */
import { inputError } from '../../base/index.ts'
import type { GradientEstimator } from '../estimators/estimator.ts'

/** Ways to the derivative of f through the lower problem. */
export const HYPERGRADIENTS = ['penalty', 'implicit', 'unrolled'] as const
export type HypergradientName = (typeof HYPERGRADIENTS)[number]

/**
 * What stands for the Hessian of g: `hessian`, or where the lower problem gives its own targets (`ownTargets`) the Gauss-Newton matrix, without the part that the
 * residuals put in: it has no negative curvature, which at weights in training the Hessian has.
 */
export const CURVATURES = ['gauss-newton', 'hessian'] as const
export type Curvature = (typeof CURVATURES)[number]

/** How much goes into one `implicit` or `unrolled` hypergradient. */
export interface LinearSettings {
  /** Independent estimates, each with samples and minibatches of its own; their spread is the standard error. >= 2. */
  readonly replicates: number
  /** K >= 1: the steps of the lower problem after which f counts, or a function of the iteration (from 1). */
  readonly horizon: number | ((iteration: number) => number)
  /** `implicit`: products of conjugate gradients, >= 1, and minibatches of the Hessian, >= 1, in each replicate. */
  readonly iterations: number
  readonly hessianBatches: number
  /** Default `gauss-newton`; `hessian` where the lower problem has no own targets. */
  readonly curvature: Curvature
  /** Minibatches of the mixed derivative in each replicate, >= 1. */
  readonly mixedBatches: number
}

/** Eight minibatches of the Hessian and 48 of the mixed derivative in all. */
export const LINEAR_DEFAULTS: LinearSettings = {
  replicates: 4,
  horizon: 100,
  iterations: 7,
  hessianBatches: 2,
  curvature: 'gauss-newton',
  mixedBatches: 12,
}

/** @throws `bilevel.hypergradient` on a number that is not whole or too small, or another curvature */
export function checkLinear(linear: LinearSettings): void {
  const least = { replicates: 2, iterations: 1, hessianBatches: 1, mixedBatches: 1 } as const
  for (const key of Object.keys(least) as (keyof typeof least)[]) {
    if (Number.isInteger(linear[key]) && linear[key] >= least[key]) continue
    throw inputError('bilevel.hypergradient', `${key} must be a whole number from ${least[key]}, got ${linear[key]}`)
  }
  if (!CURVATURES.includes(linear.curvature)) {
    throw inputError('bilevel.hypergradient', `curvature must be ${CURVATURES.join(' or ')}, got ${linear.curvature}`)
  }
  horizonAt(linear, 1)
}

/** K of an iteration, from 1. @throws `bilevel.hypergradient` unless it is a whole number from 1 */
export function horizonAt({ horizon }: LinearSettings, iteration: number): number {
  const value = typeof horizon === 'number' ? horizon : horizon(iteration)
  if (Number.isInteger(value) && value >= 1) return value
  throw inputError(
    'bilevel.hypergradient',
    `the horizon must be a whole number of steps from 1, got ${value} at iteration ${iteration}`,
  )
}

/** Whether df/dq comes with df/dtheta, for the cost of the latter. */
export const givesBoth = (of: {
  readonly estimator: Pick<GradientEstimator, 'name'>
  readonly weightsEstimator: Pick<GradientEstimator, 'name'>
}): boolean => of.estimator.name === 'backpropagation' && of.weightsEstimator.name === 'backpropagation'
