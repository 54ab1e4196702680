/**
 * What may be free in a sampling schedule, one entry a kind of number: its parameters with their box and step size, what they make of the
 * schedule, and the pull-back of a cotangent. `free.ts` puts any of them together.
 *
 * Levels are ordered by construction: the cleanest, logSnr_N, and the logarithms of the N - 1 gaps that lead to the noisier ones. The gaps are
 * counted from the clean end because there the distance is decided: the gap to the first level, which may lie at pure noise, is ten times the
 * others, and counted from the noisy end each change of it would move all levels.
 */
import { inputError } from '../../../base/index.ts'
import { shiftedSigma } from '../flowSchedule.ts'
import { hasSignal } from '../level.ts'
import type { SamplingSchedule, ToldTimes } from '../samplingSchedule.ts'
import type { SolverCotangent, SolverNumbers } from '../solverNumbers.ts'
import { roundHalfEven } from '../stepList.ts'
import type { BoxEntry, ScheduleCotangent } from './family.ts'

/** Of what the numbers are parts. */
export interface PartPlace {
  /** The schedule that they start from, and whose numbers are kept where they are not free. */
  readonly from: SamplingSchedule
  /** The range that the sampler clips x0Hat to. */
  readonly clip: readonly [number, number] | null
  /** What times the network can be told. */
  readonly told: ToldTimes
  /** The scale of classifier-free guidance that the sampling is at; null: none. */
  readonly guidanceScale: number | null
  /** The names of all that is free. */
  readonly free: readonly string[]
}

/** What a part makes of a schedule; what it leaves out is as in `from`. */
export interface PartNumbers {
  readonly logSnr?: ArrayLike<number>
  readonly times?: readonly number[]
  readonly solver?: SolverNumbers
}

/** A kind of number that may be free. */
export interface FreePart<Name extends string = string> {
  /** As it is named in settings and on the command line. */
  readonly name: Name
  /** Whether only the exponential step takes such numbers. */
  readonly ofSolver: boolean
  /** Whether its numbers move real told times, so that their derivative is needed. Default no. */
  movesTimes?(place: PartPlace): boolean
  /** The fewest steps at which there is one. */
  readonly leastSteps: number
  /** Its parameters. @throws `learn.free` */
  entries(place: PartPlace): BoxEntry[]
  numbers(values: Float64Array, place: PartPlace): PartNumbers
  /** Cotangent of the parameters. @throws `times.derivative`, `family.solver` where the cotangent lacks them */
  pullBack(values: Float64Array, cotangent: ScheduleCotangent, place: PartPlace): Float64Array
}

/** Box and scale of the cleanest level and of a log gap; a told time moves by a hundredth of T. */
const CLEANEST = { low: -10, high: 20, scale: 0.3 }
const LOG_GAP = { low: Math.log(0.01), high: Math.log(40), scale: 0.15 }
const TIME_SCALE = 0.01

const levels: FreePart<'levels'> = {
  name: 'levels',
  ofSolver: false,
  leastSteps: 1,
  /** Parameter i < N - 1: log of the gap between levels i and i + 1; parameter N - 1: the cleanest level. */
  entries({ from: { levels: start } }) {
    const last = start.length - 1
    return start.map(({ logSnr }, i) =>
      i === last
        ? { ...CLEANEST, name: `logSnr ${last + 1}`, initial: logSnr }
        : { ...LOG_GAP, name: `log gap ${i + 1}`, initial: Math.log(start[i + 1].logSnr - logSnr) },
    )
  },
  numbers(values) {
    const logSnr = values.slice()
    for (let i = logSnr.length - 2; i >= 0; i--) logSnr[i] = logSnr[i + 1] - Math.exp(values[i])
    return { logSnr }
  },
  /** A gap moves all noisier levels. */
  pullBack(values, { dLogSnr }) {
    let noisier = 0
    return values.map((value, i) => {
      noisier += dLogSnr[i]
      return i === values.length - 1 ? noisier : -noisier * Math.exp(value)
    })
  },
}

