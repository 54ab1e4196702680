/** What decides a tuning run, apart from the problem. */
import { inputError } from '../base/index.ts'
import type { AdamSettings } from './adam.ts'
import { ADAM_DEFAULTS } from './adam.ts'
import { backpropagation } from './estimators/backpropagation.ts'
import type { GradientEstimator } from './estimators/estimator.ts'
import { requireDifferentiable } from './hypergradient/differentiable.ts'
import type { HypergradientName, LinearSettings } from './hypergradient/settings.ts'
import { checkLinear, LINEAR_DEFAULTS } from './hypergradient/settings.ts'
import type { BilevelProblem } from './problem.ts'
import { lowerBlocks } from './problem.ts'

export interface PenaltySettings {
  /**
   * Penalty constant, > 0, a function of the iteration (from 1), or `auto`: with a trained lower problem that has `gradientInWeights`, the one with which f's pull on z is
   * `pullShare` of the gradient of g in the first iteration, kept from there on. The bias of the penalty falls as 1/gamma.
   */
  readonly gamma: number | 'auto' | ((iteration: number) => number)
  /** |grad f| / gamma over the size of grad g on a minibatch: what `auto` makes of it, in (0, 1). */
  readonly pullShare: number
  /** Refuse a gamma with which the pull of the first iteration is above `pullShare`. */
  readonly refusePull: boolean
  /** K: steps of y alone before the twins start, each iteration. */
  readonly lowerSteps: number
  /** J: steps of y and z together, each iteration. */
  readonly twinSteps: number
  /** Twin steps that share one pull of f on z: its gradient in the weights costs as much as tens of them, and hardly changes over a few. >= 1. */
  readonly pullEvery: number
  /** False: no z; q follows df/dq at y alone (the direct gradient, for comparison). */
  readonly z: boolean
  /** Steps of y before the first step of q. */
  readonly warmUpSteps: number
  /** Largest decay of the moving average of theta_y. */
  readonly averageDecay: number
  /** Where df/dq is taken for blocks that enter f alone: at what is deployed (`average`), or at theta_z, the literal penalty form. */
  readonly upperOnlyAt: 'average' | 'z'
  /** The way to dF/dq where q enters a trained lower problem; a solved one knows `penalty` alone. */
  readonly hypergradient: HypergradientName
  /** `penalty`: minibatches of dg/dq(z) - dg/dq(y), >= 1; from 2 on it has a standard error. */
  readonly differenceBatches: number
  /** Of `implicit` and `unrolled`. */
  readonly linear: LinearSettings
  /** A parameter moves only where its gradient is at least this many standard errors, if those are known; 0: always. */
  readonly resolvedAbove: number
  /** Estimator of df/dq. */
  readonly estimator: GradientEstimator
  /** Estimator of df/dtheta, which pulls z. */
  readonly weightsEstimator: GradientEstimator
  readonly adam: AdamSettings
  /** True: every estimate draws new samples. False: the same ones throughout (one-point compares estimates, so it wants this). */
  readonly freshSamples: boolean
  /** Measure how far the offset has converged (one more lower step an iteration). */
  readonly reportOffset: boolean
  /** Measure f at what is deployed where no estimate does, as f does not depend on q directly (one more value an iteration, always the same samples). */
  readonly reportValue: boolean
  /** Seed of the estimators' directions. */
  readonly seed: number
}

export const PENALTY_DEFAULTS: PenaltySettings = {
  gamma: 1e5,
  pullShare: 0.01,
  refusePull: false,
  lowerSteps: 5,
  twinSteps: 5,
  pullEvery: 1,
  z: true,
  warmUpSteps: 0,
  averageDecay: 0.995,
  upperOnlyAt: 'average',
  hypergradient: 'penalty',
  differenceBatches: 1,
  linear: LINEAR_DEFAULTS,
  resolvedAbove: 2,
  estimator: backpropagation(),
  weightsEstimator: backpropagation(),
  adam: ADAM_DEFAULTS,
  freshSamples: true,
  reportOffset: true,
  reportValue: false,
  seed: 0,
}

/** Whether the lower problem is solved twice, as y and z. */
export const usesTwins = ({ hypergradient, z }: Pick<PenaltySettings, 'hypergradient' | 'z'>): boolean =>
  hypergradient === 'penalty' && z

/** gamma of an iteration, from 1. @throws `bilevel.gamma` if it is not positive and finite */
export function gammaAt(gamma: Exclude<PenaltySettings['gamma'], 'auto'>, iteration: number): number {
  const value = typeof gamma === 'number' ? gamma : gamma(iteration)
  if (value > 0 && Number.isFinite(value)) return value
  throw inputError('bilevel.gamma', `the penalty constant must be positive, got ${value} at iteration ${iteration}`)
}

