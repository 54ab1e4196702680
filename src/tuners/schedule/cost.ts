/**
 * What learning costs, in network evaluations per image: forward 1, derivative in the input 1, derivative in the weights 1; a recomputed
 * forward pass counts, and is counted where activations were kept in its place, so that budgets do not depend on memory. Known before
 * anything runs, so that a plan, a progress bar and what is charged in the end agree. What the programs take stands here; how often tuning
 * runs them is the driver's account.
 */
import type { ProblemCost, TuningCost } from '../../bilevel/index.ts'
import { triedCost, tuningCost } from '../../bilevel/index.ts'
import { SETTLING_BATCHES } from '../../diffusion/index.ts'
import { upperCost } from './objectives/cost.ts'
import { penaltySettings } from './penalty.ts'
import type { LearnSettings } from './settings.ts'
import { startingPowers } from './settings.ts'

/** One training step: forward, and both derivatives. */
export const trainingStepCost = ({ batch }: Pick<LearnSettings, 'batch'>): number => 3 * batch

/** The lower loss's derivative in the levels: forward, and the derivative in the input. */
export const lowerGradientCost = ({ batch }: Pick<LearnSettings, 'batch'>): number => 2 * batch

/** Running statistics made again for averaged weights: forward passes. */
export const settlingCost = ({ batch }: Pick<LearnSettings, 'batch'>): number => SETTLING_BATCHES * batch

/** What of a problem decides its cost besides the settings. */
export interface ProblemSize {
  /** Number of parameters of the sampling schedule. */
  readonly parameters: number
  /** Whether the network has running statistics. */
  readonly statistics: boolean
}

/** The problem of the mode, as it will be opened. */
export function scheduleProblemCost(settings: LearnSettings, { parameters, statistics }: ProblemSize): ProblemCost {
  const { learn } = settings
  const tied = learn === 'tied'
  return {
    upper: upperCost(settings),
    shared: tied ? parameters : 0,
    upperOnly: tied ? 0 : parameters,
    lower:
      learn === 'sampling'
        ? { kind: 'frozen' }
        : {
            kind: 'trained',
            step: trainingStepCost(settings),
            gradientInUpper: lowerGradientCost(settings),
            ...(statistics && { settle: settlingCost(settings) }),
          },
  }
}

/** How many starts are tried before tuning; none where there is no choice. */
const startsOf = (settings: LearnSettings): number => {
  const { length } = startingPowers(settings)
  return length < 2 ? 0 : length
}

/** The starts of tuning that are tried, where there is a choice. */
export function startCost(settings: LearnSettings): number {
  return triedCost({ upper: upperCost(settings) }, startsOf(settings))
}

/** The tuning phase: the starts that are tried, and the iterations. */
export function scheduleTuningCost(settings: LearnSettings, size: ProblemSize): TuningCost {
  const problem = scheduleProblemCost(settings, size)
  return tuningCost(problem, penaltySettings(settings), settings.iterations, startsOf(settings))
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
  const tuning = scheduleTuningCost(settings, size)
  const step = trainingStepCost(settings)
  const sides = size.trained ? (settings.trainSteps + Math.round(tuning.total / step)) * step : 0
  const total = sides + tuning.total + comparison
  const training = sides + tuning.lowerSteps
  return { total, training, derivative: tuning.derivative, sampling: total - training - tuning.derivative }
}
