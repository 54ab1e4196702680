/**
 * A mean with control variates: the intercept of a regression of the values on variables of known mean 0 (Glynn and Szechtman, "Some new
 * perspectives on the method of control variates", 2002), with a jackknife standard error (HC3: MacKinnon and White, 1985), which for no
 * control is the plain standard error of the mean to O(1/n).
 */
import type { Linearised } from '../statistics/estimated.ts'
import { inner, solutions } from '../statistics/smallSystem.ts'

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

/** A control of size 1, so that the Gram matrix is well scaled. */
function scaled(control: Float64Array): Float64Array {
  const size = Math.sqrt(inner(control, control) / control.length)
  return size > 0 ? control.map((value) => value / size) : control
}

/** Columns, or rows, of the inverse of a Gram matrix; null where it is singular to rounding. */
const inverseOf = (gram: readonly (readonly number[])[]): number[][] | null =>
  solutions(
    gram,
    gram.map((row, i) => row.map((_, j) => (i === j ? 1 : 0))),
    1e-10,
  )
