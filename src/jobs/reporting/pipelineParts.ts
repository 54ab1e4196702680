/** A pipeline's parts as they are called from Python. */
import type { DenoiserInputs, LatentScale } from '../../diffusion/index.ts'
import type { EncoderForm } from '../../text/index.ts'

/** A part by a class of diffusers or transformers, and its folder within the pipeline's. */
export interface ClassPart {
  readonly kind: 'class'
  readonly name: string
  readonly path: string
}

/** A part by its file within the pipeline's folder. */
export interface FilePart {
  readonly kind: 'onnx'
  readonly path: string
}

export interface PipelineParts {
  /** Folder of the parts, where the code calls it `model`; absent: they lie in the folder that it calls `run`. */
  readonly folder?: string
  readonly unet:
    | ClassPart
    | (FilePart & { readonly inputs: DenoiserInputs; readonly timeScale: number; readonly timeOffset?: number })
  /** Null: it takes no prompts. */
  readonly text: {
    readonly prompts: readonly string[]
    readonly encoder: ClassPart | FilePart
    readonly form: EncoderForm
  } | null
  /** Null: its images are the pictures. */
  readonly decoder: { readonly part: ClassPart | FilePart; readonly scale: LatentScale } | null
}
