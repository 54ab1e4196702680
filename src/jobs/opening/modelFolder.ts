/** A model folder, opened: by its path, as the one inside a run, or by the name of a model that comes with the project. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileName, inputError, sha256 } from '../../base/index.ts'
import { SHIPPED_FOLDERS } from '../../data/index.ts'
import type { LoadedModel, ModelDescription } from '../../diffusion/files/index.ts'
import { loadModel, SHIPPED_MODELS, shippedModelFolder } from '../../diffusion/files/index.ts'
import type { Denoiser, ToldNetwork } from '../../diffusion/index.ts'
import {
  candidatesOf,
  compileDenoiser,
  completed,
  conventionDenoiser,
  isOwn,
  predictionFor,
  scheduleFor,
  toldNetwork,
} from '../../diffusion/index.ts'
import type { NetworkState } from '../../nn/index.ts'
import { changeNotes, isRun, jsonHash, requireIntactModel } from '../../runs/index.ts'
import type { CheckingCost } from './checkingCost.ts'
import { checkingCost, NO_CHECKING } from './checkingCost.ts'
import type { UsedConvention } from './conventionRecord.ts'
import { ofSameModel } from './conventionRecord.ts'
import { samplingFor } from './conventionSampling.ts'
import { settleConvention } from './modelConvention.ts'
import { describedModel } from './modelSettings.ts'
import type { OpenedModel, OpenModelOptions } from './openedModel.ts'
import { PICTURES } from './sharedData.ts'
import type { StatedModel } from './statedModel.ts'
import { statedBeside } from './statedModel.ts'

/**
 * The model folder at a path: itself, or of a run the one inside; of a name that is no path, the model that comes with the project.
 * @throws `schedule.model` naming those that come with the project
 */
export async function modelFolderOf(path: string): Promise<string> {
  const inside = join(path, 'model')
  // An empty path would be the working directory.
  if (path !== '' && (await exists(join(inside, 'model_index.json')))) return inside
  if (await exists(path)) return path
  const shipped = shippedModelFolder(path)
  if (shipped) return shipped
  throw inputError(
    'schedule.model',
    `a model is a run, a model folder, an ONNX file, or one that comes with the project, ${[...SHIPPED_MODELS, ...SHIPPED_FOLDERS].join(' or ')}; '${path}' is none of them`,
  )
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

/** @throws `schedule.model`, `model.*`, `scheduler.*`, `nn.*`; `runs.damaged` on the model of a run that is no longer what it wrote */
export async function openModelFolder(
  path: string,
  options: Pick<OpenModelOptions, 'scheduler' | 'weightsPrefix'> & Partial<OpenModelOptions>,
): Promise<OpenedModel> {
  const { weightsPrefix } = options
  const folder = await modelFolderOf(path)
  const ofRun = folder !== path && (await isRun(path))
  if (ofRun) await requireIntactModel(path)
  const described = await describedModel(folder, options)
  const model = await loadModel(folder, { scheduler: described.scheduler ?? null, weightsPrefix })
  const { network, state } = model
  const hash = hashOf(state)
  const used = await usedConvention(path, model, described, { ...options, hash })
  const { convention, trained, sampling, checking } = used
  const own = isOwn(convention)
  const { imageShape, times, classes, nullClass } = network
  return {
    imageShape,
    pictureShape: imageShape,
    prediction: predictionFor(convention),
    times,
    convention: used,
    conditional: classes !== undefined,
    classes,
    ...(model.classNames && { classNames: model.classNames }),
    nullClass,
    differentiable: true,
    trainable: own ? { network, state } : null,
    saves: own ? 'model' : 'schedules',
    inputs: null,
    batch: null,
    schedule: scheduleFor(convention, trained),
    sampling: samplingFor(convention, sampling, times),
    schedules: model.samplingSchedules,
    hash,
    used: jsonHash([convention]),
    notes: [...model.notes, ...sampling.notes, ...used.notes, ...(ofRun ? [] : await changeNotes(folder))],
    evaluations: used.evaluations,
    checking,
    secondsPerEvaluation: null,
    async openDenoiser({ chunk, device }) {
      const prediction = predictionFor(convention)
      const denoiser = await compileDenoiser({ network, state, batch: chunk, binding: 'bound', prediction, device })
      const close = () => denoiser.dispose()
      return { denoiser: own ? denoiser : conventionDenoiser(told(denoiser, classes), convention, trained), close }
    },
    close: async () => undefined,
  }
}

const told = (denoiser: Denoiser, classes: number | undefined): ToldNetwork => ({
  ...toldNetwork(denoiser),
  ...(classes !== undefined && { classes }),
})

/** What this project wrote is of the convention that it says; of other folders it is measured where there is something to measure it on. */
async function usedConvention(
  path: string,
  model: LoadedModel,
  described: ModelDescription,
  options: Partial<OpenModelOptions> & { readonly hash: string },
): Promise<UsedConvention & Pick<StatedModel, 'sampling'> & { readonly checking: CheckingCost }> {
  const { pictures, class: wanted = null, trustConvention = false, allFigures = false, device } = options
  const { network, state, noiseSchedule: schedule, prediction, sampler } = model
  const { stated, trained, sampling } = statedBeside({ schedule, prediction, ...sampler }, path, described)
  const convention = completed(stated)
  const { times, classes, nullClass } = network
  const { scheduler: _, ...words } = described
  const isKnown = model.own && Object.keys(words).length === 0 && !allFigures
  const asked = { times, batch: PICTURES, conditional: classes !== undefined, nullClass }
  const checking = isKnown ? NO_CHECKING : checkingCost(asked, candidatesOf(stated, trained, times), trustConvention)
  if (!pictures || isKnown) {
    return { convention, trained, sampling, checking, record: null, figures: [], evaluations: 0, notes: [] }
  }
  const images = await pictures(network.imageShape)
  // As many a call as there are pictures.
  const compiled = { network, state, batch: PICTURES, binding: 'bound', prediction } as const
  const denoiser = await compileDenoiser({ ...compiled, ...(device && { device }) })
  try {
    const settled = await settleConvention({
      file: fileName(path),
      network: told(denoiser, classes),
      stated,
      trained,
      pictures: images,
      class: wanted,
      before: ofSameModel(options.measuredBefore, options.hash),
      list: sampling.stepList,
      trust: trustConvention,
      all: allFigures,
    })
    return { ...settled, sampling, checking }
  } finally {
    await denoiser.dispose()
  }
}

const hashOf = ({ weights, statistics }: NetworkState): string =>
  sha256(
    ...[weights, statistics].map(
      ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
    ),
  )
