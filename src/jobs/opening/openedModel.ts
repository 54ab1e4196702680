/**
 * A model that exists, opened: one that comes with the project, a model folder, a run, or somebody else's ONNX file. What it can do is
 * asked of it, never guessed from where it came; `openModel.ts` makes it.
 */
import type { NamedSchedule, OnnxPipelineFiles, OwnSampling } from '../../diffusion/files/index.ts'
import type {
  Denoiser,
  DenoiserInputs,
  GradientCheckpointing,
  LatentScale,
  MeasuringPictures,
  NoiseSchedule,
  ProgramBytes,
  SamplerSettings,
  ToldTimes,
} from '../../diffusion/index.ts'
import type { HubOrigin } from '../../hub/index.ts'
import { hubOrigin } from '../../hub/index.ts'
import type { DenoisingNetwork, NetworkState } from '../../nn/index.ts'
import type { Json } from '../../runs/index.ts'
import { jsonHash } from '../../runs/index.ts'
import type { Device } from '../../runtime/index.ts'
import type { EncoderForm } from '../../text/index.ts'
import type { CheckingCost } from './checkingCost.ts'
import type { MeasuredBefore, UsedConvention } from './conventionRecord.ts'
import type { DescribingConfig } from './modelSettings.ts'
import type { SharedPrompts } from './sharedPrompts.ts'

/** What it makes, and what it can be asked for. */
export interface ModelCapabilities {
  /** [channels, height, width] of its images: pictures, or latents. */
  readonly imageShape: readonly number[]
  /** [channels, height, width] of its pictures: its images, or what its decoder makes of them. */
  readonly pictureShape: readonly number[]
  readonly prediction: Denoiser['prediction']
  /** What times it can be told. */
  readonly times: ToldTimes
  /** The convention of its network, which the samplers know nothing of. */
  readonly convention: UsedConvention
  /** Whether it takes a class per image. */
  readonly conditional: boolean
  /** Number of classes; undefined: unconditional, or not known. */
  readonly classes: number | undefined
  /** Names of its classes, the index being the class; absent: it has none, or they are not known. */
  readonly classNames?: readonly string[]
  /** What stands for no class; undefined: nothing does, or not known. */
  readonly nullClass: number | undefined
  /** Numbers that it takes for classes, 0 to n - 1, where that is all that is known of them. */
  readonly classRows?: number
  /** Whether its predictions have derivatives. */
  readonly differentiable: boolean
  /** What keeps them from having one, its operators named; absent: nothing does. */
  readonly missingDerivative?: string
  /** The network with its weights, to be trained on, counted and saved; null: it can only be run. */
  readonly trainable: TrainableNetwork | null
  /** What a run folder can hold of it: the model itself, or only schedules learned for it, which name it. */
  readonly saves: 'model' | 'schedules'
  /** How other programs call it, where its own file says so; null: by the format that the run folder holds. */
  readonly inputs: DenoiserInputs | null
  /** The parts of a pipeline of ONNX files; absent: it is none. */
  readonly pipeline?: OpenedPipeline
  /** Images per run that it was opened with and that sampling from it needs again; null: any number. */
  readonly batch: number | null
}

/** How the files of a pipeline are called, by whatever draws its images elsewhere. */
export interface OpenedPipeline {
  /** Its folder. */
  readonly folder: string
  readonly files: OnnxPipelineFiles
  /** Its network's: classes are the rows of its prompts, where it takes any. */
  readonly inputs: DenoiserInputs
  /** Null: it takes no prompts. */
  readonly encoder: EncoderForm | null
  /** Of its latents; null: its images are the pictures. */
  readonly scale: LatentScale | null
}

export interface TrainableNetwork {
  readonly network: DenoisingNetwork
  readonly state: NetworkState
}

export interface OpenedModel extends ModelCapabilities {
  /** The schedule it was trained with. */
  readonly schedule: NoiseSchedule
  /** How its scheduler file says that it is sampled, and what is sampled otherwise here. */
  readonly sampling: OwnSampling
  /** Learned sampling schedules that belong to it. */
  readonly schedules: readonly NamedSchedule[]
  /** What the run it is of did with the noise of clipped images under DDIM; absent: what the model's scheduler does. */
  readonly clippedNoise?: SamplerSettings['clippedNoise']
  /** SHA-256 of its weights or file, with the data that it keeps in files beside it, and the numbers that its further inputs are given. */
  readonly hash: string
  /** SHA-256 of how it is used: its convention, and of a file which inputs and output are which, and its classes. */
  readonly used: string
  /** What a reader must know of its network, files and scheduler, a sentence each. */
  readonly notes: readonly string[]
  /** Network evaluations that opening it took: trials of a file, and what its convention was found by. */
  readonly evaluations: number
  /** Those at most that finding its convention takes. */
  readonly checking: CheckingCost
  /** Seconds that an evaluation of one image takes on this machine, measured when it was opened; null: it follows from its network. */
  readonly secondsPerEvaluation: number | null
  /**
   * Bytes that its programs work with for calls of so many images; null: not known. Absent: they follow from its network.
   * @param checkpoints whether its derivative computes activations again; default as it is used
   */
  bytes?(images: number, checkpoints?: boolean): ProgramBytes | null
  /** The model for sampling. To be closed before the model is. */
  openDenoiser(options: DenoiserOptions): Promise<OpenedDenoiser>
  /** Frees what opening it took. */
  close(): Promise<void>
}

export interface DenoiserOptions {
  /** Images per run. */
  readonly chunk: number
  readonly device: Device
}

/** A denoiser, and what frees it. */
export interface OpenedDenoiser {
  readonly denoiser: Denoiser
  close(): Promise<void>
}

export interface OpenModelOptions extends DenoiserOptions, Partial<DescribingConfig> {
  /** Schedule of an ONNX file, or of a folder in place of its own; null: none is given. */
  readonly scheduler: string | null
  /** What stands before the names of a folder's tensors; null: nothing. */
  readonly weightsPrefix: string | null
  readonly timeScale: number | null
  /** Of derivatives. Absent: `auto`. */
  readonly gradientCheckpointing?: GradientCheckpointing
  /** Side of the images of an ONNX file that leaves it open. */
  readonly size: number | null
  /** Pictures that its convention is measured on, by the shape of its images; null: there are none. Absent: its convention is not checked, as by plans. */
  readonly pictures?: (imageShape: readonly number[]) => Promise<MeasuringPictures | null>
  /** What a run measured of its convention; it holds where there are no pictures now and the model is the same. */
  readonly measuredBefore?: MeasuredBefore | null
  /** What all images are asked to be of; absent or null: the classes in turn. */
  readonly class?: number | string | null
  /** Several sets of prompts that a model is opened once for, `promptSet` being one of them. Absent: it is opened for its own prompts. */
  readonly sharedPrompts?: SharedPrompts
  /** Whether every convention is measured to the end. */
  readonly allFigures?: boolean
}

/** A model as a manifest records it: what it is, and what it was trained with, by hash; of the hub, its repository and commit. */
const hubOf = (path: string | null): { readonly hub?: HubOrigin & Json } => {
  const hub = path === null ? null : hubOrigin(path)
  return hub ? { hub: { ...hub } } : {}
}

export const modelSource = (
  path: string | null,
  { hash, used, schedule }: Pick<OpenedModel, 'hash' | 'used' | 'schedule'>,
) => ({
  path,
  ...hubOf(path),
  sha256: hash,
  used,
  schedule: jsonHash([...schedule.logSnr].map(String)),
})
