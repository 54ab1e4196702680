/**
 * The derivative of somebody else's ONNX file: its network, read as a graph, is differentiated and compiled. What it is fed and gives is as the file has
 * it: layouts, element types, a learned variance beside the prediction.
 */
import type { Shape, Tensor } from '../../base/index.ts'
import { BilevelError, filled, inputError, sizeOf, tensor } from '../../base/index.ts'
import type { Graph, SymbolicTensor } from '../../graph/index.ts'
import { liveBytes } from '../../graph/index.ts'
import type { BatchProgram, DecodedForeign, DeviceOptions, ForeignModel, ModelFiles } from '../../runtime/index.ts'
import {
  COTANGENT,
  checkpointed,
  compileBatch,
  decodeFiles,
  decodeForeign,
  derivativeName,
  lanesFor,
  recompute,
  splitGraph,
} from '../../runtime/index.ts'
import type { DenoiserGradient, Images, Pullback } from '../denoiser.ts'
import type { DenoiserInputs, NamedInputs } from './foreignDenoiserInputs.ts'
import { recogniseInputs } from './foreignDenoiserInputs.ts'
import type { WantedShape } from './foreignDenoiserShape.ts'
import { batchOf, imageShapesOf } from './foreignDenoiserShape.ts'
import type { Asked } from './foreignFeeds.ts'
import { feedsFor, imagesFor, imagesFrom } from './foreignFeeds.ts'
import type { GradientCheckpointing } from './gradientCheckpointing.ts'
import { wantsCheckpoints } from './gradientCheckpointing.ts'
import type { ProgramBytes } from './programCost.ts'

/** Of one call: what the file is asked, at what the derivative is taken. */
export interface DerivativeCall extends Asked {
  /** Images of a run; undefined: all of the call. */
  readonly images: number | undefined
}

/** A derivative with what the network predicted there. */
export interface ForeignGradient extends DenoiserGradient {
  readonly prediction: Images
}

export interface ForeignDerivative {
  /** Whether it goes on to what the file is told. */
  readonly inTime: boolean
  /** Whether activations are computed again on the way back. */
  readonly checkpointed: boolean
  /** dx, and dtime, the derivative in what the file is told. */
  vjp(call: DerivativeCall, cotangent: Images): Promise<ForeignGradient>
  /** Bytes of the programs for calls of `count` images, predicted in `parallel` runs at the same time. @param checkpoints default as it is used */
  bytes(count: number, images: number | undefined, parallel: number, checkpoints?: boolean): ProgramBytes
  /** The prediction with what its derivative needs. */
  pullback(call: DerivativeCall): Promise<Pullback>
  dispose(): Promise<void>
}

/** A derivative, or what stands in its way. */
export type FoundDerivative =
  | { readonly derivative: ForeignDerivative; readonly missing: null }
  | { readonly derivative: null; readonly missing: string }

export interface FindOptions extends DeviceOptions {
  readonly file: string
  readonly inputs: DenoiserInputs
  readonly imageShape: Shape
  /** Images of the run that it is tried with. */
  readonly images: number
  /** Default `auto`. */
  readonly gradientCheckpointing?: GradientCheckpointing
}

/** Reads the network in a file, as far as its derivative. What cannot be is no error: the file can be run all the same. */
export async function findDerivative(model: ForeignModel, options: FindOptions): Promise<FoundDerivative> {
  try {
    const decoded = await decodeForeign(model, options.file)
    return { derivative: new FileDerivative(decoded, options), missing: null }
  } catch (error) {
    if (!(error instanceof BilevelError) || error.kind !== 'input') throw error
    return { derivative: null, missing: error.message }
  }
}

/** What is known of a file before it is opened. */
export interface ProbeOptions {
  /** What to call it. */
  readonly file: string
  /** Which input is which, where that is said. */
  readonly inputs?: NamedInputs
  /** [channels, height, width] where the file leaves them open; null: as it has it. */
  readonly imageShape?: WantedShape
}

/**
 * What keeps a denoising network from having a derivative in its images; null: nothing does. Nothing is run. Where the file is no denoiser that is
 * recognised, that is what is said.
 */
export function derivativeMissing(files: ModelFiles, { file, inputs: named, imageShape }: ProbeOptions): string | null {
  try {
    const decoded = decodeFiles(files, file)
    const inputs = recogniseInputs(file, decoded, named)
    const output = decoded.outputs.find(({ name }) => name === inputs.output)
    const images = batchOf(inputs, undefined).fixed ?? 2
    const tried = imageShapesOf(file, inputs, output, imageShape).map((shape) =>
      missingAt(decoded, { file, inputs, imageShape: shape, images }),
    )
    return tried.includes(null) ? null : tried[0]
  } catch (error) {
    if (error instanceof BilevelError && error.kind === 'input') return error.message
    throw error
  }
}

