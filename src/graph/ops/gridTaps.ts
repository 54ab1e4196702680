/**
 * Reading an image at places between its pixels, in operators that have derivatives: along each axis a place takes a few pixels (taps) with weights
 * that are polynomials of where it lies between them; pixels are gathered, and the derivative scatters to them. Any number of axes.
 */
import { sizeOf, stridesOf } from '../../base/index.ts'
import { constant, type SymbolicTensor } from '../symbolic.ts'
import { tensorOf } from '../values.ts'
import { cast, stopGradient } from './cast.ts'
import { and, clip, equal, greaterOrEqual, lessOrEqual, minimum, or, where } from './compare.ts'
import { concat } from './concat.ts'
import { add, floor, mul, round, sub } from './elementwise.ts'
import { gather } from './gather.ts'
import { reshape, transpose } from './shape.ts'
import { slice } from './slice.ts'
import { expand, reduceSum } from './sum.ts'

const PADDINGS = ['zeros', 'border', 'reflection'] as const
export type GridPadding = (typeof PADDINGS)[number]
export const isGridPadding = (name: string): name is GridPadding => PADDINGS.some((padding) => padding === name)

export interface GridSampling {
  readonly mode: 'nearest' | 'linear' | 'cubic'
  readonly padding: GridPadding
  readonly alignCorners: boolean
}

/** a of Keys' cubic kernel, which GridSample leaves no choice of. */
export const CUBIC_COEFFICIENT = -0.75

/** A column of numbers, [n, 1]. */
const column = (like: SymbolicTensor, numbers: readonly number[]): SymbolicTensor =>
  constant(tensorOf(like.dtype, [numbers.length, 1], numbers))

/** c[0] + c[1] t + c[2] t^2 + ... */
const polynomial = (t: SymbolicTensor, [first, ...rest]: readonly number[]): SymbolicTensor =>
  rest.length === 0
    ? expand(constant(tensorOf(t.dtype, [], [first])), t.shape)
    : add(
        mul(rest.length === 1 ? expand(constant(tensorOf(t.dtype, [], rest)), t.shape) : polynomial(t, rest), t),
        first,
      )

/** Offsets of the taps from the pixel before a place, and the weight of each by the fraction f of a pixel beyond it. */
function kernelOf(mode: 'linear' | 'cubic', f: SymbolicTensor): { offsets: number[]; weights: SymbolicTensor[] } {
  const rest = sub(1, f)
  if (mode === 'linear') return { offsets: [0, 1], weights: [rest, f] }
  const a = CUBIC_COEFFICIENT
  const near = [1, 0, -(a + 3), a + 2]
  // The outer part of the kernel at a distance of 1 + t.
  const far = [0, a, -2 * a, a]
  const inside = [f, rest].map((t) => polynomial(t, near))
  return {
    offsets: [-1, 0, 1, 2],
    weights: [polynomial(f, far), ...inside, polynomial(rest, far)],
  }
}

/** Taps of places along an axis, both [taps, places]: pixels that are there, and weights, 0 where one stands for zeros outside. */
interface Taps {
  readonly pixels: SymbolicTensor
  readonly weights: SymbolicTensor
}

/** @param c [1, places] coordinates, -1 to 1 across the axis */
function tapsAlong(c: SymbolicTensor, extent: number, { mode, padding, alignCorners }: GridSampling): Taps {
  const across = alignCorners ? extent - 1 : extent
  // In the order of operations of engines, whose rounding decides between neighbours.
  const at = alignCorners ? mul(mul(add(c, 1), 0.5), across) : mul(sub(mul(add(c, 1), across), 1), 0.5)
  const first = stopGradient(mode === 'nearest' ? round(at) : floor(at))
  const last = extent - 1
  const pixelsOf = (places: SymbolicTensor) =>
    padding === 'reflection' ? mirrored(places, extent, alignCorners) : clip(places, 0, last)
  if (mode === 'nearest') return masked({ pixels: pixelsOf(first), weights: add(mul(at, 0), 1) }, first, last, padding)
  const fraction = sub(at, first)
  // On the outermost pixels themselves the derivative jumps: PyTorch takes 0 there, so the same is taken.
  const isKink = () => {
    const pixel = pixelsOf(first)
    return and(equal(fraction, 0), or(equal(pixel, 0), equal(pixel, last)))
  }
  const f = mode === 'linear' && padding !== 'zeros' ? where(isKink(), stopGradient(fraction), fraction) : fraction
  const { offsets, weights } = kernelOf(mode, f)
  const places = add(first, column(c, offsets))
  return masked({ pixels: pixelsOf(places), weights: concat(weights, 0) }, places, last, padding)
}

