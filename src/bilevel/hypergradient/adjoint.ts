/**
 * The adjoint v that carries a derivative in the weights back through the lower problem. With b = grad_theta f, H the Hessian of g in theta, and a
 * step of the lower optimizer theta <- theta - P grad_theta g (P: diagonal, the learning rate over the optimizer's own scaling),
 *
 *     implicit    (H + (K P)^-1) v = b         the minimiser of g, damped so that no direction has moved by more than K steps would
 *     unrolled    v = sum_j<K P u_j,  u_0 = b,  u_j+1 = u_j - H P u_j      K steps from here, as they are made (Neumann's series)
 *
 * With momentum beta (m <- beta m + (1 - beta) grad g, theta <- theta - P m) the series runs over what m carries on as well, so that it stays bounded where
 * training does. What is deployed is the moving average of decay d_k, which K steps move less far than the weights: a step that is followed by n others
 * enters it by 1 - d_K ... d_K-n alone. The series has that in each term; the damped system has the K that gives the series' sum where nothing bends, and of its
 * solution the share that the average goes where everything does.
 * Either way df/dq through the weights is -d_q (grad_theta g . v). In a direction of curvature h, K steps of size P go 1 - (1 - P h)^K of the way, the
 * damped system K P h / (1 + K P h): both K P h where that is small, both 1 where it is large. Hessian products are central differences of gradients on
 * one minibatch: exact on a quadratic, and no second derivatives are needed. (Lorraine, Vicol, Duvenaud, AISTATS 2020, arXiv 1911.02590.)
 */
import { displaced, norm } from '../offset.ts'
import type { Upper, UpperGradient, Vector } from '../problem.ts'
import { conjugateGradients } from './conjugateGradients.ts'
import type { DifferentiableLower } from './differentiable.ts'

/** Where the lower problem is differentiated. */
export interface Place<B extends string, S> {
  readonly state: S
  readonly upper: Upper<B>
}

/** A central difference moves the weights by this share of their norm: far above the rounding of float32 gradients, far below where g bends. */
const REACH = 1e-3

const scaled = (v: Float64Array, factor: number): Float64Array => v.map((value) => factor * value)

/** Values at weights + h v and weights - h v, and h. */
async function bothSides<B extends string, S, Batch, R>(
  lower: DifferentiableLower<B, S, Batch>,
  { state }: Place<B, S>,
  v: Float64Array,
  at: (state: S) => Promise<R>,
): Promise<{ readonly above: R; readonly below: R; readonly h: number }> {
  const weights = lower.weights(state)
  const h = (REACH * (norm(weights) || 1)) / norm(v)
  const moved = (factor: number) => lower.withWeights(state, displaced(weights, scaled(v, factor)))
  return { above: await at(moved(h)), below: await at(moved(-h)), h }
}

/** H v on a minibatch. */
export async function hessianProduct<B extends string, S, Batch>(
  lower: DifferentiableLower<B, S, Batch>,
  place: Place<B, S>,
  batch: Batch,
  v: Float64Array,
): Promise<Float64Array> {
  if (norm(v) === 0) return new Float64Array(v.length)
  const at = (state: S) => lower.gradientInWeights(state, place.upper, batch)
  const { above, below, h } = await bothSides(lower, place, v, at)
  return Float64Array.from(above, (value, i) => (value - below[i]) / (2 * h))
}

/** -d_q (grad_theta g . v) on a minibatch: df/dq through the weights. */
export async function throughWeights<B extends string, S, Batch>(
  lower: DifferentiableLower<B, S, Batch>,
  place: Place<B, S>,
  batch: Batch,
  v: Float64Array,
): Promise<UpperGradient<B>> {
  const found: Partial<Record<B, Float64Array>> = {}
  if (norm(v) === 0) return found
  const at = (state: S) => lower.gradientInUpper(state, place.upper, batch)
  const { above, below, h } = await bothSides(lower, place, v, at)
  for (const block of lower.blocks) {
    found[block] = above[block]?.map((value, i) => ((below[block]?.[i] ?? 0) - value) / (2 * h))
  }
  return found
}

/** How what is deployed follows the weights in the K steps after which f counts. */
export interface Following {
  /** K >= 1. */
  readonly horizon: number
  /** The decay of the moving average in step k, 1 to K, in [0, 1). 0: what is deployed are the weights. */
  readonly decayAt: (k: number) => number
}

