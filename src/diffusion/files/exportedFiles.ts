/**
 * The files of one sampling schedule in a model folder: `sampling_schedule.json`, and for diffusers, where it can be told,
 *
 *     scheduler_config.json              all T times: for a plain pipeline
 *     per_step/scheduler_config.json     the N levels alone: for a loop that tells the network its times beside the scheduler's
 */
import { join } from 'node:path'
import type { Prediction } from '../denoiser.ts'
import { exportForms } from './exportSteps.ts'
import type { SavedSchedule } from './scheduleFile.ts'
import { writeSamplingSchedule } from './scheduleFile.ts'

/** Names in the folder of a schedule. */
export const SCHEDULE_FILES = {
  own: 'sampling_schedule.json',
  plain: 'scheduler_config.json',
  /** A folder of its own, since diffusers reads a scheduler by its folder. */
  perStep: 'per_step',
} as const

export interface ScheduleFiles {
  /** Names within the schedule's folder, and texts. */
  readonly files: readonly (readonly [name: string, text: string])[]
  /** What diffusers must be told, or why it cannot read the schedule; null: it reads it as it is. */
  readonly note: string | null
}

/** @param name of the schedule's folder, for the note */
export function scheduleFiles(saved: SavedSchedule, prediction: Prediction, name: string): ScheduleFiles {
  const { plain, steps, reason } = exportForms({ ...saved, prediction })
  const files: (readonly [string, string])[] = [[SCHEDULE_FILES.own, writeSamplingSchedule(saved)]]
  if (plain) {
    const { config, timesteps } = plain
    files.push([SCHEDULE_FILES.plain, json({ ...config, ...(timesteps && { _timesteps: timesteps }) })])
  }
  if (steps) files.push([join(SCHEDULE_FILES.perStep, SCHEDULE_FILES.plain), json(steps.config)])
  return { files, note: noteOf() }

  function noteOf(): string | null {
    if (plain) {
      const said = [
        ...(plain.timesteps ? [`pass timesteps=[${plain.timesteps}] to diffusers, for its learned times`] : []),
        ...(plain.pixelPipeline ? [] : [pipelineNote(String(plain.config._class_name), plain.scaled)]),
      ]
      return said.length > 0 ? `schedule ${name}: ${said.join('; ')}` : null
    }
    if (!steps) return `schedule ${name} has no scheduler_config.json: ${reason}`
    return `schedule ${name} has no scheduler_config.json for a plain pipeline: ${reason}; a loop takes ${name}/${SCHEDULE_FILES.perStep}`
  }
}

/** DDPMPipeline, which runs any scheduler, neither scales its start nor what the network sees, and passes a generator to each step. */
const pipelineNote = (className: string, scaled: boolean): string =>
  scaled
    ? `${className} keeps x/signal, for pipelines that start from init_noise_sigma and call scale_model_input`
    : `${className} takes no generator in its step, which DDPMPipeline passes: run it in a loop, or in a pipeline that looks first`

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
