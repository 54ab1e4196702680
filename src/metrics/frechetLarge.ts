/**
 * The Fréchet distance in many dimensions (2,048 of Inception) in seconds: with C2 = L L^T the eigenvalues of C1 C2 are those of the symmetric L^T C1 L, of which
 * no vectors are needed. As with all squares of deviations, directions that both sides hardly vary in are known to 1e-8 of the largest deviation only; where few
 * dimensions are to be exact, `frechetDistance`.
 */
import { congruence } from './congruence.ts'
import type { FrechetReference } from './frechetReference.ts'
import type { FrechetDistance } from './frechetTerms.ts'
import { assemble, rootsOf } from './frechetTerms.ts'
import { traceOf } from './matrix.ts'
import { sameDimensions } from './rows.ts'
import { symmetricValues } from './symmetricValues.ts'

/** Dimensions above which eigenvectors take longer than all else. */
export const LARGE_DIMENSIONS = 512

const rankOf = ({ triangle, dimensions }: FrechetReference): number => triangle?.rank ?? dimensions

/** @throws `metrics.dimensions` */
export function largeFrechetDistance(one: FrechetReference, two: FrechetReference): FrechetDistance {
  const { dimensions: d, mean, covariance, count } = one
  sameDimensions(d, two.dimensions)
  // Either side will do: one that has no negative directions, as covariances in float32 may have, and of few images the smaller one.
  const [side] = [two, one].filter(({ triangle }) => triangle).sort((a, b) => rankOf(a) - rankOf(b))
  const { rank, ...factor } = side?.triangle ?? two.factor
  const { covariance: other } = side === one ? two : one
  const values = symmetricValues(congruence(other, d, { rank, ...factor }), rank)
  const terms = { mean, trace: traceOf(covariance, d), ...rootsOf({ values }) }
  // Without a number of images none is too small.
  return assemble({ count: count ?? d + 1, ...terms }, two)
}
