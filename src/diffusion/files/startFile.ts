/**
 * A schedule to start from, as people have one: a list of sigmas (noise over signal, as ComfyUI and k-diffusion take them) or of told times, as
 * text or JSON; a learned sampling schedule; a scheduler file.
 */
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { inputError } from '../../base/index.ts'
import { pathOf } from '../schedules/level.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import type { StepsFile, StepsPlace } from './stepsFile.ts'
import { readStepsFile, stepsOfList, stepsOfScheduler } from './stepsFile.ts'

/** What a start is for. */
export interface StartPlace extends StepsPlace {
  /** The number of steps that it must have; of a scheduler file, the number that is read. */
  readonly steps: number
}

/**
 * Reads a schedule to start from.
 * @throws `start.file` on what is not there or is no list, `start.order` on one that does not fall, `start.steps` on another number of steps, `start.process` on levels of a flow for a model that is none, or the other way round;
 *   `samplingSchedule.*`, `scheduler.*` by their own rules
 */
export async function readStart(
  path: string,
  place: StartPlace,
): Promise<{ name: string; sampling: SamplingSchedule }> {
  if (!(await stat(path).catch(() => null))) {
    throw inputError(
      'start.file',
      `a start is auto, the name of a step list, or a file; there is no file ${path}; check the name`,
    )
  }
  const file = await readStepsFile(path)
  const sampling = samplingOf(file, place)
  requireProcess(path, place, pathOf(sampling.levels))
  const { length } = sampling.levels
  if (length !== place.steps) {
    throw inputError(
      'start.steps',
      `a start must have as many steps as are learned for, ${place.steps}, but ${path} has ${length}; give --sampling-steps ${length} or another file`,
    )
  }
  return { name: basename(path), sampling }
}

function samplingOf(file: StepsFile, place: StartPlace): SamplingSchedule {
  if (file.kind === 'list') return stepsOfList(file.path, file.list, place)
  if (file.kind === 'learned') return file.saved.schedule
  requireProcess(file.path, place, file.scheduler.schedule.path)
  return stepsOfScheduler(file, place.schedule, { steps: place.steps, told: place.told })
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
