/** What a schedule learning job works on: the data, the model, the networks that measure it, opened from the settings and checked against each other. */

import { inputError, requireRoom, sizeOf } from '../../base/index.ts'
import type { Dataset } from '../../data/index.ts'
import type { DenoisingNetwork } from '../../nn/index.ts'
import { shuffleUnet, unet } from '../../nn/index.ts'
import type { Json } from '../../runs/index.ts'
import type { LearnSettings, Subject } from '../../tuners/index.ts'
import { checkLearnSettings, trainedHere } from '../../tuners/index.ts'
import type { MeasuringNetworks } from '../opening/measuringNetworks.ts'
import { openMeasuring } from '../opening/measuringNetworks.ts'
import { openData } from '../opening/openData.ts'
import type { OpenedModel } from '../opening/openedModel.ts'
import { openGivenModel } from '../opening/openModel.ts'
import type { HeldOutKnowledge, KnownImages } from '../opening/seenImages.ts'
import { heldOutNotes, leftOutText, NOTHING_SEEN, seenBy, unseen } from '../opening/seenImages.ts'
import type { ScheduleConfig } from './settings.ts'
import { learnSettingsOf } from './settings.ts'

export interface ScheduleInputs extends MeasuringNetworks {
  /** The model that was given; null: one is trained here. */
  readonly model: OpenedModel | null
  readonly subject: Subject
  readonly data: Dataset
  readonly settings: LearnSettings
  /** What the given model has seen; null: the model is trained here. */
  readonly seen: KnownImages | null
  readonly heldOut: HeldOutKnowledge
  /** Names and hashes of what was read, for the manifest. */
  readonly sources: Readonly<Record<string, Json>>
}

/**
 * Opens everything. Nothing is written.
 * @throws `data.*`, `model.*`, `scheduler.*`, `schedule.*`, `learn.settings` on what is not there or does not fit together
 */
export async function openScheduleInputs(config: ScheduleConfig): Promise<ScheduleInputs> {
  const given = config.model === null ? null : await openGivenModel(config.model, config)
  try {
    const whole = await openData(config, given?.imageShape)
    const seen = config.model === null ? null : await seenBy(config.model, whole.shape[1])
    const { data, heldOut } = unseen(whole, seen ?? NOTHING_SEEN)
    const settings = { ...learnSettingsOf(config), ...(given && { timesteps: given.schedule.timesteps }) }
    checkLearnSettings(settings)
    const subject: Subject = given
      ? await subjectOf(given, config)
      : { kind: 'train', network: networkFor(config, data) }
    const measuring = await openMeasuring(config, data)
    checkCounts(data, measuring, heldOut)
    const { features, judge } = measuring
    return {
      ...measuring,
      model: given,
      subject,
      data,
      settings,
      seen,
      heldOut,
      notes: [
        ...(given ? [...given.notes, ...ownSamplingNotes(given, settings)] : []),
        ...dropoutNotes(subject),
        ...heldOutNotes(heldOut, config.model),
        ...measuring.notes,
      ],
      sources: {
        data: { name: data.name, source: data.provenance.source, sha256: data.provenance.sha256 },
        features: { name: features.name, sha256: features.hash },
        judge: judge && { name: judge.name, sha256: judge.hash },
        model: given && { path: config.model, sha256: given.hash },
      },
      close: async () => {
        await measuring.close()
        await given?.close()
      },
    }
  } catch (error) {
    await given?.close()
    throw error
  }
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

/** Said where the model's own scheduler file clips or spaces otherwise than is learned for: learning takes its own settings alone. */
function ownSamplingNotes({ sampling }: OpenedModel, { clip, stepList }: LearnSettings): string[] {
  const own = sampling.settings.clip
  const words = (range: typeof own) => (range ? `[${range.join(', ')}]` : 'none')
  const notes: string[] = []
  if (String(own) !== String(clip)) {
    notes.push(
      `clip is ${words(clip)}, while the model's scheduler has ${words(own)}; --clip ${own ?? 'none'} is its own`,
    )
  }
  if (sampling.stepList !== stepList) {
    notes.push(
      `learning starts from step list ${stepList}, while the model's scheduler has ${sampling.stepList}; --step-list ${sampling.stepList} starts there`,
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

/** A covariance of d features needs more than d images. @throws `schedule.tooFewImages` naming the split */
function checkCounts(
  { name: source, splits }: Dataset,
  { features }: MeasuringNetworks,
  { leftOut }: HeldOutKnowledge,
): void {
  const counts = { tuning: splits.tuning.count, 'held-out': splits.heldOut.count }
  const few = Object.entries(counts).filter(([, count]) => count <= features.dimensions)
  if (few.length === 0) return
  const came = few.map(([name, count]) => `its ${name} split has ${count}`).join(' and ')
  throw inputError(
    'schedule.tooFewImages',
    `the Fréchet distance needs more images than the ${features.dimensions} features of ${features.name}, but of ${source} ${came}${leftOutText(leftOut)}; ` +
      'give more data, or features of fewer dimensions',
  )
}
