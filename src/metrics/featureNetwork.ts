/**
 * Feature networks: what turns images into the rows that metrics compare. A distance means nothing without its network, so each carries a
 * name and a hash that go with every number.
 */
import type { Shape, Tensor } from '../base/index.ts'
import { inputError, sameShape, sizeOf, tensor } from '../base/index.ts'
import type { Features } from './rows.ts'

/** Images [n, channels, height, width] in [-1, 1]; any n. */
export type ImageBatch = Tensor<'float32'> | Tensor<'float64'>

/** A network that gives features of images, and perhaps class probabilities and derivatives. */
export interface FeatureNetwork {
  /** Says what it is and, by its last eight letters, which weights: `lenet-digits16-features-1a2b3c4d`. */
  readonly name: string
  /** SHA-256 of weights and definition, hex. */
  readonly hash: string
  /** Length of a feature row. */
  readonly dimensions: number
  /** [channels, height, width] of one image. */
  readonly imageShape: Shape
  /** Pixel range the network itself takes; callers give [-1, 1], which is mapped to it. */
  readonly range: readonly [number, number]
  /** The mean and standard deviation by channel that it takes them with, in words. Absent: none. */
  readonly normalised?: string
  /** What a reader of its numbers must know, a sentence each. */
  readonly notes?: readonly string[]
  /** Feature rows [n, dimensions]. Images are read until the promise has settled, here and below. @throws `metrics.images` on images of another shape */
  features(images: ImageBatch): Promise<Features>
  /** Class probabilities [n, classes], where the network is a classifier. */
  probabilities?(images: ImageBatch): Promise<Features>
  /** Vector-Jacobian product: dimages [n, ...imageShape] of dfeatures [n, dimensions], in the units of images in [-1, 1]. */
  vjp?(images: ImageBatch, dFeatures: Features): Promise<ImageBatch>
  /** The same of the logarithms of the class probabilities: dimages of dlogProbabilities [n, classes]. */
  logProbabilitiesVjp?(images: ImageBatch, dLogProbabilities: Features): Promise<ImageBatch>
  /** What keeps a file from having `vjp`, its operators named. Absent: nothing does, or none was looked for. */
  readonly missingDerivative?: string
  /** Frees its programs. */
  dispose(): Promise<void>
}

/** What goes beside every number: the network's name and hash. */
export interface FeatureNetworkLabel {
  readonly name: string
  readonly hash: string
}

export function labelOf({ name, hash }: FeatureNetwork): FeatureNetworkLabel {
  return { name, hash }
}

/** Number of images. @throws `metrics.images` unless [n, ...imageShape] with n >= 1 */
export function imageCount(images: { readonly shape: Shape }, imageShape: Shape): number {
  const [count, ...shape] = images.shape
  if (count >= 1 && sameShape(shape, imageShape)) return count
  throw inputError(
    'metrics.images',
    `this feature network takes images [n,${imageShape}], n >= 1, got [${images.shape}]; resize them or use another network`,
  )
}

/** Pixels in [-1, 1] mapped to a network's range, float32. */
export function toRange(images: ImageBatch, [low, high]: readonly [number, number]): Tensor<'float32'> {
  if (low === -1 && high === 1 && images.dtype === 'float32') return images
  const scale = (high - low) / 2
  const data = Float32Array.from(images.data, (pixel) => (pixel + 1) * scale + low)
  return tensor('float32', images.shape, data)
}

/**
 * Runs rows through a program of fixed batch: cut, the last chunk padded with zeros, results put together again.
 * @param inputs tensors [n, ...], of one n
 * @param run    takes them as [batch, ...], gives [batch, ...]
 */
export async function inChunks(
  inputs: readonly Tensor<'float32'>[],
  batch: number,
  run: (chunk: readonly Tensor<'float32'>[]) => Promise<Tensor<'float32'>>,
): Promise<Tensor<'float32'>> {
  const count = inputs[0].shape[0]
  let whole: Tensor<'float32'> | undefined
  for (let first = 0; first < count; first += batch) {
    const rows = Math.min(batch, count - first)
    const result = await run(inputs.map((input) => paddedRows(input, first, rows, batch)))
    const shape = result.shape.slice(1)
    const size = sizeOf(shape)
    whole ??= tensor('float32', [count, ...shape], new Float32Array(count * size))
    whole.data.set(result.data.subarray(0, rows * size), first * size)
  }
  if (!whole) throw inputError('metrics.images', 'a feature network needs at least one image, got none')
  return whole
}

function paddedRows(input: Tensor<'float32'>, first: number, rows: number, batch: number): Tensor<'float32'> {
  const shape = input.shape.slice(1)
  const size = sizeOf(shape)
  const chunk = new Float32Array(batch * size)
  chunk.set(input.data.subarray(first * size, (first + rows) * size))
  return tensor('float32', [batch, ...shape], chunk)
}