/** Taps where what lies outside counts as zeros: those have no weight. */
function masked({ pixels, weights }: Taps, places: SymbolicTensor, last: number, padding: GridPadding): Taps {
  if (padding !== 'zeros') return { pixels, weights }
  return { pixels, weights: where(and(greaterOrEqual(places, 0), lessOrEqual(places, last)), weights, 0) }
}

/** Places mirrored at the middles of the outermost pixels, or at their outer edges: the image and its mirror image in turn. */
function mirrored(places: SymbolicTensor, extent: number, atMiddles: boolean): SymbolicTensor {
  const period = atMiddles ? 2 * (extent - 1) : 2 * extent
  if (period === 0) return mul(places, 0)
  const turns = floor(mul(places, 1 / period))
  const within = sub(places, mul(turns, period))
  return clip(minimum(within, sub(atMiddles ? period : period - 1, within)), 0, extent - 1)
}

/**
 * x [b, c, ...spatial] at the places of grid [b, ...places, axes], whose last axis holds the coordinate of the last spatial axis first:
 * [b, c, ...places]. By nearest pixels the derivative in the grid is 0.
 */
export function sampleByTaps(x: SymbolicTensor, grid: SymbolicTensor, how: GridSampling): SymbolicTensor {
  const [batch, channels, ...spatial] = x.shape
  const [pixelsEach, axes] = [sizeOf(spatial), spatial.length]
  const outside = grid.shape.slice(1, -1)
  const places = batch * sizeOf(outside)
  const rows = reshape(grid, [places, axes])
  const taps = spatial.map((extent, axis) => {
    const at = axes - 1 - axis
    return tapsAlong(reshape(slice(rows, { axis: 1, start: at, end: at + 1 }), [1, places]), extent, how)
  })
  const counts = taps.map(({ weights }) => weights.shape[0])
  /** [taps, places] of an axis, as [1, .., taps, .., 1, places]. */
  const spread = (value: SymbolicTensor, axis: number) =>
    reshape(value, [...counts.map((count, i) => (i === axis ? count : 1)), places])
  const strides = stridesOf(spatial)
  const image = Float64Array.from({ length: places }, (_, i) => pixelsEach * Math.floor(i / sizeOf(outside)))
  const starts = constant(tensorOf('int64', [places], image))
  const indices = taps.reduce(
    (sum: SymbolicTensor, { pixels }, axis) =>
      add(
        sum,
        mul(spread(cast(stopGradient(pixels), 'int64'), axis), constant(tensorOf('int64', [], [strides[axis]]))),
      ),
    starts,
  )
  const weights = taps.map(({ weights: own }, axis) => spread(own, axis)).reduce(mul)
  const count = sizeOf(counts)
  const byPixel = reshape(transpose(reshape(x, [batch, channels, pixelsEach]), [0, 2, 1]), [
    batch * pixelsEach,
    channels,
  ])
  const read = reshape(gather(byPixel, reshape(indices, [count * places])), [count, places, channels])
  const weighted = mul(read, cast(reshape(weights, [count, places, 1]), x.dtype))
  const sums = reshape(reduceSum(weighted, [0]), [batch, sizeOf(outside), channels])
  return reshape(transpose(sums, [0, 2, 1]), [batch, channels, ...outside])
}
