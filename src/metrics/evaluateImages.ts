/**
 * All metrics of a set of generated images against real ones, each number with the network it was measured with. One network's features
 * measure distances; another one, the judge, says how many images it recognises and measures the distance once more, with other eyes.
 */
import { inputError } from '../base/index.ts'
import { verdictsOf } from './accuracy.ts'
import { meanPairwiseDistance, vendiScore } from './diversity.ts'
import type { FeatureNetwork, FeatureNetworkLabel, ImageBatch } from './featureNetwork.ts'
import { labelOf } from './featureNetwork.ts'
import { frechetDistance } from './frechet.ts'
import type { FrechetReference } from './frechetReference.ts'
import { referenceMoments } from './frechetReference.ts'
import type { FrechetDistance } from './frechetTerms.ts'
import type { InceptionScore } from './inceptionScore.ts'
import { inceptionScore } from './inceptionScore.ts'
import { kernelDistance } from './kernelDistance.ts'
import { pairedRows } from './pairedRows.ts'
import type { PrecisionRecall } from './precisionRecall.ts'
import { LEAST_FOR_NEIGHBOURS, precisionRecall } from './precisionRecall.ts'
import type { Features } from './rows.ts'

/** Confidence of the judge above which an image counts as recognised. */
export const RECOGNISED_ABOVE = 0.9

/** The two networks; without a judge its metrics are null. */
export interface EvaluationNetworks {
  readonly features: FeatureNetwork
  readonly judge?: FeatureNetwork | null
}

/** Real images as the networks see them. */
export interface EvaluationReference {
  readonly features: FrechetReference
  /** Feature rows of real images; null where only statistics are known (no kernel distance, precision and recall). */
  readonly rows: Features | null
  /** In the judge's features; null without a judge. */
  readonly judge: FrechetReference | null
}

export interface EvaluateOptions extends EvaluationNetworks {
  readonly reference: EvaluationReference
  /** Parts the inception score is averaged over, default 1. */
  readonly splits?: number
  /** Whether to measure what compares all pairs of images (kid, precision and recall, diversity), a second or so; default true. */
  readonly pairwise?: boolean
}

/** A distance with the network whose features it is measured in. */
export type LabelledDistance = FeatureNetworkLabel & FrechetDistance

export interface ImageEvaluation {
  readonly count: number
  /** Fréchet distance in the feature network's features; its `warning` says where there are too few images for it. */
  readonly fid: LabelledDistance
  /** Unbiased kernel distance there; null without reference rows or `pairwise`. */
  readonly kid: number | null
  /** Improved precision and recall there, k = 3; null without reference rows or `pairwise`, and below 4 images on either side. */
  readonly precisionRecall: PrecisionRecall | null
  /** Diversity there, of the generated images alone; null without `pairwise`. */
  readonly diversity: { readonly meanPairwiseDistance: number; readonly vendiScore: number } | null
  /** Images that these three looked at, the first ones. */
  readonly pairedCount: number
  /** Share of images the judge is more than .9 sure of; null without a judge. */
  readonly recognised: number | null
  /** Share of images by the judge's class, recognised or not. */
  readonly classShares: readonly number[] | null
  readonly inceptionScore: InceptionScore | null
  /** Fréchet distance in the judge's features. */
  readonly judgeFid: LabelledDistance | null
}

/** Runs real images through both networks, once for all evaluations against them. */
export async function evaluationReference(
  real: ImageBatch,
  networks: EvaluationNetworks,
): Promise<EvaluationReference> {
  const { features, judge } = networks
  const rows = await features.features(real)
  return {
    features: referenceMoments(rows),
    rows,
    judge: judge ? referenceMoments(await judge.features(real)) : null,
  }
}

/**
 * Evaluates generated images [n,c,h,w] in [-1, 1].
 * @throws `metrics.judge` if the judge is no classifier; `metrics.tooFewImages` below 2 images
 * @example
 * const networks = { features: await digitFeatures({ size: 16 }), judge: await digitJudge({ size: 16 }) }
 * const reference = await evaluationReference(heldOut, networks)
 * const { fid, recognised } = await evaluateImages(images, { ...networks, reference })
 */
export async function evaluateImages(images: ImageBatch, options: EvaluateOptions): Promise<ImageEvaluation> {
  const { features, judge, reference, splits = 1, pairwise = true } = options
  const rows = await features.features(images)
  return {
    count: rows.shape[0],
    fid: { ...labelOf(features), ...frechetDistance(rows, reference.features) },
    ...paired(rows, reference.rows, pairwise),
    ...(await judged(images, judge ?? null, reference.judge, splits)),
  }
}

type Paired = Pick<ImageEvaluation, 'kid' | 'precisionRecall' | 'diversity' | 'pairedCount'>

function paired(rows: Features, real: Features | null, wanted: boolean): Paired {
  if (!wanted) return { kid: null, precisionRecall: null, diversity: null, pairedCount: 0 }
  const pairs = pairedRows(rows)
  const realPairs = real && pairedRows(real)
  const enough = realPairs && Math.min(pairs.shape[0], realPairs.shape[0]) >= LEAST_FOR_NEIGHBOURS
  return {
    kid: realPairs && kernelDistance(pairs, realPairs),
    precisionRecall: enough ? precisionRecall(pairs, realPairs) : null,
    diversity: { meanPairwiseDistance: meanPairwiseDistance(pairs), vendiScore: vendiScore(pairs) },
    pairedCount: pairs.shape[0],
  }
}

type Judged = Pick<ImageEvaluation, 'recognised' | 'classShares' | 'inceptionScore' | 'judgeFid'>

async function judged(
  images: ImageBatch,
  judge: FeatureNetwork | null,
  reference: FrechetReference | null,
  splits: number,
): Promise<Judged> {
  if (!judge) return { recognised: null, classShares: null, inceptionScore: null, judgeFid: null }
  if (!judge.probabilities) {
    throw inputError(
      'metrics.judge',
      `the judge must give class probabilities, ${judge.name} does not; use a classifier`,
    )
  }
  const probabilities = await judge.probabilities(images)
  const { classes, confidence } = verdictsOf(probabilities)
  const shares = new Array<number>(probabilities.shape[1]).fill(0)
  for (const value of classes) shares[value] += 1 / classes.length
  return {
    recognised: shareAbove(confidence),
    classShares: shares,
    inceptionScore: inceptionScore(probabilities, splits),
    judgeFid: reference && { ...labelOf(judge), ...frechetDistance(await judge.features(images), reference) },
  }
}

const shareAbove = (confidence: Float64Array) =>
  confidence.reduce((sum, value) => sum + Number(value > RECOGNISED_ABOVE), 0) / confidence.length

/** Share of images that a judge is more than .9 sure of; null of a network that is no classifier. */
export async function recognisedShare(images: ImageBatch, judge: FeatureNetwork): Promise<number | null> {
  const probabilities = await judge.probabilities?.(images)
  return probabilities ? shareAbove(verdictsOf(probabilities).confidence) : null
}
