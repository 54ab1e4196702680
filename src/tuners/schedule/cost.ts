/**
 * What learning costs, in network evaluations per image: forward 1, derivative in the input 1, derivative in the weights 1; a recomputed
 * forward pass counts, and is counted where activations were kept in its place, so that budgets do not depend on memory. Known before
 * anything runs, so that a plan, a progress bar and what is charged in the end agree. What the programs take stands here; how often tuning
 * runs them is the driver's account.
 */
import type { ProblemCost, TuningCost } from '../../bilevel/index.ts'
import { tuningCost } from '../../bilevel/index.ts'
import { SETTLING_BATCHES } from '../../diffusion/index.ts'
import { upperCost } from './objectives/cost.ts'
import { penaltySettings } from './penalty.ts'
import { decisionCost, screeningCost } from './search/cost.ts'
import { iterationsOfStarts } from './search/rounds.ts'
import { MOST_STARTS } from './search/startPool.ts'
import type { LearnSettings } from './settings/index.ts'
import { choosesStart } from './settings/index.ts'

/** One training step: forward, and both derivatives. */
export const trainingStepCost = ({ batch }: Pick<LearnSettings, 'batch'>): number => 3 * batch

/** The lower loss's derivative in the levels: forward, and the derivative in the input. */
export const lowerGradientCost = ({ batch }: Pick<LearnSettings, 'batch'>): number => 2 * batch

/** The lower loss's gradient in the weights: as a step, forward and both derivatives. */
export const lossGradientCost = trainingStepCost

/** What the network predicts of a minibatch: forward. */
export const lossPredictionCost = ({ batch }: Pick<LearnSettings, 'batch'>): number => batch

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
            gradientInWeights: lossGradientCost(settings),
            ownTargets: lossPredictionCost(settings),
            keepsMomentum: true,
            ...(statistics && { settle: settlingCost(settings) }),
          },
  }
}

/** Starts that are screened and tuned, at most. */
const startsOf = (
  settings: LearnSettings,
  neighbours: number,
): { readonly screened: number; readonly tuned: number } =>
  choosesStart(settings)
    ? { screened: MOST_STARTS + neighbours, tuned: Math.min(settings.starts, MOST_STARTS + neighbours) }
    : { screened: 1, tuned: 1 }

/**
 * The tuning phase of one number of steps, at most: the starts that are tried, the iterations of all of them, and the decision.
 * @param neighbours numbers of steps that were learned before: what was learned there is a start here
 */
export function scheduleTuningCost(settings: LearnSettings, size: ProblemSize, neighbours = 0): TuningCost {
  const problem = scheduleProblemCost(settings, size)
  if (settings.learn !== 'sampling') return tuningCost(problem, penaltySettings(settings), settings.iterations)
  const { screened, tuned } = startsOf(settings, neighbours)
  const iterations = iterationsOfStarts(tuned, settings.iterations)
  const cost = tuningCost(problem, penaltySettings(settings), iterations)
  return { ...cost, total: cost.total + screeningCost(settings, screened) + decisionCost(settings) }
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
 * @param trained    whether the job trains the network at all
 * @param tunings    the tuning phase of each number of steps
 * @param comparison network evaluations of all that is compared and ranked
 */
export function plannedCost(
  settings: LearnSettings,
  { trained, tunings, comparison }: { trained: boolean; tunings: readonly TuningCost[]; comparison: number },
): PlannedCost {
  const sum = (name: keyof TuningCost) => tunings.reduce((all, tuning) => all + tuning[name], 0)
  const step = trainingStepCost(settings)
  const sides = trained ? (settings.trainSteps + Math.round(sum('total') / step)) * step : 0
  const total = sides + sum('total') + comparison
  const training = sides + sum('lowerSteps')
  return { total, training, derivative: sum('derivative'), sampling: total - training - sum('derivative') }
}
