/**
 * A file that says at which steps to sample, whatever it is: a list of sigmas or told times (`stepsList.ts`), a learned sampling schedule, or a scheduler
 * file; or a folder with one of the latter two.
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { inputError, MOST } from '../../base/index.ts'
import { flowLevelOf } from '../schedules/level.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import type { SamplingSchedule, ToldTimes } from '../schedules/samplingSchedule.ts'
import { samplingSchedule, samplingScheduleAt } from '../schedules/samplingSchedule.ts'
import { timeOfLogSnr } from '../schedules/sigmaSpacing.ts'
import type { ForeignScheduler } from './foreignScheduler.ts'
import { loadScheduler } from './loadScheduler.ts'
import { isOwnClass, readOwnClass } from './ownClassFile.ts'
import type { SavedSchedule } from './scheduleFile.ts'
import { readSamplingSchedule } from './scheduleFile.ts'
import type { StepsList } from './stepsList.ts'
import { kindOf, listedSteps, stepsListIn } from './stepsList.ts'

/** What a file holds. `path`: the file itself, of a folder the one in it. */
export type StepsFile = { readonly path: string } & (
  | { readonly kind: 'list'; readonly list: StepsList }
  | { readonly kind: 'learned'; readonly saved: SavedSchedule }
  | { readonly kind: 'scheduler'; readonly scheduler: ForeignScheduler; readonly made: MadeFor | null }
)

/** What a scheduler file that was written here says beside the scheduler's own fields: what its levels were made for. */
export interface MadeFor {
  readonly steps: number
  /** What must be passed as `timesteps=`; null: nothing. */
  readonly times: readonly number[] | null
  /** What must be passed as `sigmas=`: a flow's. */
  readonly sigmas: readonly number[] | null
  /** What a loop tells the network beside the scheduler's timesteps. */
  readonly told: readonly number[] | null
}

const MOST_CHARACTERS = 1_000_000

/**
 * Reads it.
 * @throws `start.file` on what is not there or is none of these; `scheduleFile.*`, `scheduler.*` by their own rules
 */
export async function readStepsFile(named: string): Promise<StepsFile> {
  const found = await stat(named).catch(() => null)
  if (!found) throw inputError('start.file', `there is no file ${named}; check the name`)
  const path = found.isDirectory() ? await fileIn(named) : named
  const { size } = await stat(path)
  if (size > MOST_CHARACTERS) {
    throw inputError('start.file', `a list of steps is short, but ${path} has ${size} bytes; give another file`)
  }
  const text = await readFile(path, 'utf8')
  const json = parsed(text)
  const list = stepsListIn(text, json)
  if (list) return { kind: 'list', path, list }
  if (json !== null && typeof json === 'object' && !Array.isArray(json)) {
    if (isOwnClass(json)) return { kind: 'learned', path, saved: readOwnClass(json, path) }
    if ('levels' in json && !('_class_name' in json)) {
      return { kind: 'learned', path, saved: readSamplingSchedule(text, path) }
    }
    return { kind: 'scheduler', path, scheduler: await loadScheduler(path), made: madeFor(json) }
  }
  throw inputError(
    'start.file',
    `${path} must be a list of sigmas or times, a learned sampling schedule or a scheduler file, and is none of them; give one`,
  )
}

/** In a folder of a schedule, a scheduler or a model: the first one that is there. */
const IN_FOLDER = ['sampling_schedule.json', 'scheduler_config.json', 'scheduler/scheduler_config.json']

async function fileIn(folder: string): Promise<string> {
  for (const name of IN_FOLDER) {
    const path = join(folder, name)
    if (await stat(path).catch(() => null)) return path
  }
  throw inputError(
    'start.file',
    `a folder of steps holds ${IN_FOLDER.join(' or ')}, but ${folder} has none of them; name the file`,
  )
}

/** JSON, or as Python writes it, with NaN and Infinity. undefined: no JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '').replace(/(?<=[:[,\s])(-?Infinity|NaN)(?=\s*[,}\]])/g, 'null'))
  } catch {
    return undefined
  }
}

const madeSchema = z.object({
  _sampling_steps: z.int().min(1).max(MOST.timesteps),
  _timesteps: z.array(z.number()).nullable().default(null),
  _sigmas: z.array(z.number()).nullable().default(null),
  _told_times: z.array(z.number()).nullable().default(null),
})

function madeFor(json: object): MadeFor | null {
  const { data } = madeSchema.safeParse(json)
  return data
    ? { steps: data._sampling_steps, times: data._timesteps, sigmas: data._sigmas, told: data._told_times }
    : null
}

/** What the steps are of. */
export interface StepsPlace {
  /** That the network was trained with. */
  readonly schedule: NoiseSchedule
  readonly told: ToldTimes
}

/**
 * The steps of a list: sigmas are told the time whose training level they are, unless the list says what they are told; times are at the model's own levels.
 * @throws `start.order`, `start.file`, `samplingSchedule.*`, `schedule.time`
 */
export function stepsOfList(path: string, list: StepsList, { schedule, told }: StepsPlace): SamplingSchedule {
  const { timesteps, path: process } = schedule
  const steps = listedSteps(path, list, kindIn(list, schedule))
  if (steps.kind === 'times') return samplingScheduleAt(schedule, steps.values)
  const logSnr = logSnrOfSigmas(path, steps.values, process)
  const real = steps.told ?? logSnr.map((level) => timeOfLogSnr(schedule, level))
  return samplingSchedule({ timesteps, logSnr, times: told === 'integer' ? real.map(Math.round) : real, path: process })
}

