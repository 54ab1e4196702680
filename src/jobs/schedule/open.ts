/** What a schedule learning job works on: the data, the model, the networks that measure it, opened from the settings and checked against each other. */

import { inputError, internalError, requireRoom, sizeOf } from '../../base/index.ts'
import type { Dataset } from '../../data/index.ts'
import { shippedPath } from '../../data/index.ts'
import { readStart } from '../../diffusion/files/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import type { DenoisingNetwork } from '../../nn/index.ts'
import { shuffleUnet, unet } from '../../nn/index.ts'
import type { Reward } from '../../rewards/index.ts'
import { openReward } from '../../rewards/index.ts'
import type { Json } from '../../runs/index.ts'
import { jsonHash } from '../../runs/index.ts'
import { readPrompts } from '../../text/index.ts'
import type { LearnSettings, StartPoint, Subject } from '../../tuners/index.ts'
import {
  checkLearnSettings,
  checkSubject,
  denoises,
  objectiveNeeds,
  picturedShape,
  stepNumbers,
  trainedHere,
  trainingScheduleOf,
} from '../../tuners/index.ts'
import { classNumber, withClassNames } from '../opening/classChoice.ts'
import { recordJson } from '../opening/conventionRecord.ts'
import { fewImagesFix } from '../opening/fewImages.ts'
import { fileSource, fileSources } from '../opening/fileSource.ts'
import type { MeasuringNetworks } from '../opening/measuringNetworks.ts'
import { openMeasuring, openNamedFeatures } from '../opening/measuringNetworks.ts'
import { codeHashes } from '../opening/namedCode.ts'
import type { OpenedModel } from '../opening/openedModel.ts'
import { modelSource } from '../opening/openedModel.ts'
import { openGivenModel } from '../opening/openModel.ts'
import { labelsOf, tuningOf } from '../opening/rewardNetworks.ts'
import { readingOf } from '../opening/rewardReading.ts'
import type { HeldOutKnowledge, KnownImages } from '../opening/seenImages.ts'
import { heldOutNotes, leftOutText, NOTHING_SEEN, seenBy, unseen } from '../opening/seenImages.ts'
import type { SharedData } from '../opening/sharedData.ts'
import { sharedData } from '../opening/sharedData.ts'
import { forLatents, forTimes } from './consequences.ts'
import type { ScheduleConfig } from './schema.ts'
import { learnSettingsOf } from './settings.ts'

export interface ScheduleInputs extends Omit<MeasuringNetworks, 'features'> {
  /** Null: none. */
  readonly features: FeatureNetwork | null
  /** What objective reward maximises. */
  readonly reward: Reward | null
  /** Where tuning starts, where a file says so. */
  readonly startPoint: StartPoint | null
  /** The model that was given; null: one is trained here. */
  readonly model: OpenedModel | null
  readonly subject: Subject
  /** Null: none. */
  readonly data: Dataset | null
  readonly settings: LearnSettings
  /** What the given model has seen; null: the model is trained here. */
  readonly seen: KnownImages | null
  readonly heldOut: HeldOutKnowledge
  readonly secondsPerEvaluation: number | null
  /** What was measured of the model. */
  readonly found?: Readonly<Record<string, Json>>
  /** Names and hashes of what was read, for the manifest. */
  readonly sources: Readonly<Record<string, Json>>
}

/**
 * Opens everything. Nothing is written.
 * @throws `data.*`, `model.*`, `scheduler.*`, `schedule.*`, `learn.settings` on what is not there or does not fit together
 */
export async function openScheduleInputs(config: ScheduleConfig): Promise<ScheduleInputs> {
  const inputs = await openParts(config)
  const few = tooFewImages(inputs)
  if (few === null) return inputs
  await inputs.close()
  throw few
}

