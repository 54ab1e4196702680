/** What was found in several valleys, compared by fresh paths with the same noise. */
import type { Shape } from '../estimators/gradientCurve.ts'
import { meanOf } from '../estimators/gradientCurve.ts'
import type { EntropyRun } from '../run.ts'
import { paired } from './basins.ts'
import type { GradientMethod } from './methods.ts'
import type { Found } from './refine.ts'

/** What was found in a valley, and how it compares. */
export interface Contender {
  readonly found: Found
  readonly shape: Shape
}

/** What comes of a comparison: the lowest, and those that are as low within errors. */
export interface Contest<T extends Contender> {
  readonly best: T
  readonly equals: readonly T[]
}

/** Items of comparisons start here: the search uses those below. */
const CONTEST_ITEMS = 2 ** 19

/** Standard errors that decide, at any of the comparisons. */
const DECIDED = 3

/** Most growth of the number of items, in doublings, and the share of all evaluations that comparing may take. */
const DOUBLINGS = 6
const CONTEST_SHARE = 0.2

/** Compares what was found in several valleys by paths drawn for nothing else, with the same noise; more of them until it is decided. */
export async function contest<T extends Contender>(
  run: EntropyRun,
  method: GradientMethod,
  contenders: readonly T[],
): Promise<Contest<T>> {
  let left = [...contenders]
  let best = left[0]
  const least = run.left - CONTEST_SHARE * run.job.settings.maxEvaluations
  for (let doubling = 0, count = method.first; left.length > 1 && doubling <= DOUBLINGS; doubling++, count *= 2) {
    if (doubling > 0 && run.left - method.cost(left.length) * (count / 2) < least) break
    const centres = left.map(({ found }) => found.centre)
    run.progress('refine', `comparing ${left.length} valleys on ${count} items`, method.cost(left.length) * count)
    const rows = await method.values(centres, { first: CONTEST_ITEMS, count }, 'refine')
    const means = rows.map((row) => meanOf(row).mean)
    const lowest = means.indexOf(Math.min(...means))
    best = left[lowest]
    left = left.filter((_, i) => {
      const { mean, standardError } = paired(rows[i], rows[lowest])
      return i === lowest || mean <= DECIDED * standardError
    })
  }
  return { best, equals: left.filter((one) => one !== best) }
}
