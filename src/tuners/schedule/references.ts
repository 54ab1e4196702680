/** What generated images are compared with while a schedule is learned and where it is decided what is kept. */
import { sizeOf, tensor } from '../../base/index.ts'
import type { Dataset, Split } from '../../data/index.ts'
import type { FeatureNetwork, FrechetReference } from '../../metrics/index.ts'
import { referenceMoments } from '../../metrics/index.ts'

export interface TuningReferences {
  /** Moments of the tuning split in the feature network; null without data. */
  readonly tuningReference: FrechetReference | null
  /**
   * Moments of images that steer no schedule and decide what is kept: every fourth of the tuning split, where the rest are enough, and the training
   * split's; null where they are too few, or there are no data.
   */
  readonly decisionReference: FrechetReference | null
}

/** One in so many images of the tuning split steers nothing. */
const HELD_BACK = 4
/** Images of the training split that decide, at most: what a reference of few images is off by is the same at every sampling seed. */
const MOST_DECIDING = 4000

/**
 * Moments of the tuning split, less what of it is held back, and of what decides.
 * @param decides whether there is a decision: false leaves the whole tuning split to tuning
 */
export async function tuningReferences(
  { splits: { tuning, train } }: Pick<Dataset, 'splits'>,
  features: FeatureNetwork,
  decides: boolean,
): Promise<TuningReferences> {
  const all = await features.features(imagesOfSplit(tuning))
  if (!decides) return { tuningReference: referenceMoments(all), decisionReference: null }
  const { dimensions } = features
  const most = Math.min(train.count, MOST_DECIDING)
  const images = train.images.subarray(0, most * sizeOf(train.shape))
  const trained = most > 0 ? await features.features(imagesOfSplit({ ...train, count: most, images })) : null
  const heldBack = Math.ceil(tuning.count / HELD_BACK)
  if (heldBack <= dimensions) {
    const decisionReference = trained && most > dimensions ? referenceMoments(trained) : null
    return { tuningReference: referenceMoments(all), decisionReference }
  }
  const steering = new Float64Array((tuning.count - heldBack) * dimensions)
  const deciding = new Float64Array((heldBack + (trained ? most : 0)) * dimensions)
  for (let row = 0; row < tuning.count; row++) {
    const values = all.data.subarray(row * dimensions, (row + 1) * dimensions)
    const before = Math.ceil(row / HELD_BACK)
    if (row % HELD_BACK === 0) deciding.set(values, before * dimensions)
    else steering.set(values, (row - before) * dimensions)
  }
  if (trained) deciding.set(trained.data, heldBack * dimensions)
  const moments = (values: Float64Array) =>
    referenceMoments(tensor('float64', [values.length / dimensions, dimensions], values))
  return { tuningReference: moments(steering), decisionReference: moments(deciding) }
}

/** A split as one batch of images [n, c, h, w]. */
export function imagesOfSplit({ images, count, shape }: Split) {
  return tensor('float32', [count, ...shape], images)
}
