/**
 * The parts that series play in the report: default, best default, start, learned, many steps. One colour, marker and dash each, the same in
 * every chart and table, so that none is told by colour alone.
 */
import type { SeriesStyle } from '../../../report/index.ts'
import type { ScheduleResult, ScheduleRow } from '../../../tuners/index.ts'

export type Role = 'default' | 'best' | 'start' | 'learned' | 'many'

/** In the order of rows and panels. */
export const ROLES: readonly Role[] = ['default', 'best', 'start', 'learned', 'many']

export const ROLE_STYLES: Readonly<Record<Role, SeriesStyle>> = {
  default: { colour: 'var(--role-default)', symbol: 'square', dash: '6 3' },
  best: { colour: 'var(--role-best)', symbol: 'triangle', dash: '2 3' },
  start: { colour: 'var(--role-start)', symbol: 'star', dash: '5 2 1 2' },
  learned: { colour: 'var(--role-learned)', symbol: 'circle', dash: null },
  many: { colour: 'var(--role-many)', symbol: 'diamond', dash: '8 3 2 3' },
}

export function rowOf(result: ScheduleResult, role: Role): ScheduleRow {
  switch (role) {
    case 'default':
      return result.default
    case 'best':
      return result.bestDefault
    case 'start':
      return result.start
    case 'learned':
      return result.learned
    case 'many':
      return result.manySteps
  }
}

/** Whose a labelled curve or grid is: that of the row with the same label, else by the label's first word. */
export function roleOfLabel(result: ScheduleResult, label: string): Role {
  const same = ROLES.find((role) => rowOf(result, role).label === label)
  return same ?? ROLES.find((role) => label.startsWith(role)) ?? 'default'
}