/** The same of however few images. */
export async function openParts(config: ScheduleConfig): Promise<ScheduleInputs> {
  const shared = sharedData(config)
  const { pictures } = shared
  const opened = config.model === null ? null : await openGivenModel(config.model, { ...config, pictures })
  const closers: (() => Promise<void>)[] = opened ? [opened.close] : []
  try {
    const { data, seen, heldOut } = await dataOf(config, opened, shared)
    const given = opened && withClassNames(opened, data?.classes)
    const wanted = classNumber({ classNames: given ? given.classNames : data?.classes }, config.class)
    const subject = await subjectFor(given, data, config)
    const ranged = isLatent(given) ? forLatents(config) : config
    const fitting = forTimes(ranged, denoises(subject).times)
    const settings = { ...learnSettingsOf(fitting, wanted), ...(given && { timesteps: given.schedule.timesteps }) }
    checkLearnSettings(settings)
    checkSubject(subject, settings)
    const measuring = data
      ? await openMeasuring({ ...config, data: config.data ?? data.name }, data, ['features'])
      : await withoutData(config, picturedShape(subject))
    closers.unshift(measuring.close)
    const { features, judge } = measuring
    const code = config.reward === null ? {} : await codeHashes([config.reward])
    const startPoint = await startPointOf(config, settings, subject)
    const reward = await openRewardOf(config, { data, ...measuring }, picturedShape(subject))
    if (reward) closers.unshift(() => reward.dispose())
    return {
      ...measuring,
      reward,
      startPoint,
      model: given,
      subject,
      data,
      settings,
      seen,
      heldOut,
      notes: [
        ...(given ? [...given.notes, ...derivativeNotes(given), ...ownSamplingNotes(given, settings)] : []),
        ...measuredWithoutNotes(settings, { features, reward }),
        ...(ranged === config ? [] : ['latents have no range of pixels: they are not clipped']),
        ...(fitting === ranged ? [] : ['the network is told whole numbers for times, so told times are not learned']),
        ...dropoutNotes(subject),
        ...(data ? heldOutNotes(heldOut, config.model) : []),
        ...measuring.notes,
        ...(reward?.notes?.() ?? []),
      ],
      ...(given && { found: foundOf(given, opened) }),
      secondsPerEvaluation: given?.secondsPerEvaluation ?? null,
      sources: {
        data: data && { name: data.name, source: data.provenance.source, sha256: data.provenance.sha256 },
        features: features && { name: features.name, sha256: features.hash },
        judge: judge && { name: judge.name, sha256: judge.hash },
        model: given && modelSource(config.model, given),
        ...(config.scheduler !== null && { scheduler: await fileSource(config.scheduler) }),
        ...(await fileSources(config)),
        ...(startPoint && { start: { path: config.start, sha256: jsonHash(startPoint.sampling) } }),
        ...(reward && { reward: { name: reward.name, sha256: reward.hash } }),
        ...(Object.keys(code).length > 0 && { code }),
      },
      close: () => closeAll(closers),
    }
  } catch (error) {
    await closeAll(closers)
    throw error
  }
}

/** Whether its images are no pictures. */
const isLatent = (given: OpenedModel | null): boolean => given !== null && given.imageShape !== given.pictureShape

/** What was found of a given model. Names that the data gave its classes are kept, for who samples with the run. */
function foundOf(
  { convention: { record }, classNames }: OpenedModel,
  opened: OpenedModel | null,
): Record<string, Json> {
  return {
    ...(record && { convention: recordJson(record) }),
    ...(classNames && classNames !== opened?.classNames && { classNames: [...classNames] }),
  }
}

async function closeAll(closers: readonly (() => Promise<void>)[]): Promise<void> {
  for (const close of closers) await close()
}

interface OpenedData {
  readonly data: Dataset | null
  readonly seen: KnownImages | null
  readonly heldOut: HeldOutKnowledge
}

