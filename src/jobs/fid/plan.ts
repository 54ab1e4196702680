/** What comparing two sets of images will take: a feature network's pace on the first images, for all of them. */
import type { JobPlan } from '../planning/forecast.ts'
import { featuresOf, openFeaturesFor } from './network.ts'
import type { FidConfig } from './settings.ts'
import { chunksOf, openSide } from './sides.ts'

/** Images that the pace is measured on. */
const ASKED = 64

export async function planFid(a: string, b: string | null, config: FidConfig): Promise<JobPlan> {
  const sides = await Promise.all([a, ...(b === null ? [] : [b])].map((source) => openSide(source, config.size)))
  const images = sides.filter((side) => side.kind === 'images')
  const total = images.reduce((sum, { count }) => sum + count, 0)
  if (images.length === 0) return { networkEvaluations: 0, seconds: 0, memoryMiB: null }
  const { features, shape, close } = await openFeaturesFor(images, featuresOf(config, sides), [])
  try {
    const [chunk] = chunksOf(images[0], ASKED, shape[0])
    const began = performance.now()
    await features.features(chunk)
    const seconds = (performance.now() - began) / 1000
    return { networkEvaluations: total, seconds: (seconds * total) / chunk.shape[0], memoryMiB: null }
  } finally {
    await close()
  }
}
