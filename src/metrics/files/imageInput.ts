/**
 * How images [n, channels, height, width] in [-1, 1] become the input of somebody's network: its size, its channels, its pixel range, a mean and a standard
 * deviation by channel, its layout and element type. What the file does not say is asked for, not assumed.
 */
import type { Resampling, Shape, Tensor } from '../../base/index.ts'
import { inputError, RESAMPLINGS, requireRoom, sizeOf, tensor } from '../../base/index.ts'
import type { ForeignModel, ForeignValue } from '../../runtime/index.ts'
import { channelsLast, inEachChannel, inRange, inSteps, normalised, resizing } from './inputSteps.ts'
import type { MeanStd } from './meanStd.ts'

/** How pixels are given to a network. */
export interface PixelInput {
  /** Pixel range the network was trained on, such as [0, 1] or [-1, 1]; with a mean and standard deviation, the range that these are for. */
  readonly range: readonly [number, number]
  /** Default null: none. */
  readonly meanStd?: MeanStd | null
}

/** An input as far as it is stated: the range of the mean and standard deviation where none is given, and [0, 1] where these say none. */
export const pixelInputOf = (range: PixelInput['range'] | null, meanStd: MeanStd | null): PixelInput => ({
  range: range ?? meanStd?.range ?? [0, 1],
  meanStd,
})

/** Who is given the images: in errors, and in the flags that they name. */
export type NetworkRole = 'features' | 'judge' | 'reward'

const CALLED: Readonly<Record<NetworkRole, string>> = {
  features: 'a feature model',
  judge: 'a judge',
  reward: 'an ONNX reward',
}

/** In words: `pixels in [0,1], ImageNet's mean and standard deviation`. */
export const pixelsText = ({
  range,
  normalised,
}: {
  readonly range: readonly number[]
  readonly normalised?: string
}) => `pixels in [${range}]${normalised === undefined ? '' : `, ${normalised}`}`

export interface ImageInputOptions extends PixelInput {
  /** [channels, height, width] of the images that are given. Default: the network's own. */
  readonly imageShape?: Shape
  /** How images of another size are brought to the network's; null: that they are is an error. Default: as `meanStd` says, else null. */
  readonly resize?: Resampling | null
  /** Images per run, where the model leaves the batch open. Default 100. */
  readonly batch?: number
  /** Default `features`. */
  readonly role?: NetworkRole
}

/** The image input of a network. */
export interface ImageInput {
  readonly name: string
  /** Element type, as the file has it. */
  readonly dtype: string
  /** Images per run. */
  readonly batch: number
  /** [channels, height, width] of the images that come. */
  readonly imageShape: Shape
  /** [batch, ...] as the network has it. */
  readonly givenShape: Shape
  /** What is done to images that would not be expected, for its hash; empty for most. */
  readonly treatment: string
  readonly notes: readonly string[]
  /** The network's input of [batch, ...imageShape]. */
  feed(images: Tensor<'float32'>): Fed
}

/** Images as a network is given them. */
export interface Fed {
  readonly given: Tensor
  /** Cotangent of the images, of that of `given`. */
  pullBack(dGiven: Tensor): Tensor<'float32'>
}

/** Element types that pixels are given in; float16 and uint8 by way of float32. */
const PIXEL_TYPES = ['float32', 'float64', 'float16', 'uint8']
const BYTES = [0, 255] as const

/** @throws `metrics.onnx` where the model has no image input, or none for these images; `metrics.range`, `metrics.meanStd` */
export function imageInput(
  path: string,
  { inputs }: Pick<ForeignModel, 'inputs'>,
  options: ImageInputOptions,
): ImageInput {
  const [value] = inputs
  const { role } = options
  if (inputs.length !== 1 || !PIXEL_TYPES.includes(value.dtype) || value.shape.length !== 4) {
    throw onnxError(path, `it takes ${describe(inputs)}`, role)
  }
  const layout = layoutOf(value, options.imageShape)
  const network = networkShape(path, value, layout, options)
  const imageShape = options.imageShape ?? network
  requireChannels(path, network, imageShape, role)
  const kernel = resizeOf(path, network, imageShape, options)
  const { meanStd = null } = options
  const range = rangeOf(path, value, options)
  if (meanStd) requireMeanStd(path, meanStd, network)
  const [declaredBatch] = value.shape
  const batch = typeof declaredBatch === 'number' ? declaredBatch : (options.batch ?? 100)
  requireRoom({
    code: 'metrics.onnx',
    what: `${batch} images of [${network}] for ${path}`,
    values: batch * sizeOf(network),
  })
  const grey = imageShape[0] < network[0]
  const steps = inSteps([
    ...(kernel ? [resizing(network.slice(1), kernel)] : []),
    ...(grey ? [inEachChannel(network[0])] : []),
    inRange(range),
    ...(meanStd ? [normalised(meanStd)] : []),
    ...(layout === 'NHWC' ? [channelsLast] : []),
  ])
  return {
    name: value.name,
    dtype: value.dtype,
    batch,
    imageShape,
    givenShape: layout === 'NHWC' ? [batch, ...network.slice(1), network[0]] : [batch, ...network],
    treatment: [
      ...(meanStd ? [`mean ${meanStd.mean} std ${meanStd.std}`] : []),
      ...(kernel ? [`${kernel} ${network.slice(1)}`] : []),
    ].join(' '),
    notes: [
      ...(kernel
        ? [
            `${path} is given images of ${sideText(imageShape)} at its own size, ${sideText(network)}, by ${kernel} interpolation`,
          ]
        : []),
      ...(grey ? [`${path} takes ${channelsText(network)} and is given the grey one in each of them`] : []),
    ],
    feed(images) {
      const { images: given, pullBack } = steps(images)
      return {
        given: value.dtype === 'float64' ? tensor('float64', given.shape, Float64Array.from(given.data)) : given,
        pullBack: ({ data }) => pullBack(tensor('float32', given.shape, Float32Array.from(data as Float32Array))),
      }
    },
  }
}

