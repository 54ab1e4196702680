/** Rows of a classifier's output as probabilities, and the way back of a cotangent of their logarithms. In float64. */
import type { Tensor } from '../../base/index.ts'
import { tensor } from '../../base/index.ts'

/** Rows that sum to 1 but for a rounding to float16. */
const SUM_ROUNDING = 2e-3

/** Whether every row is a distribution over two or more classes. */
export function areProbabilities({ shape: [count, classes], data }: Tensor<'float32'>): boolean {
  if (classes < 2) return false
  for (let i = 0; i < count; i++) {
    const row = data.subarray(i * classes, (i + 1) * classes)
    const sum = row.reduce((a, b) => a + b, 0)
    if (!(Math.abs(sum - 1) <= SUM_ROUNDING && row.every((value) => value >= 0))) return false
  }
  return true
}

/** Each row over its sum, float64. */
export function normalisedRows({ shape: [count, classes], data }: Tensor<'float32'>): Tensor<'float64'> {
  const out = Float64Array.from(data)
  for (let i = 0; i < count; i++) {
    const row = out.subarray(i * classes, (i + 1) * classes)
    const sum = row.reduce((a, b) => a + b, 0)
    row.set(row.map((value) => value / sum))
  }
  return tensor('float64', [count, classes], out)
}

/** Softmax of each row, float64. */
export function softmaxRows({ shape: [count, classes], data }: Tensor<'float32'>): Tensor<'float64'> {
  const out = new Float64Array(count * classes)
  for (let i = 0; i < count; i++) {
    const row = data.subarray(i * classes, (i + 1) * classes)
    const top = row.reduce((a, b) => Math.max(a, b))
    const weights = Float64Array.from(row, (logit) => Math.exp(logit - top))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    out.set(
      weights.map((weight) => weight / total),
      i * classes,
    )
  }
  return tensor('float64', [count, classes], out)
}

/**
 * Cotangent of rows [n, classes] of that of the logarithms of their probabilities g: of logits g_j - p_j sum(g); of what holds probabilities q,
 * p = q / sum(q), g_j / q_j - sum(g) / sum(q), where a q of 0 has none.
 */
export function logarithmsPulledBack(
  rows: Tensor<'float32'>,
  cotangent: Tensor<'float32'>,
  areProbable: boolean,
): Tensor<'float32'> {
  const [count, classes] = rows.shape
  const probabilities = softmaxRows(rows).data
  const out = new Float32Array(count * classes)
  for (let i = 0; i < count; i++) {
    const at = i * classes
    const [row, g] = [rows, cotangent].map(({ data }) => data.subarray(at, at + classes))
    const total = g.reduce((sum, value) => sum + value, 0)
    const whole = row.reduce((sum, value) => sum + value, 0)
    for (let j = 0; j < classes; j++) {
      out[at + j] = areProbable
        ? (row[j] > 0 ? g[j] / row[j] : 0) - total / whole
        : g[j] - probabilities[at + j] * total
    }
  }
  return tensor('float32', rows.shape, out)
}
