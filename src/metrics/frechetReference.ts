/** The Gaussian that generated features are compared with: mean and covariance of features of real images, and two roots of the covariance. */
import { inputError } from '../base/index.ts'
import type { CovarianceFactor } from './covarianceFactor.ts'
import { choleskyFactor, factorOfEigen, factorOfRows } from './covarianceFactor.ts'
import { spectralFunction, symmetricEigen } from './matrix.ts'
import type { Moments } from './moments.ts'
import { covarianceOf, momentsOfRows } from './moments.ts'
import type { Features } from './rows.ts'
import { rowsOf } from './rows.ts'

/** The Gaussian that generated features are compared with. */
export interface FrechetReference {
  readonly dimensions: number
  /** Number of reference images; null where a statistics file does not say. */
  readonly count: number | null
  /** [d] */
  readonly mean: Float64Array
  /** Unbiased covariance [d,d]. */
  readonly covariance: Float64Array
  /** Symmetric square root of the covariance [d,d], made at first use. */
  readonly root: Float64Array
  /** L of the covariance L L^T, which keeps directions of small spread; made at first use. */
  readonly factor: CovarianceFactor
  /** The same by Cholesky's decomposition of the covariance, whatever else is known of it; null: it has negative directions. */
  readonly triangle: CovarianceFactor | null
}

/** Reference from mean [d] and covariance [d,d]. @throws `metrics.reference` on shapes that do not fit or values not finite */
export function referenceFromStatistics(
  mean: Float64Array,
  covariance: Float64Array,
  count: number | null = null,
): FrechetReference {
  const dimensions = mean.length
  const finite = [mean, covariance].every((values) => values.every(Number.isFinite))
  if (covariance.length !== dimensions * dimensions || !finite) {
    throw inputError(
      'metrics.reference',
      `reference statistics must be a finite mean [d] and covariance [d,d], got ${mean.length} and ${covariance.length} ` +
        'numbers; make them again from features',
    )
  }
  let root: Float64Array | undefined
  let factor: CovarianceFactor | undefined
  let triangle: CovarianceFactor | null | undefined
  return {
    dimensions,
    count,
    mean,
    covariance,
    get root() {
      root ??= spectralFunction(symmetricEigen(covariance, dimensions), (value) => Math.sqrt(Math.max(value, 0)))
      return root
    },
    get triangle() {
      if (triangle === undefined) triangle = choleskyFactor({ mean, covariance, count })?.factor ?? null
      return triangle
    },
    get factor() {
      factor ??= this.triangle ?? factorOfEigen({ mean, covariance, count })
      return factor
    },
  }
}

/** Reference from features of real images [n,d] or from their moments. @throws `metrics.tooFewImages` below 2 images */
export function referenceMoments(real: Features | Moments): FrechetReference {
  if ('scatter' in real) return referenceFromStatistics(real.mean, covarianceOf(real), real.count)
  const rows = rowsOf(real)
  const moments = momentsOfRows(rows)
  const reference = referenceFromStatistics(moments.mean, covarianceOf(moments), moments.count)
  // Now and not at first use: the features are the caller's.
  const factor = factorOfRows(rows, reference)
  return Object.defineProperty(reference, 'factor', { value: factor })
}
