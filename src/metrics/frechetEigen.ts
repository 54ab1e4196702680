/**
 * The trace term of the Fréchet distance by one eigendecomposition. It is symmetric in the two Gaussians, so the root that is taken once is the
 * reference's: M = R C1 R, R = C2^(1/2). d tr M^(1/2) = tr(M^(-1/2) dM)/2 gives dFID/dC1 = I - R M^(-1/2) R. With fewer images than dimensions
 * the non-zero eigenvalues of M are those of the n x n Gram matrix K = X C2 X^T/(n-1), X the centred rows, and
 * d tr K^(1/2)/dX = K^(-1/2) X C2/(n-1).
 *
 * The eigenvalues are squares of what is summed, and rounding is relative to the largest of them: a form is made only where none is small.
 */
import { roundingShare } from './covarianceFactor.ts'
import type { FrechetReference } from './frechetReference.ts'
import type { SymmetricEigen } from './matrix.ts'
import {
  columnSquares,
  multiply,
  rowProducts,
  smallestEigenvalueBound,
  spectralFunction,
  symmetricEigen,
  traceOf,
} from './matrix.ts'
import { centred } from './moments.ts'
import type { Rows } from './rows.ts'

/** Eigenvalues of M or K below this share of the product of both sides' largest variances have lost 6 of their 16 digits or more. */
const SMALL = 1e-6

/** An eigenvalue of C1 below this share of its largest variance: there M is no smaller only if the reference varies all the more. */
const SMALL_VARIANCE = 1e-5

/** Of K one eigenvalue is 0, since centred rows sum to 0: it is the one below this share of the largest. */
const NONE_BELOW = 1e-10

/** Generated rows, with their covariance where it is no larger than they are. */
export interface Generated {
  readonly rows: Rows
  readonly mean: Float64Array
  /** Unbiased [d,d]; null with fewer images than dimensions. */
  readonly covariance: Float64Array | null
}

/** Eigenvalues of M or K, and the derivative of tr C1 - 2 tr M^(1/2) in the features [n,d], whose rows sum to 0. */
export interface EigenForm {
  /** tr C1 */
  readonly trace: number
  readonly eigen: SymmetricEigen
  dRows(): Float64Array
}

/** The form for feature rows; null where it would lose directions of small spread. */
export function eigenForm({ rows, mean, covariance }: Generated, reference: FrechetReference): EigenForm | null {
  if (!covariance) return gramForm(rows, mean, reference)
  if (isRounding(largestVariance(covariance, rows.dimensions), mean, rows.count)) return null
  const eigen = covarianceEigen(covariance, reference)
  if (!eigen) return null
  const dRows = () => covarianceGradient(rows, mean, eigen, reference)
  return { trace: traceOf(covariance, rows.dimensions), eigen, dRows }
}

/** Eigendecomposition of M = R C1 R; null where an eigenvalue is small. */
export function covarianceEigen(covariance: Float64Array, reference: FrechetReference): SymmetricEigen | null {
  const d = reference.dimensions
  // The reference's root, made at first use, takes longer than all else.
  if (reference.factor.rank < d) return null
  const largest = largestVariance(covariance, d)
  if (smallestEigenvalueBound(covariance, d) <= SMALL_VARIANCE * largest) return null
  const m = rootProduct(covariance, reference)
  return smallestEigenvalueBound(m, d) <= smallOf(largest, reference) ? null : symmetricEigen(m, d)
}

/** The same for covariances that are not positive semidefinite. */
export const indefiniteEigen = (covariance: Float64Array, reference: FrechetReference): SymmetricEigen =>
  symmetricEigen(rootProduct(covariance, reference), reference.dimensions)

/** R C1 R */
function rootProduct(covariance: Float64Array, { root, dimensions: d }: FrechetReference): Float64Array {
  return multiply(multiply(root, covariance, d, d, d), root, d, d, d)
}

/** dx_i = 2 (I - R M^(-1/2) R)(x_i - m1)/(n-1). */
function covarianceGradient(rows: Rows, mean: Float64Array, eigen: SymmetricEigen, { root }: FrechetReference) {
  const { count: n, dimensions: d } = rows
  const dCovariance = multiply(multiply(root, inverseRoot(eigen), d, d, d), root, d, d, d).map((value) => -value)
  for (let i = 0; i < d; i++) dCovariance[i * d + i] += 1
  return multiply(centred(rows, mean), dCovariance, n, d, d).map((value) => (2 * value) / (n - 1))
}

/** n < d: K = X C2 X^T/(n-1), and dX = 2 (X - K^(-1/2) X C2)/(n-1); the rows of both terms sum to 0, so centring changes nothing. */
function gramForm(rows: Rows, mean: Float64Array, reference: FrechetReference): EigenForm | null {
  const { count: n, dimensions: d } = rows
  const x = centred(rows, mean)
  const xC2 = multiply(x, reference.covariance, n, d, d)
  const gram = rowProducts(xC2, x, n, n, d).map((value) => value / (n - 1))
  const largest = Math.max(...columnSquares(x, d)) / (n - 1)
  const small = smallestEigenvalueBound(gram, n, n - 1) <= smallOf(largest, reference)
  if (small || isRounding(largest, mean, n)) return null
  const eigen = symmetricEigen(gram, n)
  const dRows = () => {
    const pulled = multiply(inverseRoot(eigen), xC2, n, n, d)
    return x.map((value, i) => (2 * (value - pulled[i])) / (n - 1))
  }
  return { trace: x.reduce((sum, value) => sum + value * value, 0) / (n - 1), eigen, dRows }
}

/** Eigenvalues of M or K up to this are small; C1's largest variance is given. */
const smallOf = (variance: number, { covariance, dimensions }: FrechetReference): number =>
  SMALL * variance * largestVariance(covariance, dimensions)

/** Of images that are all equal the rounding of their mean would be the variance. */
const isRounding = (variance: number, mean: Float64Array, n: number): boolean =>
  variance <= (roundingShare(n, mean.length) * Math.max(...mean.map(Math.abs))) ** 2

function largestVariance(covariance: Float64Array, d: number): number {
  let largest = 0
  for (let j = 0; j < d; j++) largest = Math.max(largest, covariance[j * d + j])
  return largest
}

function inverseRoot(eigen: SymmetricEigen): Float64Array {
  const least = NONE_BELOW * Math.max(...eigen.values)
  return spectralFunction(eigen, (value) => (value > 0 && value >= least ? 1 / Math.sqrt(value) : 0))
}