/** d_k to d_K from the last step backwards: what a unit of the average's cotangent leaves to the weights of each step, and to the average before it. */
function* cotangents({ horizon, decayAt }: Following): Generator<{ readonly given: number; readonly left: number }> {
  let left = 1
  for (let k = horizon; k >= 1; k--) {
    const given = (1 - decayAt(k)) * left
    left -= given
    yield { given, left }
  }
}

/** Below this share nothing of the average before the K steps is left, in float64. */
const NOTHING = 1e-17

/**
 * How far a gradient that stays reaches in what is deployed, where g does not bend.
 * @returns steps: how many times P; share: of the way to a minimum, where everything bends
 */
export function reachOf(following: Following, momentum = 0): { readonly steps: number; readonly share: number } {
  let [steps, share, entering, remaining] = [0, 0, 0, following.horizon]
  for (const { given, left } of cotangents(following)) {
    share += given
    entering = momentum * entering + (1 - momentum) * share
    steps += entering
    remaining--
    // From here on every step adds the same.
    if (left < NOTHING && 1 - entering < NOTHING) return { steps: steps + remaining, share: 1 }
  }
  return { steps, share }
}

export interface Adjoint {
  readonly v: Float64Array
  /** Of the linear system; null of the series, which has none. */
  readonly residual: number | null
  readonly definite: boolean
}

/** The mean of H p over minibatches. */
async function meanProduct<B extends string, S, Batch>(
  lower: DifferentiableLower<B, S, Batch>,
  place: Place<B, S>,
  batches: readonly Batch[],
  p: Float64Array,
): Promise<Float64Array> {
  const mean = new Float64Array(p.length)
  for (const batch of batches) {
    const product = await hessianProduct(lower, place, batch, p)
    for (let i = 0; i < mean.length; i++) mean[i] += product[i] / batches.length
  }
  return mean
}

/**
 * @param steps   P; where it is 0 v is 0
 * @param batches the minibatches of H, the same at every product
 */
export async function implicitAdjoint<B extends string, S, Batch>(
  lower: DifferentiableLower<B, S, Batch>,
  place: Place<B, S>,
  b: Vector,
  options: {
    readonly steps: Vector
    readonly following: Following
    readonly iterations: number
    readonly batches: readonly Batch[]
  },
): Promise<Adjoint> {
  const { steps, following, iterations, batches } = options
  const reach = reachOf(following, lower.momentum)
  const horizon = reach.steps / reach.share
  const { solution, residual, definite } = await conjugateGradients({
    async apply(p) {
      const product = await meanProduct(lower, place, batches, p)
      return product.map((value, i) => (steps[i] > 0 ? value + p[i] / (horizon * steps[i]) : 0))
    },
    rightSide: b,
    inverseDiagonal: Float64Array.from(steps, (step) => horizon * step),
    damping: Float64Array.from(steps, (step) => (step > 0 ? 1 / (horizon * step) : 0)),
    iterations,
  })
  return { v: scaled(solution, reach.share), residual, definite }
}

/** @param draw the minibatch of H in step j of the series, from 0 */
export async function unrolledAdjoint<B extends string, S, Batch>(
  lower: DifferentiableLower<B, S, Batch>,
  place: Place<B, S>,
  b: Vector,
  options: {
    readonly steps: Vector
    readonly following: Following
    readonly draw: (j: number) => Batch | Promise<Batch>
  },
): Promise<Adjoint> {
  const { steps, following, draw } = options
  const { momentum = 0 } = lower
  const v = new Float64Array(b.length)
  // cotangents, from the last step backwards: of the weights, and of a unit of gradient that enters m
  let u = new Float64Array(b.length)
  let entering = new Float64Array(b.length)
  let j = 0
  for (const { given } of cotangents(following)) {
    if (j > 0) {
      const product = await hessianProduct(lower, place, await draw(j - 1), entering)
      u = u.map((value, i) => value - product[i])
    }
    u = u.map((value, i) => value + given * b[i])
    entering = entering.map((value, i) => momentum * value + (1 - momentum) * steps[i] * u[i])
    for (let i = 0; i < v.length; i++) v[i] += entering[i]
    j++
  }
  return { v, residual: null, definite: true }
}
