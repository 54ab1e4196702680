/**
 * The gradient of F over a stretch of log lambda, from a few scales at which the same items were drawn.
 *
 * Each item has a number at each node; what is estimated at x is the mean over items of sum_j c_j(x) number_j, so its error is that of a
 * mean, and what scales of an item have in common cancels. Numbers are values of F (an item's -r1): c_j is the derivative of Lagrange's
 * polynomial, and central differences are the case of two nodes. Or they are gradients: c_j is Lagrange's polynomial itself.
 */
import type { Interval } from './bootstrap.ts'
import { controlled } from './controlled.ts'
import { studentReach } from './quantile.ts'

/** A mean over items. */
export interface ItemMean {
  readonly mean: number
  readonly standardError: number
  readonly count: number
}

/** Points at which a stretch is searched for a change of sign. */
const SEARCH_POINTS = 64

/** Controls are used where they take this share off the standard error: in small samples a regression costs something too. */
const WORTHWHILE = 0.1

export class GradientCurve {
  /** Log lambdas, ascending. */
  readonly nodes: readonly number[]
  /** Per node [n], item by item. */
  readonly rows: readonly Float64Array[]
  readonly #kind: 'values' | 'gradients'
  readonly #controls: readonly Float64Array[]

  /** @param controls numbers of the items [n] whose expectation is known to be 0: what of the spread goes with them is taken out */
  constructor(
    kind: 'values' | 'gradients',
    nodes: readonly number[],
    rows: readonly Float64Array[],
    controls: readonly Float64Array[] = [],
  ) {
    this.#kind = kind
    this.nodes = nodes
    this.rows = rows
    this.#controls = worthwhile(this.valuesAt((nodes[0] + nodes[nodes.length - 1]) / 2), controls)
  }

  get count(): number {
    return this.rows[0].length
  }

  /** How many controls take part of the spread out. */
  get controls(): number {
    return this.#controls.length
  }

  /** The same items without the scales at one end. */
  without(end: 'first' | 'last'): GradientCurve {
    const kept = end === 'first' ? [1, this.nodes.length] : [0, -1]
    return new GradientCurve(this.#kind, this.nodes.slice(...kept), this.rows.slice(...kept), this.#controls)
  }

  /** Where it can be relied on: the drawn stretch without its outermost twelfths, where a polynomial's derivative is loose. */
  get stretch(): Interval {
    const [first, last] = [this.nodes[0], this.nodes[this.nodes.length - 1]]
    const margin = (last - first) / 12
    return { low: first + margin, high: last - margin }
  }

  /** dF/dlog lambda at x. */
  at(x: number): ItemMean {
    return { ...controlled(this.valuesAt(x), this.#controls), count: this.count }
  }

  /** Each item's number whose mean is the gradient at x, [n]. */
  valuesAt(x: number): Float64Array {
    const weights = this.#kind === 'values' ? derivatives(this.nodes, x) : lagrange(this.nodes, x)
    const sums = new Float64Array(this.count)
    for (const [j, row] of this.rows.entries()) {
      for (let i = 0; i < sums.length; i++) sums[i] += weights[j] * row[i]
    }
    return sums
  }

  /** How it changes at x: the second derivative of F. */
  slope(x: number): number {
    const step = (this.nodes[this.nodes.length - 1] - this.nodes[0]) * 1e-4
    return (this.at(x + step).mean - this.at(x - step).mean) / (2 * step)
  }

  /** Where the gradient goes from negative to positive, F has a minimum; the nearest to the middle. Null: nowhere on the stretch. */
  root({ low, high } = this.stretch): number | null {
    const middle = (this.nodes[0] + this.nodes[this.nodes.length - 1]) / 2
    const points = Array.from({ length: SEARCH_POINTS + 1 }, (_, i) => low + ((high - low) * i) / SEARCH_POINTS)
    const values = points.map((x) => this.at(x).mean)
    const roots = points.slice(1).flatMap((x, i) => {
      if (!(values[i] < 0 && values[i + 1] >= 0)) return []
      return [this.#bisect(points[i], x, (mean) => mean < 0)]
    })
    return roots.length === 0
      ? null
      : roots.reduce((best, x) => (Math.abs(x - middle) < Math.abs(best - middle) ? x : best))
  }

  /** Standard error of the root, by the delta method. */
  rootError(root: number): number {
    const slope = this.slope(root)
    return slope > 0 ? this.at(root).standardError / slope : Number.POSITIVE_INFINITY
  }

  /**
   * The set about `root` where the two-sided interval of the gradient, at error `alpha`, contains 0. An end is null where that is not
   * left within `region`. `items`: as it would be with that many.
   */
  interval(
    root: number,
    alpha: number,
    region: Interval = this.stretch,
    items = this.count,
  ): { readonly low: number | null; readonly high: number | null } {
    const reach = studentReach(alpha, items - 1) * Math.sqrt(this.count / items)
    const significant = (x: number, sign: 1 | -1) => {
      const { mean, standardError } = this.at(x)
      return sign * mean > reach * standardError
    }
    const end = (limit: number, sign: 1 | -1) => {
      if (significant(root, sign)) return root
      for (let i = 1; i <= SEARCH_POINTS; i++) {
        const x = root + ((limit - root) * i) / SEARCH_POINTS
        if (significant(x, sign)) return this.#edge(x - (limit - root) / SEARCH_POINTS, x, (y) => significant(y, sign))
      }
      return null
    }
    return { low: end(region.low, -1), high: end(region.high, 1) }
  }

  #bisect(from: number, to: number, before: (mean: number) => boolean): number {
    return this.#edge(from, to, (x) => !before(this.at(x).mean))
  }

  /** The least step from `from` towards `to`, where `holds` is true, at which it is. */
  #edge(from: number, to: number, holds: (x: number) => boolean): number {
    let [out, within] = [from, to]
    for (let i = 0; i < 40; i++) {
      const half = (out + within) / 2
      if (holds(half)) within = half
      else out = half
    }
    return within
  }
}

/** The first of the controls that lower the standard error most, if by enough. */
function worthwhile(values: Float64Array, controls: readonly Float64Array[]): readonly Float64Array[] {
  const plain = controlled(values, []).standardError
  const errors = controls.map((_, i) => controlled(values, controls.slice(0, i + 1)).standardError)
  const least = Math.min(...errors)
  return least <= (1 - WORTHWHILE) * plain ? controls.slice(0, errors.indexOf(least) + 1) : []
}

/** Mean and standard error of independent values. */
export function meanOf(values: Float64Array): ItemMean {
  const count = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / count
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, standardError: count > 1 ? Math.sqrt(squares / (count - 1) / count) : Number.POSITIVE_INFINITY, count }
}

/** Lagrange's polynomials on the nodes, at x. */
export function lagrange(nodes: readonly number[], x: number): number[] {
  return nodes.map((own, j) =>
    nodes.reduce((product, other, m) => (m === j ? product : (product * (x - other)) / (own - other)), 1),
  )
}

/** Their derivatives at x. */
export function derivatives(nodes: readonly number[], x: number): number[] {
  return nodes.map((own, j) => {
    let sum = 0
    for (let left = 0; left < nodes.length; left++) {
      if (left === j) continue
      let product = 1 / (own - nodes[left])
      for (let m = 0; m < nodes.length; m++) {
        if (m !== j && m !== left) product *= (x - nodes[m]) / (own - nodes[m])
      }
      sum += product
    }
    return sum
  })
}
