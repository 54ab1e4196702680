/**
 * Step lists: which N of T training times a sampler visits, noisiest first.
 *
 * `trailing`: round(T - iT/N) - 1 (Lin et al. 2023, arXiv 2305.08891). `linspace`: round(linspace(0, T-1, N)).
 * `leading`: i floor(T/N). `quadratic`: round((T-1)(i/(N-1))^2), dense at low noise. `log-snr`: the times nearest to N
 * log-SNRs evenly apart. Each also `-clipped`: on the times with log(signal/noise) >= -5.1 alone (the bound usual for cosine
 * schedules, whose last times hold no signal). `karras`, `exponential`, each also `-model`: the times nearest to levels spaced in sigma, which lie
 * between training times: `samplingScheduleFrom` has the levels themselves. Rounding is half to even; times are distinct.
 *
 * Of a flow's T + 1 times the lists leave out 0, the image itself: `trailing` is round(T - iT/N). Flows have `shift-*` too (`shiftLists.ts`).
 */
import { inputError } from '../../base/index.ts'
import { END_LOG_SNR } from './level.ts'
import type { NoiseSchedule } from './noiseSchedule.ts'
import type { ShiftListName } from './shiftLists.ts'
import { isShiftList, SHIFT_LISTS, shiftLevels } from './shiftLists.ts'
import type { SigmaListName } from './sigmaSpacing.ts'
import { isSigmaList, SIGMA_LISTS, sigmaLevels } from './sigmaSpacing.ts'

export type Spacing = 'trailing' | 'linspace' | 'leading' | 'quadratic' | 'log-snr'
export type StepListName = Spacing | `${Spacing}-clipped` | SigmaListName | ShiftListName

const SPACINGS: readonly Spacing[] = ['trailing', 'linspace', 'leading', 'quadratic', 'log-snr']

/** The step lists of every schedule. */
export const STEP_LISTS: readonly StepListName[] = [
  ...SPACINGS,
  ...SPACINGS.map((name) => `${name}-clipped` as const),
  ...SIGMA_LISTS,
]

/** Every step list, those of flows too. */
export const STEP_LIST_NAMES: readonly StepListName[] = [...STEP_LISTS, ...SHIFT_LISTS]

/** The step lists of a schedule. */
export const stepListsOf = ({ path }: Pick<NoiseSchedule, 'path'>): readonly StepListName[] =>
  path === 'flow' ? STEP_LIST_NAMES : STEP_LISTS

/** Lowest log(signal/noise) of a clipped list. */
const MIN_LOG_SIGNAL_TO_NOISE = -5.1

/** Rounds to the nearest integer, halves to the even one. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}

/** The i-th of `steps` times out of 0..T-1, least noise first. */
type Rule = (i: number, steps: number, count: number, logSnr: Float64Array) => number

const RULES: Readonly<Record<Spacing, Rule>> = {
  trailing: (i, steps, count) => roundHalfEven(count - ((steps - 1 - i) * count) / steps) - 1,
  linspace: (i, steps, count) => roundHalfEven(evenly(i, steps, 0, count - 1)),
  leading: (i, steps, count) => i * Math.floor(count / steps),
  quadratic: (i, steps, count) => roundHalfEven((count - 1) * evenly(i, steps, 0, 1) ** 2),
  'log-snr': (i, steps, count, logSnr) => nearest(logSnr, count, evenly(i, steps, logSnr[0], logSnr[count - 1])),
}

/** The same over a flow's times, whose noisiest has no signal and no place on the line. */
const flowLogSnr: Rule = (i, steps, count, logSnr) => {
  const end = logSnr[count - 1] <= -END_LOG_SNR && count > 1 ? logSnr[count - 2] : logSnr[count - 1]
  return i === steps - 1 ? count - 1 : nearest(logSnr, count, evenly(i, steps, logSnr[0], end))
}

/** i-th of `steps` numbers from low to high; a single one is `high`, the noisy end. */
function evenly(i: number, steps: number, low: number, high: number): number {
  return steps === 1 ? high : low + ((high - low) * i) / (steps - 1)
}

function nearest(logSnr: Float64Array, count: number, target: number): number {
  let best = 0
  for (let t = 1; t < count; t++) if (Math.abs(logSnr[t] - target) < Math.abs(logSnr[best] - target)) best = t
  return best
}

function ruleOf(name: StepListName, schedule: NoiseSchedule, steps: number): Rule {
  const spacing = name.replace('-clipped', '') as Spacing
  if (spacing === 'log-snr' && schedule.path === 'flow') return flowLogSnr
  if (!isSigmaList(name) && !isShiftList(name)) return RULES[spacing]
  const levels = isSigmaList(name) ? sigmaLevels(name, schedule, steps) : shiftLevels(name, steps)
  return (i, _, count, logSnr) => nearest(logSnr, count, levels[steps - 1 - i])
}

/**
 * The times of a step list, noisiest first, each an integer in [0, T-1], distinct.
 * @throws `steps.count` if N is no integer in [1, T] (clipped: [1, number of times with enough signal])
 */
export function stepList(name: StepListName, schedule: NoiseSchedule, steps: number): number[] {
  const lists = stepListsOf(schedule)
  if (!lists.includes(name)) {
    const why = isShiftList(name) ? ', which is of a flow' : ''
    throw inputError('steps.list', `a step list is one of ${lists.join(', ')}, got ${name}${why}`)
  }
  const clipped = name.endsWith('-clipped')
  const first = schedule.path === 'flow' ? 1 : 0
  const logSnr = schedule.logSnr.subarray(first)
  const count = clipped ? timesWithSignal(logSnr) : logSnr.length
  if (!Number.isInteger(steps) || steps < 1 || steps > count) {
    const among = clipped ? ` with log(signal/noise) >= ${MIN_LOG_SIGNAL_TO_NOISE}` : ''
    throw inputError(
      'steps.count',
      `sampling steps must be an integer from 1 to ${count}, the training times${among}; got ${steps}`,
    )
  }
  const rule = ruleOf(name, schedule, steps)
  const times: number[] = []
  for (let i = 0; i < steps; i++) {
    // Rules that crowd (quadratic, log-snr, karras) may name a time twice: move to the next one that leaves room for the rest.
    const wanted = Math.max(rule(i, steps, count, logSnr), i === 0 ? 0 : times[i - 1] + 1)
    times.push(Math.min(wanted, count - steps + i))
  }
  return times.reverse().map((time) => time + first)
}

function timesWithSignal(logSnr: Float64Array): number {
  const first = logSnr.findIndex((value) => value / 2 < MIN_LOG_SIGNAL_TO_NOISE)
  return first === -1 ? logSnr.length : first
}
