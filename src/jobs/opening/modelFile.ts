/** Somebody else's ONNX file with its schedule, opened as a model of the convention that it is found to keep. */
import { BilevelError, fileName, inputError, sha256 } from '../../base/index.ts'
import type {
  DenoiserConvention,
  DenoiserInputs,
  ForeignDenoiser,
  NoiseSchedule,
  ProgramBytes,
  StatedConvention,
  ToldNetwork,
} from '../../diffusion/index.ts'
import {
  candidatesOf,
  classesAmong,
  completed,
  conventionDenoiser,
  isOwn,
  openForeignDenoiser,
  pictureShapeOf,
  picturesDifferentiable,
  predictionFor,
  scheduleFor,
  toldAt,
  toldNetwork,
} from '../../diffusion/index.ts'
import { modelFileHash } from '../../files/index.ts'
import { jsonHash } from '../../runs/index.ts'
import { checkingCost } from './checkingCost.ts'
import type { UsedConvention } from './conventionRecord.ts'
import { ofSameModel } from './conventionRecord.ts'
import { samplingFor } from './conventionSampling.ts'
import type { LatentParts } from './latentModel.ts'
import { decoderHash, latentCandidates, measuringLatents, OpenDecoders, statedOfLatents } from './latentModel.ts'
import { settleConvention } from './modelConvention.ts'
import type { FileForm } from './modelSettings.ts'
import { describedModel, fileFormOf } from './modelSettings.ts'
import type { OpenedModel, OpenModelOptions } from './openedModel.ts'
import type { ClassesWithin } from './sharedPrompts.ts'
import type { StatedModel } from './statedModel.ts'
import { statedModel } from './statedModel.ts'

/** Whether a path is that of an ONNX file: what is known of a model that is not opened. */
export const isModelFile = (path: unknown): path is string => typeof path === 'string' && path.endsWith('.onnx')

/** What is opened where it is not the file at the path as it is. */
export interface FileParts {
  /** Its path, or its bytes. */
  readonly model: string | Uint8Array
  /** What makes pictures of its images; null: they are pictures. */
  readonly latents: LatentParts | null
  /** [channels, height, width] of its images, null where it has them itself. Default: by the size that is asked for. */
  readonly imageShape?: readonly (number | null)[] | null
  /** That it is run as a part of a file which is opened for others too. Absent: it is opened itself. */
  readonly within?: ClassesWithin
}

/**
 * @param parts of a pipeline whose folder is at the path
 * @throws `schedule.scheduler` without its schedule, `schedule.model`, `model.*`, `scheduler.*`, `onnx.open`
 */
