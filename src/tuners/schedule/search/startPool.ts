/**
 * Where a sampling schedule may start: every step list, and a grid of lists of log-SNRs between two ends, which defaults leave out and first
 * derivatives do not find from them. At 3 steps of a well-trained model the best of the grid is better than the best default before anything
 * is tuned (docs/decisions/013-start-from-the-best-of-many.md).
 */
import { BilevelError } from '../../../base/index.ts'
import type { NoiseSchedule, SamplingSchedule, ScheduleFamily, ToldTimes } from '../../../diffusion/index.ts'
import {
  asExponential,
  STEP_LIST_NAMES,
  samplerNamed,
  samplingSchedule,
  samplingScheduleFrom,
  stepListsOf,
  timeOfLogSnr,
} from '../../../diffusion/index.ts'
import { samplingFamily } from '../families.ts'
import type { SamplingPlan } from '../rows.ts'
import type { LearnSettings } from '../settings/index.ts'
import { choosesStart, startingList } from '../settings/index.ts'

/** A schedule to start from, by its name in reports. */
export interface StartPoint {
  /** A step list; `log-SNR -6 to 5, bend 1`; or the name of what was given. */
  readonly name: string
  readonly sampling: SamplingSchedule
}

/** Ends of the grid, log(signal^2/noise^2), and the power of i/(N-1) by which the steps between lie nearer to one of them. */
const NOISY_ENDS = [-9, -6, -4] as const
const CLEAN_ENDS = [1, 3, 5, 7] as const
const BENDS = [0.6, 1, 1.7] as const

/** How many starts there are at most, the best default among them: what a plan counts. */
export const MOST_STARTS = STEP_LIST_NAMES.length + NOISY_ENDS.length * CLEAN_ENDS.length * BENDS.length + 1

/** The starts to choose from, each schedule once; a single one: no choice. */
export function startPool(
  settings: LearnSettings,
  schedule: NoiseSchedule,
  told: ToldTimes,
  given: StartPoint | null = null,
): StartPoint[] {
  const { samplingSteps: steps } = settings
  if (given) return [given]
  if (!choosesStart(settings)) {
    const name = startingList(settings)
    return [{ name, sampling: samplingScheduleFrom(schedule, name, steps, told) }]
  }
  const lists = stepListsOf(schedule).flatMap((name) =>
    tried(name, () => samplingScheduleFrom(schedule, name, steps, told)),
  )
  return eachOnce([...lists, ...grid(schedule, steps, told)])
}

/** Of starts with the same levels, times and numbers the first. */
function eachOnce(points: readonly StartPoint[]): StartPoint[] {
  const unique = new Map<string, StartPoint>()
  for (const point of points) {
    const { levels, times, solver } = point.sampling
    const key = [...levels.map(({ logSnr }) => logSnr.toFixed(6)), ...times, JSON.stringify(solver)].join(' ')
    if (!unique.has(key)) unique.set(key, point)
  }
  return [...unique.values()]
}

/**
 * The starts of the exponential step, with the best default itself among them where its steps are such ones: free tau starts above 0, so that a
 * list alone is not the default of that list. Where the best default is a stochastic one, all starts have its noise and its second-order weight at
 * each step: at a network that it suits, a start without noise is far behind. Numbers that are not free stay as they start.
 */
export function withStepOf(pool: readonly StartPoint[], incumbent: SamplingPlan): StartPoint[] {
  const { settings } = incumbent
  const stochastic = samplerNamed(settings.sampler).noisy(settings)
  const stepped = pool.map(({ name, sampling }) => {
    const solver = stochastic && !sampling.solver ? asExponential(settings, sampling) : null
    return { name, sampling: solver ? { ...sampling, solver } : sampling }
  })
  const own = startOf(incumbent)
  if (!own || pool.length === 1) return stepped
  return eachOnce([...stepped, own])
}

/** The best default as a start of the exponential step; null where its own step is none. */
export function startOf({ schedule, settings, stepList }: SamplingPlan): StartPoint | null {
  const solver = asExponential(settings, schedule)
  return solver && { name: `${settings.sampler}, ${stepList}`, sampling: { ...schedule, solver } }
}

/** A schedule may have too few times for a list: that one is no start. */
function tried(name: string, make: () => SamplingSchedule): StartPoint[] {
  try {
    return [{ name, sampling: make() }]
  } catch (error) {
    if (error instanceof BilevelError && error.kind === 'input') return []
    throw error
  }
}

function grid(schedule: NoiseSchedule, steps: number, told: ToldTimes): StartPoint[] {
  const { timesteps, logSnr: own, path } = schedule
  const noisiest = own[timesteps - 1]
  // Time 0 of a flow is the image itself.
  const cleanest = (path === 'flow' ? own[1] : own.find(Number.isFinite)) ?? noisiest
  const points: StartPoint[] = []
  for (const noisyEnd of NOISY_ENDS) {
    for (const cleanEnd of CLEAN_ENDS) {
      for (const bend of BENDS) {
        const noisy = Math.max(noisyEnd, noisiest)
        const clean = Math.min(cleanEnd, cleanest)
        if (!(noisy < clean)) continue
        const logSnr = Array.from({ length: steps }, (_, i) =>
          steps === 1 ? noisy : noisy + (clean - noisy) * (i / (steps - 1)) ** bend,
        )
        const real = logSnr.map((level) => timeOfLogSnr(schedule, level))
        const times = told === 'integer' ? real.map(Math.round) : real
        const name = `log-SNR ${short(noisy)} to ${short(clean)}${steps > 2 ? `, bend ${bend}` : ''}`
        points.push(...tried(name, () => samplingSchedule({ timesteps, logSnr, times, path })))
      }
    }
  }
  return points
}

const short = (value: number): string => String(Number(value.toFixed(1)))

/** The family of the settings, which starts there. */
export function familyFrom(
  settings: LearnSettings,
  schedule: NoiseSchedule,
  told: ToldTimes = 'real',
  from?: SamplingSchedule,
): ScheduleFamily {
  const { samplingFamily: name, samplingSteps, free, clip, guidanceScale } = settings
  const freed = { free: free ?? [], clip, guidanceScale, ...(from && { from }) }
  return samplingFamily(name, schedule, samplingSteps, startingList(settings), told, freed)
}