async function dataOf(
  { data: source, model }: ScheduleConfig,
  given: OpenedModel | null,
  shared: SharedData,
): Promise<OpenedData> {
  if (source === null) {
    const seen = model === null ? null : await seenBy(model, given?.pictureShape[1])
    return { data: null, seen, heldOut: { known: true, leftOut: { tuning: 0, heldOut: 0 } } }
  }
  const whole = await shared.open(given?.pictureShape)
  const seen = model === null ? null : await seenBy(model, whole.shape[1])
  return { seen, ...unseen(whole, seen ?? NOTHING_SEEN) }
}

async function subjectFor(given: OpenedModel | null, data: Dataset | null, config: ScheduleConfig): Promise<Subject> {
  if (given) return subjectOf(given, config)
  if (!data) throw internalError('a network was to be trained without data')
  return { kind: 'train', network: networkFor(config, data) }
}

/** Without data there is nobody to ask about networks: features that are named are taken as they are, and there is no judge. */
async function withoutData(
  config: ScheduleConfig,
  imageShape: readonly number[],
): Promise<Omit<MeasuringNetworks, 'features'> & Pick<ScheduleInputs, 'features'>> {
  const features = config.features === 'auto' ? null : await openNamedFeatures(config, imageShape)
  return {
    features,
    judge: null,
    judgeKnowledge: null,
    guessingFeatures: null,
    notes: [],
    judgeNotes: [],
    close: async () => {
      await features?.dispose()
    },
  }
}

/** @throws `reward.*` */
async function openRewardOf(
  config: ScheduleConfig,
  { data, features, judge, guessingFeatures }: Pick<ScheduleInputs, 'data' | 'features' | 'judge' | 'guessingFeatures'>,
  imageShape: readonly number[],
): Promise<Reward | null> {
  const { reward, rewardTimeout, chunk, device } = config
  if (reward === null) return null
  return openReward(reward, {
    features,
    judge,
    guessing: guessingFeatures,
    tuning: data && tuningOf(data),
    labels: data && labelsOf(data),
    imageShape,
    prompts: config.prompts === null ? null : await readPrompts(shippedPath(config.prompts), config.promptSet),
    ...(await readingOf(config)),
    batch: chunk,
    device,
    timeout: rewardTimeout,
  })
}

/** The schedule in a file that tuning starts from; null: none is named. @throws `start.*` */
async function startPointOf(
  { start }: ScheduleConfig,
  settings: LearnSettings,
  subject: Subject,
): Promise<StartPoint | null> {
  if (settings.start !== 'given') return null
  if (settings.moreSteps.length > 0) {
    throw inputError(
      'start.steps',
      `a file is a start at one number of steps, got ${stepNumbers(settings).join(', ')}; give one, or --start auto`,
    )
  }
  const schedule = trainingScheduleOf(subject, settings)
  return readStart(start, { schedule, told: denoises(subject).times, steps: settings.samplingSteps })
}

/** A fresh network for the data. @throws `schedule.classes`, `config.network` if memory could not hold its weights; as the networks do */
export function networkFor(config: ScheduleConfig, data: Dataset): DenoisingNetwork {
  const network = networkOf(config, data)
  const { length } = network.parameters
  const values = network.parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  requireRoom({ code: 'config.network', what: `the weights of this network, in ${length} tensors,`, values })
  return network
}

function networkOf(
  { network, classConditional, timesteps, prediction }: ScheduleConfig,
  data: Dataset,
): DenoisingNetwork {
  const { kind, channels, layersPerBlock, groups, attentionLevels } = network
  const [imageChannels, height, width] = data.shape
  const size = [height, width] as const
  if (classConditional && data.classes.length === 0) {
    throw inputError(
      'schedule.classes',
      `classConditional needs data with classes, ${data.name} has none; leave it out`,
    )
  }
  if (kind === 'shuffle') {
    const [first, ...rest] = channels
    const [second, ...more] = rest.map((width) => width / first)
    return shuffleUnet({
      sample_size: [height, width],
      in_channels: imageChannels,
      // A flow is told 1 to T.
      timesteps: timesteps + (prediction === 'flow' ? 1 : 0),
      base_dim: first,
      dim_mults: [second, ...more],
    })
  }
  return unet({
    size: height === width ? height : size,
    channels,
    imageChannels,
    ...(layersPerBlock !== null && { layersPerBlock }),
    ...(groups !== null && { groups }),
    ...(attentionLevels !== null && { attentionLevels }),
    ...(classConditional && { classes: data.classes.length }),
  })
}

