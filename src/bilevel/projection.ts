/** Projection of upper variables to their feasible set: the box, and pairs that must keep their order. */
import type { UpperBlock } from './problem.ts'

/** The nearest point of the box [low, high]. */
export function clipToBox(values: Float64Array, low: Float64Array, high: Float64Array): Float64Array {
  return values.map((value, i) => Math.min(Math.max(value, low[i]), high[i]))
}

/** values[below] + margin <= values[above]. */
export interface Order {
  readonly below: number
  readonly above: number
  readonly margin: number
}

/**
 * Projection to the box with ordered pairs, nearest in value / scale: v_below - mu s_below^2 and v_above + mu s_above^2, clipped, at the
 * smallest mu >= 0 that keeps the margin. Pairs must not share a parameter (then pairs do not interact and the result is exact).
 * @param block its box must hold a point with every margin kept
 */
export function boxWithOrder(
  block: Pick<UpperBlock, 'low' | 'high' | 'scale'>,
  orders: readonly Order[],
): (values: Float64Array) => Float64Array {
  const { low, high, scale } = block
  return (values) => {
    const projected = clipToBox(values, low, high)
    for (const { below, above, margin } of orders) {
      if (projected[below] + margin <= projected[above]) continue
      const missing = values[below] + margin - values[above]
      const mu = missing / (scale[below] ** 2 + scale[above] ** 2)
      const clip = (i: number, value: number) => Math.min(Math.max(value, low[i]), high[i])
      projected[above] = clip(above, clip(below, values[below] - mu * scale[below] ** 2) + margin)
      projected[below] = clip(below, Math.min(values[below], projected[above] - margin))
    }
    return projected
  }
}

/** The block's own projection, or the clip to its box. */
export function project(block: UpperBlock, values: Float64Array): Float64Array {
  return block.project ? block.project(values) : clipToBox(values, block.low, block.high)
}
