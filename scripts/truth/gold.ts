/** The truths as they are kept, `test/gold/lambdaTruth.json`, so that neither tests nor the proof compute them again. */
import { readFileSync } from 'node:fs'
import type { Optimum } from './optima.ts'
import { gridPoint } from './optima.ts'
import type { TruthProblem } from './problem.ts'

export const GOLD_FILE = 'test/gold/lambdaTruth.json'

/** What is known of one problem. */
export interface GoldTruth {
  readonly name: string
  readonly lambdaRange: readonly [number, number]
  /** Local optima, best first; none where the objective is flat. */
  readonly optima: readonly Optimum[]
  /** What is to be large (E r1; `penalty`: -F_gamma), at lambdas evenly apart in log lambda from one end of the range to the other. */
  readonly objective: readonly number[]
  /** `penalty`: E r1 of p* there; else empty, as it is the objective. */
  readonly upper: readonly number[]
  /** What a grid twice as dense that reaches a third further makes of it. */
  readonly twiceAsFine: {
    /** Largest difference of the objective, over its spread; absolute where it is flat. */
    readonly objective: number
    /** Shift of the best lambda's logarithm; null where it is at an end. */
    readonly logLambda: number | null
  }
}

/** The kept truths by name. @param from folder that the gold file lies below */
export function readGold(from = '.'): ReadonlyMap<string, GoldTruth> {
  const truths = JSON.parse(readFileSync(`${from}/${GOLD_FILE}`, 'utf8')) as readonly GoldTruth[]
  return new Map(truths.map((truth) => [truth.name, truth]))
}

/** @throws where there is none for a problem: the gold file is older than it */
export function goldOf(gold: ReadonlyMap<string, GoldTruth>, { name }: Pick<TruthProblem, 'name'>): GoldTruth {
  const truth = gold.get(name)
  if (!truth) throw new Error(`${GOLD_FILE} has no ${name}: npm run truth:gold`)
  return truth
}

/** The objective between its grid's points, by the cubic through the four about it. */
export function objectiveAt({ objective, lambdaRange }: GoldTruth, lambda: number): number {
  const { length } = objective
  const spacing = gridPoint(lambdaRange, length, 1) - gridPoint(lambdaRange, length, 0)
  const at = Math.min(Math.max((Math.log(lambda) - Math.log(lambdaRange[0])) / spacing, 0), length - 1)
  const first = Math.min(Math.max(Math.floor(at) - 1, 0), length - 4)
  const nodes = [0, 1, 2, 3].map((i) => first + i)
  return nodes.reduce((sum, i) => {
    const share = nodes.reduce((product, j) => (j === i ? product : (product * (at - j)) / (i - j)), 1)
    return sum + share * objective[i]
  }, 0)
}

/** How much worse a lambda is than the best, over the spread between worst and best: 0 best, 1 worst; 0 where all are alike. */
export function regretOf(truth: GoldTruth, lambda: number): number {
  const [best] = truth.optima
  if (!best) return 0
  const worst = Math.min(...truth.objective)
  return Math.max(0, best.objective - objectiveAt(truth, lambda)) / (best.objective - worst)
}
