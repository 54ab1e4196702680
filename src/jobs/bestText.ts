/** What a run is compared by, for a person. */
import { significant } from '../report/index.ts'
import type { Best, BestOfSets } from './job.ts'

/** Sets that are told one by one. */
const TOLD = 4

/** `FID 12.35`; `lambda .38 (not resolved)`; `lambda: warm .38, cold not yet`; null: `–`. */
export function bestText(best: Best | BestOfSets | null): string {
  if (best === null) return '–'
  if (!('sets' in best)) return `${best.what} ${valueText(best)}`
  const told = best.sets.slice(0, TOLD).map(({ set, ...own }) => `${set} ${valueText(own)}`)
  const more = best.sets.length > TOLD ? [`${best.sets.length - TOLD} more`] : []
  return `${best.what}: ${[...told, ...more].join(', ')}`
}

const valueText = ({
  value,
  resolved,
}: {
  readonly value: number | null
  readonly resolved?: boolean | null
}): string => (value === null ? 'not yet' : `${significant(value)}${resolved === false ? ' (not resolved)' : ''}`)
