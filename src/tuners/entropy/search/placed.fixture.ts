/**
 * A method whose F is a formula: numbers of items with a part in common at all places, which cancels between two, and a part of their own at
 * each. The same item has the same numbers whenever it is asked for.
 */
import { randomStream } from '../../../base/index.ts'
import { GradientCurve } from '../estimators/gradientCurve.ts'
import { freshEvidence } from '../statistics/belief.ts'
import type { Items } from './draws.ts'
import type { GradientMethod } from './methods.ts'

export interface Placed {
  /** Spread of a place's own part. */
  readonly own: number
  readonly seed: number
  /** dF/dx, for stretches; default 0. */
  readonly slope?: (x: number) => number
}

/** An item and place cost one evaluation. `asked`: what items were drawn, call by call. */
export function placedMethod(f: (x: number) => number, { own, seed, slope = () => 0 }: Placed) {
  const asked: (Items & { readonly nodes: readonly number[] })[] = []
  const normal = (purpose: string, count: number) => randomStream({ seed, purpose }).normal(new Float64Array(count))
  const rowsOf = (at: (x: number) => number, nodes: readonly number[], items: Items) => {
    asked.push({ ...items, nodes })
    const { first, count } = items
    const common = normal(`common ${first}`, count)
    return nodes.map((x) =>
      normal(`own ${first} ${x.toFixed(9)}`, count).map((e, i) => at(x) + 5 * common[i] + own * e),
    )
  }
  const method: GradientMethod = {
    name: 'score-function',
    nodes: (centre, reach) => [-2, -1, 0, 1, 2].map((k) => centre + (k * reach) / 2),
    async stretch(nodes, items, _phase, shape) {
      // Of gradients nothing is common.
      const rows = nodes.map((x) => {
        asked.push({ ...items, nodes: [x] })
        return normal(`slope ${items.first} ${x.toFixed(9)}`, items.count).map((e) => slope(x) + own * e)
      })
      const curve = new GradientCurve('gradients', nodes, rows, { shape })
      return {
        curve,
        evidence(x, alpha) {
          const { mean, standardError, count } = curve.at(x)
          const estimate = { mean, standardError, effectiveSampleSize: count, paretoK: null, count }
          return freshEvidence(Math.exp(x), 'score-function', estimate, alpha)
        },
        collapsed: () => false,
        share: () => 1,
        against: null,
      }
    },
    values: async (nodes, items) => rowsOf(f, nodes, items),
    profile: async (grid, items) =>
      grid.map((at) => ({
        at,
        over: 0,
        mean: slope(at),
        standardError: own,
        steers: true,
        collapsed: false,
        paths: items.count,
      })),
    cost: (nodes) => nodes,
    ...{ wide: 1.2, first: 32, least: 48, paths: 1 },
  }
  return { method, asked }
}
