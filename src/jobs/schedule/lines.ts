/** What happened while learning, in a line for a person; null for what is not worth one. */
import type { TimedEvent } from '../../runs/index.ts'
import type { LearnEvent } from '../../tuners/index.ts'
import type { Best } from '../job.ts'

export function learnLine(event: LearnEvent): string | null {
  switch (event.kind) {
    case 'iteration': {
      const parameters = Object.entries(event.parameters).map(([name, value]) => `${name} ${value.toPrecision(4)}`)
      const fid = event.fid === null ? 'priming' : `FID ${event.fid.toFixed(2)}`
      return `iteration ${event.iteration}: ${fid} at ${parameters.join(', ')}`
    }
    case 'trial':
      return `start at the model's alphaBar ^ ${event.power}: FID ${event.fid.toFixed(2)} on the tuning split`
    case 'candidate':
      return `default ${event.sampler}, ${event.stepList}: FID ${event.fid.toFixed(2)} on the tuning split`
    case 'row': {
      const recognised = event.recognised === null ? '' : `, recognised ${event.recognised.toFixed(3)}`
      return `${event.label}: FID ${event.fid.toFixed(2)}${recognised}`
    }
    case 'step':
      return null
  }
}

/** The FID of the learned row, in a run that is not so far the lowest of its iterations. */
export function bestFid(events: readonly TimedEvent[]): Best | null {
  const done = events.find(({ type }) => type === 'done')
  const fids = (done ? [done] : events.filter(({ type }) => type === 'tune')).map(({ fid }) => fid)
  const numbers = fids.filter((fid) => typeof fid === 'number')
  return numbers.length > 0 ? { what: 'FID', value: Math.min(...numbers) } : null
}
