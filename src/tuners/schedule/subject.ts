/**
 * What a schedule is learned for: a network trained here, a network trained before, or a denoiser that is run as it is. What it can do is
 * asked of it, by the functions here.
 */
import { inputError, internalError } from '../../base/index.ts'
import type { Dataset } from '../../data/index.ts'
import type { CompiledDenoiser, Denoiser, NoiseSchedule, Prediction, TrainingTarget } from '../../diffusion/index.ts'
import {
  classifierFree,
  compileDenoiser,
  hasTimeDerivative,
  pictureShapeOf,
  picturesDifferentiable,
  predictionOf,
  startNoise,
} from '../../diffusion/index.ts'
import type { DenoisingNetwork, NetworkState } from '../../nn/index.ts'
import type { Device } from '../../runtime/index.ts'
import { guides } from '../classGuidance.ts'
import type { LearnSettings } from './settings/index.ts'
import { trainingStart } from './settings/index.ts'

export type Subject =
  /** Trained by the job itself, from `state` if there is one, else from fresh weights. */
  | {
      readonly kind: 'train'
      readonly network: DenoisingNetwork
      readonly state?: NetworkState
      /** What `state` was trained to predict; absent: what the settings say. */
      readonly prediction?: TrainingTarget
    }
  /** Trained before; only its sampling schedule is learned. */
  | {
      readonly kind: 'pretrained'
      readonly network: DenoisingNetwork
      readonly state: NetworkState
      readonly schedule: NoiseSchedule
      /** Default `noise`. */
      readonly prediction?: Prediction
    }
  /**
   * A denoiser that is run as it is: somebody else's model, plain functions (`functionDenoiser`). One that takes a class knows `classes` of
   * them, or as many as it says itself, or as many as the data.
   */
  | {
      readonly kind: 'foreign'
      readonly denoiser: Denoiser
      readonly schedule: NoiseSchedule
      readonly classes?: number
    }

/** The shape of the images it makes, and the times it can be told. */
export const denoises = (subject: Subject): Pick<Denoiser, 'imageShape' | 'times'> =>
  subject.kind === 'foreign' ? subject.denoiser : subject.network

/** [channels, height, width] of the pictures that it makes. */
export const picturedShape = (subject: Subject): readonly number[] =>
  subject.kind === 'foreign' ? pictureShapeOf(subject.denoiser) : subject.network.imageShape

/** What its network predicts, or is trained to predict. */
export function targetOf(subject: Subject, { prediction }: Pick<LearnSettings, 'prediction'>): TrainingTarget {
  if (subject.kind === 'train') return subject.prediction ?? prediction ?? 'noise'
  const own = subject.kind === 'foreign' ? subject.denoiser.prediction : (subject.prediction ?? 'noise')
  return own === 'velocity' && subject.schedule.path === 'flow' ? 'flow' : own
}

/** The subject with what its network predicts said, where the settings say it. */
export const withTarget = (subject: Subject, settings: Pick<LearnSettings, 'prediction'>): Subject =>
  subject.kind === 'train' ? { ...subject, prediction: targetOf(subject, settings) } : subject

/** The network that the job trains, and the weights it begins with, if any; null: it is not trained here. */
export const trainedHere = (
  subject: Subject,
): { readonly network: DenoisingNetwork; readonly state?: NetworkState } | null =>
  subject.kind === 'train' ? subject : null

/** Whether an objective of its images has a derivative. */
export const isDifferentiable = (subject: Subject): boolean =>
  subject.kind === 'foreign' ? subject.denoiser.differentiable && picturesDifferentiable(subject.denoiser) : true

/** Whether that derivative goes on to the told times. */
export const hasDerivativeInTime = (subject: Subject): boolean =>
  subject.kind === 'foreign' ? hasTimeDerivative(subject.denoiser) : subject.network.times === 'real'

/** Whether its network has running statistics. */
export const hasStatistics = (subject: Subject): boolean =>
  subject.kind !== 'foreign' && subject.network.statistics.length > 0

/** Its network at `state`, for a run folder to hold; null: it is not there to be held. */
export const networkAt = (
  subject: Subject,
  state: NetworkState | null,
): { readonly network: DenoisingNetwork; readonly state: NetworkState } | null =>
  subject.kind === 'foreign' || !state ? null : { network: subject.network, state }

/** The weights that it is sampled with; `trained`: those that it has from training here. */
export const weightsOf = (subject: Subject, trained: NetworkState | null): NetworkState | null =>
  subject.kind === 'pretrained' ? subject.state : trained

/** What stands for no class; undefined: nothing is known to. */
const nullClassOf = (subject: Subject): number | undefined =>
  subject.kind === 'foreign' ? subject.denoiser.nullClass : subject.network.nullClass

const takesClasses = (subject: Subject): boolean =>
  subject.kind === 'foreign'
    ? (subject.denoiser.conditional ?? subject.classes !== undefined)
    : subject.network.classes !== undefined

/**
 * Class of generated image `item`: the one that is asked for, or the classes in turn; undefined: unconditional.
 * @throws `learn.classes` where it does not take what is asked for, or guidance needs what it does not have; as `classesOf`
 */
