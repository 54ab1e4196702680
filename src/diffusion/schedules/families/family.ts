/**
 * A family of schedules: a vector of parameters with a box and step scales, the schedule it makes, and the pull-back of a
 * cotangent of the schedule to the vector. What a tuner needs to know of a schedule, and all of it.
 */
import { inputError } from '../../../base/index.ts'
import type { Denoiser } from '../../denoiser.ts'
import type { NoiseSchedule } from '../noiseSchedule.ts'
import type { SamplingSchedule, ToldTimes } from '../samplingSchedule.ts'
import type { SolverCotangent } from '../solverNumbers.ts'
import type { StepListName } from '../stepList.ts'

/** Parameters as a vector. All arrays have one entry per parameter. */
export interface ParameterBox {
  readonly names: readonly string[]
  readonly initial: Float64Array
  /** A typical useful change; optimizers work in vector / scale. */
  readonly scale: Float64Array
  readonly low: Float64Array
  readonly high: Float64Array
}

/** Cotangents of a sampling schedule: per step, noisiest first. */
export interface ScheduleCotangent {
  readonly dLogSnr: ArrayLike<number>
  /** Null where the network has no derivative in time. */
  readonly dTimes: ArrayLike<number> | null
  /** Of the numbers of the exponential step; only families in which those are free ask for it. */
  readonly dSolver?: SolverCotangent
}

/** A family of sampling schedules. */
export interface ScheduleFamily extends ParameterBox {
  /** `cosine`, `sigmoid`, …; `levels`; `levels+times`, and so on; `level-power`. */
  readonly kind: string
  readonly timesteps: number
  readonly steps: number
  /** Whether told times are parameters: for networks with real times only. */
  readonly freeTimes: boolean
  /** The schedule of a vector inside the box. */
  toSchedule(vector: ArrayLike<number>): SamplingSchedule
  /** Cotangent of the vector. @throws `times.derivative` if times are free and `dTimes` is null */
  pullBack(vector: ArrayLike<number>, cotangent: ScheduleCotangent): Float64Array
}

/** Options common to all families: values that replace the family's own, by parameter name. */
export interface BoxOptions {
  readonly initial?: Readonly<Record<string, number>>
  readonly low?: Readonly<Record<string, number>>
  readonly high?: Readonly<Record<string, number>>
  readonly scale?: Readonly<Record<string, number>>
}

/** One parameter of a box. */
export interface BoxEntry {
  readonly name: string
  readonly initial: number
  readonly low: number
  readonly high: number
  readonly scale: number
}

/**
 * A box from its entries and the caller's replacements; where the family's own bounds would leave the initial value out, they
 * widen to it. @throws `family.parameter`, `family.box`
 */
export function parameterBox(entries: readonly BoxEntry[], options: BoxOptions = {}): ParameterBox {
  const names = entries.map(({ name }) => name)
  for (const replaced of [options.initial, options.low, options.high, options.scale]) {
    const unknown = Object.keys(replaced ?? {}).find((name) => !names.includes(name))
    if (unknown)
      throw inputError('family.parameter', `this family's parameters are ${names.join(', ')}, got ${unknown}`)
  }
  const pick = (key: 'initial' | 'low' | 'high' | 'scale') =>
    Float64Array.from(entries, (entry) => options[key]?.[entry.name] ?? entry[key])
  const [initial, scale] = [pick('initial'), pick('scale')]
  const low = pick('low').map((bound, i) =>
    options.low?.[names[i]] === undefined ? Math.min(bound, initial[i]) : bound,
  )
  const high = pick('high').map((bound, i) =>
    options.high?.[names[i]] === undefined ? Math.max(bound, initial[i]) : bound,
  )
  for (const [i, name] of names.entries()) {
    if (low[i] <= initial[i] && initial[i] <= high[i]) continue
    throw inputError('family.box', `${name} must start inside its box [${low[i]}, ${high[i]}], got ${initial[i]}`)
  }
  return { names, initial, scale, low, high }
}

/** @throws `times.integerOnly` if the family's told times are free and the network takes integer times only */
export function checkFamily({ freeTimes, kind }: ScheduleFamily, denoiser: Pick<Denoiser, 'times'>): void {
  if (!freeTimes || denoiser.times === 'real') return
  const what = 'free times need a network with real times; this one has a learned table of times'
  throw inputError('times.integerOnly', `${what}, got family ${kind}; use levels`)
}

/** Where a learned family starts: a model's own levels on a step list, or any sampling schedule. */
export interface FamilyPlace {
  /** That the network was trained with. */
  readonly schedule: NoiseSchedule
  readonly steps: number
  readonly stepList: StepListName
  readonly told: ToldTimes
  /** The schedule that a family which `startsAnywhere` begins with; default: the model's own levels on the step list. */
  readonly from?: SamplingSchedule
  /** What is free, for the family `free`: names of `freeParts.ts`. */
  readonly free?: readonly string[]
  /** The range that the sampler clips x0Hat to. */
  readonly clip?: readonly [number, number] | null
  /** The scale of classifier-free guidance that the sampling is at; null: none. */
  readonly guidanceScale?: number | null
}

/** A kind of family that a sampling schedule may be learned in; `learnedFamilies.ts` lists them. */
export interface LearnedFamily<Name extends string = string> {
  readonly name: Name
  /** Whether any sampling schedule may be its start; others start at the model's own levels. */
  readonly startsAnywhere: boolean
  /**
   * The family that starts there; null: it does not hold the model's levels.
   * @throws `steps.count`, `learn.samplingFamily`
   */
  startingAt(place: FamilyPlace): ScheduleFamily | null
  /** Reads a vector learned at another number of steps; null where a parameter belongs to one step of the family's own number. */
  atOtherSteps(place: FamilyPlace): Pick<ScheduleFamily, 'toSchedule'> | null
}
