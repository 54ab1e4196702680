/** One search on one problem, held against the truth. */
import { tuneEntropyStrength } from '../../src/tuners/index.ts'
import type { GoldTruth } from './gold.ts'
import { regretOf } from './gold.ts'
import { truthJob } from './job.ts'
import type { TruthProblem } from './problem.ts'

/** Plain data, as it is recorded. */
export interface Attempt {
  readonly seed: number
  readonly value: number
  readonly low: number
  readonly high: number
  readonly resolved: boolean
  readonly boundary: 'low' | 'high' | null
  /** Why it is not resolved, or what the search threw. */
  readonly reason: string | null
  /** Whether the best lambda lies in [low, high]; false where no lambda is best. */
  readonly holds: boolean
  /** How much worse `value` is than the best, over the spread of the objective. */
  readonly regret: number
  /** Network evaluations for finding and confirming, without the trade-off curve. */
  readonly evaluations: number
  /** Of everything, the curve too. */
  readonly seconds: number
}

/** What may be asked of the search beside its problem and seed. */
export interface Effort {
  readonly tolerance?: number
  readonly maxEvaluations?: number
}

/** An end of the range is reached as well as float64 arithmetic reaches it. */
const ROUNDING = 1e-9

export async function attempt(
  problem: TruthProblem,
  truth: GoldTruth,
  seed: number,
  effort: Effort = {},
): Promise<Attempt> {
  const started = performance.now()
  const seconds = () => (performance.now() - started) / 1000
  try {
    const { entropyStrength, networkEvaluations } = await tuneEntropyStrength(truthJob(problem, { ...effort, seed }))
    const { value, low, high, resolved, boundary, reason } = entropyStrength
    const [best] = truth.optima
    return {
      ...{ seed, value, low, high, resolved, boundary, reason },
      holds: best !== undefined && low * (1 - ROUNDING) <= best.lambda && best.lambda <= high * (1 + ROUNDING),
      regret: regretOf(truth, value),
      evaluations: networkEvaluations.total - networkEvaluations.curve,
      seconds: seconds(),
    }
  } catch (error) {
    const [low, high] = problem.lambdaRange
    const value = Math.sqrt(low * high)
    return {
      ...{ seed, value, low, high, resolved: false, boundary: null, holds: truth.optima.length > 0 },
      reason: `threw ${error instanceof Error ? error.message : String(error)}`,
      regret: regretOf(truth, value),
      evaluations: 0,
      seconds: seconds(),
    }
  }
}