export async function openModelFile(
  path: string,
  options: OpenModelOptions,
  parts: FileParts = { model: path, latents: null },
): Promise<OpenedModel> {
  const { weightsPrefix, chunk, trustConvention = false } = options
  const { model, latents, within } = parts
  if (weightsPrefix !== null) {
    throw inputError(
      'schedule.model',
      `weightsPrefix is for the tensors of a model folder, got '${weightsPrefix}' with the ONNX file ${path}; leave it out`,
    )
  }
  const described = await describedModel(path, options)
  const said = await statedModel(path, described)
  const known = latents ? { ...said, stated: statedOfLatents(said.stated) } : said
  const form = fileFormOf(described)
  const { file, stated, decoders, close } = within
    ? await openedWithin(within, parts, known, options, form)
    : await openedWhole(parts, known, options, form)
  try {
    const network = toldFile(file)
    const hash = await hashOf(functionHash(await hashOfModel(model), file.inputs), latents)
    const used = await usedConvention(path, { ...known, stated }, file, { ...options, hash }, latents)
    const { convention, trained } = used
    const denoiser = isOwn(convention) ? file : conventionDenoiser(network, convention, trained)
    const { imageShape, times, conditional, inputs, batch = chunk } = file
    const missingDerivative = file.missingDerivative ?? decoders?.missingDerivative ?? null
    const { secondsPerEvaluation, classes, nullClass, classRows } = file
    return {
      imageShape,
      pictureShape: pictureShapeOf(file),
      prediction: predictionFor(convention),
      times,
      convention: used,
      conditional,
      classes,
      nullClass,
      ...(classRows !== undefined && { classRows }),
      differentiable: file.differentiable && picturesDifferentiable(file),
      ...(missingDerivative !== null && { missingDerivative }),
      trainable: null,
      saves: 'schedules',
      inputs,
      batch,
      schedule: scheduleFor(convention, trained),
      sampling: samplingFor(convention, known.sampling, times),
      schedules: [],
      hash,
      used: jsonHash([convention, form]),
      notes: [...file.notes, ...known.sampling.notes, ...used.notes],
      evaluations: file.evaluations + used.evaluations,
      checking: checkingCost(network, candidatesFor(stated, known, times, latents), trustConvention),
      secondsPerEvaluation,
      bytes: (images, checkpoints) =>
        withDecoder(file.bytes(images, checkpoints), decoders?.bytes(images, checkpoints)),
      // One for all: it is the loaded file, freed with the model.
      openDenoiser: async () => ({ denoiser, close: async () => undefined }),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

const hashOfModel = (model: string | Uint8Array): Promise<string> | string =>
  typeof model === 'string' ? modelFileHash(model) : sha256(model)

/** With what the decoder makes of its images. */
const hashOf = async (network: string, latents: LatentParts | null): Promise<string> =>
  latents ? sha256(`${network} ${await decoderHash(latents)}`) : network

/** Of a network with its decoder, which is run after it. */
const withDecoder = (network: ProgramBytes | null, decoder: ProgramBytes | null | undefined): ProgramBytes | null => {
  if (!network || decoder === undefined) return network
  return (
    decoder && {
      predict: network.predict + decoder.predict,
      derivative: network.derivative + decoder.derivative,
      kept: network.kept,
    }
  )
}

const candidatesFor = (
  stated: StatedConvention,
  { trained }: Pick<StatedModel, 'trained'>,
  times: ForeignDenoiser['times'],
  latents: LatentParts | null,
) => {
  const all = candidatesOf(stated, trained, times)
  return latents ? latentCandidates(all) : all
}

/** SHA-256 of the function that a file is used as: of the file, and of the numbers for its further inputs, which make another one of it. */
function functionHash(file: string, { constants = [] }: DenoiserInputs): string {
  const filled = constants.map(({ input, value }) => `${JSON.stringify(input.name)}=${value}`).toSorted()
  return filled.length === 0 ? file : sha256(`${file} ${filled.join()}`)
}

/** A file as a network that is told any number. */
const toldFile = (file: ForeignDenoiser): ToldNetwork =>
  toldNetwork(
    file,
    (...asked) => file.predictTold(...asked),
    (x, told, condition, cotangent) => file.vjpTold(x, told, condition, cotangent),
  )

/** As measured on pictures, as tried with noise alone, or, where neither is asked for, as stated. */
async function usedConvention(
  path: string,
  { stated, trained, sampling }: StatedModel,
  file: ForeignDenoiser,
  options: OpenModelOptions & { readonly hash: string },
  latents: LatentParts | null,
): Promise<UsedConvention> {
  const { pictures, class: wanted = null, trustConvention = false, allFigures = false, device } = options
  if (!pictures) {
    return { convention: byDefault(stated, trained), trained, record: null, figures: [], evaluations: 0, notes: [] }
  }
  const shapes = { pictureShape: pictureShapeOf(file), latentShape: file.imageShape }
  const measuring = latents
    ? await measuringLatents(latents, pictures, shapes, device)
    : { latents: await pictures(file.imageShape), notes: [] }
  const settled = await settleConvention({
    file: fileName(path),
    network: toldFile(file),
    stated,
    trained,
    pictures: measuring.latents,
    class: wanted,
    before: ofSameModel(options.measuredBefore, options.hash),
    list: sampling.stepList,
    trust: trustConvention,
    all: allFigures,
    latent: latents !== null,
  })
  return { ...settled, notes: [...measuring.notes, ...settled.notes] }
}

const byDefault = (stated: StatedConvention, { path }: NoiseSchedule): DenoiserConvention =>
  completed(stated, path === 'flow' ? 'flow' : 'noise')

interface OpenedFile {
  readonly file: ForeignDenoiser
  readonly stated: StatedConvention
  readonly decoders: OpenDecoders | null
  close(): Promise<void>
}

/** The file with its decoder. @throws as `openedFile` */
async function openedWhole(
  parts: FileParts,
  known: StatedModel,
  options: OpenModelOptions,
  form: FileForm,
): Promise<OpenedFile> {
  const { latents } = parts
  const decoders = latents && new OpenDecoders(latents, options.device, options.gradientCheckpointing)
  const { file, stated } = await openedFile(parts, known, options, form, decoders)
  const close = async () => {
    await file.dispose()
    await decoders?.close()
  }
  return { file, stated, decoders, close }
}

/** Its classes among those of the whole file, which is opened once for all and freed by whoever shares it. */
async function openedWithin(
  { model, classes, first, count, once }: ClassesWithin,
  parts: FileParts,
  known: StatedModel,
  options: OpenModelOptions,
  form: FileForm,
): Promise<OpenedFile> {
  const all = { ...form, classes: { classes, nullClass: classes } }
  const whole = await once(() => openedWhole({ ...parts, model: model() }, known, options, all))
  return { ...whole, file: classesAmong(whole.file, first, count), close: async () => undefined }
}

/** Times that a file is opened with where it does not run with the usual ones and none are stated. */
const OTHER_TIMES = ['fraction', 'reversed-fraction'] as const

/**
 * Opens the file, told times as it is stated. One that does not run so may be told others: a fraction that is looked up in a table ends far beyond it.
 * @throws what `openForeignDenoiser` throws
 */
async function openedFile(
  { model, imageShape }: FileParts,
  { stated, trained, sampling }: StatedModel,
  { chunk, device, size, gradientCheckpointing = 'auto' }: OpenModelOptions,
  form: FileForm,
  decoders: OpenDecoders | null,
): Promise<{ readonly file: ForeignDenoiser; readonly stated: StatedConvention }> {
  const wanted = imageShape === undefined ? size && [null, size, size] : imageShape
  const open = (convention: DenoiserConvention) =>
    openForeignDenoiser({
      model,
      noiseSchedule: trained,
      batch: chunk,
      prediction: predictionFor(convention),
      device,
      timeScale: convention.timeScale,
      ...(convention.time !== 'index' && { told: (t: number) => toldAt(convention, trained, t) }),
      learnedVariance: sampling.learnedVariance,
      gradientCheckpointing,
      ...(wanted && { imageShape: wanted }),
      ...(decoders && { decoder: (latentShape) => decoders.open(latentShape) }),
      ...form,
    })
  const usual = byDefault(stated, trained)
  try {
    return { file: await open(usual), stated }
  } catch (error) {
    const isTime = error instanceof BilevelError && error.code === 'model.run' && stated.time === undefined
    if (!isTime || usual.timeScale !== 1) throw error
    for (const time of OTHER_TIMES) {
      const file = await open({ ...usual, time }).catch(() => null)
      if (file?.times === 'real') return { file, stated: { ...stated, time } }
      await file?.dispose()
    }
    throw error
  }
}
