/** What happened while tuning, in a line for a person. */
import type { TimedEvent } from '../../runs/index.ts'
import type { EntropyEvent } from '../../tuners/index.ts'
import type { Best, BestOfSets } from '../job.ts'

export function entropyLine(event: EntropyEvent): string | null {
  switch (event.kind) {
    case 'iteration': {
      const { iteration, phase, lambda, gradient, paths } = event
      const error = gradient.standardError === null ? '' : ` ± ${gradient.standardError.toPrecision(2)}`
      return `iteration ${iteration}, ${phase}: gradient ${gradient.mean.toPrecision(3)}${error} at lambda ${short(lambda)}, ${paths} images`
    }
    case 'interval': {
      const { low, value, high, confirmed } = event
      return `lambda ${short(value)}, interval ${short(low)} to ${short(high)}, ${confirmed ? 'confirmed' : 'not confirmed'}`
    }
    case 'point': {
      const { target, lambda, upper, lower, trusted } = event
      const doubt = trusted ? '' : ' (not to be believed)'
      return `${target} at lambda ${short(lambda)}: judge ${upper.mean.toPrecision(3)}, reward ${lower.mean.toPrecision(3)}${doubt}`
    }
  }
}

const short = (lambda: number): string => String(Number(lambda.toPrecision(3)))

/** The entropy strength as it is known so far; of a run of several sets, that of each. */
export function bestLambda(events: readonly TimedEvent[]): Best | BestOfSets | null {
  const sets = events.find(({ type }) => type === 'start')?.sets
  if (Array.isArray(sets)) {
    const each = sets.map((set) => ({ set: String(set), ...(strengthIn(events, `${set}/`) ?? NOTHING_YET) }))
    return { what: LAMBDA, sets: each }
  }
  const found = strengthIn(events)
  return found && { what: LAMBDA, ...found }
}

const LAMBDA = 'lambda'
const NOTHING_YET = { value: null, resolved: null }

/** @param before what types of events begin with */
function strengthIn(events: readonly TimedEvent[], before = '') {
  const last = (wanted: string) => events.findLast(({ type }) => type === `${before}${wanted}`)
  const known = last('done') ?? last('interval')
  if (typeof known?.value !== 'number') return null
  return { value: known.value, resolved: typeof known.resolved === 'boolean' ? known.resolved : null }
}
