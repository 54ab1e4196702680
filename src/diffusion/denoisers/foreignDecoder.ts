/**
 * The decoder of an autoencoder in an ONNX file (`vae_decoder/model.onnx` of Optimum) as a `PictureDecoder`: latents z are brought back to the decoder's own
 * scale, z / scaling + shift, or z deviation / scaling + mean by channel, as diffusers' pipelines do. Its derivative is that of the graph in the file.
 */
import type { Shape, Tensor } from '../../base/index.ts'
import { BilevelError, inputError, sizeOf, tensor } from '../../base/index.ts'
import type { Graph } from '../../graph/index.ts'
import { liveBytes } from '../../graph/index.ts'
import type { BatchProgram, DecodedForeign, DeviceOptions, ForeignModel } from '../../runtime/index.ts'
import {
  COTANGENT,
  checkpointed,
  compileBatch,
  decodeForeign,
  derivativeName,
  lanesFor,
  openModel,
  recompute,
  splitGraph,
} from '../../runtime/index.ts'
import type { Images, PictureDecoder } from '../denoiser.ts'
import type { GradientCheckpointing } from './gradientCheckpointing.ts'
import { wantsCheckpoints } from './gradientCheckpointing.ts'
import type { LatentScale } from './latentScale.ts'
import { ownLatents, scaledBack } from './latentScale.ts'
import type { ProgramBytes } from './programCost.ts'

export interface ForeignDecoderOptions extends DeviceOptions {
  /** Path of an `.onnx` file, or its bytes. */
  readonly model: string | Uint8Array
  /** [channels, height, width] of the latents. */
  readonly latentShape: Shape
  readonly scale: LatentScale
  /** Whether its derivative computes activations again. Default `auto`. */
  readonly gradientCheckpointing?: GradientCheckpointing
}

/** A `PictureDecoder` over a loaded file. */
export interface ForeignDecoder extends PictureDecoder {
  /** What keeps it from having a derivative; null: nothing does. */
  readonly missingDerivative: string | null
  /** Bytes that decoding so many latents works with; null: not known, as the network in the file could not be read. */
  bytes(images: number, checkpoints?: boolean): ProgramBytes | null
  /** Frees the model. */
  dispose(): Promise<void>
}

/** Pixel values of a run: pictures of 64x64 go 85 at a time, those of 512x512 one by one, as a decoder's activations are many times its pictures. */
const RUN_VALUES = 2 ** 20

const mostAtOnce = (pictureShape: Shape): number => Math.max(1, Math.floor(RUN_VALUES / sizeOf(pictureShape)))

/**
 * Opens the file and decodes once.
 * @throws `onnx.open`; `model.decoder` where it does not take the latents, or gives no pictures of them
 * @example await openForeignDecoder({ model: 'vae_decoder/model.onnx', latentShape: [4, 64, 64], scale: { scaling: 0.18215 } })
 */
export async function openForeignDecoder(options: ForeignDecoderOptions): Promise<ForeignDecoder> {
  const { model: source, device, threads, latentShape } = options
  const engine = { ...(device && { device }), ...(threads && { threads }) }
  const file = typeof source === 'string' ? source : 'the decoder'
  const model = await openModel(source, engine)
  try {
    const names = namesOf(file, model)
    const pictureShape = await triedShape(file, model, names, latentShape)
    const { decoded, missing } = await derivativeOf(model, file, names, latentShape)
    return new FileDecoder({ ...names, file, model, engine, options, pictureShape, decoded, missing })
  } catch (error) {
    await model.dispose()
    throw error
  }
}

interface Names {
  readonly input: string
  readonly output: string
  /** Latents that a run takes; undefined: any number. */
  readonly fixed: number | undefined
}

/** @throws `model.decoder` */
function namesOf(file: string, { inputs, outputs }: ForeignModel): Names {
  const [input, ...more] = inputs
  const output = outputs.find(({ name }) => name === 'sample') ?? outputs[0]
  if (more.length === 0 && input?.shape.length === 4 && output) {
    const [batch] = input.shape
    return { input: input.name, output: output.name, fixed: typeof batch === 'number' ? batch : undefined }
  }
  const came = inputs.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ')
  throw inputError(
    'model.decoder',
    `a decoder must take one input [batch, channels, height, width], ${file} has ${came}`,
  )
}

