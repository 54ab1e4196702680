/** Which figures the images that are compared allow, and the way to more. */
import type { Dataset } from '../../data/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import type { ImageCounts } from '../opening/fewImages.ts'
import { fewerFeatures, whyNoFid } from '../opening/fewImages.ts'
import type { EvaluateConfig } from './settings.ts'

type Compared = Pick<EvaluateConfig, 'samples'>

export const comparedCounts = ({ splits }: Pick<Dataset, 'splits'>, { samples }: Compared): ImageCounts => ({
  generated: samples,
  'held-out': splits.heldOut.count,
})

export function wayToFid(data: Pick<Dataset, 'splits' | 'shape'>, config: Compared): string {
  const fewer = fewerFeatures(data.shape, comparedCounts(data, config))
  const more = config.samples <= data.splits.heldOut.count ? 'give more --samples' : 'give more data'
  return [more, ...(fewer === null ? [] : [fewer])].join(', or ')
}

/** What is said where there is no FID, or no judge's. @param leftOut in words, of images that the model has seen */
export function noFidNotes(
  data: Pick<Dataset, 'splits' | 'shape'>,
  config: Compared,
  { features, judge }: { readonly features: Named; readonly judge: Named | null },
  leftOut: string,
): string[] {
  const why = (network: Named | null) => network && whyNoFid(comparedCounts(data, config), network)
  const [ofFeatures, ofJudge] = [why(features), why(judge)]
  return [
    ...(ofFeatures === null ? [] : [`no FID: ${ofFeatures}${leftOut}; ${wayToFid(data, config)}`]),
    ...(ofJudge === null ? [] : [`no judge's FID: ${ofJudge}`]),
  ]
}

type Named = Pick<FeatureNetwork, 'name' | 'dimensions'>
