/** A model folder, opened: by its path, as the one inside a run, or by the name of a model that comes with the project. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { inputError, sha256 } from '../../base/index.ts'
import { loadModel, SHIPPED_MODELS, shippedModelFolder } from '../../diffusion/files/index.ts'
import { compileDenoiser } from '../../diffusion/index.ts'
import type { NetworkState } from '../../nn/index.ts'
import { changeNotes, isRun, requireIntactModel } from '../../runs/index.ts'
import type { OpenedModel, OpenModelOptions } from './openedModel.ts'

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
    `a model is a run, a model folder, an ONNX file, or one that comes with the project, ${SHIPPED_MODELS.join(' or ')}; '${path}' is none of them`,
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
  { scheduler, weightsPrefix }: Pick<OpenModelOptions, 'scheduler' | 'weightsPrefix'>,
): Promise<OpenedModel> {
  const folder = await modelFolderOf(path)
  const ofRun = folder !== path && (await isRun(path))
  if (ofRun) await requireIntactModel(path)
  const model = await loadModel(folder, { scheduler, weightsPrefix })
  const { network, state, prediction, sampler } = model
  const { imageShape, times, classes, nullClass } = network
  return {
    imageShape,
    prediction,
    times,
    timeScale: 1,
    conditional: classes !== undefined,
    classes,
    ...(model.classNames && { classNames: model.classNames }),
    nullClass,
    differentiable: true,
    trainable: { network, state },
    saves: 'model',
    inputs: null,
    batch: null,
    schedule: model.noiseSchedule,
    sampling: sampler,
    schedules: model.samplingSchedules,
    hash: hashOf(state),
    notes: [...model.notes, ...sampler.notes, ...(ofRun ? [] : await changeNotes(folder))],
    evaluations: 0,
    secondsPerEvaluation: null,
    async openDenoiser({ chunk, device }) {
      const denoiser = await compileDenoiser({ network, state, batch: chunk, binding: 'bound', prediction, device })
      return { denoiser, close: () => denoiser.dispose() }
    },
    close: async () => undefined,
  }
}

const hashOf = ({ weights, statistics }: NetworkState): string =>
  sha256(
    ...[weights, statistics].map(
      ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
    ),
  )
