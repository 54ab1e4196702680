/**
 * The times that diffusers' classes take in N of T steps. `leading`: multiples of T // N from 0, `linspace`: N points of
 * [0, T - 1], or, in the DPM family, N + 1 of them without the last; `trailing`: round(T - i T/N) - 1. Halves round to even.
 * Where the classes' real-valued times are no integers they are rounded here, and T - i T/N is exact, not a running float.
 */
import { inputError } from '../../base/index.ts'
import { roundHalfEven } from '../schedules/stepList.ts'
import type { FileSpacing } from './schedulerClasses.ts'

export interface TimeRule {
  readonly spacing: FileSpacing
  /** N + 1 points without the last. */
  readonly inner: boolean
  /** Added to `leading` times. */
  readonly offset: number
  /** T. */
  readonly timesteps: number
  /** Noisiest times that are left out (`lambda_min_clipped`). */
  readonly skipped: number
}

/**
 * N times, noisiest first, distinct.
 * @throws `steps.count` where the class has no such N times
 */
export function classTimes(rule: TimeRule, steps: number): number[] {
  const { timesteps: T, skipped } = rule
  const count = T - skipped
  if (!Number.isInteger(steps) || steps < 1 || steps > count) {
    const among = skipped > 0 ? ' within lambda_min_clipped' : ''
    const rule = `sampling steps must be an integer from 1 to ${count}, the training times${among}`
    throw inputError('steps.count', `${rule}; got ${steps}`)
  }
  const times = SPACED[rule.spacing](rule, count, steps)
  if (times.every((time, i) => time >= 0 && time < T && (i === 0 || time < times[i - 1]))) return times
  const offset = rule.spacing === 'leading' && rule.offset > 0 ? ` and steps_offset ${rule.offset}` : ''
  const rules = `the scheduler's own times, ${rule.spacing} of ${count}${offset}, must be distinct and below ${T}`
  throw inputError('steps.count', `${rules}, got ${steps} steps; take fewer, or another --step-list`)
}

const SPACED: Readonly<Record<FileSpacing, (rule: TimeRule, count: number, steps: number) => number[]>> = {
  leading: ({ inner, offset }, count, steps) => {
    const ratio = Math.floor(count / (inner ? steps + 1 : steps))
    return downFrom(inner ? steps : steps - 1, steps, (i) => i * ratio + offset)
  },
  linspace: ({ inner }, count, steps) => {
    const last = inner ? steps : steps - 1
    // As numpy multiplies it out, so that halves fall alike. One time alone is the noisy end.
    const step = (count - 1) / Math.max(1, last)
    return downFrom(last, steps, (i) => (i === last ? count - 1 : roundHalfEven(i * step)))
  },
  trailing: ({ timesteps }, count, steps) =>
    downFrom(0, steps, (i) => roundHalfEven(count + (i * timesteps) / steps) - 1),
}

/** rule(first), rule(first - 1), ... */
const downFrom = (first: number, steps: number, rule: (i: number) => number): number[] =>
  Array.from({ length: steps }, (_, i) => rule(first - i))
