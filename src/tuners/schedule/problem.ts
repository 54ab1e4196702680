/**
 * Schedule learning as bilevel problems:
 *
 *     min_q FID(generated(theta, q))   subject to   theta in argmin_theta L_SM(theta, q)
 *
 * `sampling`: the network is frozen and q is the sampling schedule alone (any pretrained model). `tied`: one schedule for training and
 * sampling, the published problem. `both`: the training schedule enters the lower level alone, the sampling schedule the upper alone,
 * and the penalty gradient splits.
 */
import type { BilevelProblem, Order, TrainedLower, UpperBlock, UpperObjective, Vector } from '../../bilevel/index.ts'
import { boxWithOrder } from '../../bilevel/index.ts'
import type {
  CompiledDenoiser,
  Minibatch,
  ParameterBox,
  ScheduleFamily,
  Trainer,
  TrainingFamily,
  TrainingState,
} from '../../diffusion/index.ts'
import { pullBackDraw } from '../../diffusion/index.ts'
import { lossGradientCost, lossPredictionCost, lowerGradientCost, settlingCost, trainingStepCost } from './cost.ts'
import type { Objective } from './objectives/objective.ts'

/** Upper variables: one schedule for both levels, or one for each. */
export type TiedBlock = 'schedule'
export type SplitBlock = 'trainingSchedule' | 'samplingSchedule'

/** Unit of two-point and one-point perturbations of the weights, some percent of a trained weight: a network survives it in all of them at once. */
const WEIGHT_SCALE = 2e-3

function block({ names, initial, low, high, scale }: ParameterBox): UpperBlock {
  const box = { names, initial, low, high, scale }
  const order = orderOf(box)
  return order ? { ...box, project: boxWithOrder(box, [order]) } : box
}

/**
 * The families' own boxes keep start below end; one that was widened to where learning starts may not. They then stay apart by the
 * smaller of a scale of end and half of what lies between them at the start.
 */
function orderOf({ names, initial, low, high, scale }: ParameterBox): Order | null {
  const [below, above] = [names.indexOf('start'), names.indexOf('end')]
  if (below < 0 || above < 0 || high[below] < low[above]) return null
  return { below, above, margin: Math.min(scale[above], (initial[above] - initial[below]) / 2) }
}

/** The network frozen: q is a sampling schedule, and the upper objective is all there is. */
export function samplingProblem(
  objective: Objective,
  family: ScheduleFamily,
): BilevelProblem<'samplingSchedule', null, never> {
  const { differentiable } = objective
  const upper: UpperObjective<'samplingSchedule', null> = {
    blocks: ['samplingSchedule'],
    cost: objective.cost(family.steps),
    value: ({ samplingSchedule }, _, key) => objective.value(family.toSchedule(samplingSchedule), key),
    ...(differentiable && {
      async gradient({ samplingSchedule }, _, key) {
        const found = await objective.gradient(family.toSchedule(samplingSchedule), key)
        return { value: found.value, upper: { samplingSchedule: family.pullBack(samplingSchedule, found) } }
      },
    }),
  }
  return { blocks: { samplingSchedule: block(family) }, objective: upper, lower: { kind: 'frozen', state: null } }
}

/** What the trained problems are made of. The objective's denoiser must be `fed`: its weights change. */
export interface TrainedProblemParts {
  readonly trainer: Trainer
  readonly objective: Objective
  readonly denoiser: CompiledDenoiser
  /** The family of the training schedule. */
  readonly training: TrainingFamily
  /** The family of the sampling schedule; `tied`: the same parameters read at the sampling times. */
  readonly sampling: ScheduleFamily
  readonly learningRate: (step: number) => number
  /** Where the lower level starts. */
  readonly initial: TrainingState
}

/** One schedule for training and sampling: the published problem. */
export function tiedProblem(parts: TrainedProblemParts): BilevelProblem<TiedBlock, TrainingState, Minibatch> {
  return {
    blocks: { schedule: block(parts.training) },
    objective: upperObjective(parts, 'schedule'),
    lower: lowerProblem(parts, 'schedule'),
  }
}

