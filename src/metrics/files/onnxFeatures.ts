/** Somebody else's ONNX model as a feature network: one image input, a chosen output, no derivative. */
import { basename } from 'node:path'
import type { Shape, Tensor } from '../../base/index.ts'
import { filled, randomStream, sha256, sizeOf, tensor } from '../../base/index.ts'
import { modelFileHash } from '../../files/index.ts'
import type { Device, ForeignModel } from '../../runtime/index.ts'
import { openModel } from '../../runtime/index.ts'
import type { FeatureNetwork, ImageBatch } from '../featureNetwork.ts'
import { imageCount, inChunks, toRange } from '../featureNetwork.ts'
import type { ImageInputOptions, NetworkRole } from './imageInput.ts'
import { describe, imageInput, onnxError } from './imageInput.ts'

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
  const { range, meanStd } = options
  const input = imageInput(path, model, options)
  const { batch, imageShape, treatment } = input
  const features = chosenOutput(
    path,
    model,
    options.output ?? (options.featuresAreLogits ? namedLogits(model) : undefined),
    options.role,
  )
  const file = await modelFileHash(path)

  const rows = async (images: ImageBatch, output: string): Promise<Tensor<'float32'>> => {
    imageCount(images, imageShape)
    return inChunks([toRange(images, [-1, 1])], batch, async ([chunk]) => {
      const result = (await model.run({ [input.name]: input.feed(chunk) }, [output]))[output]
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
    })
  }
  const probe = await rows(filled([1, ...imageShape]), features)
  const logits = logitsOutput(path, model, options, probe.shape[1])
  const asProbabilities = logits !== null && areProbabilities(await rows(probeImages(imageShape), logits))
  const fromRows = asProbabilities ? normalisedRows : softmaxRows
  const notes = [...input.notes, ...(asProbabilities && /log/i.test(logits) ? [heldProbabilities(path, logits)] : [])]
  return {
    name: basename(path),
    hash: treatment === '' ? file : sha256(`${file} ${treatment} of ${range}`),
    dimensions: probe.shape[1],
    imageShape,
    range,
    ...(meanStd && { normalised: meanStd.name }),
    ...(notes.length > 0 && { notes }),
    features: (images) => rows(images, features),
    ...(logits !== null && { probabilities: async (images) => fromRows(await rows(images, logits)) }),
    dispose: () => model.dispose(),
  }
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

function chosenOutput(
  path: string,
  { outputs }: ForeignModel,
  name: string | undefined,
  role: NetworkRole = 'features',
): string {
  if (name === undefined && outputs.length === 1) return outputs[0].name
  const found = outputs.find((output) => output.name === name)
  if (!found)
    throw onnxError(
      path,
      `name one of its outputs, ${describe(outputs)}${name === undefined ? `, ${outputForm(path, role)}` : `; got '${name}'`}`,
      role,
    )
  return found.name
}

const outputForm = (path: string, role: NetworkRole): string =>
  role === 'reward' ? `as ${basename(path)}:NAME` : `with --${role}-output NAME`

const namedLogits = ({ outputs }: ForeignModel) => outputs.find((output) => /logit/i.test(output.name))?.name

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

/** Rows that sum to 1 but for a rounding to float16. */
const SUM_ROUNDING = 2e-3

/** Whether every row is a distribution over two or more classes. */
function areProbabilities({ shape: [count, classes], data }: Tensor<'float32'>): boolean {
  if (classes < 2) return false
  for (let i = 0; i < count; i++) {
    const row = data.subarray(i * classes, (i + 1) * classes)
    const sum = row.reduce((a, b) => a + b, 0)
    if (!(Math.abs(sum - 1) <= SUM_ROUNDING && row.every((value) => value >= 0))) return false
  }
  return true
}

/** Each row over its sum, float64. */
function normalisedRows({ shape: [count, classes], data }: Tensor<'float32'>): Tensor<'float64'> {
  const out = Float64Array.from(data)
  for (let i = 0; i < count; i++) {
    const row = out.subarray(i * classes, (i + 1) * classes)
    const sum = row.reduce((a, b) => a + b, 0)
    row.set(row.map((value) => value / sum))
  }
  return tensor('float64', [count, classes], out)
}

/** Softmax of each row, float64. */
function softmaxRows({ shape: [count, classes], data }: Tensor<'float32'>): Tensor<'float64'> {
  const out = new Float64Array(count * classes)
  for (let i = 0; i < count; i++) {
    const row = data.subarray(i * classes, (i + 1) * classes)
    const top = row.reduce((a, b) => Math.max(a, b))
    const weights = Float64Array.from(row, (logit) => Math.exp(logit - top))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    out.set(
      weights.map((weight) => weight / total),
      i * classes,
    )
  }
  return tensor('float64', [count, classes], out)
}
