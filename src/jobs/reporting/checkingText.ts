/** What checking what was given cost, in words. */
import { count } from '../../report/index.ts'
import type { ReportContext } from './context.ts'

/** `; 182 more checked what was given`, or nothing. */
export const checkingText = ({ checking = 0 }: ReportContext): string =>
  checking > 0 ? `; ${count(checking)} more checked what was given, before anything was counted` : ''
