/**
 * What tuning costs in network evaluations, before anything runs: the one account that plans, progress bars and equal budgets are made
 * from. An iteration is what its estimators take (`GradientEstimator.cost`) and what the lower problem takes (its own `cost`). It is the
 * most there can be: an estimate that only primes leaves out the step of the offset's report, and coordinate differences leave out
 * parameters that cannot move.
 */
import type { EstimateCost } from './estimators/estimator.ts'
import { givesBoth, horizonAt } from './hypergradient/settings.ts'
import type { BilevelProblem, TrainedLower, UpperCost } from './problem.ts'
import { lowerBlocks } from './problem.ts'
import { pullBatches } from './pull.ts'
import type { PenaltySettings } from './settings.ts'
import type { PenaltyState } from './state.ts'

/** What of a problem decides what tuning it costs. */
export interface ProblemCost {
  /** Of the upper objective. */
  readonly upper: UpperCost
  /** Number of parameters that df/dq is taken in: of blocks that enter both levels. */
  readonly shared: number
  /** The same of blocks that enter f alone. */
  readonly upperOnly: number
  readonly lower:
    | { readonly kind: 'frozen' }
    | { readonly kind: 'solved'; readonly solve: number; readonly gradientInUpper: number }
    | ({
        readonly kind: 'trained'
        /** Whether z keeps its momentum. */
        readonly keepsMomentum?: boolean
      } & TrainedLower<string, unknown, unknown>['cost'])
}

/** Network evaluations, and what makes them. */
export interface TuningCost {
  readonly total: number
  /** Of them in steps of the lower problem: y, z, and the offset's report. */
  readonly lowerSteps: number
  /** Of them in derivatives of the upper objective, forward passes that are made again included. */
  readonly derivative: number
}

/** What tuning a problem costs is decided by this of it. */
export function problemCost<B extends string, S, Batch>(problem: BilevelProblem<B, S, Batch>): ProblemCost {
  const { blocks, objective, lower } = problem
  const below = lowerBlocks(lower)
  const parametersOf = (wanted: readonly B[]) => wanted.reduce((sum, block) => sum + blocks[block].initial.length, 0)
  return {
    upper: objective.cost,
    shared: parametersOf(objective.blocks.filter((block) => below.includes(block))),
    upperOnly: parametersOf(objective.blocks.filter((block) => !below.includes(block))),
    lower: costOfLower(lower),
  }
}

function costOfLower<B extends string, S, Batch>(lower: BilevelProblem<B, S, Batch>['lower']): ProblemCost['lower'] {
  if (lower.kind === 'frozen') return { kind: 'frozen' }
  if (lower.kind === 'solved') return { kind: 'solved', ...lower.cost }
  return { kind: 'trained', ...lower.cost, keepsMomentum: lower.runningGradient !== undefined }
}

/** One iteration, from 1: the horizon of `unrolled` may depend on it. */
export function iterationCost(problem: ProblemCost, settings: PenaltySettings, iteration = 1): TuningCost {
  if (settings.hypergradient !== 'penalty' && problem.lower.kind === 'trained') {
    return linearIterationCost(problem, problem.lower, settings, iteration)
  }
  const { upper, shared, upperOnly, lower } = problem
  const { estimator, weightsEstimator, z, lowerSteps, twinSteps, reportOffset, reportValue } = settings
  const twins = lower.kind !== 'frozen' && z
  // df/dq at each place where it is wanted
  const direct = [shared, upperOnly]
    .filter((parameters) => parameters > 0)
    .map((parameters) => estimator.cost({ upper, parameters, weights: false }))
  const watched = reportValue && direct.length === 0 ? upper.value : 0
  // what is deployed is made ready where f is looked at there
  const atDeployed = (upperOnly > 0 && !(settings.upperOnlyAt === 'z' && twins)) || watched > 0
  const settle = lower.kind === 'trained' && atDeployed ? (lower.settle ?? 0) : 0
  // df/dtheta, which pulls z
  const pulls =
    lower.kind === 'trained' && z
      ? Array.from({ length: Math.ceil(twinSteps / settings.pullEvery) }, () =>
          weightsEstimator.cost({ upper, parameters: 0, weights: true }),
        )
      : []
  // y and z
  const reported = reportOffset ? (lower.kind === 'trained' && lower.keepsMomentum ? 2 : 1) : 0
  const steps = lowerSteps + twinSteps + (z ? twinSteps + reported : 0)
  const trained = lower.kind === 'trained' ? steps * lower.step : 0
  // the first pull, beside the gradient of g
  const measured =
    lower.kind === 'trained' && z && iteration === 1
      ? pullBatches(settings) * (lower.gradientInWeights ?? lower.step)
      : 0
  const solved = lower.kind === 'solved' ? (z ? 2 : 1) * lower.solve : 0
  // dg/dq at y and z
  const differences = lower.kind === 'trained' ? settings.differenceBatches : 1
  const indirect = lower.kind !== 'frozen' && z ? 2 * differences * lower.gradientInUpper : 0
  const keys = settings.freshSamples ? (direct.length + pulls.length) * keyCost(problem) : 0
  const estimates = keys + sum([...direct, ...pulls].map(({ total }) => total))
  return {
    total: estimates + watched + settle + trained + measured + solved + indirect,
    lowerSteps: trained,
    derivative: sum([...direct, ...pulls].map(({ derivative }) => derivative)),
  }
}

