/** Small symmetric positive systems of regressions: inner products, and elimination. */

export function inner(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i]
  return sum
}

/**
 * Solutions of a small symmetric positive system, one a right side, by elimination; null where it is singular.
 * @param least a pivot up to this share of its diagonal element is none
 */
export function solutions(
  matrix: readonly (readonly number[])[],
  rights: readonly (readonly number[])[],
  least = 0,
): number[][] | null {
  const rows = matrix.map((row, i) => [...row, ...rights.map((right) => right[i])])
  for (const [pivot, head] of rows.entries()) {
    if (!(head[pivot] > least * matrix[pivot][pivot])) return null
    for (const [other, row] of rows.entries()) {
      if (other === pivot) continue
      const factor = row[pivot] / head[pivot]
      for (let k = pivot; k < row.length; k++) row[k] -= factor * head[k]
    }
  }
  return rights.map((_, j) => rows.map((row, i) => row[rows.length + j] / row[i]))
}
