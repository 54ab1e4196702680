/**
 * Fréchet distance between Gaussians fitted to two sets of features (Heusel et al., "GANs trained by a two time-scale update rule
 * converge to a local Nash equilibrium", 2017, eq. 6) and its derivative in the features, in closed form:
 *
 *     FID = |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1^(1/2) C2 C1^(1/2))^(1/2)
 *
 * m, C: float64 means and unbiased covariances. The trace term is found by eigenvalues (frechetEigen.ts); where both sides have directions of
 * small spread, which eigenvalues lose, by singular values of factors (frechetFactored.ts). Where both hold they agree to rounding. Of thousands of dimensions
 * the value alone takes another way (frechetLarge.ts).
 */
import type { Tensor } from '../base/index.ts'
import { tensor } from '../base/index.ts'
import { choleskyFactor, factorOfRows } from './covarianceFactor.ts'
import type { EigenForm, Generated } from './frechetEigen.ts'
import { covarianceEigen, eigenForm, indefiniteEigen } from './frechetEigen.ts'
import { factoredDerivative, factoredTrace } from './frechetFactored.ts'
import { LARGE_DIMENSIONS, largeFrechetDistance } from './frechetLarge.ts'
import type { FrechetReference } from './frechetReference.ts'
import { referenceMoments } from './frechetReference.ts'
import type { FrechetDistance, Terms } from './frechetTerms.ts'
import { assemble, rootsOf } from './frechetTerms.ts'
import { traceOf } from './matrix.ts'
import type { Moments } from './moments.ts'
import { covarianceOf, meanRow, momentsOfRows } from './moments.ts'
import type { Features } from './rows.ts'
import { rowsOf, sameDimensions } from './rows.ts'

/** The same with its derivative in the features. */
export interface FrechetGradient extends FrechetDistance {
  /**
   * dFID/dfeatures [n,d]. At a kink (see `dropped`) the mean of the derivatives from both sides, the limit of central differences: where all
   * images are equal 2 (m1 - m2)/n in each row.
   */
  readonly dFeatures: Tensor<'float64'>
  /**
   * Directions in which the distance has a kink, since the reference varies along them and the generated features do not but could: the
   * smaller of n - 1 and the covariance's rank of the reference, less the rank that both share. Any spread there lowers the distance, which no
   * derivative says.
   */
  readonly dropped: number
}

/**
 * Fréchet distance of generated features [n,d] (or of their moments) to a reference.
 * @throws `metrics.tooFewImages` below 2 images; `metrics.dimensions` if the feature networks differ
 * @example frechetDistance(await network.features(images), referenceMoments(await network.features(real))).value
 */
export function frechetDistance(generated: Features | Moments, reference: FrechetReference): FrechetDistance {
  const [count, d] =
    'scatter' in generated ? [generated.count, generated.dimensions] : [generated.shape[0], generated.shape[1]]
  if (d > LARGE_DIMENSIONS && count > d) {
    const moments = 'scatter' in generated ? generated : momentsOfRows(rowsOf(generated, 2))
    return largeFrechetDistance(referenceMoments(moments), reference)
  }
  if ('scatter' in generated) {
    sameDimensions(generated.dimensions, reference.dimensions)
    return assemble(momentsTerms(generated, reference), reference)
  }
  const side = generatedSide(generated, reference)
  const form = eigenForm(side, reference)
  return assemble(form ? eigenTerms(side, form) : factoredTerms(side, reference), reference)
}

/** Fréchet distance and its derivative in the generated features [n,d]. @throws as `frechetDistance` */
export function frechetGradient(generated: Features, reference: FrechetReference): FrechetGradient {
  const side = generatedSide(generated, reference)
  const { rows, mean } = side
  const form = eigenForm(side, reference)
  if (form) {
    const distance = assemble(eigenTerms(side, form), reference)
    return { ...distance, dropped: 0, dFeatures: withMeanTerm(form.dRows(), mean, reference) }
  }
  const terms = factoredTerms(side, reference)
  const distance = assemble(terms, reference)
  const possible = Math.min(rows.count - 1, reference.factor.rank)
  const dropped = possible - terms.factored.triangle.rank
  const warnings = [distance.warning, kinkWarning(dropped, possible)].filter((text) => text !== null)
  const dRows = factoredDerivative(rows, reference.factor, terms.factored)
  return {
    ...distance,
    warning: warnings.length > 0 ? warnings.join('; ') : null,
    dropped,
    dFeatures: withMeanTerm(dRows, mean, reference),
  }
}

function generatedSide(generated: Features, reference: FrechetReference): Generated {
  const rows = rowsOf(generated, 2)
  sameDimensions(rows.dimensions, reference.dimensions)
  if (rows.count < rows.dimensions) return { rows, mean: meanRow(rows), covariance: null }
  const moments = momentsOfRows(rows)
  return { rows, mean: moments.mean, covariance: covarianceOf(moments) }
}

const NONE_CLIPPED = { count: 0, share: 0 }

function eigenTerms({ rows, mean }: Generated, { trace, eigen }: EigenForm): Terms {
  return { count: rows.count, mean, trace, ...rootsOf(eigen) }
}

function factoredTerms({ rows, mean, covariance }: Generated, reference: FrechetReference) {
  const { count, dimensions: d } = rows
  const factor = factorOfRows(rows, covariance && { mean, covariance, count })
  const factored = factoredTrace(factor, reference.factor, d, count)
  // tr C1 = |L1|^2
  const trace = factor.data.reduce((sum, value) => sum + value * value, 0)
  return { count, mean, trace, rootTrace: factored.rootTrace, clipped: NONE_CLIPPED, factored }
}

/** Of moments there is only the covariance; one that is not positive semidefinite has negative eigenvalues to report. */
function momentsTerms(moments: Moments, reference: FrechetReference): Terms {
  const { count, mean, dimensions: d } = moments
  const covariance = covarianceOf(moments)
  const terms = { count, mean, trace: traceOf(covariance, d) }
  const eigen = covarianceEigen(covariance, reference)
  if (eigen) return { ...terms, ...rootsOf(eigen) }
  const cholesky = choleskyFactor({ mean, covariance, count })
  if (!cholesky) return { ...terms, ...rootsOf(indefiniteEigen(covariance, reference)) }
  const { rootTrace } = factoredTrace(cholesky.factor, reference.factor, d, count)
  return { ...terms, rootTrace, clipped: NONE_CLIPPED }
}

/** Adds the derivative of |m1 - m2|^2, 2 (m1 - m2)/n in each row. */
function withMeanTerm(dRows: Float64Array, mean: Float64Array, reference: FrechetReference): Tensor<'float64'> {
  const d = mean.length
  const n = dRows.length / d
  const shift = mean.map((value, j) => (2 * (value - reference.mean[j])) / n)
  return tensor(
    'float64',
    [n, d],
    dRows.map((value, i) => value + shift[i % d]),
  )
}

function kinkWarning(dropped: number, possible: number): string | null {
  if (dropped === 0) return null
  return (
    `along ${dropped} of ${possible} directions in which the reference varies the generated features do not: the Fréchet distance has a kink ` +
    'there, and its derivative, the mean of both sides, does not ask for any spread along them'
  )
}
