/** What comparing two sets of images will take: a feature network's pace on the first images, for all of them; and which figures they allow. */
import type { FeatureNetwork } from '../../metrics/index.ts'
import type { JobPlan } from '../planning/forecast.ts'
import { fidFigures } from './figures.ts'
import { featuresOf, labelOf, openFeaturesFor } from './network.ts'
import type { FidConfig } from './settings.ts'
import type { Side } from './sides.ts'
import { chunksOf, countOf, openSide, sideText } from './sides.ts'

/** Images that the pace is measured on. */
const ASKED = 64

export async function planFid(a: string, b: string | null, config: FidConfig): Promise<JobPlan> {
  const sides: Side[] = []
  for (const source of b === null ? [a] : [a, b]) sides.push(await openSide(source, config))
  const images = sides.filter((side) => side.kind === 'images')
  const total = images.reduce((sum, { count }) => sum + count, 0)
  const notes: string[] = []
  if (images.length === 0) {
    const { name } = labelOf(sides, notes) ?? { name: 'features that the statistics do not name' }
    const { dimensions } = sides[0].kind === 'statistics' ? sides[0].statistics.reference : { dimensions: 0 }
    return { networkEvaluations: 0, seconds: 0, memoryMiB: null, lines: linesOf(sides, { name, dimensions }, notes) }
  }
  const { features, shape, close } = await openFeaturesFor(images, featuresOf(config, sides), notes)
  try {
    const [chunk] = chunksOf(images[0], ASKED, shape[0])
    const began = performance.now()
    await features.features(chunk)
    const seconds = ((performance.now() - began) / 1000) * (total / chunk.shape[0])
    const lines = linesOf(sides, features, notes)
    return { networkEvaluations: total, seconds, memoryMiB: null, measured: true, lines }
  } finally {
    await close()
  }
}

function linesOf(
  sides: readonly Side[],
  features: Pick<FeatureNetwork, 'name' | 'dimensions'>,
  notes: readonly string[],
): string[] {
  const side = (one: Side, name: string) => `${name}: ${sideText({ ...one, images: countOf(one) })}`
  return [
    sides.map((one, i) => side(one, 'AB'[i])).join('; '),
    ...notes.map((note) => `note: ${note}`),
    ...(sides.length > 1 ? [`figures: ${fidFigures(sides, features)}`] : []),
  ]
}
