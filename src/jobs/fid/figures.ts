/** Which figures two sets of images allow, by how many they are, and the way to more. */
import type { FeatureNetwork } from '../../metrics/index.ts'
import type { ImageCounts } from '../opening/fewImages.ts'
import { fewerFeatures, figuresText, whyNoFid } from '../opening/fewImages.ts'
import type { Side } from './sides.ts'
import { countOf, sharedShape } from './sides.ts'

/** Images of each side, as far as they are known. */
function countsOf([a, b]: readonly Side[]): ImageCounts {
  const [ofA, ofB] = [a, b].map((side) => side && countOf(side))
  return { ...(ofA && { 'in A': ofA }), ...(ofB && { 'in B': ofB }) }
}

/** Features of fewer numbers help where both sides are images: statistics stay in their own. */
function wayFrom(sides: readonly Side[]): string {
  const images = sides.filter((side) => side.kind === 'images')
  const fewer = images.length === sides.length ? fewerFeatures(sharedShape(images), countsOf(sides)) : null
  return ['give more images', ...(fewer === null ? [] : [fewer])].join(', or ')
}

/** Why there is no FID of these sides, and the way to one; null: there is one. */
export function noFidNote(
  sides: readonly Side[],
  features: Pick<FeatureNetwork, 'name' | 'dimensions'>,
): string | null {
  const why = whyNoFid(countsOf(sides), features)
  return why === null ? null : `no FID: ${why}; ${wayFrom(sides)}`
}

/** What can be had, for `--dry-run`. */
export const fidFigures = (sides: readonly Side[], features: Pick<FeatureNetwork, 'name' | 'dimensions'>): string =>
  figuresText({
    counts: countsOf(sides),
    features,
    single: sides.every((side) => side.kind === 'images' || side.statistics.rows !== null),
    always: 'Vendi scores',
    fix: wayFrom(sides),
  })
