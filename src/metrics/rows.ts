/** Feature rows: what every metric takes, one row per image, in float64 from here on. */
import type { Tensor } from '../base/index.ts'
import { failure, inputError } from '../base/index.ts'

/** Features of images [images, dimensions]. */
export type Features = Tensor<'float32'> | Tensor<'float64'>

/** The same in float64, row-major. */
export interface Rows {
  readonly count: number
  readonly dimensions: number
  readonly data: Float64Array
}

/**
 * Checks features and widens them to float64.
 * @param least the number of rows the metric needs
 * @throws `metrics.shape` unless [images, dimensions]; `metrics.tooFewImages` below `least` rows; `metrics.finite` on NaN or infinity
 */
export function rowsOf(features: Features, least = 1): Rows {
  const [count, dimensions] = features.shape
  if (features.shape.length !== 2 || dimensions < 1) {
    throw inputError(
      'metrics.shape',
      `features must be [images, dimensions], got [${features.shape}]; flatten them first`,
    )
  }
  if (count < least) {
    throw inputError(
      'metrics.tooFewImages',
      `this metric needs at least ${least} images, got ${count}; use more images`,
    )
  }
  const bad = (features.data as Float64Array).findIndex((value) => !Number.isFinite(value))
  if (bad >= 0) {
    const row = Math.floor(bad / dimensions)
    throw failure(
      'metrics.finite',
      `features must be finite, image ${row} has ${features.data[bad]}; look at that image for NaN`,
    )
  }
  const data = features.data instanceof Float64Array ? features.data : Float64Array.from(features.data)
  return { count, dimensions, data }
}

/** Two sets of features of the same network. @throws `metrics.dimensions` if their dimensions differ, and as `rowsOf` */
export function rowPair(a: Features, b: Features, least = 1): [Rows, Rows] {
  const pair: [Rows, Rows] = [rowsOf(a, least), rowsOf(b, least)]
  sameDimensions(pair[0].dimensions, pair[1].dimensions)
  return pair
}

/** @throws `metrics.dimensions` if the dimensions differ */
export function sameDimensions(generated: number, reference: number): void {
  if (generated !== reference) {
    throw inputError(
      'metrics.dimensions',
      `generated and reference features must have the same dimensions, got ${generated} and ${reference}; ` +
        'use one feature network for both',
    )
  }
}
