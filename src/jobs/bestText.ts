/** What a run is compared by, for a person. */
import { significant } from '../report/index.ts'
import type { Best, BestOfSets } from './job.ts'

/** Sets that are told one by one. */
const TOLD = 4

/** `FID 12.35`; `lambda .38 (not resolved)`; `lambda: warm .38, cold not yet`; null: `–`. What holds of all is said once. */
export function bestText(best: Best | BestOfSets | null): string {
  if (best === null) return '–'
  if (!('sets' in best)) return `${best.what} ${valueText(best)}`
  const { what, sets } = best
  if (sets.every(({ value }) => value === null)) return `${what} of ${sets.length} sets: not yet`
  const none = sets.every(({ resolved }) => resolved === false)
  const told = sets.slice(0, TOLD).map(({ set, value, resolved }) => {
    return `${set} ${valueText({ value, resolved: none ? null : resolved })}`
  })
  const more = sets.length > TOLD ? [`${sets.length - TOLD} more`] : []
  return `${what}: ${[...told, ...more].join(', ')}${none ? ' (none resolved)' : ''}`
}

const valueText = ({
  value,
  resolved,
}: {
  readonly value: number | null
  readonly resolved?: boolean | null
}): string => (value === null ? 'not yet' : `${significant(value)}${resolved === false ? ' (not resolved)' : ''}`)
