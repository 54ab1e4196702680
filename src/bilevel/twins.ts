/**
 * The two lower solutions of a trained problem, steps 1 and 2 of the algorithm: y descends g; z, its twin, descends g + f/gamma beside it
 * on the same minibatches. z starts each iteration at theta_y + offset with copies of y's optimizer state and statistics, and what the pull has put into its momentum, so the only
 * difference between the two is the pull of f: without it theta_z = theta_y to the bit, and the penalty gradient of g is exactly 0.
 * (With steps of its own z would be better trained than y, and gamma times that difference is not a gradient of anything.)
 */
import { failure } from '../base/index.ts'
import { emaDecay } from '../nn/index.ts'
import type { OffsetReport } from './offset.ts'
import { difference, displaced, norm, offsetConvergence } from './offset.ts'
import type { TrainedLower, Upper, Vector } from './problem.ts'

/** The trained part of a tuning state. */
export interface TrainedState<S> {
  /** y: weights, optimizer state, statistics. */
  readonly y: S
  /** Moving average of theta_y: what is deployed. */
  readonly average: Vector
  /** theta_z - theta_y. */
  readonly offset: Float64Array
  /** The same of the optimizer's running gradient; absent before the first pull, and where the lower problem does not tell it. */
  readonly momentumOffset?: Float64Array
  /** Steps y has made. */
  readonly steps: number
}

/** What both need at every step. */
export interface Training<B extends string, S, Batch> {
  readonly lower: TrainedLower<B, S, Batch>
  readonly upper: Upper<B>
  /** Largest decay of the moving average. */
  readonly averageDecay: number
}

export function trainedStart<B extends string, S, Batch>(lower: TrainedLower<B, S, Batch>): TrainedState<S> {
  const weights = lower.weights(lower.initial)
  return { y: lower.initial, average: weights.slice(), offset: new Float64Array(weights.length), steps: 0 }
}

export interface Stepped<S> {
  readonly state: TrainedState<S>
  /** g before the step. */
  readonly loss: number
}

/** One step of y on a minibatch, and its average. @throws `bilevel.diverged` if the loss is no finite number */
export async function stepY<B extends string, S, Batch>(
  { lower, upper, averageDecay }: Training<B, S, Batch>,
  state: TrainedState<S>,
  batch: Batch,
): Promise<Stepped<S>> {
  const { state: y, loss } = await lower.step(state.y, upper, batch, null)
  if (!Number.isFinite(loss)) {
    const message = `the lower loss must stay finite, got ${loss} at training step ${state.steps}: try a lower learning rate or stronger gradient clipping`
    throw failure('bilevel.diverged', message)
  }
  const decay = emaDecay(state.steps + 1, averageDecay)
  const weights = lower.weights(y)
  const average = state.average.slice()
  for (let i = 0; i < average.length; i++) average[i] += (1 - decay) * (weights[i] - average[i])
  return { state: { ...state, y, average, steps: state.steps + 1 }, loss }
}

export interface Twins<S> {
  readonly state: TrainedState<S>
  readonly z: S
  /** g at y before its last step. */
  readonly loss: number
  readonly offset: OffsetReport
  /** Lower steps made, all told. */
  readonly steps: number
}

/**
 * Step 2: J steps of y and of z.
 * @param batches J minibatches, each used by both
 * @param pull    grad f(theta_z) / gamma of the j-th step; null: none yet
 * @param report  measure how far the offset has converged: one more lower step, two where z keeps its momentum
 */
export async function trainTwins<B extends string, S, Batch>(
  training: Training<B, S, Batch>,
  start: TrainedState<S>,
  batches: readonly Batch[],
  pull: (z: S) => Promise<Vector | null>,
  report: boolean,
): Promise<Twins<S>> {
  const { lower, upper } = training
  const offsetOf = (z: S, y: S) => difference(lower.weights(z), lower.weights(y))
  let state = start
  const momentum = lower.runningGradient
  let z = lower.withWeights(start.y, displaced(lower.weights(start.y), start.offset))
  if (momentum && start.momentumOffset) {
    z = momentum.replace(z, displaced(momentum.read(start.y), start.momentumOffset))
  }
  let loss = Number.NaN
  let steps = 0
  let convergence: Pick<OffsetReport, 'converged' | 'residual'> = { converged: null, residual: null }
  for (const [j, batch] of batches.entries()) {
    const extra = await pull(z)
    const before = state
    ;({ state, loss } = await stepY(training, before, batch))
    const { state: zNext } = await lower.step(z, upper, batch, extra)
    steps += 2
    if (report && j === 0 && extra) {
      const { state: pulled } = await lower.step(before.y, upper, batch, extra)
      // what is left of the pull is told by a step with y's own momentum
      const probed = momentum
        ? await lower.step(momentum.replace(z, momentum.read(before.y)), upper, batch, extra)
        : null
      steps += momentum ? 2 : 1
      const next = probed?.state ?? zNext
      convergence = offsetConvergence(offsetOf(z, before.y), offsetOf(next, state.y), offsetOf(pulled, state.y))
    }
    z = zNext
  }
  const offset = offsetOf(z, state.y)
  const size = norm(offset)
  const weights = norm(lower.weights(state.y))
  return {
    state: {
      ...state,
      offset,
      ...(momentum && { momentumOffset: difference(momentum.read(z), momentum.read(state.y)) }),
    },
    z,
    loss,
    steps,
    offset: { norm: size, relative: weights === 0 ? 0 : size / weights, ...convergence },
  }
}
