/** Derivatives of host functions of a time, which schedules give between whole times too. */

/** Half of what is looked at, in times: levels between whole times are smooth, and rounding stays below 1e-9 of a value. */
const STEP = 1e-4

/** df/dt by a central difference, one-sided at the ends 0 and `last` of the times. */
export function slopeAt(f: (time: number) => number, time: number, last: number): number {
  const [low, high] = [Math.max(0, time - STEP), Math.min(last, time + STEP)]
  return high > low ? (f(high) - f(low)) / (high - low) : 0
}
