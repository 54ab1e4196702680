/** Pixel features by name: `pixels`, or `pixels:16` for at most 16 numbers. */
import type { Shape } from '../../base/index.ts'
import { inputError } from '../../base/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import { MOST_PIXEL_FEATURES, pixelFeatures } from '../../metrics/index.ts'

const NAME = /^pixels(?::(.*))?$/

export const isPixels = (features: string): boolean => NAME.test(features)

/** The features that a name stands for. @throws `schedule.features` on a number that is none, `metrics.pixelFeatures` */
export function pixelFeaturesNamed(features: string, imageShape: Shape): FeatureNetwork {
  const most = NAME.exec(features)?.[1]
  if (most === undefined) return pixelFeatures(imageShape)
  if (/^\d{1,3}$/.test(most)) return pixelFeatures(imageShape, Number(most))
  throw inputError(
    'schedule.features',
    `pixels:N has a number from 1 to ${MOST_PIXEL_FEATURES} of features, got '${features}'`,
  )
}