/** What a given model is to the learning. @throws `schedule.model` on one that could not be saved */
async function subjectOf(given: OpenedModel, config: ScheduleConfig): Promise<Subject> {
  const { trainable, schedule, prediction } = given
  if (!trainable) return { kind: 'foreign', denoiser: (await given.openDenoiser(config)).denoiser, schedule }
  if (schedule.path === 'flow' && prediction !== 'velocity') {
    const rule = 'a flow in a model folder must predict eps - x0 (velocity), as its scheduler files say it'
    throw inputError('schedule.model', `${rule}; ${config.model} predicts ${prediction}: use its ONNX file`)
  }
  if (config.learn === 'sampling') return { kind: 'pretrained', ...trainable, schedule, prediction }
  return { kind: 'train', ...trainable, prediction: schedule.path === 'flow' ? 'flow' : prediction }
}

/** Said of a model that is tuned without its derivative. */
const derivativeNotes = ({ missingDerivative }: OpenedModel): string[] =>
  missingDerivative === undefined ? [] : [`the model has no derivative, so it is tuned without: ${missingDerivative}`]

/** Said where features or a reward in a file are why the schedule is tuned without derivatives. */
function measuredWithoutNotes(
  settings: LearnSettings,
  { features, reward }: Pick<ScheduleInputs, 'features' | 'reward'>,
): string[] {
  if (settings.estimator === 'backpropagation') return []
  const needs = objectiveNeeds(settings)
  const asked = [needs.features && features, needs.reward && reward]
  return asked.flatMap((one) => {
    if (!one || one.missingDerivative === undefined) return []
    return [`${one.name} has no derivative, so the schedule is tuned without: ${one.missingDerivative}`]
  })
}

/** Said where the model's own scheduler file clips otherwise than is learned for: learning takes its own settings alone. */
function ownSamplingNotes({ sampling }: OpenedModel, { clip }: LearnSettings): string[] {
  const own = sampling.settings.clip
  const words = (range: typeof own) => (range ? `[${range.join(', ')}]` : 'none')
  const notes: string[] = []
  if (String(own) !== String(clip)) {
    notes.push(
      `clip is ${words(clip)}, while the model's scheduler has ${words(own)}; --clip ${own ?? 'none'} is its own`,
    )
  }
  return notes
}

/** A network of others may have been trained with dropout, which there is none of here. */
function dropoutNotes(subject: Subject): string[] {
  const dropout = trainedHere(subject)?.network.config.dropout
  if (!dropout) return []
  return [`the model's config has dropout ${dropout}; it is trained on here without any`]
}

/** A covariance of d features needs more than d images: `schedule.tooFewImages` naming the split; null: there are enough. */
export function tooFewImages({
  data,
  features,
  heldOut: { leftOut },
}: Pick<ScheduleInputs, 'data' | 'features' | 'heldOut'>): Error | null {
  if (!data || !features) return null
  const { name: source, splits } = data
  const counts = { tuning: splits.tuning.count, 'held-out': splits.heldOut.count }
  const few = Object.entries(counts).filter(([, count]) => count <= features.dimensions)
  if (few.length === 0) return null
  const came = few.map(([name, count]) => `its ${name} split has ${count}`).join(' and ')
  return inputError(
    'schedule.tooFewImages',
    `the Fréchet distance needs more images than the ${features.dimensions} features of ${features.name}, but of ${source} ${came}${leftOutText(leftOut)}; ` +
      fewImagesFix(data),
  )
}
