/** A run that goes on with more iterations than its tuning ended with. */
import { inputError } from '../../base/index.ts'
import type { LearnCheckpoint, StepsCheckpoint } from './checkpoint.ts'
import { isBefore, STEPS_START } from './checkpoint.ts'
import type { LearnSettings } from './settings/index.ts'

/**
 * The checkpoint where fewer iterations are done than are asked for, at every number of steps where tuning had ended: with the iterations there are, and all that
 * came after them to be made anew.
 * @throws `learn.iterations` on fewer iterations than are done
 */
export function reopened(from: LearnCheckpoint, { iterations }: Pick<LearnSettings, 'iterations'>): LearnCheckpoint {
  const doneOf = ({ search, history }: StepsCheckpoint) =>
    search ? Math.max(0, ...search.runs.map((run) => run.history.length)) : history.length
  const over = isBefore('tune', from.phase)
  const done = Math.max(0, ...Object.values(from.steps).map(doneOf))
  requireNoFewerIterations(iterations, done)
  const ended = (at: StepsCheckpoint) => (over || at.search?.decision) && doneOf(at) < iterations
  if (!Object.values(from.steps).some(ended)) return from
  const steps = Object.entries(from.steps).map(([name, at]) => {
    const { defaults, search, tuning, history } = at
    const again = { ...STEPS_START, defaults, search: search && { ...search, decision: null }, tuning, history }
    return [name, ended(at) ? again : at]
  })
  return { ...from, phase: 'tune', steps: Object.fromEntries(steps) }
}

/** @throws `learn.iterations` on fewer iterations than are done */
export function requireNoFewerIterations(iterations: number, done: number): void {
  if (iterations >= done) return
  throw inputError(
    'learn.iterations',
    `a run may go on with more iterations, not with fewer: ${done} are done, got ${iterations}; give ${done} or more`,
  )
}
