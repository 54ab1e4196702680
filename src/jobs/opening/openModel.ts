/** Opens a model, wherever it is: a run (whose settings say what it was learned for), a model folder, a shipped model, or an ONNX file with its schedule. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inputError } from '../../base/index.ts'
import { shippedPath } from '../../data/index.ts'
import type { NamedSchedule } from '../../diffusion/files/index.ts'
import { findOnnxPipeline, readSamplingSchedule } from '../../diffusion/files/index.ts'
import type { Settings } from '../../runs/index.ts'
import { isRecord, readManifest, requireIntactModel } from '../../runs/index.ts'
import { withClassNames } from './classChoice.ts'
import type { ConventionRecord, MeasuredBefore } from './conventionRecord.ts'
import { isModelFile, openModelFile } from './modelFile.ts'
import { openModelFolder } from './modelFolder.ts'
import type { DescribingConfig } from './modelSettings.ts'
import { DESCRIBING } from './modelSettings.ts'
import type { OpenedModel, OpenModelOptions } from './openedModel.ts'
import { openPipelineModel } from './pipelineModel.ts'
import { runRecordOf } from './runRecord.ts'

/**
 * A model by itself: what a path holds, of a run the model inside.
 * @throws `schedule.scheduler` on an ONNX file without its schedule, `schedule.model`, `schedule.pictures` on images that are no pictures,
 * `model.*`, `scheduler.*`, `nn.*`, `onnx.open`
 */
export async function openGivenModel(path: string, options: OpenModelOptions): Promise<OpenedModel> {
  const opened = await openAt(path, options)
  const [channels] = opened.pictureShape
  if (channels === 1 || channels === 3) return opened
  await opened.close()
  throw inputError(
    'schedule.pictures',
    `a model's images must have 1 or 3 channels to be written, measured and compared with pictures, those of ${path} are ` +
      `[${opened.imageShape.join(', ')}]; latents need their decoder: give the folder of the whole pipeline, with unet/model.onnx, vae_decoder/model.onnx and scheduler/`,
  )
}

/** A file, a folder of a pipeline's ONNX files, or a folder with a network of our own kinds. */
async function openAt(path: string, options: OpenModelOptions): Promise<OpenedModel> {
  if (options.promptSet && !options.prompts) {
    throw inputError(
      'model.prompts',
      `a set of prompts is one of a file's (--prompts FILE), got '${options.promptSet}' without a file; give it, or leave the set out`,
    )
  }
  if (isModelFile(path)) return openModelFile(path, options)
  const folder = shippedPath(path)
  const pipeline = await findOnnxPipeline(folder)
  return pipeline ? openPipelineModel(folder, pipeline, options) : openModelFolder(path, options)
}

/**
 * The model to sample from: of a run that holds none, the one that it was learned for, with what it learned.
 * @param path a run, a model folder, a shipped model, or an ONNX file
 * @throws what `openGivenModel` throws; `scheduleFile.*`; `runs.notARun`, `runs.damaged`
 */
export async function openModelAt(path: string, options: OpenModelOptions): Promise<OpenedModel> {
  const run = await runRecordOf(path)
  if (run?.command === 'entropy' && typeof run.settings.model === 'string') {
    const { settings, measuredBefore } = await foundBy(path)
    return openModelAt(run.settings.model, {
      ...underRun({ ...run.settings, ...settings }, options),
      ...(options.scheduler === null && { measuredBefore }),
    })
  }
  if (run && (await isForeign(run.settings.model))) {
    return openLearnedFor(path, String(run.settings.model), run.settings, options)
  }
  return openGivenModel(path, options)
}

/** Whether a run of a model holds only what it learned for it: the model is an ONNX file, or a pipeline of them. */
const isForeign = async (model: unknown): Promise<boolean> =>
  isModelFile(model) || (typeof model === 'string' && (await findOnnxPipeline(shippedPath(model))) !== null)

/** What is asked for, over what a run opened its model with. */
function underRun(run: Settings, options: OpenModelOptions): OpenModelOptions {
  const { scheduler, weightsPrefix, timeScale, size } = options
  return {
    ...options,
    ...describedUnder(run, options),
    weightsPrefix: weightsPrefix ?? ((run.weightsPrefix ?? null) as string | null),
    scheduler: scheduler ?? (run.scheduler as string | null),
    timeScale: timeScale ?? ((run.timeScale ?? null) as number | null),
    size: size ?? (run.size as number | null),
  }
}

/** What is said of the model, over what the run was told and found of it. */
function describedUnder(run: Settings, options: OpenModelOptions): Partial<DescribingConfig> {
  const before = run as Partial<DescribingConfig>
  return Object.fromEntries(
    DESCRIBING.map((key) => [key, isSaid(options[key]) ? options[key] : (before[key] ?? options[key])]).filter(
      ([, value]) => value != null,
    ),
  )
}

const isSaid = (value: unknown): boolean => value !== null && value !== undefined && value !== false

/** The file that a run learned schedules for, and these. */
async function openLearnedFor(
  run: string,
  file: string,
  settings: Settings,
  options: OpenModelOptions,
): Promise<OpenedModel> {
  await requireIntactModel(run)
  const { weightsPrefix } = options
  const { settings: found, measuredBefore } = await foundBy(run)
  const under = underRun({ ...settings, ...found }, options)
  const opened = await openGivenModel(file, {
    ...under,
    weightsPrefix,
    // Of its own levels.
    ...(options.scheduler === null && { measuredBefore }),
  })
  const notes = [...opened.notes, ...(await otherModelNotes(run, file, opened.hash))]
  const schedules = await schedulesIn(join(run, 'model', 'schedules'))
  return { ...withClassNames(opened, await classNamesOf(run)), notes, schedules }
}

/** The convention that a run's model was used by, as settings, and what was measured of it. */
async function foundBy(run: string): Promise<{
  readonly settings: Partial<DescribingConfig>
  readonly measuredBefore: MeasuredBefore | null
}> {
  const { convention, sources } = await readManifest(run)
  if (!isRecord(convention)) return { settings: {}, measuredBefore: null }
  const record = convention as unknown as ConventionRecord
  const { prediction, pixels, time, timeScale, sigmaData } = record
  const sha256 = hashIn(sources)
  return {
    settings: { modelPrediction: prediction, modelPixels: pixels, modelTime: time, timeScale, sigmaData },
    measuredBefore: sha256 === null ? null : { run, sha256, record },
  }
}

/** Of the model, among a manifest's sources. */
function hashIn(sources: unknown): string | null {
  const sha256 = (sources as { readonly model?: { readonly sha256?: unknown } | null } | undefined)?.model?.sha256
  return typeof sha256 === 'string' ? sha256 : null
}

/** Names that the data of a run gave the classes of its model. */
async function classNamesOf(run: string): Promise<readonly string[] | undefined> {
  const { classNames } = await readManifest(run)
  return Array.isArray(classNames) && classNames.every((name) => typeof name === 'string') ? classNames : undefined
}

/** Said where the file that a run learned for is another one by now. */
async function otherModelNotes(run: string, model: string, hash: string): Promise<string[]> {
  const { sources } = await readManifest(run)
  const before = hashIn(sources)
  return before === null || before === hash ? [] : [`${model} is not the file that ${run} was learned for`]
}

async function schedulesIn(folder: string): Promise<NamedSchedule[]> {
  const names = await readdir(folder).catch(() => [])
  return Promise.all(
    names.toSorted().map(async (name) => {
      const path = join(folder, name, 'sampling_schedule.json')
      return { name, ...readSamplingSchedule(await readFile(path, 'utf8'), path) }
    }),
  )
}