async function triedShape(file: string, model: ForeignModel, names: Names, latentShape: Shape): Promise<Shape> {
  const count = names.fixed ?? 1
  const zeros = tensor('float32', [count, ...latentShape], new Float32Array(count * sizeOf(latentShape)))
  const result = await model.run({ [names.input]: zeros }, [names.output]).catch((cause: Error) => {
    throw inputError(
      'model.decoder',
      `the decoder ${file} must take the latents that the network makes, [${latentShape}], but: ${cause.message}`,
      { cause },
    )
  })
  const { shape, dtype } = result[names.output]
  const [pictures, channels] = shape
  if (dtype === 'float32' && shape.length === 4 && pictures === count && (channels === 1 || channels === 3)) {
    return shape.slice(1)
  }
  throw inputError(
    'model.decoder',
    `a decoder must give pictures [${count}, 1 or 3, height, width] as floats, ${file} gave ${dtype} [${shape}]`,
  )
}

/** What cannot be derived is no error: it can be run all the same. */
async function derivativeOf(model: ForeignModel, file: string, { input, output, fixed }: Names, latentShape: Shape) {
  try {
    const decoded = await decodeForeign(model, file)
    decoded.derivativeGraph({ [input]: [fixed ?? 1, ...latentShape] }, { output, wrt: [input] })
    return { decoded, missing: null }
  } catch (error) {
    if (!(error instanceof BilevelError) || error.kind !== 'input') throw error
    return { decoded: null, missing: error.message }
  }
}

interface DecoderParts extends Names {
  readonly file: string
  readonly model: ForeignModel
  readonly engine: DeviceOptions
  readonly options: ForeignDecoderOptions
  readonly pictureShape: Shape
  readonly decoded: DecodedForeign | null
  readonly missing: string | null
}

/** Of one number of latents: the decoder with what its derivative needs, and its derivative. */
interface KeepingPrograms {
  readonly forward: BatchProgram
  readonly backward: BatchProgram
  readonly kept: readonly string[]
}

/** Some of the latents in the decoder's own scale, filled up with zeros where the file takes a fixed number. */
interface Run {
  readonly first: number
  readonly count: number
  readonly fed: Tensor<'float32'>
}

class FileDecoder implements ForeignDecoder {
  readonly pictureShape: Shape
  readonly differentiable: boolean
  readonly missingDerivative: string | null
  readonly #parts: DecoderParts
  readonly #programs = new Map<number, Promise<KeepingPrograms>>()
  readonly #recomputing = new Map<number, Promise<BatchProgram>>()
  #checkpointed: boolean | undefined

  constructor(parts: DecoderParts) {
    this.#parts = parts
    this.pictureShape = parts.pictureShape
    this.differentiable = parts.decoded !== null
    this.missingDerivative = parts.missing
  }

  async decode(latents: Images): Promise<Images> {
    const { model, input, output } = this.#parts
    const size = sizeOf(this.pictureShape)
    const data = new Float32Array(latents.shape[0] * size)
    for (const { first, count, fed } of this.#runsOf(latents)) {
      const { [output]: pictures } = await model.run({ [input]: fed }, [output])
      const values = pictures.data as Float32Array
      for (let i = 0; i < count * size; i++) data[first * size + i] = Math.min(1, Math.max(-1, values[i]))
    }
    return imagesAs(latents, this.pictureShape, data)
  }

  async vjp(latents: Images, cotangent: Images): Promise<Images> {
    const { latentShape, scale } = this.#parts.options
    const size = sizeOf(latentShape)
    const data = new Float32Array(latents.shape[0] * size)
    for (const run of this.#runsOf(latents)) {
      const gradient = await this.#gradientOf(run, cotangent)
      data.set(gradient.subarray(0, run.count * size), run.first * size)
    }
    return imagesAs(latents, latentShape, scaledBack(data, latentShape, scale))
  }

  bytes(images: number, checkpoints?: boolean): ProgramBytes | null {
    const { decoded, fixed } = this.#parts
    if (!decoded) return null
    const count = fixed ?? Math.min(images, mostAtOnce(this.pictureShape))
    const graph = this.#graph(decoded, count)
    const { prediction } = graph.outputs
    const predict = liveBytes({ ...graph, outputs: { prediction } })
    const lean = (checkpoints ?? this.#wantsCheckpoints(decoded, count)) ? checkpointed(graph, [COTANGENT]) : graph
    return { predict, derivative: liveBytes(recompute(lean)), kept: 0 }
  }

  #graph(decoded: DecodedForeign, count: number): Graph {
    const { input, output, options } = this.#parts
    return decoded.derivativeGraph({ [input]: [count, ...options.latentShape] }, { output, wrt: [input] })
  }

