/** A model that makes latents: its decoder is opened with it, and its convention is measured on pictures that its encoder made latents of. */
import type { LatentConfig, OnnxPipelineFiles } from '../../diffusion/files/index.ts'
import type {
  Candidate,
  EncodeOptions,
  ForeignDecoder,
  GradientCheckpointing,
  MeasuringPictures,
  PictureDecoder,
  ProgramBytes,
  StatedConvention,
} from '../../diffusion/index.ts'
import { encodePictures, openForeignDecoder } from '../../diffusion/index.ts'
import { modelFileHash } from '../../files/index.ts'
import { jsonHash } from '../../runs/index.ts'
import type { Device } from '../../runtime/index.ts'
import type { OpenModelOptions } from './openedModel.ts'

/** The autoencoder of a pipeline. */
export interface LatentParts {
  /** Path of the decoder. */
  readonly decoder: string
  /** Path of the encoder; null: there is none. */
  readonly encoder: string | null
  readonly config: LatentConfig
}

/** The autoencoder of a pipeline's files; null: it has none. */
export const latentPartsOf = (
  { decoder, encoder }: OnnxPipelineFiles,
  config: LatentConfig | null,
): LatentParts | null => (decoder === null || config === null ? null : { decoder, encoder, config })

/** SHA-256 of what the decoder makes of latents. */
export const decoderHash = async ({ decoder, config }: LatentParts): Promise<string> =>
  jsonHash([await modelFileHash(decoder), config.scale as never])

/** Decoders that are opened in trials, all to be freed. */
export class OpenDecoders {
  readonly #opened: ForeignDecoder[] = []
  readonly #parts: LatentParts
  readonly #device: Device
  readonly #checkpointing: GradientCheckpointing

  constructor(parts: LatentParts, device: Device, checkpointing: GradientCheckpointing = 'auto') {
    this.#parts = parts
    this.#device = device
    this.#checkpointing = checkpointing
  }

  async open(latentShape: readonly number[]): Promise<PictureDecoder> {
    const { decoder: model, config } = this.#parts
    const decoder = await openForeignDecoder({
      ...{ model, latentShape, scale: config.scale, device: this.#device },
      gradientCheckpointing: this.#checkpointing,
    })
    this.#opened.push(decoder)
    return decoder
  }

  /** Of the last one; null: not known. */
  bytes(images: number, checkpoints?: boolean): ProgramBytes | null {
    return this.#opened.at(-1)?.bytes(images, checkpoints) ?? null
  }

  /** What keeps decoders from having a derivative; null: nothing does. */
  get missingDerivative(): string | null {
    return this.#opened.at(-1)?.missingDerivative ?? null
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.map((decoder) => decoder.dispose()))
  }
}

/** Latents have no range of pixels: they are taken as the network has them. */
export const latentCandidates = (candidates: readonly Candidate[]): readonly Candidate[] =>
  candidates.filter(({ convention }, i) => i === 0 || convention.pixels.join() === '-1,1')

/** What is stated, of latents. */
export const statedOfLatents = (stated: StatedConvention): StatedConvention => ({ pixels: [-1, 1], ...stated })

/**
 * Latents of the data's pictures, to measure a convention on; null: there are no data, or no encoder (which is said).
 * @throws `model.encoder`
 */
export async function measuringLatents(
  { encoder, config }: LatentParts,
  pictures: NonNullable<OpenModelOptions['pictures']>,
  shapes: { readonly pictureShape: readonly number[] } & Pick<EncodeOptions, 'latentShape'>,
  device: Device,
): Promise<{ readonly latents: MeasuringPictures | null; readonly notes: readonly string[] }> {
  const found = await pictures(shapes.pictureShape)
  if (!found) return { latents: null, notes: [] }
  if (encoder === null) {
    const why = 'there is no encoder (vae_encoder/model.onnx) to make latents of the pictures'
    return { latents: null, notes: [`${why}: the convention is tried with noise alone, as without data`] }
  }
  const { latentShape } = shapes
  const images = await encodePictures(encoder, found.images, { latentShape, scale: config.scale, device })
  return { latents: { ...found, images }, notes: [] }
}