/** Sorted, and kept inside [0, T-1]. */
const times: FreePart<'times'> = {
  name: 'times',
  ofSolver: false,
  movesTimes: () => true,
  leastSteps: 1,
  entries({ from: { timesteps, times: start } }) {
    const box = { low: 0, high: timesteps - 1, scale: TIME_SCALE * timesteps }
    return start.map((initial, i) => ({ ...box, name: `time ${i + 1}`, initial }))
  },
  numbers: (values, { from: { timesteps } }) => ({
    times: timeOrder(values).map((i) => Math.min(timesteps - 1, Math.max(0, values[i]))),
  }),
  pullBack(values, { dTimes }, { from: { timesteps } }) {
    if (!dTimes) throw inputError('times.derivative', 'free times need a network with a derivative in time; use levels')
    const gradient = new Float64Array(values.length)
    // Sorted position k holds parameter order[k]; outside [0, T-1] the told time does not move.
    for (const [k, i] of timeOrder(values).entries()) {
      gradient[i] = values[i] >= 0 && values[i] <= timesteps - 1 ? dTimes[k] : 0
    }
    return gradient
  },
}

/** Indices of the times, largest first; equal times keep their order. */
function timeOrder(values: Float64Array): number[] {
  return Array.from(values.keys()).sort((a, b) => values[b] - values[a])
}

const SHIFT = { name: 'shift', initial: 1, low: 0.05, high: 20, scale: 0.3 }

/**
 * One number s for all levels of a flow, sigma' = s sigma / (1 + (s - 1) sigma), and for the times they are told, which are shifted alike: d logSnr' / ds = -2/s, d sigma' / ds = sigma'(1 - sigma')/s. At s = 1 the schedule is the one that it starts from.
 */
const shift: FreePart<'shift'> = {
  name: 'shift',
  ofSolver: false,
  movesTimes: ({ told }) => told === 'real',
  leastSteps: 1,
  entries({ from: { levels } }) {
    if (levels[0].path === 'flow') return [SHIFT]
    throw inputError(
      'learn.free',
      'a free shift is of the levels of a flow, and this schedule is of another process; leave shift out',
    )
  },
  numbers: ([s], { from: { levels, times, timesteps }, told }) => ({
    logSnr: levels.map(({ logSnr }) => logSnr - 2 * Math.log(s)),
    times: times.map((time) => {
      const moved = (timesteps - 1) * shiftedSigma(time / (timesteps - 1), s)
      return told === 'integer' ? roundHalfEven(moved) : moved
    }),
  }),
  pullBack([s], { dLogSnr, dTimes }, { from: { times, timesteps }, told }) {
    let inLevels = 0
    for (let i = 0; i < times.length; i++) inLevels -= (2 / s) * dLogSnr[i]
    if (told === 'integer') return Float64Array.of(inLevels)
    if (!dTimes)
      throw inputError('times.derivative', 'a free shift needs a network with a derivative in time; use levels')
    const last = timesteps - 1
    const inTimes = times.map((time, i) => {
      const sigma = shiftedSigma(time / last, s)
      return (dTimes[i] * last * sigma * (1 - sigma)) / s
    })
    return Float64Array.of(inTimes.reduce((sum, d) => sum + d, inLevels))
  },
}

/** All but the last step's. At 0 the image has no derivative in tau but the noise's own, so it starts above unless the schedule has it. */
const TAU = { initial: 0.3, low: 0, high: 1.5, scale: 0.1 }

const tau: FreePart<'tau'> = {
  name: 'tau',
  ofSolver: true,
  leastSteps: 2,
  entries: ({ from }) => numbered('tau', 1, from.levels.length - 1, TAU, from.solver?.tau),
  numbers: (values) => ({ solver: { tau: [...values] } }),
  pullBack: (_, cotangent) => solverOf(cotangent).tau.slice(),
}

/** All but the first step's, which does nothing, and the last's, which has none. */
const WEIGHT = { initial: 1, low: -1, high: 3, scale: 0.2 }

