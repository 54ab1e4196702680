/** Points that are known beforehand, one after the other: what would be used without any search, or a list to choose from. */
import type { SearchMethod, Study } from '../study.ts'

/** @param pointsOf the points, of the space and the start alone */
export const fixedSearch = (
  name: string,
  pointsOf: (study: Pick<Study, 'space' | 'start'>) => readonly (readonly number[])[],
): SearchMethod => ({
  name,
  propose(study) {
    const points = pointsOf(study)
    const point = points[study.trials.length]
    return point ? { point } : null
  },
})

/** The start alone. */
export const defaultSearch = fixedSearch('default', ({ start }) => [start])