  /** Decided once, by the first number of latents: the most that are decoded together. */
  #wantsCheckpoints(decoded: DecodedForeign, count: number): boolean {
    const { gradientCheckpointing = 'auto' } = this.#parts.options
    this.#checkpointed ??= wantsCheckpoints(gradientCheckpointing, () => this.#graph(decoded, count), 1)
    return this.#checkpointed
  }

  async dispose(): Promise<void> {
    const programs = await Promise.all(this.#programs.values())
    const recomputing = await Promise.all(this.#recomputing.values())
    const all = [...recomputing, ...programs.flatMap(({ forward, backward }) => [forward, backward])]
    await Promise.all([this.#parts.model.dispose(), ...all.map((program) => program.dispose())])
  }

  /** The derivative in what a run is fed; that of a pixel beyond [-1, 1] is 0. */
  async #gradientOf({ first, count, fed }: Run, cotangent: Images): Promise<Float32Array> {
    const { input, output, decoded, model } = this.#parts
    const size = sizeOf(this.pictureShape)
    const inside = ({ data }: Tensor) => {
      const values = data as Float32Array
      const given = new Float32Array(values.length)
      for (let i = 0; i < count * size; i++) {
        if (values[i] > -1 && values[i] < 1) given[i] = cotangent.data[first * size + i]
      }
      return { [input]: fed, [COTANGENT]: tensor('float32', [fed.shape[0], ...this.pictureShape], given) }
    }
    if (decoded && this.#wantsCheckpoints(decoded, fed.shape[0])) {
      const { [output]: pictures } = await model.run({ [input]: fed }, [output])
      const result = await (await this.#whole(decoded, fed.shape[0])).run(inside(pictures))
      return result[derivativeName(input)].data as Float32Array
    }
    const { forward, backward, kept } = await this.#program(fed.shape[0])
    const { outputs, held } = await forward.runHolding({ [input]: fed }, kept)
    try {
      const result = await backward.runFrom(held, inside(outputs.prediction))
      return result[derivativeName(input)].data as Float32Array
    } finally {
      held.release()
    }
  }

  #runsOf({ shape: [total], data }: Images): Run[] {
    const { fixed, options } = this.#parts
    const { latentShape, scale } = options
    const size = sizeOf(latentShape)
    const most = fixed ?? mostAtOnce(this.pictureShape)
    return Array.from({ length: Math.ceil(total / most) }, (_, i) => {
      const first = i * most
      const count = Math.min(most, total - first)
      const own = ownLatents(data.subarray(first * size, (first + count) * size), latentShape, scale)
      const fed = new Float32Array((fixed ?? count) * size)
      fed.set(own)
      return { first, count, fed: tensor('float32', [fixed ?? count, ...latentShape], fed) }
    })
  }

  /** The programs of so many latents, made once. @throws `decoder.derivative` */
  #program(count: number): Promise<KeepingPrograms> {
    const known = this.#programs.get(count) ?? this.#compile(count)
    this.#programs.set(count, known)
    return known
  }

  /** The derivative of so many latents that computes activations again, made once. */
  #whole(decoded: DecodedForeign, count: number): Promise<BatchProgram> {
    const make = () => {
      const { engine, fixed } = this.#parts
      const lanes = fixed === undefined ? lanesFor(count, engine) : 1
      return compileBatch(checkpointed(this.#graph(decoded, count / lanes), [COTANGENT]), { ...engine, lanes })
    }
    const known = this.#recomputing.get(count) ?? make()
    this.#recomputing.set(count, known)
    return known
  }

  async #compile(count: number): Promise<KeepingPrograms> {
    const { file, decoded, missing, engine, fixed, input, output, options } = this.#parts
    if (!decoded) throw inputError('decoder.derivative', `the decoder ${file} has no derivative: ${missing}`)
    const lanes = fixed === undefined ? lanesFor(count, engine) : 1
    const shapes = { [input]: [count / lanes, ...options.latentShape] }
    const { first, second, kept } = splitGraph(decoded.derivativeGraph(shapes, { output, wrt: [input] }), [COTANGENT])
    const [forward, backward] = await Promise.all(
      [first, second].map((part) => compileBatch(part, { ...engine, lanes })),
    )
    return { forward, backward, kept }
  }
}

/** Of the element type of others. */
const imagesAs = ({ dtype, shape: [count] }: Images, shape: Shape, data: Float32Array): Images =>
  dtype === 'float32'
    ? tensor('float32', [count, ...shape], data)
    : tensor('float64', [count, ...shape], Float64Array.from(data))