const weights: FreePart<'weights'> = {
  name: 'weights',
  ofSolver: true,
  leastSteps: 3,
  entries: ({ from }) => numbered('weight', 2, from.levels.length - 2, WEIGHT, from.solver?.weight?.slice(1)),
  numbers: (values) => ({ solver: { weight: [1, ...values] } }),
  pullBack: (_, cotangent) => solverOf(cotangent).weight.slice(1),
}

const SCALE = { initial: 1, low: 0.7, high: 1.3, scale: 0.02 }

const scale: FreePart<'scale'> = {
  name: 'scale',
  ofSolver: true,
  leastSteps: 1,
  entries: ({ from }) =>
    scaledSteps(from).map((i) => ({
      ...SCALE,
      name: `scale ${i + 1}`,
      initial: from.solver?.scale?.[i] ?? SCALE.initial,
    })),
  numbers(values, { from }) {
    const all = from.levels.map((_, i) => from.solver?.scale?.[i] ?? SCALE.initial)
    for (const [k, i] of scaledSteps(from).entries()) all[i] = values[k]
    return { solver: { scale: all } }
  },
  pullBack: (_, cotangent, { from }) => Float64Array.from(scaledSteps(from), (i) => solverOf(cotangent).scale[i]),
}

/** Steps whose scale does something: at noise alone, where flows begin, there is no image for the noise prediction to move. */
const scaledSteps = ({ levels }: SamplingSchedule): number[] =>
  levels.flatMap((level, i) => (hasSignal(level) ? [i] : []))

const OUTPUT = { name: 'output', initial: 0, low: -1, high: 2, scale: 0.15 }

const output: FreePart<'output'> = {
  name: 'output',
  ofSolver: true,
  leastSteps: 2,
  entries: ({ from }) => [{ ...OUTPUT, initial: from.solver?.output ?? OUTPUT.initial }],
  numbers: ([value]) => ({ solver: { output: value } }),
  pullBack: (_, cotangent) => solverOf(cotangent).output.slice(),
}

/** In units of the range that they start at. */
const CLIP = { low: 0.25, high: 3, scale: 0.1 }

const clip: FreePart<'clip'> = {
  name: 'clip',
  ofSolver: true,
  leastSteps: 1,
  entries({ from, clip: range }) {
    if (!range || range[0] !== -range[1]) {
      const came = range ? `[${range.join(', ')}]` : 'none'
      throw inputError(
        'learn.free',
        `free clip bounds start at a range [-r, r], got ${came}; give one, or leave clip out`,
      )
    }
    const [, r] = range
    const box = { initial: r, low: CLIP.low * r, high: CLIP.high * r, scale: CLIP.scale * r }
    return numbered('clip', 1, from.levels.length, box, from.solver?.clipBounds)
  },
  numbers: (values) => ({ solver: { clipBounds: [...values] } }),
  pullBack: (_, cotangent) => solverOf(cotangent).clipBounds.slice(),
}

const HISTORY = { initial: 0, low: -2, high: 2, scale: 0.1 }

/** Steps that a step takes x0Hat of by `history`: that of the one before is the second-order weight's where that is free. */
function* earlierSteps({ from, free }: PartPlace): Generator<readonly [step: number, earlier: number]> {
  const nearest = free.includes(weights.name) ? 2 : 1
  for (let i = 1; i < from.levels.length - 1; i++) for (let j = 0; j <= i - nearest; j++) yield [i, j]
}

const history: FreePart<'history'> = {
  name: 'history',
  ofSolver: true,
  leastSteps: 3,
  entries: (place) =>
    Array.from(earlierSteps(place), ([i, j]) => ({
      ...HISTORY,
      name: `history ${i + 1} ${j + 1}`,
      initial: place.from.solver?.history?.[i]?.[j] ?? HISTORY.initial,
    })),
  numbers(values, place) {
    const rows = Array.from({ length: place.from.levels.length - 1 }, (_, i) => Array.from({ length: i }, () => 0))
    for (const [k, [i, j]] of [...earlierSteps(place)].entries()) rows[i][j] = values[k]
    return { solver: { history: rows } }
  },
  pullBack: (_, cotangent, place) =>
    Float64Array.from(earlierSteps(place), ([i, j]) => solverOf(cotangent).history[i][j]),
}

