/**
 * The derivative of an output of somebody's network in the images that it is given. No engine gives it: the network is read as a graph, which is
 * differentiated, and compiled when it is first asked for.
 */
import type { Shape, Tensor } from '../../base/index.ts'
import { BilevelError, inputError, relativeDifference, tensor } from '../../base/index.ts'
import type { DecodedForeign, Device, ForeignModel, ModelFiles, Program } from '../../runtime/index.ts'
import { COTANGENT, compile, decodeFiles, derivativeName } from '../../runtime/index.ts'
import type { ImageInput } from './imageInput.ts'
import { imageInput } from './imageInput.ts'
import type { Outputs } from './outputs.ts'
import { chosenOutput } from './outputs.ts'

/** The derivative of one output in the image input. */
export interface OutputDerivative {
  /**
   * Cotangent of what the network is given, of that of its rows.
   * @param given as the network takes it, [batch, ...]
   * @param dRows [batch, d]
   * @param own   rows that the file itself gives there, asked for once
   * @throws `metrics.derivative` where the network, as it is read here, gives others
   */
  pullBack(given: Tensor, dRows: Tensor<'float32'>, own: () => Promise<Tensor<'float32'>>): Promise<Tensor>
  dispose(): Promise<void>
}

/** A derivative, or what stands in its way. */
export type FoundOutputDerivative =
  | { readonly derivative: OutputDerivative; readonly missing: null }
  | { readonly derivative: null; readonly missing: string }

export interface DerivativeOptions {
  readonly path: string
  readonly input: ImageInput
  readonly device?: Device
}

/** Reads the network in a file, as far as the derivatives of some outputs. What cannot be is no error: the file can be run all the same. */
export async function findOutputDerivatives(
  model: ForeignModel,
  outputs: readonly string[],
  options: DerivativeOptions,
): Promise<ReadonlyMap<string, FoundOutputDerivative>> {
  if (outputs.length === 0) return new Map()
  const decoded = await model.files().then((files) => orRefused(() => decodeFiles(files, options.path)), refusedBy)
  const of = (output: string): FoundOutputDerivative => {
    const derivative = decoded instanceof Refused ? decoded : orRefused(() => derivativeOf(decoded, output, options))
    return derivative instanceof Refused ? { derivative: null, missing: derivative.why } : { derivative, missing: null }
  }
  return new Map(outputs.map((output) => [output, of(output)]))
}

/** Why a file is refused. */
class Refused {
  readonly why: string

  constructor(why: string) {
    this.why = why
  }
}

function orRefused<T>(f: () => T): T | Refused {
  try {
    return f()
  } catch (error) {
    return refusedBy(error)
  }
}

function refusedBy(error: unknown): Refused {
  if (error instanceof BilevelError && error.kind === 'input') return new Refused(error.message)
  throw error
}

/** Rounding of float16 between operators, and far below what another network would give. */
const MOST_DISAGREEMENT = 0.02

type PullBackProgram = Program<string, string>

/** @throws `onnx.*`, `graph.derivative` where there is none */
function derivativeOf(decoded: DecodedForeign, output: string, { path, input, device }: DerivativeOptions) {
  requireSmooth(input)
  const { name, givenShape } = input
  const graph = decoded.derivativeGraph({ [name]: givenShape }, { output, wrt: [name] })
  const { dtype, shape } = graph.outputs.prediction
  let program: Promise<PullBackProgram> | undefined
  let agrees = false
  return {
    async pullBack(given, dRows, own) {
      program ??= compile(graph, device ? { device } : {})
      const outputs = await (await program).run({ [name]: given, [COTANGENT]: cotangentOf(dRows, dtype, shape) })
      if (!agrees) requireAgreement(path, outputs.prediction, await own())
      agrees = true
      return outputs[derivativeName(name)]
    },
    async dispose() {
      await (await program)?.dispose()
    },
  } satisfies OutputDerivative
}

/** @throws `metrics.derivative` where whole numbers are taken */
function requireSmooth({ dtype }: Pick<ImageInput, 'dtype'>): void {
  if (dtype !== 'uint8') return
  throw inputError('metrics.derivative', 'it takes bytes, whole numbers, on which nothing depends smoothly')
}

const cotangentOf = ({ data }: Tensor<'float32'>, dtype: string, shape: Shape): Tensor =>
  dtype === 'float64' ? tensor('float64', shape, Float64Array.from(data)) : tensor('float32', shape, data)

/** The first time: a derivative of something else than the file would lead astray. @throws `metrics.derivative` */
function requireAgreement(path: string, read: Tensor, own: Tensor<'float32'>): void {
  const difference = relativeDifference(read.data as Float32Array, own.data)
  if (difference <= MOST_DISAGREEMENT || !own.data.every(Number.isFinite)) return
  throw inputError(
    'metrics.derivative',
    `${path} has no derivative here: its network, as it is read here, gives what is off by ${Number((100 * difference).toPrecision(2))} % from what ` +
      'ONNX Runtime gives; use what needs none (an estimator by differences, target tilt)',
  )
}

/** What is known of a network before it is opened. */
export interface ImageProbe {
  /** What to call it. */
  readonly file: string
  /** Output whose derivative is wanted. Default: the only one. */
  readonly choose?: (model: Outputs) => string | undefined
  /** Side of the images where the file leaves it open. */
  readonly size?: number
}

/** Sides that are tried where nothing is known. */
const TRIED_SIZE = 32

/**
 * What keeps an output of a network of images from having a derivative in them; null: nothing does. Nothing is run. Where the file is no such network,
 * that is what is said.
 */
export function imageDerivativeMissing(
  files: ModelFiles,
  { file, choose, size = TRIED_SIZE }: ImageProbe,
): string | null {
  const missingAt = (decoded: DecodedForeign, channels: number): string | null => {
    const missing = orRefused(() => {
      const range = decoded.inputs.at(0)?.dtype === 'uint8' ? ([0, 255] as const) : ([0, 1] as const)
      const imageShape = [channels, size, size]
      const input = imageInput(file, decoded, { range, resize: 'bilinear', batch: 2, imageShape })
      derivativeOf(decoded, chosenOutput(file, decoded, choose?.(decoded)), { path: file, input })
      return null
    })
    return missing?.why ?? null
  }
  const decoded = orRefused(() => decodeFiles(files, file))
  if (decoded instanceof Refused) return decoded.why
  const tried = [1, 3].map((channels) => missingAt(decoded, channels))
  return tried.includes(null) ? null : tried[0]
}
