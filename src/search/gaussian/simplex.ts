/** The simplex search of Nelder and Mead (1965): a minimum of a few numbers without derivatives. */

export interface SimplexOptions {
  readonly start: readonly number[]
  /** First step in each number. */
  readonly step: number
  /** Most values of the function. */
  readonly evaluations: number
}

/** The best point that was met. The function may be infinite. */
export function simplexMinimum(
  f: (x: readonly number[]) => number,
  { start, step, evaluations }: SimplexOptions,
): number[] {
  const n = start.length
  let left = evaluations
  const at = (x: number[]) => {
    left--
    return { x, value: f(x) }
  }
  const corners = [at([...start]), ...start.map((_, i) => at(start.map((v, j) => (i === j ? v + step : v))))]
  const order = () => corners.sort((a, b) => a.value - b.value)
  order()
  while (left > 0) {
    const worst = corners[n]
    const centre = start.map((_, i) => corners.slice(0, n).reduce((sum, { x }) => sum + x[i], 0) / n)
    const along = (t: number) => at(centre.map((c, i) => c + t * (worst.x[i] - c)))
    const reflected = along(-1)
    if (reflected.value < corners[0].value) {
      const expanded = along(-2)
      corners[n] = expanded.value < reflected.value ? expanded : reflected
    } else if (reflected.value < corners[n - 1].value) {
      corners[n] = reflected
    } else {
      const contracted = along(reflected.value < worst.value ? -0.5 : 0.5)
      if (contracted.value < Math.min(worst.value, reflected.value)) corners[n] = contracted
      else {
        const [best] = corners
        for (let k = 1; k <= n; k++) corners[k] = at(corners[k].x.map((v, i) => (v + best.x[i]) / 2))
      }
    }
    order()
    if (corners[n].value - corners[0].value < 1e-10 * (1 + Math.abs(corners[0].value))) break
  }
  return corners[0].x
}
