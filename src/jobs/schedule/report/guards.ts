/** What stands in the tables beside what rows are compared by, where the objective is not FID: what else the objective did to the images. */
import type { MeanAndStandardError } from '../../../metrics/index.ts'
import { decimalsFor, fixed, withError } from '../../../report/index.ts'
import type { ScheduleResult, ScheduleRow } from '../../../tuners/index.ts'
import { OBJECTIVE_WORDS } from '../../../tuners/index.ts'
import { decimalsOfSmall, toldMean } from './measure.ts'
import { ROLES, rowOf } from './roles.ts'

export interface GuardColumn {
  readonly label: string
  of(row: ScheduleRow): string
}

/** A column for each number that the rows have and are not compared by. */
export function guardsOf(result: ScheduleResult): GuardColumn[] {
  const { objective, comparedBy } = result
  const column = (
    label: string,
    valueIn: (row: ScheduleRow) => MeanAndStandardError | null | undefined,
    decimalsOf: (values: readonly number[]) => number,
  ): GuardColumn[] => {
    const known = ROLES.flatMap((role) => valueIn(rowOf(result, role)) ?? [])
    if (known.length === 0) return []
    const decimals = decimalsOf(known.map(({ mean }) => mean))
    return [
      {
        label,
        of(row) {
          const value = valueIn(row)
          return value ? withError(value, decimals) : '–'
        },
      },
    ]
  }
  const told = ({ objective: value }: ScheduleRow) => value && toldMean(objective, value)
  return [
    ...(comparedBy === 'fid' ? column(OBJECTIVE_WORDS[objective].label, told, decimalsOfSmall) : []),
    ...column('distance to the teacher', ({ teacherDistance }) => teacherDistance, decimalsOfSmall),
    ...(comparedBy === 'fid' ? [] : column('FID', ({ fid }) => fid, decimalsFor)),
    ...(comparedBy === 'fid' || result.featureNetwork !== null ? [] : diversityColumn(result)),
  ]
}

/** Without data the terminal has no other number of the images themselves. */
function diversityColumn(result: ScheduleResult): GuardColumn[] {
  if (ROLES.every((role) => rowOf(result, role).diversity === null)) return []
  return [{ label: 'diversity', of: ({ diversity }) => fixed(diversity, 3) }]
}