function missingAt(decoded: DecodedForeign, options: FindOptions): string | null {
  try {
    return new FileDerivative(decoded, options) && null
  } catch (error) {
    if (error instanceof BilevelError && error.kind === 'input') return error.message
    throw error
  }
}

/** How a call is divided: in runs of `lanes` times `unit` images. */
interface Division {
  readonly unit: number
  readonly lanes: number
}

interface KeepingPrograms {
  readonly forward: BatchProgram
  readonly backward: BatchProgram
  readonly kept: readonly string[]
  readonly bytes: number
}

class FileDerivative implements ForeignDerivative {
  readonly inTime: boolean
  readonly checkpointed: boolean
  readonly #decoded: DecodedForeign
  readonly #options: FindOptions
  readonly #whole: readonly string[]
  readonly #programs = new Map<string, Promise<BatchProgram>>()
  readonly #keeping = new Map<string, Promise<KeepingPrograms>>()

  /** @throws `onnx.*`, `graph.derivative` where there is none in the images */
  constructor(decoded: DecodedForeign, options: FindOptions) {
    this.#decoded = decoded
    this.#options = options
    const { time, constants = [] } = options.inputs
    const others = [time, ...constants.map(({ input }) => input)]
    this.#whole = others.flatMap(({ name, shape }) => (typeof shape[0] === 'string' ? [] : [name]))
    this.#graph(options.images, false)
    this.inTime = time.dtype.startsWith('float') && this.#hasTimeDerivative()
    const { images, gradientCheckpointing = 'auto' } = options
    const { unit, lanes } = this.#divisionOf({ x: { shape: [images] }, images: undefined })
    this.checkpointed = wantsCheckpoints(gradientCheckpointing, () => this.#graph(unit), lanes)
  }

  #hasTimeDerivative(): boolean {
    try {
      this.#graph(this.#options.images, true)
      return true
    } catch (error) {
      if (error instanceof BilevelError && error.kind === 'input') return false
      throw error
    }
  }

