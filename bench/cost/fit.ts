/** Straight lines through measured points: least squares of relative errors, no coefficient below 0. */
import { Matrix, solve } from 'ml-matrix'

export interface Line {
  /** One per column. */
  readonly coefficients: readonly number[]
  /** Share of the variance that the line explains. */
  readonly rSquared: number
  /** Mean of |fitted - measured| / measured. */
  readonly meanRelativeError: number
}

/**
 * @param rows  what each measurement is a line in, one row each
 * @param y     measured, above 0
 */
export function fitLine(rows: readonly (readonly number[])[], y: readonly number[]): Line {
  const columns = rows[0].map((_, j) => j)
  let kept = columns
  let found = relativeLeastSquares(rows, y, kept)
  // What is no cost is left out, the worst first, until all that is left is one.
  while (found.some((value) => value < 0)) {
    kept = kept.filter((_, j) => found[j] !== Math.min(...found))
    found = relativeLeastSquares(rows, y, kept)
  }
  const coefficients = columns.map((j) => (kept.includes(j) ? found[kept.indexOf(j)] : 0))
  const fitted = rows.map((row) => row.reduce((sum, value, j) => sum + value * coefficients[j], 0))
  const mean = y.reduce((a, b) => a + b) / y.length
  const squares = (of: (i: number) => number) => y.reduce((sum, _, i) => sum + of(i) ** 2, 0)
  return {
    coefficients,
    rSquared: 1 - squares((i) => fitted[i] - y[i]) / squares((i) => y[i] - mean),
    meanRelativeError: y.reduce((sum, value, i) => sum + Math.abs(fitted[i] / value - 1), 0) / y.length,
  }
}

function relativeLeastSquares(
  rows: readonly (readonly number[])[],
  y: readonly number[],
  kept: readonly number[],
): number[] {
  // Columns differ by ten orders of magnitude: each is scaled to its largest.
  const scales = kept.map((j) => Math.max(...rows.map((row, i) => Math.abs(row[j] / y[i]))))
  const a = new Matrix(rows.map((row, i) => kept.map((j, k) => row[j] / y[i] / scales[k])))
  const solution = solve(a, Matrix.columnVector(y.map(() => 1)), true)
  return kept.map((_, k) => solution.get(k, 0) / scales[k])
}
