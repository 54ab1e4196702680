/**
 * The Fréchet distance in many dimensions (2,048 of Inception) in about a minute: with C2 = L L^T the eigenvalues of C1 C2 are those of the symmetric
 * L^T C1 L, of which no vectors are needed. As with all squares of deviations, directions that both sides hardly vary in are known to 1e-8 of the largest
 * deviation only; where few dimensions are to be exact, `frechetDistance`.
 */
import type { FrechetDistance } from './frechet.ts'
import { assemble, rootsOf } from './frechet.ts'
import type { FrechetReference } from './frechetReference.ts'
import { multiply, traceOf } from './matrix.ts'
import { sameDimensions } from './rows.ts'
import { symmetricValues } from './symmetricValues.ts'

/** @throws `metrics.dimensions` */
export function largeFrechetDistance(one: FrechetReference, two: FrechetReference): FrechetDistance {
  const { dimensions: d, mean, covariance, count } = one
  sameDimensions(d, two.dimensions)
  const { rank, data } = two.factor
  const transposed = new Float64Array(rank * d)
  for (let j = 0; j < d; j++) for (let k = 0; k < rank; k++) transposed[k * d + j] = data[j * rank + k]
  const m = multiply(multiply(transposed, covariance, rank, d, d), data, rank, d, rank)
  for (let i = 0; i < rank; i++) {
    for (let j = 0; j < i; j++) {
      const value = (m[i * rank + j] + m[j * rank + i]) / 2
      m[i * rank + j] = value
      m[j * rank + i] = value
    }
  }
  const terms = { mean, trace: traceOf(covariance, d), ...rootsOf({ values: symmetricValues(m, rank) }) }
  // Without a number of images none is too small.
  return assemble({ count: count ?? d + 1, ...terms }, two)
}