  /** The graph of so many images as it is run. */
  #runGraph(images: number, checkpoints = this.checkpointed): Graph {
    const graph = this.#graph(images)
    return checkpoints ? checkpointed(graph, [COTANGENT]) : graph
  }

  /** The graph of so many images. */
  #graph(images: number, inTime = this.inTime): Graph {
    const { inputs, imageShape } = this.#options
    const { image, time, output } = inputs
    const x = filled([images, ...imageShape])
    const feeds = feedsFor(inputs, { x, told: 0, condition: inputs.classes ? new Int32Array(images) : undefined })
    const shapes = Object.fromEntries(Object.entries(feeds).map(([name, { shape }]) => [name, shape]))
    return this.#decoded.derivativeGraph(shapes, { output, wrt: inTime ? [image.name, time.name] : [image.name] })
  }

  async vjp(call: DerivativeCall, cotangent: Images): Promise<ForeignGradient> {
    const division = this.#divisionOf(call)
    const parts = this.#partsOf(call, division)
    const program = await kept(this.#programs, keyOf(division), () =>
      this.#compile(this.#runGraph(division.unit), division),
    )
    const results = await Promise.all(
      parts.map(({ feeds }, i) => program.run({ ...feeds, [COTANGENT]: this.#cotangent(cotangent, i, parts.length) })),
    )
    return { ...this.#gradientOf(results, call), prediction: this.#images(results, 'prediction', call) }
  }

  async pullback(call: DerivativeCall): Promise<Pullback> {
    const division = this.#divisionOf(call)
    const parts = this.#partsOf(call, division)
    const programs = await kept(this.#keeping, keyOf(division), () => this.#compileKeeping(division))
    const { forward, backward, bytes } = programs
    const runs = await Promise.all(parts.map(({ feeds }) => forward.runHolding(feeds, programs.kept)))
    return {
      prediction: this.#images(
        runs.map(({ outputs }) => outputs),
        'prediction',
        call,
      ),
      bytes: bytes * parts.length,
      vjp: async (cotangent) => {
        const back = runs.map(({ held }, i) =>
          backward.runFrom(held, { ...parts[i].feeds, [COTANGENT]: this.#cotangent(cotangent, i, parts.length) }),
        )
        return this.#gradientOf(await Promise.all(back), call)
      },
      release: () => {
        for (const { held } of runs) held.release()
      },
    }
  }

  bytes(
    count: number,
    images: number | undefined,
    parallel: number,
    checkpoints: boolean = this.checkpointed,
  ): ProgramBytes {
    const { unit, lanes } = this.#divisionOf({ x: { shape: [count] }, images })
    const [run, derivative] = [this.#graph(images ?? count), this.#runGraph(unit, checkpoints)]
    const keptBytes = checkpoints ? 0 : splitGraph(derivative, [COTANGENT]).keptBytes
    return {
      predict: parallel * liveBytes({ ...run, outputs: { prediction: run.outputs.prediction } }),
      derivative: lanes * liveBytes(recompute(derivative)),
      kept: (keptBytes * count) / unit,
    }
  }

  async dispose(): Promise<void> {
    const programs = await Promise.all(this.#programs.values())
    const keeping = await Promise.all(this.#keeping.values())
    const all = [...programs, ...keeping.flatMap(({ forward, backward }) => [forward, backward])]
    await Promise.all(all.map((program) => program.dispose()))
  }

  #divisionOf({
    x: { shape },
    images,
  }: { readonly x: { readonly shape: Shape } } & Pick<DerivativeCall, 'images'>): Division {
    const [count] = shape
    if (images !== undefined && images < count) return { unit: images, lanes: 1 }
    const lanes = lanesFor(count, this.#options)
    return { unit: count / lanes, lanes }
  }

  /** The runs of a call. */
  #partsOf({ x, told, condition }: DerivativeCall, { unit, lanes }: Division) {
    const each = unit * lanes
    const [count, ...image] = x.shape
    const size = sizeOf(image)
    return Array.from({ length: count / each }, (_, i) => {
      const data = x.data.subarray(i * each * size, (i + 1) * each * size)
      const part = { shape: [each, ...image], dtype: x.dtype, data } as Images
      const classes = condition?.subarray(i * each, (i + 1) * each)
      return { feeds: feedsFor(this.#options.inputs, { x: part, told, condition: classes }) }
    })
  }

  /** Part i of the cotangent as the file gives its output; a learned variance has none. */
  #cotangent({ shape: [count, ...image], data }: Images, i: number, parts: number): Tensor {
    const each = count / parts
    const size = sizeOf(image)
    const part = data.subarray(i * each * size, (i + 1) * each * size)
    const { layout } = this.#options.inputs
    const [channels, ...sides] = image
    const { dtype, all } = this.#output(channels)
    const wide = new Float32Array(each * all * sizeOf(sides))
    for (let item = 0; item < each; item++) {
      wide.set(part.subarray(item * size, (item + 1) * size), (item * size * all) / channels)
    }
    return imagesFor({ dtype }, tensor('float32', [each, all, ...sides], wide), layout)
  }

  #prediction: SymbolicTensor | undefined

  /** Type of the output, and how many channels it has where an image has so many. */
  #output(channels: number): { readonly dtype: string; readonly all: number } {
    this.#prediction ??= this.#graph(this.#options.images, false).outputs.prediction
    const { dtype, shape } = this.#prediction
    const given = this.#options.inputs.layout === 'nhwc' ? shape[3] : shape[1]
    return { dtype, all: given === 2 * channels ? given : channels }
  }

  /** Images of all parts, as the caller has them; of each the first channels. */
  #images(results: readonly Readonly<Record<string, Tensor>>[], name: string, { x }: DerivativeCall): Images {
    const [count, channels, ...sides] = x.shape
    const size = sizeOf([channels, ...sides])
    const all = new Float32Array(count * size)
    let at = 0
    for (const result of results) {
      const images = imagesFrom(result[name], this.#options.inputs.layout)
      if (!images)
        throw inputError('model.outputs', `${this.#options.file} must give images, got [${result[name].shape}]`)
      const [items, given] = images.shape
      for (let item = 0; item < items; item++, at += size) {
        const from = (item * given * size) / channels
        all.set(images.data.subarray(from, from + size), at)
      }
    }
    return tensor('float32', x.shape, all)
  }

  #gradientOf(results: readonly Readonly<Record<string, Tensor>>[], call: DerivativeCall): DenoiserGradient {
    const { image, time } = this.#options.inputs
    const dx = this.#images(results, derivativeName(image.name), call)
    if (!this.inTime) return { dx, dtime: null }
    const told = results.flatMap((result) => Array.from(result[derivativeName(time.name)].data as Float32Array))
    return { dx, dtime: told.reduce((sum, value) => sum + value, 0) }
  }

  #compile(graph: Graph, { lanes }: Division): Promise<BatchProgram> {
    const { device, threads, engine } = this.#options
    const where = { ...(device && { device }), ...(threads && { threads }), ...(engine && { engine }) }
    return compileBatch(graph, { ...where, lanes, whole: this.#whole })
  }

  async #compileKeeping(division: Division): Promise<KeepingPrograms> {
    const { first, second, kept, keptBytes } = splitGraph(this.#graph(division.unit), [COTANGENT])
    const [forward, backward] = await Promise.all([first, second].map((part) => this.#compile(part, division)))
    return { forward, backward, kept, bytes: keptBytes * division.lanes }
  }
}

const keyOf = ({ unit, lanes }: Division) => `${lanes}x${unit}`

/** What is made once for a key. */
function kept<T>(made: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const found = made.get(key)
  if (found) return found
  const value = make()
  made.set(key, value)
  return value
}
