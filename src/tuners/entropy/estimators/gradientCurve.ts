/**
 * The gradient of F over a stretch of log lambda, from a few scales at which the same items were drawn.
 *
 * About its minimum F is taken for a parabola, in log lambda or in the guidance scale s, whichever it is nearer to (from gradients: a cubic).
 * Each item has a number at each node, a value of F (its -r1) or of its gradient; least squares makes the estimate at x a mean over items of sum_j c_j(x) number_j,
 * so its error is that of a mean, what scales of an item have in common cancels, and all scales tell of each x. (Polynomials through all
 * nodes have less error of their own, but on class rewards, where chains at a scale a tenth away are as different as any, three times the
 * spread.)
 */
import type { Interval } from '../statistics/bootstrap.ts'
import { studentReach } from '../statistics/quantile.ts'
import { inner, solutions } from '../statistics/smallSystem.ts'
import { controlled } from './controlled.ts'

/** A mean over items. */
export interface ItemMean {
  readonly mean: number
  readonly standardError: number
  readonly count: number
}

/** What F is a parabola in: x = log lambda, or s = e^-x. */
export type Shape = 'log' | 'scale'

/** Points at which a stretch is searched for a change of sign. */
const SEARCH_POINTS = 64

/** Controls are used where they take this share off the standard error: in small samples a regression costs something too. */
const WORTHWHILE = 0.1

interface CurveOptions {
  readonly shape?: Shape
  readonly controls?: readonly Float64Array[]
  readonly rounding?: number
  readonly terms?: number
}

/** Coefficients of a fit: of F a parabola, of its gradient one too. */
const TERMS = 3

export class GradientCurve {
  /** Log lambdas, ascending. */
  readonly nodes: readonly number[]
  /** Per node [n], item by item. */
  readonly rows: readonly Float64Array[]
  readonly #kind: 'values' | 'gradients'
  readonly #fit: Fit
  readonly #rounding: number
  readonly #controls: readonly Float64Array[]
  /** Means over items of the fit's coefficients, and their covariance. */
  readonly #means: readonly number[]
  readonly #covariance: readonly (readonly number[])[]

