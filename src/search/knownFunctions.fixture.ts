/** Functions of which the minimum is known (Dixon and Szegö 1978). */
import type { SearchSpace } from './space.ts'

export interface KnownFunction {
  readonly space: SearchSpace
  readonly f: (x: readonly number[]) => number
  readonly minimum: number
}

/** Three minima of the same depth. */
export const BRANIN: KnownFunction = {
  space: [
    { name: 'x1', low: -5, high: 10 },
    { name: 'x2', low: 0, high: 15 },
  ],
  f: ([x, y]) =>
    (y - (5.1 / (4 * Math.PI ** 2)) * x * x + (5 / Math.PI) * x - 6) ** 2 +
    10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) +
    10,
  minimum: 0.397887,
}

const ALPHA = [1, 1.2, 3, 3.2]
const A = [
  [10, 3, 17, 3.5, 1.7, 8],
  [0.05, 10, 17, 0.1, 8, 14],
  [3, 3.5, 1.7, 10, 17, 8],
  [17, 8, 0.05, 10, 0.1, 14],
]
const P = [
  [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
  [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
  [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.665],
  [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
]

/** Six minima, of which the second best is -3.20. */
export const HARTMANN_6: KnownFunction = {
  space: Array.from({ length: 6 }, (_, i) => ({ name: `x${i + 1}`, low: 0, high: 1 })),
  f: (x) =>
    -ALPHA.reduce(
      (sum, alpha, i) => sum + alpha * Math.exp(-x.reduce((s, v, j) => s + A[i][j] * (v - P[i][j]) ** 2, 0)),
      0,
    ),
  minimum: -3.32237,
}
