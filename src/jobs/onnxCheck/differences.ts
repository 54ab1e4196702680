/**
 * The derivative of a function along a line by central differences (f(h) - f(-h))/2h in float64, and whether it has one there: at steps from large to
 * small the first two that agree are taken. A kink between the points, or one at the point itself, keeps them from agreeing.
 */

/** In units of the argument's size. Rounding leaves 1e-13 / 1e-7 of the function's size at the last. */
const STEPS = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7]
/** Two that agree to this differ from the derivative by about as much. */
const AGREEMENT = 1e-5
/** What sums of a network in float64 are off by, relative to the sum of their sizes. */
const ROUNDING = 1e-14

/** A function along a line. */
export interface AlongLine {
  /** Value at a distance from the point. */
  readonly value: (distance: number) => number
  /** Size of the terms that a value is the sum of, for what rounding does to it. */
  readonly size: number
  /** Size of the argument: what a step of 1 is. */
  readonly unit: number
}

/** d value / d distance at 0; null where no two steps agree. */
export function centralDerivative({ value, size, unit }: AlongLine): number | null {
  let before: number | null = null
  for (const step of STEPS) {
    const h = step * unit
    const found = (value(h) - value(-h)) / (2 * h)
    if (!Number.isFinite(found)) continue
    const rounding = (ROUNDING * size) / h
    if (before !== null && Math.abs(found - before) <= AGREEMENT * Math.abs(found) + rounding) return found
    before = found
  }
  return null
}
