/**
 * The files of one sampling schedule in a model folder: `sampling_schedule.json`, and for diffusers, where it can be told,
 *
 *     scheduler_config.json              all T times: for a plain pipeline
 *     per_step/scheduler_config.json     the N levels alone: for a loop that tells the network its times beside the scheduler's
 *     bilevel/scheduler_config.json      everything, for bilevel_scheduler.py beside it: for any pipeline
 *     sigmas.txt, sigmas.json            the levels as ComfyUI and k-diffusion take them
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageAsset } from '../../data/index.ts'
import type { Prediction } from '../denoiser.ts'
import type { ExportedScheduler } from './exportedScheduler.ts'
import { OWN_CLASS } from './exportOwnClass.ts'
import { exportForms } from './exportSteps.ts'
import type { SavedSchedule } from './scheduleFile.ts'
import { writeSamplingSchedule } from './scheduleFile.ts'
import { sigmaJson, sigmaText } from './sigmaList.ts'

/** Names in the folder of a schedule. */
export const SCHEDULE_FILES = {
  own: 'sampling_schedule.json',
  plain: 'scheduler_config.json',
  /** A folder of its own, since diffusers reads a scheduler by its folder. */
  perStep: 'per_step',
  /** A folder of its own too, and a module of Python with it. */
  ownClass: 'bilevel',
  sigmaText: 'sigmas.txt',
  sigmaJson: 'sigmas.json',
} as const

/** `bilevel_scheduler.py` as it comes with the package: its folder, and its text. */
export const ownClassFolder = (): string => packageAsset('python')
const ownClassText = (): string => readFileSync(join(ownClassFolder(), OWN_CLASS_FILE), 'utf8')
const OWN_CLASS_FILE = `${OWN_CLASS.module}.py`

export interface ScheduleFiles {
  /** Names within the schedule's folder, and texts. */
  readonly files: readonly (readonly [name: string, text: string])[]
  /** What diffusers must be told, or why it cannot read the schedule; null: it reads it as it is. */
  readonly note: string | null
}

/** @param name of the schedule's folder, for the note */
export function scheduleFiles(saved: SavedSchedule, prediction: Prediction, name: string): ScheduleFiles {
  const { plain, steps, ownClass, reason } = exportForms({ ...saved, prediction })
  const files: (readonly [string, string])[] = [
    [SCHEDULE_FILES.own, writeSamplingSchedule(saved)],
    [SCHEDULE_FILES.sigmaText, sigmaText(saved.schedule)],
    [SCHEDULE_FILES.sigmaJson, sigmaJson(saved.schedule)],
  ]
  if (plain) {
    const { config, timesteps, sigmas } = plain
    const lists = { ...(timesteps && { _timesteps: timesteps }), ...(sigmas && { _sigmas: sigmas }) }
    files.push([SCHEDULE_FILES.plain, json({ ...config, ...lists })])
  }
  if (steps) files.push([join(SCHEDULE_FILES.perStep, SCHEDULE_FILES.plain), json(steps.config)])
  if (ownClass) {
    files.push([join(SCHEDULE_FILES.ownClass, SCHEDULE_FILES.plain), json(ownClass.config)])
    files.push([join(SCHEDULE_FILES.ownClass, OWN_CLASS_FILE), ownClassText()])
  }
  return { files, note: noteOf() }

  function noteOf(): string | null {
    if (plain) {
      const said = [
        ...(plain.timesteps ? [`pass ${listsOf(plain)} to diffusers, for its learned times`] : []),
        ...(plain.pixelPipeline ? [] : [pipelineNote(String(plain.config._class_name), plain.scaled)]),
      ]
      return said.length > 0 ? `schedule ${name}: ${said.join('; ')}` : null
    }
    const pipelines = ownClass ? `any pipeline takes ${name}/${SCHEDULE_FILES.ownClass}` : null
    const loop = steps ? `a loop takes ${name}/${SCHEDULE_FILES.perStep}` : null
    const others = [pipelines, loop].flatMap((other) => other ?? []).join(', ')
    return `schedule ${name} has no scheduler_config.json for a plain pipeline: ${reason}${others && `; ${others}`}`
  }
}

const listsOf = ({ timesteps, sigmas }: ExportedScheduler): string =>
  [sigmas && `sigmas=[${sigmas}]`, timesteps && `timesteps=[${timesteps}]`].flatMap((list) => list ?? []).join(', ')

/** DDPMPipeline, which runs any scheduler, neither scales its start nor what the network sees, and passes a generator to each step. */
const pipelineNote = (className: string, scaled: boolean): string =>
  scaled
    ? `${className} keeps x/signal, for pipelines that start from init_noise_sigma and call scale_model_input`
    : `${className} takes no generator in its step, which DDPMPipeline passes: run it in a loop, or in a pipeline that looks first`

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