/** An iteration of `implicit` or `unrolled`. */
function linearIterationCost(
  problem: ProblemCost,
  { step }: Extract<ProblemCost['lower'], { kind: 'trained' }>,
  settings: PenaltySettings,
  iteration: number,
): TuningCost {
  const lowerSteps = (settings.lowerSteps + settings.twinSteps) * step
  const { reportValue } = settings
  const watched = reportValue && problem.shared + problem.upperOnly === 0 ? problem.upper.value : 0
  const gradient = linearGradientCost(problem, settings, iteration)
  return { total: lowerSteps + watched + gradient.total, lowerSteps, derivative: gradient.derivative }
}

/** One hypergradient of `implicit` or `unrolled`, at most: the linear system may be solved earlier. */
export function linearGradientCost(
  { upper, shared, upperOnly, lower }: ProblemCost,
  settings: PenaltySettings,
  iteration: number,
): EstimateCost {
  if (lower.kind !== 'trained') return { total: 0, derivative: 0 }
  const { estimator, weightsEstimator, linear, hypergradient, freshSamples } = settings
  const { replicates, iterations, hessianBatches, mixedBatches, curvature } = linear
  const parameters = shared + upperOnly
  const both = givesBoth(settings)
  const pulls = [
    weightsEstimator.cost({ upper, parameters: both ? parameters : 0, weights: true }),
    ...(both || parameters === 0 ? [] : [estimator.cost({ upper, parameters, weights: false })]),
  ]
  const horizon = horizonAt(linear, iteration)
  const products = hypergradient === 'unrolled' ? horizon - 1 : iterations * hessianBatches
  const { gradientInWeights = lower.step, gradientInUpper, settle = 0, ownTargets = 0 } = lower
  const curved = hypergradient === 'unrolled' ? products : hessianBatches
  const targets = curvature === 'hessian' ? 0 : curved * ownTargets
  const adjoint = targets + 2 * (products * gradientInWeights + mixedBatches * gradientInUpper)
  const keys = freshSamples || iteration === 1 ? keyCost({ upper }) : 0
  const derivative = sum(pulls.map((pull) => pull.derivative)) + adjoint
  return {
    total: settle + replicates * (keys + sum(pulls.map(({ total }) => total)) + adjoint),
    derivative: replicates * derivative,
  }
}

/** What a sample key takes when it is first used. */
export const keyCost = ({ upper }: Pick<ProblemCost, 'upper'>): number => upper.perKey ?? 0

/** Whether an estimate is the first to use its sample key: where they are not fresh, the one they share may have been used by what was tried. */
export const isNewKey = (
  { freshSamples }: Pick<PenaltySettings, 'freshSamples'>,
  { iteration, samples }: Pick<PenaltyState<string, unknown>, 'iteration' | 'samples'>,
): boolean => freshSamples || (iteration === 0 && samples === 0)

/**
 * A whole run: what was tried before it, warm-up, iterations.
 * @param tried values of the upper objective with which the start was chosen
 */
export function tuningCost(problem: ProblemCost, settings: PenaltySettings, iterations: number, tried = 0): TuningCost {
  // Where nothing is trained all iterations cost the same, and a budget may hold more of them than can be listed.
  const isTrained = problem.lower.kind === 'trained'
  const each = Array.from({ length: isTrained ? iterations : Math.min(1, iterations) }, (_, i) =>
    iterationCost(problem, settings, i + 1),
  )
  const times = isTrained ? 1 : iterations
  const warmUp = problem.lower.kind === 'trained' ? settings.warmUpSteps * problem.lower.step : 0
  const shared = !settings.freshSamples && tried === 0 && iterations > 0 ? keyCost(problem) : 0
  return {
    total: triedCost(problem, tried) + warmUp + shared + times * sum(each.map(({ total }) => total)),
    lowerSteps: warmUp + times * sum(each.map(({ lowerSteps }) => lowerSteps)),
    derivative: times * sum(each.map(({ derivative }) => derivative)),
  }
}

/** Values of the upper objective with which a start was chosen, all of one sample key. */
export const triedCost = ({ upper }: Pick<ProblemCost, 'upper'>, tried: number): number =>
  tried > 0 ? tried * upper.value + keyCost({ upper }) : 0

/** A run that stands at `state`: what it spent, and what is still to come. */
export function expectedCost<B extends string, S>(
  problem: ProblemCost,
  settings: PenaltySettings,
  iterations: number,
  state: Pick<PenaltyState<B, S>, 'iteration' | 'trained' | 'evaluations' | 'samples'>,
): number {
  const { iteration, trained, evaluations } = state
  const warmUps = iteration === 0 && trained ? Math.max(0, settings.warmUpSteps - trained.steps) : 0
  const step = problem.lower.kind === 'trained' ? problem.lower.step : 0
  const left = Math.max(0, iterations - iteration)
  const shared = left > 0 && !settings.freshSamples && isNewKey(settings, state) ? keyCost(problem) : 0
  const ahead = Array.from({ length: left }, (_, i) => iterationCost(problem, settings, iteration + i + 1).total)
  return evaluations + warmUps * step + shared + sum(ahead)
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
