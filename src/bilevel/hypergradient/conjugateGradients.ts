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
  /** Products with A at most, >= 1. */
  readonly iterations: number
}

export interface LinearSolution {
  readonly solution: Float64Array
  /** |b - A v| / |b| in the norm of the preconditioner, as the recurrence has it. */
  readonly residual: number
  /** False where A has shown a direction of no or negative curvature: what was found before it is returned, before the first one D^-1 b. */
  readonly definite: boolean
}

/** Below this relative residual there is nothing left to be found in float64. */
const SOLVED = 1e-14

export async function conjugateGradients({
  apply,
  rightSide,
  inverseDiagonal,
  iterations,
}: LinearSystem): Promise<LinearSolution> {
  const preconditioned = (r: Float64Array) => r.map((value, i) => value * inverseDiagonal[i])
  const solution = new Float64Array(rightSide.length)
  const r = Float64Array.from(rightSide)
  let p = preconditioned(r)
  let rz = inner(r, p)
  const first = rz
  const residualOf = () => (first === 0 ? 0 : Math.sqrt(Math.max(0, rz) / first))
  for (let k = 0; k < iterations && residualOf() > SOLVED; k++) {
    const product = await apply(p)
    const curvature = inner(p, product)
    if (!(curvature > 0)) return { solution: k === 0 ? p : solution, residual: residualOf(), definite: false }
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