/** Training schedule by the penalty, sampling schedule by the upper objective. */
export function splitProblem(parts: TrainedProblemParts): BilevelProblem<SplitBlock, TrainingState, Minibatch> {
  return {
    blocks: { trainingSchedule: block(parts.training), samplingSchedule: block(parts.sampling) },
    objective: upperObjective<SplitBlock, 'samplingSchedule'>(parts, 'samplingSchedule'),
    lower: lowerProblem<SplitBlock, 'trainingSchedule'>(parts, 'trainingSchedule'),
  }
}

function upperObjective<B extends string, K extends B>(
  { objective, denoiser, sampling }: TrainedProblemParts,
  name: K,
): UpperObjective<B, TrainingState> {
  return {
    blocks: [name],
    cost: objective.cost(sampling.steps),
    value(upper, state, key) {
      denoiser.setState(state)
      return objective.value(sampling.toSchedule(upper[name]), key)
    },
    async gradient(upper, state, key, wanted) {
      denoiser.setState(state)
      const found = await objective.gradient(sampling.toSchedule(upper[name]), key, wanted.weights)
      return {
        value: found.value,
        upper: { [name]: sampling.pullBack(upper[name], found) } as Record<B, Float64Array>,
        ...(found.dWeights && { weights: found.dWeights }),
      }
    },
  }
}

function lowerProblem<B extends string, K extends B>(
  { trainer, training, learningRate, initial }: TrainedProblemParts,
  name: K,
): TrainedLower<B, TrainingState, Minibatch> {
  const { momentumSlot } = trainer.options.optimizer
  const settles = trainer.options.network.statistics.length > 0
  const scheduleAt = memoised((vector: Float64Array) => training.toSchedule(vector))
  return {
    kind: 'trained',
    blocks: [name],
    initial,
    cost: {
      step: trainingStepCost(trainer),
      gradientInUpper: lowerGradientCost(trainer),
      gradientInWeights: lossGradientCost(trainer),
      ownTargets: lossPredictionCost(trainer),
      ...(settles && { settle: settlingCost(trainer) }),
    },
    draw: (draw) => trainer.draw(draw),
    weights: (state) => state.weights,
    withWeights: (state, weights) => ({ ...state, weights: Float32Array.from(weights) }),
    weightScale: WEIGHT_SCALE,
    async step(state, upper, batch, extra) {
      const rate = learningRate(state.step)
      const { loss, ...next } = await trainer.step(state, scheduleAt(upper[name]), batch, rate, single(extra))
      return { state: next, loss }
    },
    async gradientInUpper(state, upper, batch) {
      const schedule = scheduleAt(upper[name])
      const found = await trainer.lowerGradient(state, schedule, batch)
      return { [name]: pullBackDraw(training, upper[name], batch, found) } as Record<B, Float64Array>
    },
    gradientInWeights: (state, upper, batch) => trainer.lossGradient(state, scheduleAt(upper[name]), batch),
    ownTargets: (state, upper, batch) => trainer.ownTargets(state, scheduleAt(upper[name]), batch),
    stepSizes({ slots, step, weights }) {
      const rate = learningRate(step)
      return trainer.options.optimizer.unitSteps(slots, step, weights.length).map((size) => rate * size)
    },
    momentum: trainer.options.optimizer.momentum,
    ...(momentumSlot && {
      runningGradient: {
        read: ({ slots }: TrainingState) => slots[momentumSlot],
        replace: (state: TrainingState, value: Vector) => ({
          ...state,
          slots: { ...state.slots, [momentumSlot]: Float32Array.from(value) },
        }),
      },
    }),
    ...(settles && {
      settle: (state, upper) => trainer.settle(state, scheduleAt(upper[name])),
    }),
  }
}

const single = (vector: Vector | null): Float32Array | undefined =>
  vector === null ? undefined : vector instanceof Float32Array ? vector : Float32Array.from(vector)

/** Remembers the last result: y, z and both gradient terms use one schedule many times. */
function memoised<R>(f: (vector: Float64Array) => R): (vector: Float64Array) => R {
  let last: { key: string; result: R } | undefined
  return (vector) => {
    const key = vector.join(' ')
    if (last?.key !== key) last = { key, result: f(vector) }
    return last.result
  }
}
