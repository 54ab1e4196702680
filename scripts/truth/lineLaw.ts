/**
 * Where a guided chain on a line ends, by its Markov operator: the density after each step on an even grid, from the one before by the
 * trapezoid rule, which for smooth densities converges faster than any power of the spacing. Nothing is sampled.
 *
 *     rho'(y) = integral rho(x) N(y; m(x), sigma^2) dx,      m(x) = image x0Hat + direction epsHat + s coefficient d/dx r2(x0Hat(x))
 */
import type { Data } from './mixture.ts'
import type { ChainStep } from './steps.ts'

/** A chased reward of one coordinate, with its derivative. */
export interface Curve {
  value(u: number): number
  slope(u: number): number
}

/** How finely it is computed. */
export interface Fineness {
  /** Grid points in the narrowest standard deviation that a step sees. */
  readonly density: number
  /** Standard deviations that a grid reaches beyond what it is about. */
  readonly reach: number
}

/** Points with their weights, which sum to 1. */
export interface LineLaw {
  readonly points: Float64Array
  readonly weights: Float64Array
}

interface Grid {
  readonly start: number
  readonly spacing: number
  readonly density: Float64Array
}

/** Density, relative to the largest, below which a point does not count for how fine the next grid must be. */
export const NEGLIGIBLE = 1e-12

/** Most points of a grid. */
const MOST_POINTS = 400_000

/** The law of the final point of the chain at scale s = 1/lambda. */
export function lineLaw(
  data: Data,
  chased: Curve,
  steps: readonly ChainStep[],
  scale: number,
  { density, reach }: Fineness,
): LineLaw {
  let from: Grid = normal(1 / density, reach)
  for (const [k, step] of steps.slice(0, -1).entries()) {
    const next = meanOf(data, chased, steps[k + 1], scale)
    const mean = meanOf(data, chased, step, scale)
    if (k === 0) from = fineEnough(from, mean, step.sigma / density, (spacing) => normal(spacing, reach))
    const means = over(from, mean)
    // As fine as the noise first, then as what the next step makes of it asks.
    const sigmaNext = steps[k + 1].sigma > 0 ? steps[k + 1].sigma : step.sigma
    const first = pushed(from, means, step.sigma, step.sigma / density, reach)
    from = fineEnough(first, next, sigmaNext / density, (spacing) => pushed(from, means, step.sigma, spacing, reach))
  }
  const last = meanOf(data, chased, steps[steps.length - 1], scale)
  const total = from.density.reduce((sum, value) => sum + value, 0)
  return { points: over(from, last), weights: from.density.map((value) => value / total) }
}

/** m(x) of a step. */
function meanOf(data: Data, chased: Curve, step: ChainStep, scale: number): (x: number) => number {
  const { signal, noise, image, direction, coefficient } = step
  return (x) => {
    const { mean, jacobian } = data.posterior([x], signal, noise)
    const x0Hat = mean[0]
    const base = image * x0Hat + (direction * (x - signal * x0Hat)) / noise
    return coefficient === 0 || scale === 0 ? base : base + scale * coefficient * chased.slope(x0Hat) * jacobian[0][0]
  }
}

/** N(0, 1), where the chain starts. */
function normal(spacing: number, reach: number): Grid {
  const half = Math.ceil(reach / spacing)
  const density = Float64Array.from({ length: 2 * half + 1 }, (_, i) => Math.exp(-(((i - half) * spacing) ** 2) / 2))
  return { start: -half * spacing, spacing, density }
}

function over({ start, spacing, density }: Grid, f: (x: number) => number): Float64Array {
  return Float64Array.from(density, (_, i) => f(start + i * spacing))
}

/** The grid, made again with a smaller spacing where f stretches it beyond `wanted` from point to point. */
function fineEnough(grid: Grid, f: (x: number) => number, wanted: number, make: (spacing: number) => Grid): Grid {
  const values = over(grid, f)
  const most = grid.density.reduce((a, b) => Math.max(a, b), 0)
  let stretched = 0
  for (let i = 1; i < values.length; i++) {
    if (grid.density[i] < NEGLIGIBLE * most) continue
    stretched = Math.max(stretched, Math.abs(values[i] - values[i - 1]))
  }
  return stretched <= wanted ? grid : make((grid.spacing * wanted) / stretched)
}

/** Every point spread by N(mean, sigma^2) over a new grid. */
function pushed(from: Grid, means: Float64Array, sigma: number, spacing: number, reach: number): Grid {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  const least = from.density.reduce((a, b) => Math.max(a, b), 0) * Math.exp((-reach * reach) / 2)
  for (const [i, mean] of means.entries()) {
    if (from.density[i] < least) continue
    low = Math.min(low, mean)
    high = Math.max(high, mean)
  }
  const start = low - reach * sigma
  const length = Math.ceil((high + reach * sigma - start) / spacing) + 1
  if (length > MOST_POINTS) throw new Error(`a grid of ${length} points is too large: guidance is too strong`)
  const density = new Float64Array(length)
  const kernel = gaussianOn(start, spacing, sigma, reach)
  for (const [i, mean] of means.entries()) {
    if (from.density[i] >= least) kernel(mean, (from.density[i] * from.spacing) / sigma, density)
  }
  return { start, spacing, density }
}

/** Adds height exp(-(y - mean)^2/(2 sigma^2)) to a grid, from its middle outwards by products alone. */
function gaussianOn(start: number, spacing: number, sigma: number, reach: number) {
  const step = spacing / sigma
  const shrink = Math.exp(-step * step)
  const count = Math.ceil(reach / step)
  return (mean: number, height: number, to: Float64Array) => {
    const middle = Math.round((mean - start) / spacing)
    const z = (start + middle * spacing - mean) / sigma
    const top = height * Math.exp((-z * z) / 2)
    for (const sign of [1, -1]) {
      let value = top
      let ratio = Math.exp(-sign * z * step - (step * step) / 2)
      for (let n = 0, j = middle; n <= count && j >= 0 && j < to.length; n++, j += sign) {
        if (n > 0 || sign === 1) to[j] += value
        value *= ratio
        ratio *= shrink
      }
    }
  }
}
