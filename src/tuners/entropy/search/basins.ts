/**
 * Valleys of F over the range of lambda. F may have several minima, and one that is not looked at is not found: every valley whose least could,
 * within errors, be below the others' is searched, and what is found in them is compared by fresh paths with the same noise.
 */

import type { Shape } from '../estimators/gradientCurve.ts'
import { meanOf } from '../estimators/gradientCurve.ts'

/** A valley as the first look sees it. */
export interface Valley {
  /** Log lambda of its lowest place in the grid. */
  readonly at: number
  /** Places of the grid about that, where items were drawn: ascending log lambdas. */
  readonly nodes: readonly number[]
  /** How far below that place its least may be, between places. */
  readonly below: number
}

export interface Basin extends Valley {
  /** What F is nearer to a parabola in about there. */
  readonly shape: Shape
}

/** Most valleys that are searched. */
export const MOST_BASINS = 3

/** Standard errors by which a valley must be above another to be left. */
const CLEARLY_ABOVE = 2.5

/** The same for a ridge that parts two valleys. */
const RIDGE = 2

/** Places on either side that a search starts with. */
const BESIDE = 2

/**
 * Valleys of a grid, the lowest first: local minima with a ridge between them that is no chance, whose least may be below the lowest one's.
 * @param rows F of the items at each place, the same items everywhere
 * @param from the first place that is known
 */
export function basinsOf(grid: readonly number[], rows: readonly Float64Array[], from = 0): Valley[] {
  const means = rows.map((row) => meanOf(row).mean)
  const last = grid.length - 1
  const higher = (i: number, j: number) => paired(rows[i], rows[j])
  const lowest = (places: readonly number[]) => places.reduce((a, b) => (means[b] < means[a] ? b : a))
  const known = grid.map((_, i) => i).slice(from)
  const minima = known.filter(
    (i) => (i === from || means[i] <= means[i - 1]) && (i === last || means[i] < means[i + 1]),
  )
  const found: number[] = []
  for (const i of [...minima].sort((a, b) => means[a] - means[b])) {
    const parted = found.every((other) => {
      const between = known.filter((k) => k > Math.min(i, other) && k < Math.max(i, other))
      if (between.length === 0) return false
      const ridge = between.reduce((a, b) => (means[b] > means[a] ? b : a))
      const { mean, standardError } = higher(ridge, i)
      return mean > RIDGE * standardError
    })
    if (parted) found.push(i)
  }
  const best = lowest(known)
  const below = (i: number) =>
    i === from || i === last ? 0 : Math.max(0, ((means[i - 1] + means[i + 1]) / 2 - means[i]) / 2)
  return found
    .filter((i) => {
      const { mean, standardError } = higher(i, best)
      return i === best || mean - below(i) <= CLEARLY_ABOVE * standardError
    })
    .slice(0, MOST_BASINS)
    .map((i) => {
      const first = Math.min(Math.max(i - BESIDE, Math.min(from, last - 2 * BESIDE)), Math.max(0, last - 2 * BESIDE))
      return { at: grid[i], nodes: grid.slice(first, first + 2 * BESIDE + 1), below: below(i) }
    })
}

/** Mean and error of how much larger the first row's numbers are, item by item. */
export function paired(x: Float64Array, y: Float64Array) {
  return meanOf(x.map((value, i) => value - y[i]))
}
