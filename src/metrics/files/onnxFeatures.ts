/** Somebody else's ONNX model as a feature network: one image input, a chosen output; its derivative by the graph in it, where all of that is known here. */
import { basename } from 'node:path'
import type { Shape, Tensor } from '../../base/index.ts'
import { filled, inputError, randomStream, sameShape, sha256, sizeOf, tensor } from '../../base/index.ts'
import { modelFileHash } from '../../files/index.ts'
import type { Device, ForeignModel } from '../../runtime/index.ts'
import { openModel } from '../../runtime/index.ts'
import type { FeatureNetwork, ImageBatch } from '../featureNetwork.ts'
import { imageCount, inChunks, toRange } from '../featureNetwork.ts'
import type { Features } from '../rows.ts'
import type { ImageInputOptions } from './imageInput.ts'
import { imageInput, onnxError } from './imageInput.ts'
import type { FoundOutputDerivative } from './onnxDerivative.ts'
import { findOutputDerivatives } from './onnxDerivative.ts'
import { chosenOutput, namedLogits } from './outputs.ts'
import { areProbabilities, logarithmsPulledBack, normalisedRows, softmaxRows } from './probabilityRows.ts'

/** `range` has no default: a wrong one gives wrong numbers without a sign. `imageShape` is needed where the model leaves it open. */
export interface OnnxFeaturesOptions extends ImageInputOptions {
  /** Output taken as features, flattened per image. Default: the only output. */
  readonly output?: string
  /**
   * Output taken as logits of class probabilities; null for none. Default: the output whose name contains 'logit', else the only output if it
   * has `classes` numbers per image. Where it holds probabilities already, they are taken as such, and `notes` says so.
   */
  readonly logits?: string | null
  /** Whether the output of the logits, where one is called so, is the features too. Default false. */
  readonly featuresAreLogits?: boolean
  /** Number of classes that a classifier would have to know. Default: not known. */
  readonly classes?: number
  /** Whether a derivative is looked for, which takes memory for the weights several times over. Default true. */
  readonly derivative?: boolean
  readonly device?: Device
}

/** Noise images by which an output is told to hold probabilities. */
const PROBED = 8

/**
 * Opens a model and runs it once or twice to learn its sizes. Name: the file's name; hash: SHA-256 of the file, with the data that it keeps in
 * files beside it, and with what images are put through before it where that is more than a pixel range.
 * @throws `onnx.open`; `metrics.range`, `metrics.meanStd`; `metrics.onnx` if the model does not have one image input [b,c,h,w] or [b,h,w,c] of floats or
 * bytes, images are of another size and nothing says how they are resized, or the output is not known or holds no numbers
 */
export async function onnxFeatures(path: string, options: OnnxFeaturesOptions): Promise<FeatureNetwork> {
  const { device } = options
  const model = await openModel(path, device ? { device } : {})
  try {
    return await networkOf(path, model, options)
  } catch (error) {
    await model.dispose()
    throw error
  }
}

/** Element types of outputs that are read. */
const NUMBERS = ['float32', 'float64', 'int64', 'int32']

