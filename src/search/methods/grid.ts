/**
 * A grid, one dimension after the other: each is looked at with the others at the best so far, in the order of the space. After a round over all of
 * them the spacing is a third, around the best. A full grid of four numbers would take hundreds of trials before it says anything.
 */
import type { SearchSpace } from '../space.ts'
import { fromUnit, toUnit } from '../space.ts'
import type { SearchMethod } from '../study.ts'
import { leastOf } from '../study.ts'

/** Of the spacing from one round to the next. */
const FINER = 3
/** Places on both sides of the best in later rounds. */
const OFFSETS = [-2, -1, 1, 2]
/** Beyond so many rounds the spacing is below anything that could be told apart. */
const MOST_ROUNDS = 12

export const gridSearch: SearchMethod = {
  name: 'grid',
  propose(study) {
    const { space, start } = study
    const seen = new Set<string>()
    let at: readonly number[] = start
    let used = 0
    // Goes over the trials as they were asked for, and comes to the first that is missing.
    const missing = (points: readonly (readonly number[])[]) => {
      for (const point of points) {
        const key = keyOf(point)
        if (seen.has(key)) continue
        if (used >= study.trials.length) return { point }
        seen.add(key)
        used++
      }
      return null
    }
    const first = missing([start])
    if (first) return first
    for (let round = 0; round < MOST_ROUNDS; round++) {
      for (const axis of space.keys()) {
        const next = missing(sweep(space, at, axis, round))
        if (next) return next
        if (study.trials.slice(0, used).some(({ outcome }) => outcome === null)) return 'wait'
        at = leastOf(study.trials.slice(0, used))?.point ?? at
      }
    }
    return null
  },
}

/** Of points that differ by rounding alone the same. */
const keyOf = (point: readonly number[]): string => point.map((value) => value.toPrecision(10)).join(' ')

/** Points along one axis. */
function sweep(space: SearchSpace, at: readonly number[], axis: number, round: number): number[][] {
  const { gridPoints = 5 } = space[axis]
  const centre = toUnit(space, at)[axis]
  const spacing = 1 / (gridPoints - 1) / FINER ** round
  const places =
    round === 0
      ? Array.from({ length: gridPoints }, (_, i) => i / (gridPoints - 1))
      : OFFSETS.map((offset) => centre + offset * spacing).filter((u) => u >= 0 && u <= 1)
  return places.map((u) => {
    const value = fromUnit([space[axis]], [u])[0]
    return at.map((own, i) => (i === axis ? value : own))
  })
}
