/** Somebody else's ONNX model as a feature network: one image input, a chosen output, no derivative. */
import { basename } from 'node:path'
import type { Shape, Tensor } from '../../base/index.ts'
import { filled, inputError, randomStream, sizeOf, tensor } from '../../base/index.ts'
import { modelFileHash } from '../../files/index.ts'
import type { Device, ForeignModel, ForeignValue } from '../../runtime/index.ts'
import { openModel } from '../../runtime/index.ts'
import type { FeatureNetwork, ImageBatch } from '../featureNetwork.ts'
import { imageCount, inChunks, toRange } from '../featureNetwork.ts'

export interface OnnxFeaturesOptions {
  /** Pixel range the model was trained on, such as [0, 1] or [-1, 1]. No default: a wrong one gives wrong numbers without a sign. */
  readonly range: readonly [number, number]
  /** Output taken as features, flattened per image. Default: the only output. */
  readonly output?: string
  /**
   * Output taken as logits of class probabilities; null for none. Default: the output whose name contains 'logit', else the only output if it
   * has `classes` numbers per image. Where it holds probabilities already, they are taken as such, and `notes` says so.
   */
  readonly logits?: string | null
  /** Number of classes that a classifier would have to know. Default: not known. */
  readonly classes?: number
  /** [channels, height, width], needed where the model leaves them open. */
  readonly imageShape?: Shape
  /** Images per run, where the model leaves the batch open. Default 100. */
  readonly batch?: number
  readonly device?: Device
}

/** Noise images by which an output is told to hold probabilities. */
const PROBED = 8

/**
 * Opens a model and runs it once or twice to learn its sizes. Name: the file's name; hash: SHA-256 of the file, with the data that it keeps in
 * files beside it.
 * @throws `onnx.open`; `metrics.range`; `metrics.onnx` if the model does not have one float32 image input [b,c,h,w], or the output is not
 * known or no float
 */
export async function onnxFeatures(path: string, options: OnnxFeaturesOptions): Promise<FeatureNetwork> {
  const { device } = options
  checkRange(path, options.range)
  const model = await openModel(path, device ? { device } : {})
  try {
    return await networkOf(path, model, options)
  } catch (error) {
    await model.dispose()
    throw error
  }
}

function checkRange(path: string, [low, high]: readonly [number, number]): void {
  if (Number.isFinite(low) && Number.isFinite(high) && low < high) return
  throw inputError('metrics.range', `the pixel range of ${path} must be two numbers, low < high, got [${low}, ${high}]`)
}

async function networkOf(path: string, model: ForeignModel, options: OnnxFeaturesOptions): Promise<FeatureNetwork> {
  const { range } = options
  const { input, batch, imageShape } = imageInput(path, model, options)
  const features = chosenOutput(path, model, options.output)
  const hash = await modelFileHash(path)

  const rows = async (images: ImageBatch, output: string): Promise<Tensor<'float32'>> => {
    imageCount(images, imageShape)
    return inChunks([toRange(images, range)], batch, async ([chunk]) => {
      const result = (await model.run({ [input]: chunk }))[output]
      if (result.shape[0] !== batch || (result.dtype !== 'float32' && result.dtype !== 'float64')) {
        throw onnxError(path, `its output '${output}' is ${result.dtype}[${result.shape}] for ${batch} images`)
      }
      const data =
        result.dtype === 'float32' ? (result.data as Float32Array) : Float32Array.from(result.data as Float64Array)
      return tensor('float32', [batch, sizeOf(result.shape) / batch], data)
    })
  }
  const probe = await rows(filled([1, ...imageShape]), features)
  const logits = logitsOutput(path, model, options, probe.shape[1])
  const asProbabilities = logits !== null && areProbabilities(await rows(probeImages(imageShape), logits))
  const fromRows = asProbabilities ? normalisedRows : softmaxRows
  return {
    name: basename(path),
    hash,
    dimensions: probe.shape[1],
    imageShape,
    range,
    ...(asProbabilities && /log/i.test(logits) && { notes: [heldProbabilities(path, logits)] }),
    features: (images) => rows(images, features),
    ...(logits !== null && { probabilities: async (images) => fromRows(await rows(images, logits)) }),
    dispose: () => model.dispose(),
  }
}

const heldProbabilities = (path: string, output: string) =>
  `the output '${output}' of ${path} holds probabilities, rows that are not negative and sum to 1: taken as such, without another softmax`

/** Images of noise, among which no two rows of logits are alike. */
function probeImages(imageShape: Shape): Tensor<'float32'> {
  const noise = new Float32Array(PROBED * sizeOf(imageShape))
  randomStream({ seed: 0, purpose: 'metrics.probe' }).normal(noise)
  return tensor('float32', [PROBED, ...imageShape], noise)
}

function onnxError(path: string, came: string): Error {
  return inputError(
    'metrics.onnx',
    `a feature model must map one float32 image input [batch,channels,height,width] to float32 [batch,...]; ${path}: ${came}`,
  )
}

const describe = (values: readonly ForeignValue[]) =>
  values.map(({ name, dtype, shape }) => `'${name}' ${dtype}[${shape.map((extent) => extent || '?')}]`).join(', ')

function imageInput(path: string, { inputs }: ForeignModel, options: OnnxFeaturesOptions) {
  const [value] = inputs
  if (inputs.length !== 1 || value.dtype !== 'float32' || value.shape.length !== 4) {
    throw onnxError(path, `it takes ${describe(inputs)}`)
  }
  const [declaredBatch, ...declared] = value.shape
  const imageShape = declared.map((extent, axis) => (typeof extent === 'number' ? extent : options.imageShape?.[axis]))
  if (!imageShape.every((extent) => extent !== undefined)) {
    throw onnxError(path, `it leaves the image size open (${describe(inputs)}); give imageShape`)
  }
  const batch = typeof declaredBatch === 'number' ? declaredBatch : (options.batch ?? 100)
  return { input: value.name, batch, imageShape }
}

function chosenOutput(path: string, { outputs }: ForeignModel, name: string | undefined): string {
  if (name === undefined && outputs.length === 1) return outputs[0].name
  const found = outputs.find((output) => output.name === name)
  if (!found)
    throw onnxError(path, `name one of its outputs, ${describe(outputs)}${name === undefined ? '' : `; got '${name}'`}`)
  return found.name
}

function logitsOutput(
  path: string,
  model: ForeignModel,
  { logits: name, classes }: OnnxFeaturesOptions,
  dimensions: number,
): string | null {
  if (name === null) return null
  if (name !== undefined) return chosenOutput(path, model, name)
  const { outputs } = model
  const named = outputs.find((output) => /logit/i.test(output.name))
  if (named) return named.name
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
