/**
 * A mean with control variates: the intercept of a regression of the values on variables of known mean 0 (Glynn and Szechtman, "Some new
 * perspectives on the method of control variates", 2002), with a jackknife standard error (HC3: MacKinnon and White, 1985), which for no
 * control is the plain standard error of the mean to O(1/n).
 */
import type { Linearised } from '../statistics/estimated.ts'

/** A mean with controls. */
export interface Controlled extends Linearised {
  readonly standardError: number
}

/** Mean of `values` [n] given `controls`, each [n] with expectation 0; influences are those of leaving a value out. */
export function controlled(values: Float64Array, controls: readonly Float64Array[]): Controlled {
  const n = values.length
  const columns = [new Float64Array(n).fill(1), ...controls.map(scaled)]
  const gram = columns.map((x) => columns.map((y) => inner(x, y)))
  const inverse = inverseOf(gram)
  if (inverse === null) return controlled(values, controls.slice(0, -1))
  const moments = columns.map((x) => inner(x, values))
  const coefficients = inverse.map((row) => inner(row, moments))
  const influence = values.map((value, i) => {
    const row = columns.map((column) => column[i])
    const lever = inverse.map((inverseRow) => inner(inverseRow, row))
    const residual = value - inner(coefficients, row)
    const leverage = Math.min(inner(row, lever), 1 - 1e-12)
    return (lever[0] * residual) / (1 - leverage)
  })
  return { mean: coefficients[0], influence, standardError: Math.sqrt(inner(influence, influence)) }
}

function inner(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i]
  return sum
}

/** A control of size 1, so that the Gram matrix is well scaled. */
function scaled(control: Float64Array): Float64Array {
  const size = Math.sqrt(inner(control, control) / control.length)
  return size > 0 ? control.map((value) => value / size) : control
}

/** Inverse of a small symmetric positive matrix by Gauss-Jordan; null where it is singular to rounding. */
function inverseOf(matrix: readonly (readonly number[])[]): number[][] | null {
  const n = matrix.length
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))])
  for (let pivot = 0; pivot < n; pivot++) {
    const head = rows[pivot][pivot]
    if (!(head > 1e-10 * matrix[pivot][pivot])) return null
    rows[pivot] = rows[pivot].map((value) => value / head)
    for (let other = 0; other < n; other++) {
      if (other === pivot) continue
      const factor = rows[other][pivot]
      rows[other] = rows[other].map((value, j) => value - factor * rows[pivot][j])
    }
  }
  return rows.map((row) => row.slice(n))
}