/** Box and scale in units of where it starts, or of 1. */
const GUIDANCE = { most: 4, scale: 0.2 }

function guidanceEntries({ from: { solver, levels }, guidanceScale: given }: PartPlace): BoxEntry[] {
  const start = solver?.guidance ?? (given === null ? null : levels.map(() => given))
  if (!start) {
    const rule = 'free guidance starts at the scale of classifier-free guidance'
    throw inputError('learn.free', `${rule}, got none; give one (--guidance-scale 3), or leave it out`)
  }
  return start.map((initial, i) => {
    const unit = Math.max(1, initial)
    return { name: `guidance ${i + 1}`, initial, low: 0, high: GUIDANCE.most * unit, scale: GUIDANCE.scale * unit }
  })
}

/** One for all steps: of those of the schedule it starts from, the mean. */
const guidance: FreePart<'guidance'> = {
  name: 'guidance',
  ofSolver: true,
  leastSteps: 1,
  entries(place) {
    const each = guidanceEntries(place)
    const mean = (of: (entry: BoxEntry) => number) => each.reduce((sum, entry) => sum + of(entry) / each.length, 0)
    return [
      {
        name: 'guidance',
        initial: mean(({ initial }) => initial),
        low: 0,
        high: mean(({ high }) => high),
        scale: mean(({ scale: own }) => own),
      },
    ]
  },
  numbers: ([value], { from: { levels: steps } }) => ({ solver: { guidance: steps.map(() => value) } }),
  pullBack: (_, cotangent) => Float64Array.of(solverOf(cotangent).guidance.reduce((sum, value) => sum + value, 0)),
}

const guidances: FreePart<'guidances'> = {
  name: 'guidances',
  ofSolver: true,
  leastSteps: 1,
  entries: guidanceEntries,
  numbers: (values) => ({ solver: { guidance: [...values] } }),
  pullBack: (_, cotangent) => solverOf(cotangent).guidance.slice(),
}

const LIST = [levels, times, tau, weights, scale, output, clip, history, guidance, guidances, shift] as const

export type FreeName = (typeof LIST)[number]['name']

/** All of them, in the order in which their parameters stand in a vector. */
export const FREE_PARTS: readonly FreePart<FreeName>[] = LIST

/** Their names. */
export const FREE_CHOICES: readonly FreeName[] = FREE_PARTS.map(({ name }) => name)

/** Names of those that are of a flow, or of guidance, alone. */
const OF_SOME: readonly FreeName[] = [shift.name, guidance.name, guidances.name]

/** The names of those that any schedule has, and that go together. */
export const FREE_NAMES: readonly FreeName[] = FREE_CHOICES.filter((name) => !OF_SOME.includes(name))

/** Whether one of them is the scale of classifier-free guidance. */
export const freesGuidance = (free: readonly string[] | null): boolean =>
  [guidance.name, guidances.name].some((name) => free?.includes(name) ?? false)

/** Whether only the exponential step takes one of them. */
export const needsSolver = (free: readonly string[]): boolean =>
  FREE_PARTS.some(({ name, ofSolver }) => ofSolver && free.includes(name))

/** `count` parameters, from `first` on, that start at what the schedule has of them. */
const numbered = (
  name: string,
  first: number,
  count: number,
  box: Omit<BoxEntry, 'name'>,
  own?: readonly number[],
): BoxEntry[] =>
  Array.from({ length: count }, (_, i) => ({ ...box, name: `${name} ${first + i}`, initial: own?.[i] ?? box.initial }))

function solverOf({ dSolver }: ScheduleCotangent): SolverCotangent {
  if (dSolver) return dSolver
  const fix = 'the pull-back of numbers of the exponential step needs their derivative (dSolver), as sampleVjp gives it'
  throw inputError('family.solver', `${fix}; got none`)
}
