/** What happened while learning, in a line for a person; null for what is not worth one. */
import type { TimedEvent } from '../../runs/index.ts'
import type { LearnEvent, ObjectiveName } from '../../tuners/index.ts'
import { OBJECTIVE_WORDS, toldText } from '../../tuners/index.ts'
import type { Best } from '../job.ts'

const told = (objective: ObjectiveName, value: number): string =>
  `${OBJECTIVE_WORDS[objective].label} ${toldText(objective, value)}`

const where = (objective: ObjectiveName): string => (objective === 'fid' ? ' on the tuning split' : '')

export function learnLine(event: LearnEvent): string | null {
  switch (event.kind) {
    case 'iteration': {
      const parameters = Object.entries(event.parameters).map(([name, value]) => `${name} ${value.toPrecision(4)}`)
      const value = event.value === null ? 'priming' : told(event.objective, event.value)
      const start = event.start === null ? '' : `, from ${event.start}`
      return `${event.steps} steps, iteration ${event.iteration}${start}: ${value} at ${parameters.join(', ')}`
    }
    case 'trial':
      return event.value === null
        ? null
        : `${event.steps} steps, start ${event.name}: ${told(event.objective, event.value)} of ${event.samples} images${where(event.objective)}`
    case 'candidate':
      return `${event.steps} steps, default ${event.sampler}, ${event.stepList}: ${told(event.objective, event.value)} of ${event.samples} images${where(event.objective)}`
    case 'decision': {
      const { steps, kept, objective, difference, standardError, images } = event
      const size = `${toldText('fid', Math.abs(difference))}${standardError === null ? '' : ` ± ${standardError.toFixed(2)}`}`
      const by = objective === 'fid' ? size : Math.abs(difference).toPrecision(3)
      const side = difference > 0 ? 'better' : 'worse'
      const rest = `learned is ${side} than the best default by ${by}, on ${images} images that steered nothing`
      return `${steps} steps: ${kept === 'learned' ? 'the learned schedule is kept' : 'the best default is kept'}: ${rest}`
    }
    case 'row': {
      const recognised = event.recognised === null ? '' : `, recognised ${event.recognised.toFixed(3)}`
      const values = [
        ...(event.fid === null ? [] : [told('fid', event.fid)]),
        ...(event.value === undefined ? [] : [told(event.objective, event.value)]),
      ]
      return `${event.label}: ${values.join(', ')}${recognised}`
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
  return numbers.length > 0 ? { what: 'FID', value: Math.min(...numbers) } : bestObjective(events)
}

/** The same of a run without FID: the lowest distance to the teacher, the highest reward. */
function bestObjective(events: readonly TimedEvent[]): Best | null {
  const done = events.find(({ type }) => type === 'done')
  const among = done ? [done] : events.filter(({ type }) => type === 'tune')
  for (const objective of ['teacher', 'reward'] as const) {
    const numbers = among.map((event) => event[objective]).filter((value) => typeof value === 'number')
    if (numbers.length === 0) continue
    const value = objective === 'reward' ? Math.max(...numbers) : Math.min(...numbers)
    return { what: OBJECTIVE_WORDS[objective].label, value }
  }
  return null
}
