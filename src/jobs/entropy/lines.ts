/** What happened while tuning, in a line for a person. */
import type { TimedEvent } from '../../runs/index.ts'
import type { EntropyEvent } from '../../tuners/index.ts'
import type { Best } from '../job.ts'

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

/** The entropy strength as it is known so far. */
export function bestLambda(events: readonly TimedEvent[]): Best | null {
  const known = events.findLast(({ type }) => type === 'done') ?? events.findLast(({ type }) => type === 'interval')
  return typeof known?.value === 'number' ? { what: 'lambda', value: known.value } : null
}
