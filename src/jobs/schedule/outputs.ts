/** What a schedule learning run leaves: the model with its learned schedule, the default side's network, sample grids, the result as JSON, the report. */

import { join } from 'node:path'
import type { Model, SavedSchedule } from '../../diffusion/files/index.ts'
import { saveModel, scheduleFiles, scheduleName } from '../../diffusion/files/index.ts'
import type { DenoisingNetwork } from '../../nn/index.ts'
import type { Run } from '../../runs/index.ts'
import type { LearnedModel } from '../../tuners/index.ts'
import { trainedHere } from '../../tuners/index.ts'
import { DEFAULT_SIDE } from '../opening/runSide.ts'
import type { KnownImages } from '../opening/seenImages.ts'
import { SEEN_IMAGES_FILE, seenAfter, UNKNOWN_IMAGES, writeSeenImages } from '../opening/seenImages.ts'
import type { ReportContext } from '../reporting/context.ts'
import { saveReport } from '../reporting/reportOutputs.ts'
import { saveSampleGrids } from '../reporting/sampleGrids.ts'
import type { ScheduleInputs } from './open.ts'
import type { ScheduleJson } from './report/scheduleJson.ts'
import { renderScheduleReport } from './report/scheduleReport.ts'

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
  const seen = writeSeenImages(seenAfterLearning(outputs.inputs))
  await run.write(join('model', SEEN_IMAGES_FILE), seen)
  await saveDefault(run, outputs, seen)
  await saveReport(
    run,
    await renderScheduleReport(
      result,
      context,
      json,
      learned.steps.map((one) => one.result),
    ),
  )
  await run.write('result.json', `${JSON.stringify(json, null, 2)}\n`)
  return notes
}

/** The network of the default rows, which has seen the same images, so that their numbers can be made again. */
async function saveDefault(
  run: Run,
  { learned: { defaultModel, settings, prediction }, inputs }: ScheduleOutputs,
  seen: string,
): Promise<void> {
  if (!defaultModel) return
  const { network, state, trainingSchedule: noiseSchedule, trainedOn } = defaultModel
  const model = {
    network,
    state,
    noiseSchedule,
    prediction,
    clip: settings.clip,
    samplingSchedules: [],
    ...(trainedOn && { trainedOn }),
    ...classNamesOf(inputs, network),
  }
  await saveModel(join(run.folder, DEFAULT_SIDE), model)
  await run.write(join(DEFAULT_SIDE, SEEN_IMAGES_FILE), seen)
}

/** Names of the network's classes: those of the model that was given, or of the data that it was trained on; nothing where they are numbers. */
function classNamesOf({ model, data }: ScheduleInputs, { classes }: DenoisingNetwork): Pick<Model, 'classNames'> {
  if (classes === undefined) return {}
  const names = model ? model.classNames : data?.classes
  return names && names.length === classes && names.some((name) => /\D/.test(name)) ? { classNames: names } : {}
}

/** Of a model that is yet unknown no training images are added: nothing was trained. */
function seenAfterLearning({ data, subject, seen }: ScheduleInputs): KnownImages {
  if (!data) return seen ?? UNKNOWN_IMAGES
  return seenAfter(data, trainedHere(subject) !== null, seen)
}

async function saveLearned(run: Run, { learned, inputs }: ScheduleOutputs): Promise<readonly string[]> {
  const { model, trainingSchedule, settings, prediction, trainedOn } = learned
  const { features, settings: tuned } = inputs
  const learnedFor = tuned.objective === 'fid' && features ? { features: features.name, hash: features.hash } : null
  const saved = learned.steps.map((one) => {
    const kept: SavedSchedule = { schedule: one.sampling, settings: one.settings, learnedFor }
    return { name: scheduleName(kept), ...kept }
  })
  if (model) {
    const { clip } = settings
    const { notes } = await saveModel(
      join(run.folder, 'model'),
      {
        ...model,
        noiseSchedule: trainingSchedule,
        prediction,
        clip,
        samplingSchedules: saved,
        ...(trainedOn && { trainedOn }),
        ...classNamesOf(inputs, model.network),
      },
      { onnx: true },
    )
    return notes
  }
  const notes: string[] = []
  for (const { name, ...kept } of saved) {
    const { files, note } = scheduleFiles(kept, prediction, name)
    for (const [file, text] of files) await run.write(join('model', 'schedules', name, file), text)
    if (note !== null) notes.push(note)
  }
  return notes
}
