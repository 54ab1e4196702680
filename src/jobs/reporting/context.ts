/** What a report says beside the result: which run, with what settings, on what. */

import type { DenoiserInputs, Prediction } from '../../diffusion/index.ts'
import type { MeanAndStandardError } from '../../metrics/index.ts'
import type { Caller, Json } from '../../runs/index.ts'
import type { PipelineParts } from './pipelineParts.ts'
import type { StepLoss } from './stepLoss.ts'

export interface ReportContext {
  /** Name of the run, or the path of its folder. */
  readonly run: string
  /** Null where no preset was named. */
  readonly preset: string | null
  /** Every resolved setting. */
  readonly config: { readonly [key: string]: Json }
  /** Largest resident memory of the process, in MiB; null where it was not measured. */
  readonly peakMemoryMiB: number | null
  /** Whether the run folder holds the model: false for other people's file, which stays where it is. Default true. */
  readonly savedModel?: boolean
  /** The loss of every training step of this run. Default none. */
  readonly losses?: readonly StepLoss[]
  /** What the judge knows of labelled real images; null: it could not be asked. Absent: not asked, or no judge. */
  readonly judgeKnowledge?: { readonly accuracy: number; readonly images: number } | null
  /** Whether the model is known not to have seen the held-out images; absent: it was trained here, on others. */
  readonly heldOut?: HeldOutContext
  /** What a reader must know, a sentence each. Absent: nothing. */
  readonly notes?: readonly string[]
  /** How the user started the run, for the commands that the page prints. Default: `npx bilevel`, from a folder not known. */
  readonly caller?: Caller
  /** Images per run that sampling from the model needs again. Absent: any number. */
  readonly batch?: number
  /** How Python calls the network. Default: a `UNet2DModel` without classes. */
  readonly network?: PythonNetwork
  /** What the network predicts. Default `noise`. */
  readonly prediction?: Prediction
  /** What it was trained on, in words; absent: every time of its schedule as often. */
  readonly trainedOn?: string
  /** Class of all generated images by number; absent: as the settings say it. */
  readonly class?: number
  /** Network evaluations by which what was given was checked first, beside those of the result. Absent: none. */
  readonly checking?: number
  /** Versions by name: this package, Node, ONNX Runtime, the platform. */
  readonly versions: Readonly<Record<string, string>>
}

export interface HeldOutContext {
  readonly known: boolean
  /** Images that the model has seen and that were left out of the splits. */
  readonly leftOut: { readonly tuning: number; readonly heldOut: number }
}
/** A network as Python calls it: by diffusers' class from the run folder, or an ONNX file. */
export type PythonNetwork = {
  /** Number of classes that its images get in turn; undefined: it takes none. */
  readonly classes?: number | undefined
  /** What stands for no class; undefined: nothing does, or not known. */
  readonly nullClass?: number | undefined
  /** Whether it predicts its variance too, in a second half of its output. Default no. */
  readonly learnsVariance?: boolean | undefined
} & (
  | {
      readonly kind: 'UNet2DModel'
      /** Its folder in the run folder. Default `model/unet`. */
      readonly path?: string
    }
  | {
      readonly kind: 'onnx'
      /** Where the file lies: in the run folder, or from where the run was started. */
      readonly path: string
      readonly inRun: boolean
      readonly inputs: DenoiserInputs
      /** The file is told this times the time, and `timeOffset` more. */
      readonly timeScale: number
      /** Default 0. */
      readonly timeOffset?: number
    }
  /** The parts of a pipeline, in a folder that the code calls `run`. */
  | (PipelineParts & { readonly kind: 'pipeline' })
  /** Nothing is printed, and why. */
  | { readonly kind: 'none'; readonly why: string }
)

/** What is told of the images that are shown at each strength of guidance. */
export interface ShownImages {
  /** What each was to show, in words, the same at each strength; null: no words, or all the same. */
  readonly captions: readonly string[] | null
  /** What a reward that decides nothing says of them; null: there is none. */
  readonly witness: { readonly name: string; readonly at: readonly WitnessMean[] } | null
}

/** Of the images of a grid. */
export interface WitnessMean extends MeanAndStandardError {
  readonly label: string
}

/** What the report of an entropy strength says more. */
export interface EntropyContext extends ReportContext {
  /** What was sampled from, as `bilevel sample` takes it. */
  readonly model: string
  /** What is told of the images that are shown. Absent: nothing. */
  readonly shown?: ShownImages
  /** Path of its guidance file. Absent: the run's own. */
  readonly guidance?: string
  /** Names and hashes of all that was read. */
  readonly sources: { readonly [name: string]: Json }
  /** What a reader must know, a sentence each. */
  readonly notes: readonly string[]
}
