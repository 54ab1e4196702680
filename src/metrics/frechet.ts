/**
 * Fréchet distance between Gaussians fitted to two sets of features (Heusel et al., "GANs trained by a two time-scale update rule
 * converge to a local Nash equilibrium", 2017, eq. 6) and its derivative in the features, in closed form:
 *
 *     FID = |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1^(1/2) C2 C1^(1/2))^(1/2)
 *
 * m, C: float64 means and unbiased covariances. The trace term is found by eigenvalues (frechetEigen.ts); where both sides have directions of
 * small spread, which eigenvalues lose, by singular values of factors (frechetFactored.ts). Where both hold they agree to rounding.
 */
import type { Tensor } from '../base/index.ts'
import { tensor } from '../base/index.ts'
import { covarianceEigen, eigenForm, indefiniteEigen } from './frechetEigen.ts'
import { factoredCovarianceTrace, factoredGradient, factoredTrace } from './frechetFactored.ts'
import type { FrechetReference } from './frechetReference.ts'
import type { SymmetricEigen } from './matrix.ts'
import { traceOf } from './matrix.ts'
import type { Moments } from './moments.ts'
import { covarianceOf, meanRow } from './moments.ts'
import type { Features, Rows } from './rows.ts'
import { rowsOf, sameDimensions } from './rows.ts'

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
  if ('scatter' in generated) {
    sameDimensions(generated.dimensions, reference.dimensions)
    return assemble(momentsTerms(generated, reference), reference)
  }
  const rows = comparableRows(generated, reference)
  const form = eigenForm(rows, reference)
  if (form) return assemble({ count: rows.count, ...form, ...rootsOf(form.eigen) }, reference)
  const terms = factoredTrace(rows, reference.factor)
  return assemble({ count: rows.count, mean: meanRow(rows), ...terms, clipped: NONE_CLIPPED }, reference)
}

/** Fréchet distance (the same to rounding) and its derivative in the generated features [n,d]. @throws as `frechetDistance` */
export function frechetGradient(generated: Features, reference: FrechetReference): FrechetGradient {
  const rows = comparableRows(generated, reference)
  const form = eigenForm(rows, reference)
  if (form) {
    const distance = assemble({ count: rows.count, ...form, ...rootsOf(form.eigen) }, reference)
    return { ...distance, dropped: 0, dFeatures: withMeanTerm(form.dRows(), form.mean, reference) }
  }
  const mean = meanRow(rows)
  const { dRows, dropped, possible, ...terms } = factoredGradient(rows, reference.factor)
  const distance = assemble({ count: rows.count, mean, ...terms, clipped: NONE_CLIPPED }, reference)
  const warnings = [distance.warning, kinkWarning(dropped, possible)].filter((text) => text !== null)
  const warning = warnings.length > 0 ? warnings.join('; ') : null
  return { ...distance, warning, dropped, dFeatures: withMeanTerm(dRows, mean, reference) }
}

function comparableRows(generated: Features, reference: FrechetReference): Rows {
  const rows = rowsOf(generated, 2)
  sameDimensions(rows.dimensions, reference.dimensions)
  return rows
}

/** What a distance is put together from. */
interface Terms {
  readonly count: number
  readonly mean: Float64Array
  /** tr C1 */
  readonly trace: number
  /** tr (C1^(1/2) C2 C1^(1/2))^(1/2) */
  readonly rootTrace: number
  readonly clipped: FrechetDistance['clipped']
}

const NONE_CLIPPED = { count: 0, share: 0 }

/** Of moments there is only the covariance; one that is not positive semidefinite has negative eigenvalues to report. */
function momentsTerms(moments: Moments, reference: FrechetReference): Terms {
  const { count, mean, dimensions: d } = moments
  const covariance = covarianceOf(moments)
  const terms = { count, mean, trace: traceOf(covariance, d) }
  const eigen = covarianceEigen(covariance, reference)
  if (eigen) return { ...terms, ...rootsOf(eigen) }
  const rootTrace = factoredCovarianceTrace(covariance, count, d, reference.factor)
  if (rootTrace !== null) return { ...terms, rootTrace, clipped: NONE_CLIPPED }
  return { ...terms, ...rootsOf(indefiniteEigen(covariance, reference)) }
}

/**
 * Sum of the roots of eigenvalues. One within rounding of 0 counts as 0: its root, about 1e-8, is noise that would drown small differences
 * where the covariance is singular.
 */
function rootsOf({ values }: SymmetricEigen): Pick<Terms, 'rootTrace' | 'clipped'> {
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

function assemble({ count, mean, trace, rootTrace, clipped }: Terms, reference: FrechetReference): FrechetDistance {
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

function kinkWarning(dropped: number, possible: number): string | null {
  if (dropped === 0) return null
  return (
    `along ${dropped} of ${possible} directions in which the reference varies the generated features do not: the Fréchet distance has a kink ` +
    'there, and its derivative, the mean of both sides, does not ask for any spread along them'
  )
}
