/**
 * What the search says of problems whose lambda is known by quadrature (`scripts/truth/`), for tests of the search:
 *
 *     const attempts = await attemptsOn(['bump', 'flat'], { seeds: [0, 1, 2, 3] })
 *     expect(missesOf(attempts)).toEqual([])
 */
import type { Attempt, Effort } from '../scripts/truth/attempt.ts'
import { attempt } from '../scripts/truth/attempt.ts'
import type { GoldTruth } from '../scripts/truth/gold.ts'
import { goldOf, readGold } from '../scripts/truth/gold.ts'
import { problemNamed } from '../scripts/truth/problems.ts'

/** One search, and what is true there. */
export interface HeldAgainstTruth extends Attempt {
  readonly name: string
  readonly truth: GoldTruth
}

const gold = readGold()

/** Problems that are quick and unlike each other: an optimum inside, the better of two, one across modes, none, one at an end. */
export const QUICK_PROBLEMS = ['exponential-chased', 'two-optima-rivals', 'two-modes', 'flat', 'low-end'] as const

/** @param name of a problem of `scripts/truth/problems.ts` */
export const truthNamed = (name: string): GoldTruth => goldOf(gold, problemNamed(name))

/** Every problem from every seed, through the real sampler. */
export async function attemptsOn(
  names: readonly string[],
  { seeds, ...effort }: Effort & { readonly seeds: readonly number[] },
): Promise<HeldAgainstTruth[]> {
  const held: HeldAgainstTruth[] = []
  for (const name of names) {
    const truth = truthNamed(name)
    for (const seed of seeds) held.push({ name, truth, ...(await attempt(problemNamed(name), truth, seed, effort)) })
  }
  return held
}

/** Intervals that are called resolved and do not hold the best lambda of the range, in words; where none is best, all of them. */
export const missesOf = (attempts: readonly HeldAgainstTruth[]): string[] =>
  attempts.filter(({ resolved, holds }) => resolved && !holds).map(inWords)

/** Values that are worse than the best by more than a share of the spread of the objective, in words, resolved or not. */
export const regretsOf = (attempts: readonly HeldAgainstTruth[], most: number): string[] =>
  attempts.filter(({ regret }) => regret > most).map(inWords)

function inWords({ name, seed, low, value, high, regret, truth: { optima } }: HeldAgainstTruth): string {
  const [below, at, above] = [low, value, high].map((lambda) => lambda.toPrecision(4))
  const best = optima.length > 0 ? `best ${optima[0].lambda.toPrecision(4)}` : 'none is best'
  return `${name}, seed ${seed}: [${below}, ${above}], value ${at}, regret ${regret.toFixed(3)}; ${best}`
}
