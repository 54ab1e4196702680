/**
 * Standard error of a Fréchet distance of one set of images, by the grouped jackknife (Miller 1974): the distance without each of g
 * groups of images, SE^2 = (g - 1)/g sum (value_(i) - mean)^2. It measures the spread over images, not the bias of a small set, which
 * all sets of one size share.
 */
import { tensor } from '../base/index.ts'
import { frechetDistance } from './frechet.ts'
import type { FrechetReference } from './frechetReference.ts'
import type { Features } from './rows.ts'

/** Groups left out in turn. */
const GROUPS = 8

/** Standard error of `frechetDistance(features, reference).value`; null for fewer than 16 images. */
export function frechetStandardError(features: Features, reference: FrechetReference): number | null {
  const [count, dimensions] = features.shape
  if (count < 2 * GROUPS) return null
  const values = Array.from({ length: GROUPS }, (_, group) => {
    const kept = Array.from({ length: count }, (_, i) => i).filter((i) => i % GROUPS !== group)
    const rows = new Float64Array(kept.length * dimensions)
    kept.forEach((row, i) => {
      rows.set(features.data.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions)
    })
    return frechetDistance(tensor('float64', [kept.length, dimensions], rows), reference).value
  })
  const mean = values.reduce((sum, value) => sum + value, 0) / GROUPS
  return Math.sqrt(((GROUPS - 1) / GROUPS) * values.reduce((sum, value) => sum + (value - mean) ** 2, 0))
}