export function onnxError(path: string, came: string, role: NetworkRole = 'features'): Error {
  return inputError(
    'metrics.onnx',
    `${CALLED[role]} must map one image input [batch,channels,height,width], or with the channels last, of floats or bytes to numbers [batch,...]; ${path}: ${came}`,
  )
}

export const describe = (values: readonly ForeignValue[]) =>
  values.map(({ name, dtype, shape }) => `'${name}' ${dtype}[${shape.map((extent) => extent || '?')}]`).join(', ')

const channelsText = ([channels]: Shape) => `${channels} channel${channels === 1 ? '' : 's'}`

const sideText = ([, height, width]: Shape) => `${height}x${width}`

type Layout = 'NCHW' | 'NHWC'

/** Channels are few: last where only the last axis can be them. */
function layoutOf({ shape: [, second, , last] }: ForeignValue, imageShape: Shape | undefined): Layout {
  const few = [1, 3, 4, ...(imageShape ? [imageShape[0]] : [])]
  const may = (extent: number | string) => typeof extent === 'number' && few.includes(extent)
  return may(last) && !may(second) ? 'NHWC' : 'NCHW'
}

/** [channels, height, width] that the network takes: as declared, and where that is open, as the images have it. */
function networkShape(
  path: string,
  value: ForeignValue,
  layout: Layout,
  { imageShape, role }: Pick<ImageInputOptions, 'imageShape' | 'role'>,
): Shape {
  const [, a, b, c] = value.shape
  const declared = layout === 'NHWC' ? [c, a, b] : [a, b, c]
  const shape = declared.map((extent, axis) => (typeof extent === 'number' ? extent : imageShape?.[axis]))
  if (shape.every((extent) => extent !== undefined)) return shape
  throw onnxError(path, `it leaves the image size open (${describe([value])}); give imageShape`, role)
}

function requireChannels(path: string, network: Shape, imageShape: Shape, role: NetworkRole | undefined): void {
  if (network[0] === imageShape[0] || imageShape[0] === 1) return
  throw onnxError(
    path,
    `it takes ${channelsText(network)}, the images have ${imageShape[0]}; use a network for these`,
    role,
  )
}

/** @throws `metrics.onnx` on images of another size where nothing says how they are resized */
function resizeOf(
  path: string,
  network: Shape,
  imageShape: Shape,
  { resize, meanStd, role = 'features' }: ImageInputOptions,
) {
  if (network[1] === imageShape[1] && network[2] === imageShape[2]) return null
  const kernel = resize ?? meanStd?.resize ?? null
  if (kernel) return kernel
  throw onnxError(
    path,
    `it takes images of ${sideText(network)}, these are ${sideText(imageShape)}; say how they are resized, as it was trained with: ` +
      `--${role}-resize ${RESAMPLINGS.join(' or ')}`,
    role,
  )
}

/** @throws `metrics.range` */
function rangeOf(path: string, { dtype }: ForeignValue, { range, meanStd }: PixelInput): readonly [number, number] {
  const [low, high] = range
  if (!(Number.isFinite(low) && Number.isFinite(high) && low < high)) {
    throw inputError(
      'metrics.range',
      `the pixel range of ${path} must be two numbers, low < high, got [${low}, ${high}]`,
    )
  }
  if (dtype !== 'uint8' || (low === BYTES[0] && high === BYTES[1] && !meanStd)) return range
  throw inputError(
    'metrics.range',
    `${path} takes bytes, so pixels in [0,255] without a mean and standard deviation, got ${pixelsText({ range, ...(meanStd && { normalised: meanStd.name }) })}`,
  )
}

/** @throws `metrics.meanStd` */
function requireMeanStd(path: string, { name, mean, std }: MeanStd, network: Shape): void {
  if ([1, network[0]].includes(mean.length) && mean.length === std.length) return
  throw inputError(
    'metrics.meanStd',
    `${path} takes ${channelsText(network)}, but ${name} is for ${mean.length}; give a number for each channel, or one for all`,
  )
}
