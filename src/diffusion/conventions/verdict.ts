/** What measured figures say of a stated convention. */
import type { StatedConvention } from './convention.ts'
import type { Figure } from './measureConvention.ts'
import { SAME_CLASS } from './measureConvention.ts'

/** A convention with a figure below this is the network's; a network that is right and young has a higher one. */
export const ACCEPTED = 0.3

export interface ConventionVerdict {
  /** What is taken: as stated, and where that leaves something open as it is by default if that is among the best, else the best. */
  readonly chosen: Figure
  /** The best of all. */
  readonly best: Figure
  /** Those that cannot be told from what is taken. */
  readonly alike: readonly Figure[]
  /**
   * `fits`: it is among the best, below .3. `young`: among the best, and the best is above. `other`: another fits, and it is not among the best.
   * `none`: neither. What says nothing of the network is never among the best.
   */
  readonly says: 'fits' | 'young' | 'other' | 'none'
}

/** @param figures the first one is what is stated, as it is by default where that leaves something open */
export function conventionVerdict(figures: readonly Figure[], stated: StatedConvention): ConventionVerdict {
  const [byDefault] = figures
  const best = lowest(figures)
  const open = lowest(figures.filter((figure) => figure === byDefault || agrees(figure, stated)))
  const chosen = open.figure < ACCEPTED ? open : byDefault
  const alike = figures.filter(
    (figure) => figure !== chosen && figure.says && !figure.atLeast && sameClass(figure, chosen),
  )
  const among = isAmong(chosen, best)
  const says = among ? (best.figure < ACCEPTED ? 'fits' : 'young') : best.figure < ACCEPTED ? 'other' : 'none'
  return { chosen, best, alike, says }
}

/** Of those that cannot be told from the lowest that says something the first, which is the plainest; the first of all where none says anything. */
function lowest(figures: readonly Figure[]): Figure {
  const saying = figures.filter(({ says, atLeast }) => says && !atLeast)
  const least = Math.min(...saying.map(({ figure }) => figure))
  return saying.find(({ figure }) => figure <= least + SAME_CLASS) ?? figures[0]
}

const isAmong = (one: Figure, best: Figure): boolean => one.says && one.figure <= best.figure + SAME_CLASS

const sameClass = (one: Figure, other: Figure): boolean => Math.abs(one.figure - other.figure) <= SAME_CLASS

/** Whether a candidate is what is stated, at the stated levels. */
function agrees({ convention, levels }: Figure, stated: StatedConvention): boolean {
  const keys = Object.keys(stated) as (keyof StatedConvention)[]
  return (
    levels === null && keys.every((key) => stated[key] === undefined || String(stated[key]) === String(convention[key]))
  )
}
