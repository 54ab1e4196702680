/**
 * Schedules of which any kinds of number are free (`freeParts.ts`), the rest as in the schedule they start from. What only the exponential
 * step takes starts at what that schedule has of it, else at tau .3, weight 1, scale 1, output 0, the clip as it is, and no history.
 */
import { inputError } from '../../../base/index.ts'
import { pathOf } from '../level.ts'
import type { SamplingSchedule } from '../samplingSchedule.ts'
import { samplingSchedule } from '../samplingSchedule.ts'
import type { SolverNumbers } from '../solverNumbers.ts'
import type { BoxOptions, LearnedFamily, ScheduleFamily } from './family.ts'
import { parameterBox } from './family.ts'
import type { FreeName, PartNumbers, PartPlace } from './freeParts.ts'
import { FREE_CHOICES, FREE_PARTS } from './freeParts.ts'
import { startOfPlace } from './startOfPlace.ts'

export const free: LearnedFamily<'free'> = {
  name: 'free',
  startsAnywhere: true,
  startingAt(place) {
    const { free: names = [], clip = null, told, guidanceScale = null } = place
    checkFree(names, place.steps)
    return freeFamily(startOfPlace(place), names, { clip, told, guidanceScale })
  },
  atOtherSteps: () => null,
}

/**
 * A family of what is free, from a given schedule on.
 * @param names at least one, in any order; `times` are for networks with real times (`checkFamily`), all but `levels` and `times` for the
 * exponential sampler
 * @param options clip: the range that x0Hat is clipped to, [-r, r] where `clip` is free; default [-1, 1]. told: what times the network can be told,
 *   where `shift` is free; default real. guidanceScale: where free guidance starts, unless `from` has its own; default none
 * @throws `learn.free` on no name, one that is none or stands twice, or of which the steps have no number; `family.*`
 */
export function freeFamily(
  from: SamplingSchedule,
  names: readonly FreeName[],
  options: BoxOptions & Partial<Pick<PartPlace, 'clip' | 'told' | 'guidanceScale'>> = {},
): ScheduleFamily {
  const { timesteps, levels } = from
  checkFree(names, levels.length)
  const { clip = [-1, 1], told = 'real', guidanceScale = null } = options
  const parts = FREE_PARTS.filter(({ name }) => names.includes(name))
  const place: PartPlace = { from, clip, told, guidanceScale, free: names }
  const entries = parts.map((part) => part.entries(place))
  const box = parameterBox(entries.flat(), options)
  /** Each part with its own of the vector. */
  const split = (vector: ArrayLike<number>) => {
    let end = 0
    return parts.map((part, i) => {
      const begin = end
      end += entries[i].length
      return [part, Float64Array.from({ length: end - begin }, (_, k) => vector[begin + k])] as const
    })
  }
  return {
    kind: parts.map(({ name }) => name).join('+'),
    timesteps,
    steps: levels.length,
    freeTimes: parts.some(({ movesTimes }) => movesTimes?.(place) ?? false),
    ...box,
    toSchedule: (vector) =>
      together(
        from,
        split(vector).map(([part, values]) => part.numbers(values, place)),
      ),
    pullBack: (vector, cotangent) =>
      Float64Array.from(split(vector).flatMap(([part, values]) => [...part.pullBack(values, cotangent, place)])),
  }
}

function together({ timesteps, levels, times, solver: kept }: SamplingSchedule, parts: readonly PartNumbers[]) {
  let solver: SolverNumbers | undefined = kept
  let [logSnr, told]: [ArrayLike<number>, readonly number[]] = [levels.map((level) => level.logSnr), times]
  for (const part of parts) {
    logSnr = part.logSnr ?? logSnr
    told = part.times ?? told
    if (part.solver) solver = { ...solver, ...part.solver }
  }
  return samplingSchedule({ timesteps, logSnr, times: told, path: pathOf(levels), ...(solver && { solver }) })
}

/** @throws `learn.free` on no name, one that is none or stands twice, or of which so few steps have no number */
export function checkFree(names: readonly string[], steps: number): asserts names is readonly FreeName[] {
  const unknown = names.find((name) => !FREE_PARTS.some((part) => part.name === name))
  if (names.length === 0 || unknown !== undefined || new Set(names).size < names.length) {
    const rule = `what is free is one or more of ${FREE_CHOICES.join(', ')}, each once`
    throw inputError('learn.free', `${rule}; got ${names.length > 0 ? names.join(',') : 'none'}`)
  }
  const other = names.includes('shift') ? ['levels', 'times'].find((name) => names.includes(name)) : undefined
  if (other) {
    const rule = 'shift moves all levels of a flow and their told times together, so neither is free beside it'
    throw inputError('learn.free', `${rule}; got ${names.join(',')}: leave shift or ${other} out`)
  }
  if (names.includes('guidance') && names.includes('guidances')) {
    const rule = 'guidance is one scale for all steps and guidances one for each, so either is free'
    throw inputError('learn.free', `${rule}; got ${names.join(',')}: leave one out`)
  }
  const requireSteps = (name: string, least: number, beside = '') => {
    if (steps >= least) return
    const rule = `free ${name}${beside} is of ${least} sampling steps or more`
    throw inputError('learn.free', `${rule}, got ${steps}; leave ${name} out`)
  }
  for (const { name, leastSteps } of FREE_PARTS) if (names.includes(name)) requireSteps(name, leastSteps)
  if (names.includes('history') && names.includes('weights')) requireSteps('history', 4, ' beside weights')
}