async function networkOf(path: string, model: ForeignModel, options: OnnxFeaturesOptions): Promise<FeatureNetwork> {
  const { range, meanStd, device } = options
  const input = imageInput(path, model, options)
  const { batch, imageShape, treatment } = input
  const features = chosenOutput(
    path,
    model,
    options.output ?? (options.featuresAreLogits ? namedLogits(model) : undefined),
    options.role,
  )
  const file = await modelFileHash(path)

  /** What an output is for images as the network takes them. */
  const rowsOf = async (given: Tensor, output: string): Promise<Tensor<'float32'>> => {
    const result = (await model.run({ [input.name]: given }, [output]))[output]
    if (result.shape[0] !== batch || !NUMBERS.includes(result.dtype) || result.data.length === 0) {
      throw onnxError(
        path,
        `its output '${output}' is ${result.dtype}[${result.shape}] for ${batch} images`,
        options.role,
      )
    }
    const data =
      result.dtype === 'float32'
        ? (result.data as Float32Array)
        : Float32Array.from(result.data as Float64Array, Number)
    return tensor('float32', [batch, sizeOf(result.shape) / batch], data)
  }
  const rows = async (images: ImageBatch, output: string): Promise<Tensor<'float32'>> => {
    imageCount(images, imageShape)
    return inChunks([toRange(images, [-1, 1])], batch, ([chunk]) => rowsOf(input.feed(chunk).given, output))
  }
  const probe = await rows(filled([1, ...imageShape]), features)
  const logits = logitsOutput(path, model, options, probe.shape[1])
  const asProbabilities = logits !== null && areProbabilities(await rows(probeImages(imageShape), logits))
  const fromRows = asProbabilities ? normalisedRows : softmaxRows
  const notes = [...input.notes, ...(asProbabilities && /log/i.test(logits) ? [heldProbabilities(path, logits)] : [])]
  const wanted = options.derivative === false ? [] : [features, ...(logits === null ? [] : [logits])]
  const found = await findOutputDerivatives(model, wanted, { path, input, ...(device && { device }) })

  /** The pull-back of one output's cotangent to images, where there is one. */
  const pullBackOf = (output: string | null) => {
    const derivative = output === null ? null : found.get(output)?.derivative
    if (!derivative || output === null) return null
    return (images: ImageBatch, dRows: Tensor<'float32'>) =>
      inChunks([toRange(images, [-1, 1]), dRows], batch, async ([chunk, cotangent]) => {
        const { given, pullBack } = input.feed(chunk)
        return pullBack(await derivative.pullBack(given, cotangent, () => rowsOf(given, output)))
      })
  }
  const ofFeatures = pullBackOf(features)
  const ofLogits = pullBackOf(logits)
  const missing = found.get(features)?.missing
  return {
    name: basename(path),
    hash: treatment === '' ? file : sha256(`${file} ${treatment} of ${range}`),
    dimensions: probe.shape[1],
    imageShape,
    range,
    ...(meanStd && { normalised: meanStd.name }),
    ...(notes.length > 0 && { notes }),
    ...(missing && { missingDerivative: missing }),
    features: (images) => rows(images, features),
    ...(logits !== null && { probabilities: async (images) => fromRows(await rows(images, logits)) }),
    ...(ofFeatures && {
      vjp: async (images: ImageBatch, dFeatures: Features) =>
        ofFeatures(images, cotangentOf(images, dFeatures, imageShape, probe.shape[1])),
    }),
    ...(ofLogits &&
      logits !== null && {
        async logProbabilitiesVjp(images: ImageBatch, dLogProbabilities: Features) {
          const given = await rows(images, logits)
          const cotangent = cotangentOf(images, dLogProbabilities, imageShape, given.shape[1])
          return ofLogits(images, logarithmsPulledBack(given, cotangent, asProbabilities))
        },
      }),
    async dispose() {
      await Promise.all([model, ...derivativesAmong(found)].map((part) => part.dispose()))
    },
  }
}

const derivativesAmong = (found: ReadonlyMap<string, FoundOutputDerivative>) =>
  [...found.values()].flatMap(({ derivative }) => (derivative ? [derivative] : []))

/** A cotangent in float32. @throws `metrics.images`, `metrics.shape` */
function cotangentOf(
  images: ImageBatch,
  { data, shape }: Features,
  imageShape: Shape,
  width: number,
): Tensor<'float32'> {
  const wanted = [imageCount(images, imageShape), width]
  if (sameShape(shape, wanted)) return tensor('float32', shape, Float32Array.from(data))
  throw inputError('metrics.shape', `the cotangent of the rows must be [${wanted}], got [${shape}]`)
}

/** In the note of an output that needs no softmax. */
export const HOLDS_PROBABILITIES = 'holds probabilities'

const heldProbabilities = (path: string, output: string) =>
  `the output '${output}' of ${path} ${HOLDS_PROBABILITIES}, rows that are not negative and sum to 1: taken as such, without another softmax`

/** Images of noise, among which no two rows of logits are alike. */
function probeImages(imageShape: Shape): Tensor<'float32'> {
  const noise = new Float32Array(PROBED * sizeOf(imageShape))
  randomStream({ seed: 0, purpose: 'metrics.probe' }).normal(noise)
  return tensor('float32', [PROBED, ...imageShape], noise)
}

function logitsOutput(
  path: string,
  model: ForeignModel,
  { logits: name, classes, role }: OnnxFeaturesOptions,
  dimensions: number,
): string | null {
  if (name === null) return null
  if (name !== undefined) return chosenOutput(path, model, name, role)
  const { outputs } = model
  const named = namedLogits(model)
  if (named !== undefined) return named
  return outputs.length === 1 && dimensions === classes ? outputs[0].name : null
}
