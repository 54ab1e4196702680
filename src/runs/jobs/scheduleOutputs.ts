/** What a schedule learning run leaves: the model with its learned schedule, the default side's network, sample grids, the result as JSON, the report. */
import { join } from 'node:path'
import { BilevelError } from '../../base/index.ts'
import type { SavedSchedule } from '../../diffusion/index.ts'
import { exportScheduler, saveModel, scheduleName, writeSamplingSchedule } from '../../diffusion/index.ts'
import type { LearnedModel } from '../../tuners/index.ts'
import type { ReportContext } from '../report/context.ts'
import type { ScheduleJson } from '../report/scheduleJson.ts'
import { renderScheduleReport } from '../report/scheduleReport.ts'
import type { Run } from '../runFolder.ts'
import { saveReport } from './reportOutputs.ts'
import { DEFAULT_SIDE } from './runSide.ts'
import { saveSampleGrids } from './sampleGrids.ts'
import type { ScheduleInputs } from './scheduleInputs.ts'

export interface ScheduleOutputs {
  readonly learned: LearnedModel
  readonly inputs: ScheduleInputs
  readonly context: ReportContext
  readonly json: ScheduleJson
}

/** Writes all of it into the run folder. @returns notes for the user */
export async function saveScheduleOutputs(run: Run, outputs: ScheduleOutputs): Promise<readonly string[]> {
  const { learned, context, json } = outputs
  const { result } = learned
  await saveSampleGrids(run, result.grids)
  const notes = await saveLearned(run, outputs)
  await saveDefault(run, learned)
  await saveReport(run, await renderScheduleReport(result, context))
  await run.write('result.json', `${JSON.stringify(json, null, 2)}\n`)
  return notes
}

/** The network of the default rows, so that their numbers can be made again. */
async function saveDefault(run: Run, { defaultModel, settings: { clip } }: LearnedModel): Promise<void> {
  if (!defaultModel) return
  const { network, state, trainingSchedule: noiseSchedule } = defaultModel
  await saveModel(join(run.folder, DEFAULT_SIDE), { network, state, noiseSchedule, clip, samplingSchedules: [] })
}

async function saveLearned(run: Run, { learned, inputs, context }: ScheduleOutputs): Promise<readonly string[]> {
  const { model, trainingSchedule, sampling, settings } = learned
  const { features, subject } = inputs
  const saved: SavedSchedule = {
    schedule: sampling,
    settings,
    learnedFor: { features: features.name, hash: features.hash },
  }
  const name = scheduleName(saved)
  if (model) {
    const { clip } = settings
    const { notes } = await saveModel(
      join(run.folder, 'model'),
      { ...model, noiseSchedule: trainingSchedule, clip, samplingSchedules: [{ name, ...saved }] },
      { onnx: true },
    )
    return notes
  }
  const folder = join('model', 'schedules', name)
  await run.write(join(folder, 'sampling_schedule.json'), writeSamplingSchedule(saved))
  if (subject.kind !== 'foreign') return []
  try {
    const { config, timesteps } = exportScheduler({ ...saved, prediction: subject.denoiser.prediction })
    const file = { ...config, ...(timesteps && { _timesteps: timesteps }) }
    await run.write(join(folder, 'scheduler_config.json'), `${JSON.stringify(file, null, 2)}\n`)
    return []
  } catch (error) {
    if (!(error instanceof BilevelError) || !error.code.startsWith('export.')) throw error
    return [`schedule ${name} of ${context.run} has no scheduler_config.json: ${error.message}`]
  }
}
