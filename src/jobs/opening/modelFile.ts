/** Somebody else's ONNX file with its schedule, opened as a model. */
import { inputError } from '../../base/index.ts'
import { loadScheduler } from '../../diffusion/files/index.ts'
import { openForeignDenoiser } from '../../diffusion/index.ts'
import { modelFileHash } from '../../files/index.ts'
import type { OpenedModel, OpenModelOptions } from './openedModel.ts'

/** Whether a path is that of an ONNX file: what is known of a model that is not opened. */
export const isModelFile = (path: unknown): path is string => typeof path === 'string' && path.endsWith('.onnx')

/** @throws `schedule.scheduler` without its schedule, `schedule.model`, `model.*`, `scheduler.*`, `onnx.open` */
export async function openModelFile(path: string, options: OpenModelOptions): Promise<OpenedModel> {
  const { scheduler, weightsPrefix, chunk, device, timeScale, size } = options
  if (weightsPrefix !== null) {
    throw inputError(
      'schedule.model',
      `weightsPrefix is for the tensors of a model folder, got '${weightsPrefix}' with the ONNX file ${path}; leave it out`,
    )
  }
  if (scheduler === null) {
    throw inputError(
      'schedule.scheduler',
      `an ONNX model does not say what schedule it was trained with, ${path} neither; ` +
        'give it with --scheduler FILE: a diffusers scheduler_config.json, or {"betas": [...]}',
    )
  }
  const { schedule, prediction, ...sampling } = await loadScheduler(scheduler)
  const denoiser = await openForeignDenoiser({
    model: path,
    noiseSchedule: schedule,
    batch: chunk,
    prediction,
    device,
    timeScale,
    learnedVariance: sampling.learnedVariance,
    ...(size !== null && { imageShape: [null, size, size] }),
  })
  const hash = await modelFileHash(path)
  const { imageShape, times, conditional, differentiable, inputs, batch = chunk } = denoiser
  const { evaluations, secondsPerEvaluation } = denoiser
  return {
    imageShape,
    prediction,
    times,
    timeScale,
    conditional,
    classes: undefined,
    nullClass: undefined,
    differentiable,
    trainable: null,
    saves: 'schedules',
    inputs,
    batch,
    schedule,
    sampling,
    schedules: [],
    hash,
    notes: sampling.notes,
    evaluations,
    secondsPerEvaluation,
    // One for all: it is the loaded file, freed with the model.
    openDenoiser: async () => ({ denoiser, close: async () => undefined }),
    close: () => denoiser.dispose(),
  }
}
