/** What can be measured with few images, and in which features: a covariance of d features needs more than d images on either side. */
import type { Dataset } from '../../data/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import { LEAST_FOR_NEIGHBOURS, MOST_PIXEL_FEATURES, pixelFeatures } from '../../metrics/index.ts'

/** Numbers of images that are compared, by what they are: `{ generated: 1000, 'held-out': 10 }`. */
export type ImageCounts = Readonly<Record<string, number>>

type Dimensions = Pick<FeatureNetwork, 'name' | 'dimensions'>

const fewest = (counts: ImageCounts): number => Math.min(...Object.values(counts))

/** Why there is no Fréchet distance between so many images, with what it needs; null: there is one. */
export function whyNoFid(counts: ImageCounts, { name, dimensions }: Dimensions): string | null {
  if (fewest(counts) > dimensions) return null
  const came = Object.entries(counts).map(([what, count]) => `${count} ${what}`)
  return `the ${dimensions} features of ${name} need ${dimensions + 1} images or more on either side, got ${came.join(' and ')}`
}

/** In place of a number that so few images do not allow. */
export const noFidText = (dimensions: number): string =>
  `not available, needs ${dimensions + 1} images or more on either side`

/** Features of which so few images are enough, as a flag; null: there are none. @param shape [channels, height, width] of an image */
export function fewerFeatures(shape: readonly number[], counts: ImageCounts): string | null {
  const most = Math.min(fewest(counts) - 1, MOST_PIXEL_FEATURES)
  if (most < shape[0]) return null
  return `take --features pixels:${pixelFeatures(shape, most).dimensions} (as many averages of blocks)`
}

/** Images of the splits that are measured on. */
export const splitCounts = ({ splits }: Pick<Dataset, 'splits'>): ImageCounts => ({
  tuning: splits.tuning.count,
  'held-out': splits.heldOut.count,
})

/** The way to learning with few images, as the end of an error. */
export function fewImagesFix(data: Pick<Dataset, 'splits' | 'shape'>): string {
  const teacher = 'learn for a model that is there without data (--model M --objective teacher)'
  const ways = [fewerFeatures(data.shape, splitCounts(data))].filter((way) => way !== null)
  return ['give more data', ...ways, `or ${teacher}`].join(', ')
}

/** What figures are asked of: numbers of images, the features, and what becomes of it. */
export interface FiguresAsked {
  readonly counts: ImageCounts
  readonly features: Dimensions
  /** Whether the images are at hand one by one; of statistics they are not. */
  readonly single: boolean
  /** What can be had of any images at hand. */
  readonly always: string
  /** What to do where there is no FID. */
  readonly fix: string
}

/** Which figures so many images allow in a network's features, in words. */
export function figuresText({ counts, features, single, always, fix }: FiguresAsked): string {
  const least = fewest(counts)
  const others = [
    ...(least >= 2 ? ['KID'] : []),
    ...(least >= LEAST_FOR_NEIGHBOURS ? ['precision', 'recall'] : []),
    always,
  ]
  const why = whyNoFid(counts, features)
  const all = [...(why === null ? ['FID'] : []), ...(single ? others : [])]
  const had = `${all.join(', ') || 'nothing'} can be had in ${features.name} (${features.dimensions} features)`
  return why === null ? had : `${had}; no FID, as ${why}: ${fix}`
}
