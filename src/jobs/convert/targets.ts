/** The forms that a schedule is written in, each with what it cannot hold. */
import { inputError } from '../../base/index.ts'
import type { SavedSchedule } from '../../diffusion/files/index.ts'
import {
  exportForms,
  kDiffusionSigmas,
  OWN_CLASS,
  sigmaText,
  writeSamplingSchedule,
} from '../../diffusion/files/index.ts'
import type { SamplingSchedule } from '../../diffusion/index.ts'
import { flowLevelOfLogSnr, levelOfLogSnr, samplingSchedule, timeOfLogSnr } from '../../diffusion/index.ts'
import type { GivenSteps } from './given.ts'
import type { TargetName } from './settings.ts'

export interface Written {
  /** What goes to standard output. */
  readonly text: string
  /** What this form does not hold of what was given, a sentence each. */
  readonly lost: readonly string[]
}

export const WRITERS: Readonly<Record<TargetName, (given: GivenSteps) => Written>> = {
  sigmas: (given) => ({ text: JSON.stringify(sigmasOf(given)), lost: lostToSigmas(given) }),
  comfyui: (given) => ({ text: sigmaText({ levels: levelsOf(given) }).trim(), lost: lostToSigmas(given) }),
  times: (given) => ({ text: JSON.stringify(timesOf(given)), lost: lostToTimes(given) }),
  levels: (given) => ({ text: writeSamplingSchedule(saved(given)).trim(), lost: [] }),
  diffusers: toDiffusers,
}

const SCHEDULER_WORDS = 'give its training schedule with --scheduler FILE'

/** Levels of the steps. @throws `convert.sigmas` */
export function levelsOf({ logSnr, path, what }: GivenSteps): SamplingSchedule['levels'] {
  if (logSnr) return logSnr.map(path === 'flow' ? flowLevelOfLogSnr : levelOfLogSnr)
  throw inputError('convert.sigmas', `${what} says at what times, but not at what sigmas; ${SCHEDULER_WORDS}`)
}

/** For k-diffusion, to twelve digits, so that a list comes out as it went in. @throws `convert.sigmas` */
export const sigmasOf = (given: GivenSteps): number[] =>
  kDiffusionSigmas({ levels: levelsOf(given) }).map((sigma) => Number(sigma.toPrecision(12)))

/** @throws `convert.times` */
function timesOf({ times, what }: GivenSteps): readonly number[] {
  if (times) return times
  throw inputError('convert.times', `${what} does not say what the network is told; ${SCHEDULER_WORDS}`)
}

/** @throws `convert.times`, `convert.sigmas`, `samplingSchedule.*` */
function saved(given: GivenSteps): SavedSchedule {
  const { timesteps, path, solver, settings, logSnr, what } = given
  const times = timesOf(given)
  if (!logSnr) levelsOf(given)
  if (timesteps === null) throw inputError('convert.times', `${what} does not say T; ${SCHEDULER_WORDS}`)
  const schedule = samplingSchedule({ timesteps, logSnr: logSnr!, times, path, ...(solver && { solver }) })
  return { schedule, settings, learnedFor: null }
}

/** Told times this near are the same. */
const SAME_TIME = 0.51

/** Whether the times are those at which the training schedule has the levels; null: not known. */
function timesAreOwn({ trained, times, logSnr }: GivenSteps): boolean | null {
  if (!times || !logSnr) return true
  if (!trained) return null
  return logSnr.every((level, i) => Math.abs(timeOfLogSnr(trained, level) - times[i]) <= SAME_TIME)
}

const solverNote = ({ solver }: GivenSteps, form: string): string[] =>
  solver ? [`${form} hold no numbers of each step: ${Object.keys(solver).join(', ')} stay behind`] : []

function lostToSigmas(given: GivenSteps): string[] {
  const own = timesAreOwn(given)
  const told = 'what takes sigmas tells the network the time that its own schedule has at each'
  return [
    ...(own === false
      ? [`told times stay behind, which are others than the schedule's own at these sigmas: ${told}`]
      : []),
    ...(own === null ? [`told times stay behind: ${told}`] : []),
    ...solverNote(given, 'sigmas'),
    ...samplerNote(given),
  ]
}

function lostToTimes(given: GivenSteps): string[] {
  const own = timesAreOwn(given)
  const whole = given.times?.every(Number.isInteger)
  return [
    ...(own === false ? ["levels stay behind, which are others than the schedule's own at these times"] : []),
    ...(own === null && given.logSnr
      ? ['levels stay behind: what takes times has its own schedule’s levels there']
      : []),
    ...(whole === false ? ['these times are no whole numbers; what takes timesteps= cuts or rounds them'] : []),
    ...solverNote(given, 'times'),
    ...samplerNote(given),
  ]
}

/** A list names no sampler. */
function samplerNote({ settings, what }: GivenSteps): string[] {
  if (what.startsWith('a list')) return []
  const clip = settings.clip ? `clip [${settings.clip.join(', ')}]` : 'no clipping'
  return [`the sampler stays behind: ${settings.sampler}, ${clip}`]
}

function toDiffusers(given: GivenSteps): Written {
  const { schedule, settings } = saved(given)
  const { prediction, path } = given
  // Of a list whole times are told, as diffusers' classes do: its levels are kept.
  const rounded = given.what === 'a list' && path !== 'flow' && schedule.times.some((time) => !Number.isInteger(time))
  const told = rounded ? { ...schedule, times: schedule.times.map(Math.round) } : schedule
  const roundedNotes = rounded ? ['told times are rounded to whole numbers; the levels are kept'] : []
  const whole = exportForms({ schedule: told, settings, prediction })
  const { plain, steps, ownClass, reason } = whole.plain ? whole : exportForms({ schedule, settings, prediction })
  if (plain) {
    const { timesteps, sigmas, config } = plain
    const lists = { ...(timesteps && { _timesteps: timesteps }), ...(sigmas && { _sigmas: sigmas }) }
    const passed = [sigmas && 'sigmas=[…]', timesteps && 'timesteps=[…]'].flatMap((list) => list ?? [])
    return {
      text: json({ ...config, ...lists }),
      lost: [
        ...roundedNotes,
        ...(passed.length > 0
          ? [
              `pass ${passed.join(' and ')} to set_timesteps: the lists are in the file under ${Object.keys(lists).join(' and ')}`,
            ]
          : []),
      ],
    }
  }
  if (steps) {
    return {
      text: json(steps.config),
      lost: [
        `no plain pipeline can be told it: ${reason}; this is for a loop that tells the network _told_times beside scheduler.timesteps${listHint(given)}`,
      ],
    }
  }
  if (ownClass) {
    return {
      text: json(ownClass.config),
      lost: [
        `no scheduler of diffusers can be told it: ${reason}; this is for ${OWN_CLASS.module}.py, which comes with this package (assets/python)`,
      ],
    }
  }
  throw inputError(
    'convert.diffusers',
    `no scheduler of diffusers can be told it: ${reason}; take --to sigmas or levels`,
  )
}

/** A sampler whose class takes a list of times. */
const listHint = ({ what, settings }: GivenSteps): string =>
  what === 'a list' && settings.sampler === 'ddim' ? '; with --sampler dpm-solver++ a pipeline takes it' : ''

const json = (value: unknown): string => JSON.stringify(value, null, 2)
