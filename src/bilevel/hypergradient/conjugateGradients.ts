/** Preconditioned conjugate gradients for A v = b, A symmetric and positive definite (Hestenes, Stiefel 1952), with products alone. */
import { inner } from '../offset.ts'
import type { Vector } from '../problem.ts'

export interface LinearSystem {
  /** A p. */
  readonly apply: (p: Float64Array) => Promise<Vector>
  /** b. */
  readonly rightSide: Vector
  /** Diagonal of an approximate inverse of A; 0 where v is held at 0. */
  readonly inverseDiagonal: Vector
  /** Diagonal D of a part of A beside which the rest is meant to be positive; 0 where v is held at 0. Absent: none, and A itself is. */
  readonly damping?: Vector
  /** Products with A at most, >= 1. */
  readonly iterations: number
}

export interface LinearSolution {
  readonly solution: Float64Array
  /** |b - A v| / |b| in the norm of the preconditioner, as the recurrence has it. */
  readonly residual: number
  /**
   * False where A has shown a direction p of no more curvature than p D p: the rest of it is not positive there, and with a curvature near 0 one step would be all of the
   * solution. What was found before it is returned, before the first one the preconditioned b.
   */
  readonly definite: boolean
}

/** Below this relative residual there is nothing left to be found in float64. */
const SOLVED = 1e-14

export async function conjugateGradients({
  apply,
  rightSide,
  inverseDiagonal,
  damping,
  iterations,
}: LinearSystem): Promise<LinearSolution> {
  const preconditioned = (r: Float64Array) => r.map((value, i) => value * inverseDiagonal[i])
  const least = (p: Float64Array) => p.reduce((sum, value, i) => sum + (damping?.[i] ?? 0) * value ** 2, 0)
  const solution = new Float64Array(rightSide.length)
  const r = Float64Array.from(rightSide)
  let p = preconditioned(r)
  let rz = inner(r, p)
  const first = rz
  const residualOf = () => (first === 0 ? 0 : Math.sqrt(Math.max(0, rz) / first))
  for (let k = 0; k < iterations && residualOf() > SOLVED; k++) {
    const product = await apply(p)
    const curvature = inner(p, product)
    if (!(curvature > least(p))) return { solution: k === 0 ? p : solution, residual: residualOf(), definite: false }
    const step = rz / curvature
    for (let i = 0; i < r.length; i++) {
      solution[i] += step * p[i]
      r[i] -= step * product[i]
    }
    const z = preconditioned(r)
    const next = inner(r, z)
    const kept = next / rz
    rz = next
    p = z.map((value, i) => value + kept * p[i])
  }
  return { solution, residual: residualOf(), definite: true }
}
