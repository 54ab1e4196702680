/**
 * Fréchet distance between Gaussians fitted to two sets of features (Heusel et al., "GANs trained by a two time-scale update rule
 * converge to a local Nash equilibrium", 2017, eq. 6) and its derivative in the features, in closed form:
 *
 *     FID = |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1^(1/2) C2 C1^(1/2))^(1/2)
 *
 * m, C: float64 means and unbiased covariances. The trace term is symmetric in the two Gaussians, so the root that is taken once is the
 * reference's: M = R C1 R, R = C2^(1/2). d tr M^(1/2) = tr(M^(-1/2) dM)/2 gives dFID/dC1 = I - R M^(-1/2) R. With fewer images than
 * dimensions the non-zero eigenvalues of M are those of the n x n Gram matrix K = X C2 X^T/(n-1), X the centred rows, and
 * d tr K^(1/2)/dX = K^(-1/2) X C2/(n-1).
 */
import type { Tensor } from '../base/index.ts'
import { inputError, tensor } from '../base/index.ts'
import type { SymmetricEigen } from './matrix.ts'
import { multiply, rowProducts, spectralFunction, symmetricEigen, traceOf } from './matrix.ts'
import type { Moments } from './moments.ts'
import { centred, covarianceOf, meanRow, momentsOf, momentsOfRows } from './moments.ts'
import type { Features, Rows } from './rows.ts'
import { rowsOf, sameDimensions } from './rows.ts'

/** Eigenvalues below this share of the largest have no usable derivative of their root: dropped there, and counted. */
const DROPPED_BELOW = 1e-10

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
}

/** A Fréchet distance and what is to be known about its numbers. */
export interface FrechetDistance {
  readonly value: number
  /** |m1 - m2|^2, the part of the value that is a shift. */
  readonly meanTerm: number
  readonly count: number
  readonly dimensions: number
  /** Eigenvalues that rounding made negative, taken as 0: how many, and minus their sum relative to the sum of all. */
  readonly clipped: { readonly count: number; readonly share: number }
  /** Stated where the number is not to be trusted as it stands (fewer images than dimensions); else null. */
  readonly warning: string | null
}

/** The same with its derivative in the features. */
export interface FrechetGradient extends FrechetDistance {
  /** dFID/dfeatures [n,d]. */
  readonly dFeatures: Tensor<'float64'>
  /** Eigenvalues below 1e-10 of the largest, left out of the derivative. */
  readonly dropped: number
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
  return {
    dimensions,
    count,
    mean,
    covariance,
    get root() {
      root ??= spectralFunction(symmetricEigen(covariance, dimensions), (value) => Math.sqrt(Math.max(value, 0)))
      return root
    },
  }
}

/** Reference from features of real images [n,d] or from their moments. @throws `metrics.tooFewImages` below 2 images */
export function referenceMoments(real: Features | Moments): FrechetReference {
  const moments = 'scatter' in real ? real : momentsOf(real)
  return referenceFromStatistics(moments.mean, covarianceOf(moments), moments.count)
}

/**
 * Fréchet distance of generated features [n,d] (or of their moments) to a reference.
 * @throws `metrics.tooFewImages` below 2 images; `metrics.dimensions` if the feature networks differ
 * @example frechetDistance(await network.features(images), referenceMoments(await network.features(real))).value
 */
export function frechetDistance(generated: Features | Moments, reference: FrechetReference): FrechetDistance {
  if ('scatter' in generated) {
    sameDimensions(generated.dimensions, reference.dimensions)
    return covarianceForm(generated, reference).distance
  }
  const rows = rowsOf(generated, 2)
  sameDimensions(rows.dimensions, reference.dimensions)
  return rows.count < rows.dimensions
    ? gramForm(rows, reference).distance
    : covarianceForm(momentsOfRows(rows), reference).distance
}

/** Fréchet distance and its derivative in the generated features [n,d]. @throws as `frechetDistance` */
export function frechetGradient(generated: Features, reference: FrechetReference): FrechetGradient {
  const rows = rowsOf(generated, 2)
  sameDimensions(rows.dimensions, reference.dimensions)
  return rows.count < rows.dimensions ? gramGradient(rows, reference) : covarianceGradient(rows, reference)
}

/** n >= d: eigenvalues of M = R C1 R. */
function covarianceForm(moments: Moments, reference: FrechetReference) {
  const d = moments.dimensions
  const covariance = covarianceOf(moments)
  const half = multiply(reference.root, covariance, d, d, d)
  const eigen = symmetricEigen(multiply(half, reference.root, d, d, d), d)
  const trace = traceOf(covariance, d)
  return { eigen, distance: assemble(moments.count, moments.mean, trace, eigen, reference) }
}

