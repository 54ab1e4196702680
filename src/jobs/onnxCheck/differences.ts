/**
 * A derivative along a line against central differences (f(h) - f(-h))/2h in float64, at steps from large to small. The first step at which both agree
 * is enough, as nothing agrees by chance to four digits. Else the first two steps that agree with each other say what the derivative is: a kink
 * between the points keeps them from that, and one at the point itself shows as slopes of both sides that stay apart.
 */

/** In units of the argument's size. Rounding leaves 1e-14 / 1e-7 of the function's size at the last. */
const STEPS = [1e-4, 1e-5, 1e-6, 1e-7]
/** Relative difference from the derivative that is given, within which no smaller step is tried. */
const NEAR = 1e-4
/** Two steps that agree to this differ from the derivative by about as much. */
const AGREEMENT = 1e-5
/** What sums of a network in float64 are off by, relative to the size of their terms. */
const ROUNDING = 1e-14

/** A value with the size of the terms that it is the sum of. */
export interface Sum {
  readonly value: number
  readonly size: number
}

/**
 * d f / d distance at 0 by differences; null where no two steps agree.
 * @param at    f at a distance from the point
 * @param unit  the argument's size: what a step of 1 is
 * @param given the derivative that is to be compared
 */
export function centralDerivative(at: (distance: number) => Sum, unit: number, given: number): number | null {
  let here: number | null = null
  let before: { readonly found: number; readonly bend: number } | null = null
  for (const step of STEPS) {
    const h = step * unit
    const [below, above] = [at(-h), at(h)]
    const found = (above.value - below.value) / (2 * h)
    if (!Number.isFinite(found)) continue
    if (Math.abs(found - given) <= NEAR * Math.abs(found)) return found
    here ??= at(0).value
    // What the slopes of both sides differ by: h f'' of a smooth function, the same at every step of a kink at the point.
    const bend = Math.abs(above.value + below.value - 2 * here) / h
    const close = AGREEMENT * Math.abs(found) + (ROUNDING * (above.size + below.size)) / h
    const smooth = before !== null && (bend <= before.bend / 2 || bend <= close)
    if (before !== null && smooth && Math.abs(found - before.found) <= close) return found
    before = { found, bend }
  }
  return null
}
