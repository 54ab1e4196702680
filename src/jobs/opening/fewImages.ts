/** What can be measured with few images, and in which features: a covariance of d features needs more than d images on either side. */
import type { Dataset } from '../../data/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import { MOST_PIXEL_FEATURES, pixelFeatures } from '../../metrics/index.ts'

/** What the k-th neighbour of precision and recall needs. */
const LEAST_FOR_NEIGHBOURS = 4

type Splits = Pick<Dataset, 'splits' | 'shape'>

/** Images of the smaller of the two splits that are measured on. */
const fewest = ({ splits }: Splits): number => Math.min(splits.tuning.count, splits.heldOut.count)

/** The way to numbers that can still be had, as the end of an error. */
export function fewImagesFix(data: Splits): string {
  const [most, [channels]] = [Math.min(fewest(data) - 1, MOST_PIXEL_FEATURES), data.shape]
  const teacher = 'learn for a model that is there without data (--model M --objective teacher)'
  if (most < channels) return `give more data, or ${teacher}`
  const { dimensions } = pixelFeatures(data.shape, most)
  return `give more data, take --features pixels:${dimensions} (as many averages of blocks), or ${teacher}`
}

/** Which figures a split allows in a network's features, in words. */
export function figuresText(data: Splits, { name, dimensions }: Pick<FeatureNetwork, 'name' | 'dimensions'>): string {
  const least = fewest(data)
  const inFeatures = `in ${name} (${dimensions} features)`
  const others = ['KID', ...(least >= LEAST_FOR_NEIGHBOURS ? ['precision', 'recall'] : []), 'diversity']
  if (least > dimensions) return `${['FID', ...others].join(', ')} can be had ${inFeatures}`
  const few = `${least} images are no more than the ${dimensions} features of ${name}: no FID`
  return `${few}; ${fewImagesFix(data)}`
}