/** Below it an image shows in the noise: no start from noise alone. */
const FEW_SIGMAS = 3

/** How a list was read, and what is odd about it, a sentence each. */
export function listNotes(path: string, list: StepsList, { schedule }: StepsPlace): string[] {
  const kind = kindIn(list, schedule)
  const [first] = list.values
  const asks = list.kind === null ? `; {"sigmas": [...]} or {"times": [...]} says which` : ''
  const low = kind === 'sigmas' && schedule.path !== 'flow' && first < FEW_SIGMAS && first < 0.5 * noisiest(schedule)
  return [
    `${path} is read as ${kind === 'times' ? 'told times' : schedule.path === 'flow' ? 'sigmas (of a flow: noise)' : 'sigmas (noise over signal)'}${asks}`,
    ...(low
      ? [`${path} begins at sigma ${first}, where images would show in the noise that sampling starts from`]
      : []),
  ]
}

const noisiest = ({ path, logSnr, timesteps }: NoiseSchedule): number =>
  path === 'flow' ? 1 : Math.exp(-logSnr[timesteps - 1] / 2)

const kindIn = (list: StepsList, schedule: NoiseSchedule) =>
  kindOf(list, { time: schedule.timesteps - 1, sigma: noisiest(schedule) })

/** Log-SNRs of sigmas: of a flow its noise, 1 - signal, and 1 where it begins; elsewhere noise over signal. @throws `start.file` */
export function logSnrOfSigmas(path: string, sigmas: readonly number[], process: NoiseSchedule['path']): number[] {
  if (process === 'flow' && sigmas[0] > 1) {
    throw inputError(
      'start.file',
      `a flow's sigmas lie in (0, 1], but ${path} begins with ${sigmas[0]}; give another file`,
    )
  }
  return sigmas.map((sigma) => (process === 'flow' ? flowLevelOf(sigma).logSnr : -2 * Math.log(sigma)))
}

/** Between log-SNRs of one schedule in two files there is rounding (six digits, float32), between two schedules more. */
const SAME_LOG_SNR = 0.1

/** Whether a scheduler file's times are of other levels than the model's: of other betas than it was trained with. */
const hasOtherLevels = ({ logSnr: own }: NoiseSchedule, { logSnr, timesteps }: NoiseSchedule): boolean =>
  [0.25, 0.5, 0.75].some((at) => {
    const time = Math.floor(at * (timesteps - 1))
    return Math.abs(own[time] - logSnr[time]) > SAME_LOG_SNR
  })

/** Said of a scheduler file that is of other betas than the model was trained with. */
export const otherLevelsNotes = (
  { path, scheduler: { schedule: own, levelsOf } }: Extract<StepsFile, { readonly kind: 'scheduler' }>,
  schedule: NoiseSchedule,
): string[] => {
  if (own.timesteps !== schedule.timesteps || !hasOtherLevels(own, schedule)) return []
  const how = levelsOf
    ? 'its levels are kept, and the model is told its own times at them'
    : "its times are taken, at the model's own levels"
  return [`${path} is of other betas than the model was trained with: ${how}`]
}

/**
 * The steps that a scheduler file takes by itself, on the model's own levels where it has no others; of one that was written here for so many steps, those.
 * Levels of other betas than the model's are told as the model has them.
 * @throws `steps.count`; `start.timesteps` on a file for another T
 */
export function stepsOfScheduler(
  { path, scheduler, made }: Extract<StepsFile, { readonly kind: 'scheduler' }>,
  schedule: NoiseSchedule,
  {
    steps,
    tokens,
    told: takes = 'real',
  }: { readonly steps: number; readonly tokens?: number; readonly told?: ToldTimes },
): SamplingSchedule {
  const { timesOf, levelsOf, schedule: own } = scheduler
  const { timesteps, path: process } = schedule
  if (made?.steps === steps) {
    const times = made.times ?? timesOf(steps)
    const logSnr = made.sigmas ? logSnrOfSigmas(path, made.sigmas, process) : times.map((t) => own.level(t).logSnr)
    // A loop's file has a scale of its own, and says what the network is told.
    if (made.told === null) requireTimesteps(path, own, schedule)
    return samplingSchedule({ timesteps, logSnr, times: made.told ?? times, path: process })
  }
  requireTimesteps(path, own, schedule)
  if (!levelsOf) return samplingScheduleAt(schedule, timesOf(steps))
  const { levels, told } = levelsOf({ steps, ...(tokens !== undefined && { tokens }) })
  const logSnr = levels.map((level) => level.logSnr)
  const real = hasOtherLevels(own, schedule) ? logSnr.map((level) => timeOfLogSnr(schedule, level)) : told
  const times = takes === 'integer' ? real.map(Math.round) : real
  return samplingSchedule({ timesteps, logSnr, times, path: process })
}

function requireTimesteps(path: string, { timesteps: own }: NoiseSchedule, { timesteps }: NoiseSchedule): void {
  if (own === timesteps) return
  throw inputError(
    'start.timesteps',
    `a scheduler file must be for the model's T = ${timesteps}, but ${path} is for T = ${own}; give another file`,
  )
}
