/**
 * Where a guided chain in the plane ends, for data that are no product of coordinates: as `lineLaw.ts`, with kernels that are the product of
 * one Gaussian along each axis.
 */
import type { Fineness } from './lineLaw.ts'
import { NEGLIGIBLE } from './lineLaw.ts'
import type { Data } from './mixture.ts'
import type { ChainStep } from './steps.ts'

/** A chased reward of two coordinates, with its derivative. */
export interface Surface {
  value(u: number, v: number): number
  gradient(u: number, v: number): readonly [number, number]
}

/** Points of the plane with their weights, which sum to 1. */
export interface PlaneLaw {
  readonly u: Float64Array
  readonly v: Float64Array
  readonly weights: Float64Array
}

interface Axis {
  readonly start: number
  readonly length: number
}

/** Density at (row r, column c), row by row. */
interface Grid {
  readonly rows: Axis
  readonly columns: Axis
  readonly spacing: number
  readonly density: Float64Array
}

/** Images of a grid's points. */
interface Means {
  readonly u: Float64Array
  readonly v: Float64Array
}

type Move = (u: number, v: number) => readonly [number, number]

const MOST_POINTS = 4_000_000

/** The law of the final point of the chain at scale s = 1/lambda. */
export function planeLaw(
  data: Data,
  chased: Surface,
  steps: readonly ChainStep[],
  scale: number,
  { density, reach }: Fineness,
): PlaneLaw {
  const moves = steps.map((step) => moveOf(data, chased, step, scale))
  let from = normal(1 / density, reach)
  for (const [k, { sigma }] of steps.slice(0, -1).entries()) {
    if (k === 0) from = fineEnough(from, moves[k], sigma / density, (spacing) => normal(spacing, reach))
    const means = over(from, moves[k])
    const here = from
    const make = (spacing: number) => pushed(here, means, sigma, spacing, reach)
    const sigmaNext = steps[k + 1].sigma > 0 ? steps[k + 1].sigma : sigma
    from = fineEnough(make(sigma / density), moves[k + 1], sigmaNext / density, make)
  }
  const total = from.density.reduce((sum, value) => sum + value, 0)
  return { ...over(from, moves[moves.length - 1]), weights: from.density.map((value) => value / total) }
}

/** A step's mean: image x0Hat + direction epsHat + s coefficient grad r2(x0Hat(x)). */
function moveOf(data: Data, chased: Surface, step: ChainStep, scale: number): Move {
  const { signal, noise, image, direction, coefficient } = step
  return (u, v) => {
    const { mean, jacobian } = data.posterior([u, v], signal, noise)
    const base = (x: number, x0Hat: number) => image * x0Hat + (direction * (x - signal * x0Hat)) / noise
    const [first, second] = [base(u, mean[0]), base(v, mean[1])]
    if (coefficient === 0 || scale === 0) return [first, second]
    const [gu, gv] = chased.gradient(mean[0], mean[1])
    const strength = scale * coefficient
    return [
      first + strength * (jacobian[0][0] * gu + jacobian[1][0] * gv),
      second + strength * (jacobian[0][1] * gu + jacobian[1][1] * gv),
    ]
  }
}

/** N(0, I), where the chain starts. */
function normal(spacing: number, reach: number): Grid {
  const half = Math.ceil(reach / spacing)
  const axis = { start: -half * spacing, length: 2 * half + 1 }
  const one = Float64Array.from({ length: axis.length }, (_, i) => Math.exp(-(((i - half) * spacing) ** 2) / 2))
  const density = new Float64Array(axis.length ** 2)
  for (let r = 0, at = 0; r < axis.length; r++) for (let c = 0; c < axis.length; c++) density[at++] = one[r] * one[c]
  return { rows: axis, columns: axis, spacing, density }
}

function over({ rows, columns, spacing, density }: Grid, move: Move): Means {
  const [us, vs] = [new Float64Array(density.length), new Float64Array(density.length)]
  for (let r = 0, at = 0; r < rows.length; r++) {
    for (let c = 0; c < columns.length; c++, at++) {
      const [u, v] = move(rows.start + r * spacing, columns.start + c * spacing)
      us[at] = u
      vs[at] = v
    }
  }
  return { u: us, v: vs }
}

/** The grid, made again with a smaller spacing where the move stretches it beyond `wanted` from point to point. */
function fineEnough(grid: Grid, move: Move, wanted: number, make: (spacing: number) => Grid): Grid {
  const { u, v } = over(grid, move)
  const { length } = grid.columns
  const least = NEGLIGIBLE * largest(grid.density)
  let stretched = 0
  for (let at = length + 1; at < u.length; at++) {
    if (grid.density[at] < least || at % length === 0) continue
    for (const before of [at - 1, at - length]) {
      stretched = Math.max(stretched, Math.hypot(u[at] - u[before], v[at] - v[before]))
    }
  }
  return stretched <= wanted ? grid : make((grid.spacing * wanted) / stretched)
}

/** Every point spread by N(mean, sigma^2 I) over a new grid. */
function pushed(from: Grid, { u, v }: Means, sigma: number, spacing: number, reach: number): Grid {
  const least = largest(from.density) * Math.exp((-reach * reach) / 2)
  const [rows, columns] = [u, v].map((means): Axis => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const [at, mean] of means.entries()) {
      if (from.density[at] < least) continue
      low = Math.min(low, mean)
      high = Math.max(high, mean)
    }
    const start = low - reach * sigma
    return { start, length: Math.ceil((high + reach * sigma - start) / spacing) + 1 }
  })
  const size = rows.length * columns.length
  if (!(size <= MOST_POINTS)) throw new Error(`a grid of ${size} points is too large: guidance is too strong`)
  const density = new Float64Array(size)
  const half = Math.ceil((reach * sigma) / spacing)
  const across = new Float64Array(2 * half + 1)
  const bell = (y: number, mean: number) => Math.exp(-(((y - mean) / sigma) ** 2) / 2)
  for (const [at, mass] of from.density.entries()) {
    if (mass < least) continue
    const [row, column] = [u[at] - rows.start, v[at] - columns.start].map((away) => Math.round(away / spacing))
    const [firstColumn, lastColumn] = [Math.max(0, column - half), Math.min(columns.length - 1, column + half)]
    for (let c = firstColumn; c <= lastColumn; c++) across[c - firstColumn] = bell(columns.start + c * spacing, v[at])
    const height = mass * (from.spacing / sigma) ** 2
    for (let r = Math.max(0, row - half); r <= Math.min(rows.length - 1, row + half); r++) {
      const along = height * bell(rows.start + r * spacing, u[at])
      const begin = r * columns.length
      for (let c = firstColumn; c <= lastColumn; c++) density[begin + c] += along * across[c - firstColumn]
    }
  }
  return { rows, columns, spacing, density }
}

const largest = (values: Float64Array): number => values.reduce((a, b) => Math.max(a, b), 0)
