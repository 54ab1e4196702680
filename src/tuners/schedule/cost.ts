/**
 * What learning costs, in network evaluations per image: forward 1, derivative in the input 1, derivative in the weights 1; a recomputed
 * forward pass counts, and is counted where activations were kept in its place, so that budgets do not depend on memory. Known before
 * anything runs, so that a plan, a progress bar and what is charged in the end agree.
 */
import type { UpperCost } from '../../bilevel/index.ts'
import type { SamplerSettings } from '../../diffusion/index.ts'
import { networkEvaluations, SETTLING_BATCHES } from '../../diffusion/index.ts'
import type { LearnSettings } from './settings.ts'
import { startingPowers } from './settings.ts'

/** One training step: forward, and both derivatives. */
export const trainingStepCost = ({ batch }: Pick<LearnSettings, 'batch'>): number => 3 * batch

/** The lower loss's derivative in the levels: forward, and the derivative in the input. */
export const lowerGradientCost = ({ batch }: Pick<LearnSettings, 'batch'>): number => 2 * batch

/** Running statistics made again for averaged weights: forward passes. */
export const settlingCost = ({ batch }: Pick<LearnSettings, 'batch'>): number => SETTLING_BATCHES * batch

/** One value of the Fréchet objective and one gradient, with the last steps differentiated. */
export function objectiveCost(
  samples: number,
  sampler: Pick<SamplerSettings, 'sampler'>,
  steps: number,
  through: number | 'all',
): UpperCost {
  const forward = samples * networkEvaluations(sampler, steps)
  const carried = samples * networkEvaluations(sampler, through === 'all' ? steps : Math.min(through, steps))
  return { value: forward, gradient: forward + 2 * carried, weightsGradient: forward + 3 * carried }
}

/** The starts of tuning that are tried, where there is a choice. */
export function startCost(settings: LearnSettings): number {
  const powers = startingPowers(settings).length
  return powers < 2 ? 0 : powers * objectiveCost(settings.tuningSamples, settings, settings.samplingSteps, 0).value
}

/** What of a problem decides its cost besides the settings. */
export interface ProblemSize {
  /** Number of parameters of the sampling schedule. */
  readonly parameters: number
  /** Whether the network has running statistics. */
  readonly statistics: boolean
}

/** One tuning iteration; one-point's first, which only primes, is two training steps short of it at most. */
export function iterationCost(settings: LearnSettings, { parameters, statistics }: ProblemSize): number {
  const { learn, estimator, tuningSamples, samplingSteps, through, lowerSteps, twinSteps, z } = settings
  const cost = objectiveCost(tuningSamples, settings, samplingSteps, through)
  const direct = {
    backpropagation: cost.gradient,
    'two-point': 2 * cost.value,
    'one-point': cost.value,
    coordinate: 2 * parameters * cost.value,
  }[estimator]
  if (learn === 'sampling') return direct
  const step = trainingStepCost(settings)
  // The averaged network is what a sampling schedule of its own is learned at; the tied one at z.
  const deployed = learn === 'both' && statistics ? settlingCost(settings) : 0
  const y = (lowerSteps + twinSteps) * step
  if (!z) return y + direct + deployed
  // Coordinate differences do not reach the weights: there backpropagation pulls z.
  const pull = { 'two-point': 2 * cost.value, 'one-point': cost.value }[estimator as string] ?? cost.weightsGradient
  const offsetReport = step
  return y + direct + deployed + twinSteps * (step + pull) + offsetReport + 2 * lowerGradientCost(settings)
}

/** Network evaluations of a whole job, by the program that makes them; they differ in what one takes. */
export interface PlannedCost {
  readonly total: number
  /** In training steps: of both sides, and of tuning where it trains. */
  readonly training: number
  /** In vector-Jacobian products, the recomputed forward pass included. */
  readonly derivative: number
  /** In predictions alone. */
  readonly sampling: number
}

/**
 * The whole job: training, tuning, the default side trained on by as much, and the comparison.
 * @param size       of the problem; `trained`: whether the job trains the network at all
 * @param comparison network evaluations of the comparison
 */
export function plannedCost(
  settings: LearnSettings,
  size: ProblemSize & { readonly trained: boolean },
  comparison: number,
): PlannedCost {
  const { trainSteps, iterations, tuningSamples, samplingSteps, through, estimator, learn, z, twinSteps } = settings
  const tuning = startCost(settings) + iterations * iterationCost(settings, size)
  const step = trainingStepCost(settings)
  const sides = size.trained ? (trainSteps + Math.round(tuning / step)) * step : 0
  const { value, gradient, weightsGradient } = objectiveCost(tuningSamples, settings, samplingSteps, through)
  const direct = estimator === 'backpropagation' ? gradient - value : 0
  const pulls = learn === 'sampling' || !z || !['backpropagation', 'coordinate'].includes(estimator) ? 0 : twinSteps
  const derivative = iterations * (direct + pulls * (weightsGradient - value))
  const inTuning = learn === 'sampling' ? 0 : iterations * trainingInIteration(settings)
  const total = sides + tuning + comparison
  return { total, training: sides + inTuning, derivative, sampling: total - sides - inTuning - derivative }
}

/** What of an iteration is training steps: y, z, the offset's step. */
function trainingInIteration(settings: LearnSettings): number {
  const { lowerSteps, twinSteps, z } = settings
  return (lowerSteps + twinSteps + (z ? twinSteps + 1 : 0)) * trainingStepCost(settings)
}
