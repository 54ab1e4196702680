/**
 * What an estimator of the upper objective's gradient is. One method per file; all take a point (q, p), name what is random by key and
 * seed, perturb in units of each parameter's scale, and keep their state outside.
 */
import { inputError, randomStream } from '../../base/index.ts'
import type { Blocks, Upper, UpperCost, UpperGradient, UpperObjective, Vector, WeightAccess } from '../problem.ts'
import { project } from '../projection.ts'

export type EstimatorName = 'backpropagation' | 'two-point' | 'one-point' | 'coordinate'

/** State between calls: how many directions were drawn, and the last value (one-point). */
export interface EstimatorState {
  readonly draws: number
  readonly previous: number | null
}

export const ESTIMATOR_START: EstimatorState = { draws: 0, previous: null }

export interface EstimatorCall<B extends string, S> {
  readonly objective: UpperObjective<B, S>
  readonly blocks: Blocks<B>
  readonly upper: Upper<B>
  readonly lower: S
  /** In which blocks. */
  readonly wanted: readonly B[]
  /** In the weights too, reached this way; null: not. */
  readonly weights: WeightAccess<S> | null
  /** Names the samples: all evaluations of one call share it. */
  readonly sampleKey: number
  /** Seed of the directions. */
  readonly seed: number
  readonly state: EstimatorState
}

export interface Estimate<B extends string> {
  /** f near the point (at it for backpropagation, else the mean of the evaluations made). */
  readonly value: number
  readonly upper: UpperGradient<B>
  readonly weights: Vector | null
  /** False where the call only primed the state: there is no gradient yet (zeros). */
  readonly ready: boolean
  /** Network evaluations spent. */
  readonly evaluations: number
  readonly state: EstimatorState
}

/** The place of a call. */
export function placeOf<B extends string, S>({
  objective,
  upper,
  wanted,
  weights,
}: EstimatorCall<B, S>): EstimatorPlace {
  const parameters = wanted.reduce((sum, block) => sum + upper[block].length, 0)
  return { upper: objective.cost, parameters, weights: weights !== null }
}

/** What of an estimate decides its cost. */
export interface EstimatorPlace {
  /** Of the upper objective. */
  readonly upper: UpperCost
  /** Number of upper variables that are wanted. */
  readonly parameters: number
  /** Whether the derivative in the weights is wanted. */
  readonly weights: boolean
}

export interface EstimateCost {
  /** Network evaluations. */
  readonly total: number
  /** Of them in derivatives, forward passes that are made again included. */
  readonly derivative: number
}

export interface GradientEstimator {
  readonly name: EstimatorName
  /** Whether `objective.gradient` must exist. */
  readonly needsDerivative: boolean
  /** Whether it can differentiate in the weights. */
  readonly inWeights: boolean
  /** Perturbation in units of scale; absent where there is none. */
  readonly delta?: number
  /** What one `estimate` takes, all told; coordinate differences: where every wanted parameter can move. */
  cost(place: EstimatorPlace): EstimateCost
  estimate<B extends string, S>(call: EstimatorCall<B, S>): Promise<Estimate<B>>
}

/** Relative size of perturbations. */
export interface PerturbationSettings {
  /** Perturbation in units of each parameter's scale (weights: of `weightScale`). */
  readonly delta: number
}

/** Refuses a perturbation that is no positive number. @throws `bilevel.delta` */
export function checkDelta(delta: number): number {
  if (delta > 0 && Number.isFinite(delta)) return delta
  throw inputError('bilevel.delta', `a perturbation must be positive, in units of the step scale, got ${delta}`)
}

/** u ~ N(0, I) in everything that is wanted, in units of scale. */
export interface Direction<B extends string> {
  readonly upper: UpperGradient<B>
  readonly weights: Float64Array | null
}

/** The direction of draw number `state.draws`. */
export function drawDirection<B extends string, S>(call: EstimatorCall<B, S>): Direction<B> {
  const normal = (item: number, size: number) =>
    randomStream({ seed: call.seed, purpose: 'bilevel.direction', step: call.state.draws, item }).normal(
      new Float64Array(size),
    )
  const upper: Partial<Record<B, Float64Array>> = {}
  call.wanted.forEach((block, i) => {
    upper[block] = normal(i + 1, call.upper[block].length)
  })
  const size = call.weights?.weights(call.lower).length
  return { upper, weights: size === undefined ? null : normal(0, size) }
}

/**
 * f at the point moved by `distance` along a direction, the same samples at both. Upper variables are projected to their feasible set: in a
 * parameter that sits on its edge the estimate loses half its size, never its sign.
 */
export function valueAlong<B extends string, S>(
  call: EstimatorCall<B, S>,
  direction: Direction<B>,
  distance: number,
): Promise<number> {
  const upper: Record<B, Float64Array> = { ...call.upper }
  for (const block of call.wanted) {
    const { scale } = call.blocks[block]
    const u = direction.upper[block] as Float64Array
    upper[block] = project(
      call.blocks[block],
      call.upper[block].map((v, i) => v + distance * scale[i] * u[i]),
    )
  }
  let lower = call.lower
  if (call.weights && direction.weights) {
    const moved = call.weights.weights(lower).slice()
    const step = distance * (call.weights.weightScale ?? 1)
    for (let i = 0; i < moved.length; i++) moved[i] += step * direction.weights[i]
    lower = call.weights.withWeights(lower, moved)
  }
  return call.objective.value(upper, lower, call.sampleKey)
}

/** The gradient slope u / scale: slope is the derivative along u in units of scale. */
export function alongDirection<B extends string, S>(
  call: EstimatorCall<B, S>,
  direction: Direction<B>,
  slope: number,
): { readonly upper: UpperGradient<B>; readonly weights: Float64Array | null } {
  const upper: Partial<Record<B, Float64Array>> = {}
  for (const block of call.wanted) {
    const { scale } = call.blocks[block]
    upper[block] = (direction.upper[block] as Float64Array).map((u, i) => (slope * u) / scale[i])
  }
  const weightScale = call.weights?.weightScale ?? 1
  return { upper, weights: direction.weights?.map((u) => (slope * u) / weightScale) ?? null }
}