/** gamma of the iteration after a state, as far as it is known before its pull is: `auto` is that of the iteration before, null before the first; without z 1. */
export function knownGamma(
  settings: PenaltySettings,
  { iteration, gamma }: { readonly iteration: number; readonly gamma: number | null },
): number | null {
  if (settings.gamma !== 'auto') return gammaAt(settings.gamma, iteration + 1)
  return usesTwins(settings) ? gamma : 1
}

/** `auto` and the refusal of a large pull measure gradients in the weights of both levels. @throws `bilevel.gamma` where there are none */
function checkPull<B extends string, S, Batch>(
  { lower }: BilevelProblem<B, S, Batch>,
  { gamma, pullShare, refusePull, weightsEstimator }: PenaltySettings,
): void {
  if (!(pullShare > 0 && pullShare < 1)) {
    throw inputError('bilevel.gamma', `pullShare must be above 0 and below 1, got ${pullShare}`)
  }
  if (gamma !== 'auto' && !refusePull) return
  const [what, advice] = gamma === 'auto' ? ['gamma auto', 'give gamma a number'] : ['refusePull', 'set it to false']
  if (lower.kind !== 'trained' || !lower.gradientInWeights) {
    const came = lower.kind === 'trained' ? 'one without gradientInWeights' : `one of the kind '${lower.kind}'`
    throw inputError(
      'bilevel.gamma',
      `${what} needs a trained lower problem with gradientInWeights, got ${came}: ${advice}`,
    )
  }
  if (weightsEstimator.name === 'one-point') {
    const why = 'whose first estimate only primes it'
    throw inputError('bilevel.gamma', `${what} needs the pull of the first iteration, got one-point, ${why}: ${advice}`)
  }
}

/** Refuses settings that cannot drive this problem. @throws `bilevel.steps`, `bilevel.noDerivative`, `bilevel.needsZ`, `bilevel.weightsEstimator`, `bilevel.hypergradient`, `bilevel.gamma` */
export function checkSettings<B extends string, S, Batch>(
  problem: BilevelProblem<B, S, Batch>,
  settings: PenaltySettings,
): void {
  const { objective, lower } = problem
  for (const key of ['lowerSteps', 'twinSteps', 'warmUpSteps'] as const) {
    if (Number.isInteger(settings[key]) && settings[key] >= 0) continue
    throw inputError('bilevel.steps', `${key} must be a whole number from 0, got ${settings[key]}`)
  }
  for (const key of ['differenceBatches', 'pullEvery'] as const) {
    if (Number.isInteger(settings[key]) && settings[key] >= 1) continue
    throw inputError('bilevel.steps', `${key} must be a whole number from 1, got ${settings[key]}`)
  }
  const linear = settings.hypergradient !== 'penalty' && lower.kind !== 'frozen'
  if (linear) {
    requireDifferentiable(lower, settings.hypergradient)
    checkLinear(settings.linear)
    if ([settings.estimator, settings.weightsEstimator].some(({ name }) => name === 'one-point')) {
      const why = 'one-point compares an estimate with the one before, and each replicate is alone'
      const rule = `the hypergradient '${settings.hypergradient}' takes backpropagation, two-point or coordinate`
      throw inputError('bilevel.hypergradient', `${rule}, got one-point: ${why}`)
    }
  }
  const twins = lower.kind === 'trained' && usesTwins(settings)
  if (twins || lower.kind === 'solved') checkPull(problem, settings)
  const pulls = twins || linear
  if (twins && settings.twinSteps < 1) {
    throw inputError(
      'bilevel.steps',
      'z needs at least one step an iteration: set twinSteps to 1 or more, or z to false',
    )
  }
  const used = [
    ...(objective.blocks.length > 0 ? [settings.estimator] : []),
    ...(pulls ? [settings.weightsEstimator] : []),
  ]
  if (!objective.gradient && used.some((estimator) => estimator.needsDerivative)) {
    const message =
      'backpropagation needs the derivative of the upper objective, which has none here: use two-point or one-point, or coordinate for the upper variables'
    throw inputError('bilevel.noDerivative', message)
  }
  if (pulls && !settings.weightsEstimator.inWeights) {
    const message = `the gradient in the weights comes from an estimator that has one: use backpropagation, two-point or one-point, not ${settings.weightsEstimator.name}`
    throw inputError('bilevel.weightsEstimator', message)
  }
  const still = lowerBlocks(lower).find((block) => !objective.blocks.includes(block))
  if (!settings.z && !linear && still !== undefined) {
    const message = `the block '${still}' enters the lower problem alone, so its gradient comes through z alone: set z to true or leave the block out`
    throw inputError('bilevel.needsZ', message)
  }
}
