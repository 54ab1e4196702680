/**
 * A first look over the whole range of lambda with few paths, the same items everywhere: does the judge respond at all, and in which valleys
 * may the objective be least?
 */
import { inputError } from '../../../base/index.ts'
import type { Shape } from '../estimators/gradientCurve.ts'
import type { EntropyRun } from '../run.ts'
import type { Basin } from './basins.ts'
import { basinsOf } from './basins.ts'
import type { GradientMethod, ProfilePoint } from './methods.ts'

/** Difference of two sums of squares, in units of the errors', that is no chance. */
const CLEARLY = 4

/** What the whole range looks like. */
export interface FirstLook {
  /** Where to search, the lowest first; none where r1 is the same at all scales but for rounding. */
  readonly basins: readonly Basin[]
}

/**
 * @throws `entropy.reward`, `entropy.judge` for a reward that gives every image the same value, or whose derivative is 0 everywhere, and
 *   for a judge that is the reward on another scale
 */
export async function explore(run: EntropyRun, method: GradientMethod): Promise<FirstLook> {
  const { draws, searchGrid: grid } = run
  run.progress('explore', 'a first look over the range', method.cost(grid.length) * method.first)
  const items = { first: 0, count: method.first }
  const points = await method.profile(grid, items)
  const rows = await method.values(grid, items, 'explore')
  checkRewards(run)
  for (const { at, mean, standardError, collapsed, paths } of points) {
    await run.iteration('explore', at, { mean, standardError, collapsed }, paths)
  }
  if (rows.every((row) => row.every((value, i) => Math.abs(value - rows[0][i]) <= 2 * draws.rounding)))
    return { basins: [] }
  const basins = basinsOf(grid, rows, knownFrom(points, grid)).map((basin) => ({
    ...basin,
    shape: shapeAbout(points, basin.at),
  }))
  run.progress('explore', `least near lambda = ${Math.exp(basins[0].at).toPrecision(2)}`, draws.evaluations)
  return { basins }
}

/** The first place of the grid from which on, towards the weakest guidance, all gradients steer. */
function knownFrom(points: readonly ProfilePoint[], grid: readonly number[]): number {
  const last = points.findLastIndex(({ steers }) => !steers)
  // Between two places, a gradient is of both.
  return Math.min(last + 1, grid.length - 1)
}

/** Gradients of the first look that tell of the shape, the nearest to the least. */
const SHAPE_POINTS = 5

/** What a first look tells is taken for no closer than this share of itself. */
const ROUGH = 0.02

/**
 * Log lambda, unless the gradients lie clearly nearer to those of a parabola in the scale s, whose derivative in log lambda is s times a
 * line in s: by weighted least squares.
 */
export function shapeAbout(points: readonly Omit<ProfilePoint, 'steers' | 'collapsed' | 'paths'>[], x: number): Shape {
  const near = [...points].sort((a, b) => Math.abs(a.at - x) - Math.abs(b.at - x)).slice(0, SHAPE_POINTS)
  const errors = near.map(({ mean, standardError }) => Math.hypot(standardError, ROUGH * mean))
  const misfit = (columns: (y: number, over: number) => [number, number]) => {
    const rows = near.map(({ at, mean, over }, i) => [...columns(at - x, over), mean].map((value) => value / errors[i]))
    const product = (a: number, b: number) => rows.reduce((sum, row) => sum + row[a] * row[b], 0)
    const determinant = product(0, 0) * product(1, 1) - product(0, 1) ** 2
    const first = (product(0, 2) * product(1, 1) - product(1, 2) * product(0, 1)) / determinant
    const second = (product(1, 2) * product(0, 0) - product(0, 2) * product(0, 1)) / determinant
    return rows.reduce((sum, row) => sum + (row[2] - first * row[0] - second * row[1]) ** 2, 0)
  }
  const log = misfit((y) => [1, y])
  // Means of e^-y and e^-2y over a step.
  const mean = (k: number, over: number) => (over === 0 ? 1 : Math.sinh((k * over) / 2) / ((k * over) / 2))
  const scale = misfit((y, over) => [Math.exp(-y) * mean(1, over), Math.exp(-2 * y) * mean(2, over)])
  return scale + CLEARLY < log ? 'scale' : 'log'
}

function checkRewards({ draws, job }: EntropyRun): void {
  const { reward, judge } = job
  for (const [which, code, { name }] of [
    ['lower', 'entropy.reward', reward],
    ['upper', 'entropy.judge', judge],
  ] as const) {
    const values = draws.values(which)
    if (values.some((value) => value !== values[0])) continue
    throw inputError(
      code,
      `lambda is determined by how reward and judge change, but '${name}' gave all of ${values.length} images the value ${values[0]}; ` +
        'choose one that tells images of this model apart',
    )
  }
  if (risesWith(draws.values('upper'), draws.values('lower'))) {
    throw inputError(
      'entropy.judge',
      `the judge must differ from the reward to notice over-optimisation, but '${judge.name}' is a multiple of '${reward.name}' plus a ` +
        'constant on every image; choose another judge',
    )
  }
  if (draws.unmoved) {
    throw inputError(
      'entropy.reward',
      `guidance follows the derivative of the reward, but that of '${reward.name}' is 0 at every step of every path; ` +
        'choose a reward with a derivative, or target tilt with estimator smc',
    )
  }
}

/** Of the judge's range: what rounding leaves of a straight line. */
const STRAIGHT = 1e-5

/** Whether y = a x + b with a > 0, but for rounding. */
function risesWith(y: readonly number[], x: readonly number[]): boolean {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [meanX, meanY] = [mean(x), mean(y)]
  const slope =
    mean(x.map((value, i) => (value - meanX) * (y[i] - meanY))) / mean(x.map((value) => (value - meanX) ** 2))
  const range = y.reduce((most, value) => Math.max(most, Math.abs(value - meanY)), 0)
  return slope > 0 && y.every((value, i) => Math.abs(value - meanY - slope * (x[i] - meanX)) <= STRAIGHT * range)
}
