/** Flows are sampled; what is learned here is of variance-preserving levels. */
import { inputError } from '../../base/index.ts'
import type { NoiseSchedule } from '../../diffusion/index.ts'

/** @throws `schedule.flow` */
export function requireNoFlow(schedule: Pick<NoiseSchedule, 'path'>, model: string, what: string): void {
  if (schedule.path !== 'flow') return
  const rule = `${what} needs a model of noise on betas, and the scheduler of ${model} is a flow`
  throw inputError('schedule.flow', `${rule}; flows can be sampled (bilevel sample) and measured (bilevel evaluate)`)
}
