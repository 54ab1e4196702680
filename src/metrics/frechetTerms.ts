/** What a Fréchet distance is put together from, and what is said of it. */
import type { FrechetReference } from './frechetReference.ts'
import type { SymmetricEigen } from './matrix.ts'
import { traceOf } from './matrix.ts'

/** A Fréchet distance and what is to be known about its numbers. */
export interface FrechetDistance {
  readonly value: number
  /** |m1 - m2|^2, the part of the value that is a shift. */
  readonly meanTerm: number
  readonly count: number
  readonly dimensions: number
  /** Eigenvalues that rounding made negative, taken as 0: how many, and minus their sum relative to the sum of all. */
  readonly clipped: { readonly count: number; readonly share: number }
  /** Stated where the number is not to be trusted as it stands (fewer images than dimensions, a derivative at a kink); else null. */
  readonly warning: string | null
}

/** What a distance is put together from. */
export interface Terms {
  readonly count: number
  readonly mean: Float64Array
  /** tr C1 */
  readonly trace: number
  /** tr (C1^(1/2) C2 C1^(1/2))^(1/2) */
  readonly rootTrace: number
  readonly clipped: FrechetDistance['clipped']
}

/**
 * Sum of the roots of eigenvalues. One within rounding of 0 counts as 0: its root, about 1e-8, is noise that would drown small differences
 * where the covariance is singular.
 */
export function rootsOf({ values }: Pick<SymmetricEigen, 'values'>): Pick<Terms, 'rootTrace' | 'clipped'> {
  const rounding = values.length * Number.EPSILON * Math.max(...values)
  let rootTrace = 0
  let [total, negative, count] = [0, 0, 0]
  for (const value of values) {
    total += Math.abs(value)
    if (value > rounding) rootTrace += Math.sqrt(value)
    if (value < 0) {
      negative -= value
      count++
    }
  }
  return { rootTrace, clipped: { count, share: total > 0 ? negative / total : 0 } }
}

export function assemble(
  { count, mean, trace, rootTrace, clipped }: Terms,
  reference: FrechetReference,
): FrechetDistance {
  const d = mean.length
  const meanTerm = mean.reduce((sum, value, j) => sum + (value - reference.mean[j]) ** 2, 0)
  return {
    value: meanTerm + trace + traceOf(reference.covariance, d) - 2 * rootTrace,
    meanTerm,
    count,
    dimensions: d,
    clipped,
    warning: fewImagesWarning(count, d, reference.count),
  }
}

function fewImagesWarning(count: number, dimensions: number, referenceCount: number | null): string | null {
  const few: string[] = []
  if (count <= dimensions) few.push(`${count} generated`)
  if (referenceCount !== null && referenceCount <= dimensions) few.push(`${referenceCount} reference`)
  if (few.length === 0) return null
  return (
    `${few.join(' and ')} images for ${dimensions} feature dimensions: the covariance is singular and the Fréchet distance ` +
    'biased upwards; use more images than dimensions'
  )
}