  /**
   * @param controls numbers of the items [n] whose expectation is known to be 0: what of the spread goes with them is taken out
   * @param rounding by how much a number of `rows` may be off by rounding alone: a gradient that this explains is none. Default 0
   * @param terms coefficients of the polynomial that is fitted to the numbers. Default 3; fewer where there are few nodes
   */
  constructor(
    kind: 'values' | 'gradients',
    nodes: readonly number[],
    rows: readonly Float64Array[],
    { shape = 'log', controls = [], rounding = 0, terms }: CurveOptions = {},
  ) {
    this.#kind = kind
    this.#rounding = rounding
    this.#fit = fitOf(kind, shape, nodes, terms)
    this.nodes = nodes
    this.rows = rows
    this.#controls = worthwhile(this.valuesAt((nodes[0] + nodes[nodes.length - 1]) / 2), controls)
    const coefficients = this.#fit.weights.map((weights) => combined(weights, rows))
    const { means, covariance } = meansOf(coefficients, this.#controls)
    this.#means = means
    this.#covariance = covariance
  }

  get count(): number {
    return this.rows[0].length
  }

  /** How many controls take part of the spread out. */
  get controls(): number {
    return this.#controls.length
  }

  /** The same items and scales with a polynomial of one degree more; null where there are no nodes left to fit it to. */
  higher(): GradientCurve | null {
    const terms = this.#fit.weights.length + 1
    if (terms > this.nodes.length) return null
    const rest = { shape: this.#fit.shape, controls: this.#controls, rounding: this.#rounding, terms }
    return new GradientCurve(this.#kind, this.nodes, this.rows, rest)
  }

  /** By how much another curve of the same items has another gradient at x: that one's less this one's. */
  difference(other: GradientCurve, x: number): ItemMean {
    const own = this.valuesAt(x)
    const values = other.valuesAt(x).map((value, i) => value - own[i])
    const { mean, standardError } = controlled(values, this.#controls)
    return { mean, standardError: Math.hypot(standardError, this.#floor(x), other.#floor(x)), count: this.count }
  }

  /** What rounding alone can make of a gradient. */
  #floor(x: number): number {
    return this.#rounding * slopeWeights(this.#fit, x).reduce((sum, weight) => sum + Math.abs(weight), 0)
  }

  /** Where it is asked: between the outermost nodes. */
  get stretch(): Interval {
    return { low: this.nodes[0], high: this.nodes[this.nodes.length - 1] }
  }

  /** dF/dlog lambda at x. */
  at(x: number): ItemMean {
    const basis = this.#fit.basisAt(x)
    const mean = inner(basis, this.#means)
    const variance = inner(
      basis,
      this.#covariance.map((row) => inner(row, basis)),
    )
    const standardError = Math.hypot(Math.sqrt(Math.max(0, variance)), this.#rounding === 0 ? 0 : this.#floor(x))
    return { mean, standardError, count: this.count }
  }

  /** Each item's number whose mean is the gradient at x, [n]. */
  valuesAt(x: number): Float64Array {
    return combined(slopeWeights(this.#fit, x), this.rows)
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

/** Least squares on the nodes: the derivative in x is sum_k basis_k(x) (sum_j weights_kj number_j). */
export interface Fit {
  readonly shape: Shape
  readonly weights: readonly (readonly number[])[]
  basisAt(x: number): number[]
}

/**
 * What is nearest to the numbers: a parabola in t to values, a cubic's derivative to derivatives, which hold what a difference of values has
 * to find. t = x, or e^-(x - middle) (a scale at its own size). Less where there are few nodes: a line to two values.
 */
export function fitOf(kind: 'values' | 'gradients', shape: Shape, nodes: readonly number[], wanted?: number): Fit {
  const middle = (nodes[0] + nodes[nodes.length - 1]) / 2
  const t = (y: number) => (shape === 'log' ? y - middle : Math.exp(middle - y))
  const rate = (y: number) => (shape === 'log' ? 1 : -Math.exp(middle - y))
  const centre = nodes.reduce((sum, y) => sum + t(y), 0) / nodes.length
  // Three gradients have the line nearest to them.
  const terms = wanted ?? Math.min(TERMS, kind === 'values' ? nodes.length : Math.max(1, nodes.length - 1))
  const powers = (y: number, factor: number) =>
    Array.from({ length: terms }, (_, power) => factor * (t(y) - centre) ** power)
  const columns = nodes.map((y) => powers(y, kind === 'values' ? 1 : rate(y)).slice(0, terms))
  const gram = Array.from({ length: terms }, (_, k) =>
    Array.from({ length: terms }, (_, l) => columns.reduce((sum, row) => sum + row[k] * row[l], 0)),
  )
  const byNode = columns.map((row) => solved(gram, row))
  return {
    shape,
    weights: gram.map((_, k) => byNode.map((own) => own[k])),
    basisAt: (x) =>
      kind === 'values'
        ? powers(x, rate(x)).map((_, power, lower) => (power === 0 ? 0 : power * lower[power - 1]))
        : powers(x, rate(x)),
  }
}

/** c_j(x), so that the derivative at x is sum_j c_j(x) number_j. */
export function slopeWeights({ weights, basisAt }: Fit, x: number): number[] {
  const basis = basisAt(x)
  return weights[0].map((_, j) => basis.reduce((sum, value, k) => sum + value * weights[k][j], 0))
}

/** sum_j weights_j rows_j, item by item. */
function combined(weights: readonly number[], rows: readonly Float64Array[]): Float64Array {
  const sums = new Float64Array(rows[0].length)
  for (const [j, row] of rows.entries()) {
    for (let i = 0; i < sums.length; i++) sums[i] += weights[j] * row[i]
  }
  return sums
}

/**
 * Means of several columns [n], each the intercept of a regression on the controls, and their covariance by the jackknife (HC3); without
 * controls plain means.
 */
function meansOf(columns: readonly Float64Array[], controls: readonly Float64Array[]) {
  const n = columns[0].length
  const design = [new Float64Array(n).fill(1), ...controls]
  const gram = design.map((x) => design.map((y) => inner(x, y)))
  const intercept = solved(
    gram,
    design.map((_, k) => (k === 0 ? 1 : 0)),
  )
  const slopes = columns.map((column) =>
    solved(
      gram,
      design.map((x) => inner(x, column)),
    ),
  )
  const covariance = columns.map(() => columns.map(() => 0))
  for (let i = 0; i < n; i++) {
    const row = design.map((column) => column[i])
    const leverage = Math.min(inner(row, solved(gram, row)), 1 - 1e-12)
    const share = inner(intercept, row) / (1 - leverage)
    const residuals = columns.map((column, k) => share * (column[i] - inner(slopes[k], row)))
    for (const [k, one] of residuals.entries()) {
      for (const [l, other] of residuals.entries()) covariance[k][l] += one * other
    }
  }
  return { means: slopes.map(([first]) => first), covariance }
}

/** The one solution; NaN where there is none. */
const solved = (matrix: readonly (readonly number[])[], right: readonly number[]): readonly number[] =>
  solutions(matrix, [right])?.[0] ?? right.map(() => Number.NaN)