/** dFID/dx_i = 2 (m1 - m2)/n + 2 (I - R M^(-1/2) R)(x_i - m1)/(n-1). */
function covarianceGradient(rows: Rows, reference: FrechetReference): FrechetGradient {
  const { count: n, dimensions: d } = rows
  const moments = momentsOfRows(rows)
  const { eigen, distance } = covarianceForm(moments, reference)
  const { inverseRoot, dropped } = pseudoInverseRoot(eigen)
  const half = multiply(reference.root, inverseRoot, d, d, d)
  const dCovariance = multiply(half, reference.root, d, d, d).map((value) => -value)
  for (let i = 0; i < d; i++) dCovariance[i * d + i] += 1
  const dRows = multiply(centred(rows, moments.mean), dCovariance, n, d, d).map((value) => (2 * value) / (n - 1))
  return { ...distance, dropped, dFeatures: withMeanTerm(dRows, n, moments.mean, reference) }
}

/** n < d: eigenvalues of K = X C2 X^T/(n-1). */
function gramForm(rows: Rows, reference: FrechetReference) {
  const { count: n, dimensions: d } = rows
  const mean = meanRow(rows)
  const x = centred(rows, mean)
  const xC2 = multiply(x, reference.covariance, n, d, d)
  const eigen = symmetricEigen(
    rowProducts(xC2, x, n, n, d).map((value) => value / (n - 1)),
    n,
  )
  const trace = x.reduce((sum, value) => sum + value * value, 0) / (n - 1)
  return { mean, x, xC2, eigen, distance: assemble(n, mean, trace, eigen, reference) }
}

/** dFID/dX = 2 (m1 - m2)/n + 2 (X - K^(-1/2) X C2)/(n-1); the rows of both terms sum to 0, so centring changes nothing. */
function gramGradient(rows: Rows, reference: FrechetReference): FrechetGradient {
  const { count: n, dimensions: d } = rows
  const { mean, x, xC2, eigen, distance } = gramForm(rows, reference)
  const { inverseRoot, dropped } = pseudoInverseRoot(eigen)
  const pulled = multiply(inverseRoot, xC2, n, n, d)
  const dRows = x.map((value, i) => (2 * (value - pulled[i])) / (n - 1))
  return { ...distance, dropped, dFeatures: withMeanTerm(dRows, n, mean, reference) }
}

function withMeanTerm(dRows: Float64Array, n: number, mean: Float64Array, reference: FrechetReference) {
  const d = mean.length
  const shift = mean.map((value, j) => (2 * (value - reference.mean[j])) / n)
  return tensor(
    'float64',
    [n, d],
    dRows.map((value, i) => value + shift[i % d]),
  )
}

/** Inverse square root on the eigenvalues of at least 1e-10 of the largest, 0 on the others. */
function pseudoInverseRoot(eigen: SymmetricEigen) {
  const least = DROPPED_BELOW * Math.max(...eigen.values)
  const keep = (value: number) => value > 0 && value >= least
  const dropped = eigen.values.reduce((count, value) => count + (keep(value) ? 0 : 1), 0)
  return { inverseRoot: spectralFunction(eigen, (value) => (keep(value) ? 1 / Math.sqrt(value) : 0)), dropped }
}

/**
 * Puts the terms together. An eigenvalue within rounding of 0 counts as 0: its root, about 1e-8, is noise that would drown small differences
 * where the covariance is singular.
 */
function assemble(
  count: number,
  mean: Float64Array,
  trace: number,
  eigen: SymmetricEigen,
  reference: FrechetReference,
): FrechetDistance {
  const d = mean.length
  const meanTerm = mean.reduce((sum, value, j) => sum + (value - reference.mean[j]) ** 2, 0)
  const rounding = eigen.values.length * Number.EPSILON * Math.max(...eigen.values)
  let rootTrace = 0
  let [total, negative, clippedCount] = [0, 0, 0]
  for (const value of eigen.values) {
    total += Math.abs(value)
    if (value > rounding) rootTrace += Math.sqrt(value)
    if (value < 0) {
      negative -= value
      clippedCount++
    }
  }
  return {
    value: meanTerm + trace + traceOf(reference.covariance, d) - 2 * rootTrace,
    meanTerm,
    count,
    dimensions: d,
    clipped: { count: clippedCount, share: total > 0 ? negative / total : 0 },
    warning: warningOf(count, d, reference.count),
  }
}

function warningOf(count: number, dimensions: number, referenceCount: number | null): string | null {
  const few: string[] = []
  if (count <= dimensions) few.push(`${count} generated`)
  if (referenceCount !== null && referenceCount <= dimensions) few.push(`${referenceCount} reference`)
  if (few.length === 0) return null
  return (
    `${few.join(' and ')} images for ${dimensions} feature dimensions: the covariance is singular and the Fréchet distance ` +
    'biased upwards; use more images than dimensions'
  )
}
