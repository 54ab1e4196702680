/**
 * A schedule to start from, as people have one: a list of sigmas (noise over signal, as ComfyUI and k-diffusion take them) or of told times, as
 * text or JSON; a learned sampling schedule; a scheduler file. A list is of times where all of it are whole numbers and the first lies above
 * every sigma there is (100), else of sigmas.
 */
import { readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { inputError } from '../../base/index.ts'
import { flowLevelOf, pathOf } from '../schedules/level.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import type { SamplingSchedule, ToldTimes } from '../schedules/samplingSchedule.ts'
import { samplingSchedule, samplingScheduleAt } from '../schedules/samplingSchedule.ts'
import { timeOfLogSnr } from '../schedules/sigmaSpacing.ts'
import { loadScheduler } from './loadScheduler.ts'
import { readSamplingSchedule } from './scheduleFile.ts'

/** What a start is for. */
export interface StartPlace {
  /** That the network was trained with. */
  readonly schedule: NoiseSchedule
  readonly told: ToldTimes
  /** The number of steps that it must have; of a scheduler file, the number that is read. */
  readonly steps: number
}

/** Sigmas and told times, by their size: no model is noised to a sigma of so much in its first step by a whole number. */
const LEAST_FIRST_TIME = 100
const MOST_CHARACTERS = 1_000_000

/**
 * Reads a schedule to start from.
 * @throws `start.file` on what is not there or is no list, `start.order` on one that does not fall, `start.steps` on another number of steps, `start.process` on levels of a flow for a model that is none, or the other way round;
 *   `samplingSchedule.*`, `scheduler.*` by their own rules
 */
export async function readStart(
  path: string,
  place: StartPlace,
): Promise<{ name: string; sampling: SamplingSchedule }> {
  const found = await stat(path).catch(() => null)
  if (!found) {
    throw inputError(
      'start.file',
      `a start is auto, the name of a step list, or a file; there is no file ${path}; check the name`,
    )
  }
  const name = basename(path)
  if (found.isDirectory()) return { name, sampling: (await readStart(await fileIn(path), place)).sampling }
  if (found.size > MOST_CHARACTERS) {
    throw inputError('start.file', `a list of steps is short, but ${path} has ${found.size} bytes; give another file`)
  }
  const text = await readFile(path, 'utf8')
  const sampling = await samplingOf(path, text, place)
  requireProcess(path, place, pathOf(sampling.levels))
  const { length } = sampling.levels
  if (length !== place.steps) {
    throw inputError(
      'start.steps',
      `a start must have as many steps as are learned for, ${place.steps}, but ${path} has ${length}; give --sampling-steps ${length} or another file`,
    )
  }
  return { name, sampling }
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
    `a folder to start from holds ${IN_FOLDER.join(' or ')}, but ${folder} has none of them; name the file`,
  )
}

async function samplingOf(path: string, text: string, place: StartPlace): Promise<SamplingSchedule> {
  const json = parsed(text)
  const list = numbersIn(json) ?? (json === undefined ? numbersOfText(text) : null)
  if (list) return listSteps(path, list, place)
  if (json !== null && typeof json === 'object' && !Array.isArray(json)) {
    return 'levels' in json ? readSamplingSchedule(text, path).schedule : schedulerSteps(path, place)
  }
  throw inputError(
    'start.file',
    `${path} must be a list of sigmas or times, a learned sampling schedule or a scheduler file, and is none of them; give one`,
  )
}

/** Levels of a flow say nothing of another process. @throws `start.process` */
function requireProcess(path: string, { schedule }: StartPlace, came: NoiseSchedule['path']): void {
  if (came === schedule.path) return
  const words = (is: NoiseSchedule['path']) => (is === 'flow' ? 'a flow' : 'no flow')
  throw inputError(
    'start.process',
    `the model is ${words(schedule.path)}, and the schedule in ${path} is of ${words(came)}; give another file, or --start auto`,
  )
}

/** undefined: no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A JSON list, the number that a list of one step is, or the list in an object that holds one under `sigmas`, `timesteps` or `times` alone. */
function numbersIn(json: unknown): number[] | null {
  const numbers = (value: unknown): number[] | null =>
    Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'number') ? value : null
  if (typeof json === 'number') return [json]
  if (json === null || typeof json !== 'object') return null
  if (Array.isArray(json)) return numbers(json)
  if ('levels' in json || '_class_name' in json) return null
  const named = json as Readonly<Record<string, unknown>>
  return numbers(named.sigmas) ?? numbers(named.timesteps) ?? numbers(named.times)
}

/** Numbers between commas, spaces or line ends; null where a word is none. */
function numbersOfText(text: string): number[] | null {
  const words = text.split(/[\s,;[\]]+/).filter((word) => word !== '')
  const numbers = words.map(Number)
  return numbers.length > 0 && numbers.every(Number.isFinite) ? numbers : null
}

function listSteps(path: string, all: readonly number[], { schedule, told }: StartPlace): SamplingSchedule {
  // The clean image ends many lists; it is no step.
  const isTimes = all.every(Number.isInteger) && all[0] >= LEAST_FIRST_TIME
  const list = !isTimes && all[all.length - 1] === 0 ? all.slice(0, -1) : all
  const rising = list.findIndex((value, i) => i > 0 && !(value < list[i - 1]))
  if (rising > 0) {
    throw inputError(
      'start.order',
      `a list of steps falls, noisiest first, but number ${rising + 1} of ${path} is ${list[rising]} after ${list[rising - 1]}; turn it around`,
    )
  }
  if (list.length === 0 || list.some((value) => !(isTimes ? value >= 0 : value > 0))) {
    const rule = isTimes ? 'times from 0 on' : 'sigmas above 0, at most a 0 at its end'
    throw inputError('start.file', `${path} must hold ${rule}; got ${all.join(', ')}; mend it`)
  }
  if (isTimes) return samplingScheduleAt(schedule, list)
  const { timesteps, path: kind } = schedule
  if (kind === 'flow' && list[0] > 1) {
    throw inputError(
      'start.file',
      `a flow's sigmas lie in (0, 1], but ${path} begins with ${list[0]}; give another file`,
    )
  }
  // A flow's sigma is its noise, 1 - signal, and 1 where it begins; elsewhere noise over signal.
  const logSnr = list.map((sigma) => (kind === 'flow' ? flowLevelOf(sigma).logSnr : -2 * Math.log(sigma)))
  const real = logSnr.map((level) => timeOfLogSnr(schedule, level))
  return samplingSchedule({ timesteps, logSnr, times: told === 'integer' ? real.map(Math.round) : real, path: kind })
}

/** The steps that a scheduler file takes by itself, on the model's own levels where it has no others. */
async function schedulerSteps(path: string, place: StartPlace): Promise<SamplingSchedule> {
  const { schedule, steps } = place
  const { timesOf, levelsOf, schedule: own } = await loadScheduler(path)
  requireProcess(path, place, own.path)
  if (levelsOf) {
    const { levels, told } = levelsOf({ steps })
    const logSnr = levels.map((level) => level.logSnr)
    return samplingSchedule({ timesteps: schedule.timesteps, logSnr, times: told, path: schedule.path })
  }
  return samplingScheduleAt(schedule, timesOf(steps))
}