export async function conditionOf(
  subject: Subject,
  data: Pick<Dataset, 'name' | 'classes'>,
  settings: Pick<LearnSettings, 'class' | 'guidanceScale' | 'free'>,
): Promise<((item: number) => number) | undefined> {
  const { class: wanted, guidanceScale } = settings
  const nullClass = nullClassOf(subject)
  const conditional = takesClasses(subject)
  if (guides(settings) && (!conditional || nullClass === undefined)) {
    const came = conditional ? 'its null class is not known' : 'it takes none'
    const fix = conditional && subject.kind === 'foreign' ? 'say its null class (--null-class N)' : 'leave it out'
    throw inputError(
      'learn.classes',
      `guidanceScale ${guidanceScale} needs a model that takes classes and a null class, but ${came}; ${fix}`,
    )
  }
  if (wanted === null) {
    const classes = await classesOf(subject, data)
    return classes === undefined ? undefined : (item) => item % classes
  }
  if (!conditional) {
    if (wanted === 'unconditional') return undefined
    throw inputError('learn.classes', `the model takes no class, got class ${wanted}; leave it out`)
  }
  if (wanted === 'unconditional') {
    if (nullClass !== undefined) return undefined
    throw inputError(
      'learn.classes',
      'class unconditional needs a model with a null class, of this one none is known; give a class',
    )
  }
  if (subject.kind === 'foreign') {
    await tryClass(subject.denoiser, subject.schedule.timesteps - 1, wanted)
  } else if (wanted >= (subject.network.classes ?? 0)) {
    const last = (subject.network.classes ?? 0) - 1
    throw inputError('learn.classes', `the model takes a class, 0 to ${last}; got class ${wanted}`)
  }
  return () => wanted
}

/**
 * How many classes its images can be given; undefined: it takes none.
 * @throws `learn.classes` where a foreign model's number is not known, or it does not take that many
 */
export async function classesOf(
  subject: Subject,
  data: Pick<Dataset, 'name' | 'classes'>,
): Promise<number | undefined> {
  if (subject.kind !== 'foreign') return subject.network.classes
  const { denoiser, schedule } = subject
  const classes = subject.classes ?? denoiser.classes ?? (denoiser.conditional ? data.classes.length : undefined)
  if (classes === undefined) return undefined
  if (denoiser.conditional === false) {
    throw inputError('learn.classes', `the model takes no class, got ${classes} classes; leave them out`)
  }
  if (!(Number.isInteger(classes) && classes >= 1)) {
    const came = subject.classes === undefined ? `${data.name} has none` : `got ${classes}`
    throw inputError(
      'learn.classes',
      `the model takes a class per image, so there must be classes, but ${came}; give data with the classes it was trained with, or a class for all images (--class N)`,
    )
  }
  await tryLastClass(denoiser, schedule.timesteps - 1, classes)
  return classes
}

/** Nobody says how many classes a file knows: the last one is tried, at once instead of in the middle of the job. */
async function tryLastClass(denoiser: Denoiser, time: number, classes: number): Promise<void> {
  try {
    await predictOf(denoiser, time, classes - 1)
  } catch (cause) {
    throw inputError(
      'learn.classes',
      `the model must take classes 0 to ${classes - 1}, but: ${(cause as Error).message}; give data with the classes it was trained with`,
      { cause },
    )
  }
}

async function tryClass(denoiser: Denoiser, time: number, wanted: number): Promise<void> {
  try {
    await predictOf(denoiser, time, wanted)
  } catch (cause) {
    throw inputError('learn.classes', `the model must take class ${wanted}, but: ${(cause as Error).message}`, {
      cause,
    })
  }
}

/** Noise alone as a class. */
async function predictOf(denoiser: Denoiser, time: number, label: number): Promise<void> {
  const { imageShape, dtype, batch: count = 1 } = denoiser
  const noise = startNoise({ imageShape, count, seed: 0, ...(dtype && { dtype }) })
  await denoiser.predict(noise, time, new Int32Array(count).fill(label))
}

/** The schedule that the network is (or was) trained with before anything is learned. */
export function trainingScheduleOf(subject: Subject, settings: LearnSettings): NoiseSchedule {
  return subject.kind === 'train' ? trainingStart(settings) : subject.schedule
}

/** A denoiser for sampling, and what frees it. */
export interface OpenDenoiser {
  readonly denoiser: Denoiser
  close(): Promise<void>
}

/** How a denoiser is opened: images a run, guidance towards classes, and where. */
type Opening = Pick<LearnSettings, 'chunk' | 'guidanceScale' | 'free'> & { readonly device?: Device }

/** The network at fixed weights, bound; a foreign model as it is (its owner closes it); guided towards its classes where the settings say so. */
export async function openDenoiser(
  subject: Subject,
  state: NetworkState | null,
  opening: Opening,
): Promise<OpenDenoiser> {
  const { denoiser, close } = await openPlain(subject, state, opening)
  const { guidanceScale: scale } = opening
  return { denoiser: scale !== null && guides(opening) ? classifierFree(denoiser, { scale }) : denoiser, close }
}

async function openPlain(
  subject: Subject,
  state: NetworkState | null,
  { chunk, device }: Opening,
): Promise<OpenDenoiser> {
  if (subject.kind === 'foreign') return { denoiser: subject.denoiser, close: async () => undefined }
  const weights = weightsOf(subject, state)
  if (!weights) throw internalError('a network was to be opened before it had weights')
  const denoiser: CompiledDenoiser = await compileDenoiser({
    network: subject.network,
    state: weights,
    batch: chunk,
    binding: 'bound',
    prediction: predictionOf(subject.prediction ?? 'noise'),
    ...(device && { device }),
  })
  return { denoiser, close: () => denoiser.dispose() }
}
