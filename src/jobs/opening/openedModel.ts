/** A model to sample from: of a run (whose settings say what it was learned for), a model folder, or an ONNX file with its schedule. */

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NamedSchedule } from '../../diffusion/files/index.ts'
import { readSamplingSchedule } from '../../diffusion/files/index.ts'
import type { SamplerSettings } from '../../diffusion/index.ts'
import type { Settings } from '../../runs/index.ts'
import { isRun, readManifest, readRunConfig, requireIntactModel } from '../../runs/index.ts'
import type { GivenModel, OpenModelOptions } from './givenModel.ts'
import { openGivenModel } from './givenModel.ts'

export interface OpenedModel {
  readonly given: GivenModel
  /** Learned sampling schedules that belong to it. */
  readonly schedules: readonly NamedSchedule[]
  /** What the run it is of did with the noise of clipped images under DDIM; absent: what the model's scheduler does. */
  readonly clippedNoise?: SamplerSettings['clippedNoise']
  /** Number of classes; undefined: unconditional, or not known. */
  readonly classes: number | undefined
  /** What stands for no class; undefined: nothing does, or not known. */
  readonly nullClass: number | undefined
}

/** The settings of a run; null if the path is none. @throws `runs.notARun`, `runs.damaged` on a run that is no longer whole */
export async function runConfigOf(path: string): Promise<Settings | null> {
  return (await isRun(path)) ? readRunConfig(path) : null
}

/**
 * @param path a run, a model folder, or an ONNX file
 * @throws what `openGivenModel` throws; `scheduleFile.*`
 */
export async function openModelAt(path: string, options: OpenModelOptions): Promise<OpenedModel> {
  const run = await runConfigOf(path)
  if (run && typeof run.model === 'string' && 'lambdaRange' in run) return openModelOfEntropy(run.model, run, options)
  const foreign = run && typeof run.model === 'string' && run.model.endsWith('.onnx') ? run.model : null
  if (run && foreign) {
    const scheduler = options.scheduler ?? (run.scheduler as string | null)
    const timeScale = typeof run.timeScale === 'number' ? run.timeScale : options.timeScale
    const size = options.size ?? (run.size as number | null)
    await requireIntactModel(path)
    const opened = await openGivenModel(foreign, { ...options, scheduler, timeScale, size })
    const given = { ...opened, notes: [...opened.notes, ...(await otherModelNotes(path, foreign, opened.hash))] }
    const schedules = await schedulesIn(join(path, 'model', 'schedules'))
    return { given, schedules, classes: undefined, nullClass: undefined }
  }
  const given = await openGivenModel(path, options)
  if (given.kind === 'file') return { given, schedules: [], classes: undefined, nullClass: undefined }
  const { samplingSchedules: schedules, network } = given.model
  return { given, schedules, classes: network.classes, nullClass: network.nullClass }
}

/** A run that tuned an entropy strength holds no model: it names the one it guides. */
function openModelOfEntropy(model: string, run: Settings, options: OpenModelOptions): Promise<OpenedModel> {
  const { scheduler, weightsPrefix, timeScale, size } = options
  return openModelAt(model, {
    ...options,
    weightsPrefix: weightsPrefix ?? ((run.weightsPrefix ?? null) as string | null),
    scheduler: scheduler ?? (run.scheduler as string | null),
    timeScale: typeof run.timeScale === 'number' ? run.timeScale : timeScale,
    size: size ?? (run.size as number | null),
  })
}

/** Said where the file that a run learned for is another one by now. */
async function otherModelNotes(run: string, model: string, hash: string): Promise<string[]> {
  const { sources } = await readManifest(run)
  const before = (sources as { readonly model?: { readonly sha256?: unknown } | null } | undefined)?.model?.sha256
  return before === undefined || before === hash ? [] : [`${model} is not the file that ${run} was learned for`]
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
