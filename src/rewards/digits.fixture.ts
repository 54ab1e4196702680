/** Real digits and the classifiers that know them, with slow float64 references: what rewards are tested on. */
import type { Tensor } from '../base/index.ts'
import { randomStream, sizeOf, tensor } from '../base/index.ts'
import { digits } from '../data/index.ts'
import { evaluate, trace } from '../graph/index.ts'
import type { ClassifierFeatures } from '../metrics/index.ts'

export const SHAPE = [1, 16, 16] as const
const SIZE = sizeOf(SHAPE)

/** The first images of the embedded digits' tuning and held-out splits. */
export async function someDigits(counts: { tuning: number; heldOut: number }) {
  const { splits } = await digits({ size: 16 })
  const first = (images: Float32Array, count: number) =>
    tensor('float32', [count, ...SHAPE], images.slice(0, count * SIZE))
  return {
    tuning: first(splits.tuning.images, counts.tuning),
    heldOut: first(splits.heldOut.images, counts.heldOut),
  }
}

/** A classifier's features and logits in float64, one array per image. */
export function referenceRows(network: ClassifierFeatures, pixels: Float64Array) {
  const shape = [pixels.length / SIZE, ...SHAPE]
  const graph = trace({ x: { dtype: 'float32', shape } }, ({ x }) => network.trace(x))
  const { features, logits } = evaluate(graph, { x: { dtype: 'float32', shape, data: pixels } })
  const rows = (data: Float64Array) =>
    Array.from({ length: shape[0] }, (_, i) =>
      data.slice((i * data.length) / shape[0], ((i + 1) * data.length) / shape[0]),
    )
  return { features: rows(features.data), logits: rows(logits.data) }
}

/** log softmax of a row at a class, by the maximum. */
export function logSoftmaxOf(row: Float64Array, label: number): number {
  const top = Math.max(...row)
  return row[label] - top - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - top), 0))
}

/**
 * The largest relative error of an image's derivative along random directions, one per image, against central differences of a float64
 * function of all pixels.
 */
export function directionalError(
  images: Tensor<'float32'>,
  gradient: ArrayLike<number>,
  values: (pixels: Float64Array) => ArrayLike<number>,
  step = 1e-4,
): number {
  const direction = randomStream({ seed: 7, purpose: 'direction' }).normal(new Float64Array(images.data.length))
  const moved = (by: number) => values(Float64Array.from(images.data, (pixel, i) => pixel + by * direction[i]))
  const [up, down] = [moved(step), moved(-step)]
  const size = images.data.length / images.shape[0]
  let worst = 0
  for (let i = 0; i < images.shape[0]; i++) {
    let slope = 0
    for (let j = i * size; j < (i + 1) * size; j++) slope += direction[j] * gradient[j]
    const truth = (up[i] - down[i]) / (2 * step)
    worst = Math.max(worst, Math.abs(slope - truth) / Math.max(Math.abs(truth), 1e-2))
  }
  return worst
}
