/** Interpolation along one axis as a matrix [out, in], by ONNX's rules for Resize. */
import type { Shape, Tensor } from '../../base/index.ts'
import { filled, sizeOf } from '../../base/index.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { constant } from '../symbolic.ts'
import { matmul } from './matmul.ts'
import { reshape } from './shape.ts'

/** Which input coordinate belongs to an output coordinate; names as in ONNX. */
export type Coordinates = 'half_pixel' | 'pytorch_half_pixel' | 'half_pixel_symmetric' | 'asymmetric' | 'align_corners'
/** How `nearest` rounds a coordinate; names as in ONNX. */
export type Rounding = 'floor' | 'ceil' | 'round_prefer_floor' | 'round_prefer_ceil'

/** How values between samples are found. */
export interface Interpolation {
  readonly mode: 'nearest' | 'linear' | 'cubic'
  readonly coordinates: Coordinates | Crop
  /** Used by `nearest` alone. */
  readonly rounding: Rounding
  /** Where an axis shrinks, whether linear and cubic interpolation weigh all it would skip; default false. */
  readonly antialias?: boolean
  /** The slope of the cubic kernel at 1 (Keys 1981); default -0.75. */
  readonly cubicCoefficient?: number
  /** Whether weights beyond the ends count nothing (the others sum to 1) instead of counting for the ends; default false. */
  readonly excludeOutside?: boolean
}

/** Part of the axis from `start` to `end`, in fractions of its extent, its corners aligned: ONNX's `tf_crop_and_resize`. */
export interface Crop {
  readonly start: number
  readonly end: number
}

/** A number as it is, or as float32. */
type Precision = (x: number) => number

const COORDINATES: Record<
  Coordinates,
  (i: number, scale: number, input: number, output: number, r: Precision) => number
> = {
  half_pixel: (i, scale, _, __, r) => r(r((i + 0.5) / scale) - 0.5),
  half_pixel_symmetric(i, scale, input, output, r) {
    const adjustment = r(output / r(scale * input))
    const offset = r((input / 2) * r(1 - adjustment))
    return r(r(offset + r((i + 0.5) / scale)) - 0.5)
  },
  pytorch_half_pixel: (i, scale, _, output, r) => (output > 1 ? r(r((i + 0.5) / scale) - 0.5) : 0),
  asymmetric: (i, scale, _, __, r) => r(i / scale),
  align_corners: (i, _, input, output, r) => (output > 1 ? r(r(i * (input - 1)) / (output - 1)) : 0),
}

const ROUNDING: Record<Rounding, (x: number) => number> = {
  floor: Math.floor,
  ceil: Math.ceil,
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
}

export const isCoordinates = (name: string): name is Coordinates => Object.hasOwn(COORDINATES, name)
export const isRounding = (name: string): name is Rounding => Object.hasOwn(ROUNDING, name)

/**
 * The place on the input axis of output element i, which may lie outside. For `nearest` it is computed in float32, as engines do: where it lies
 * halfway between two elements, the last bit decides.
 */
function placeOf(
  { coordinates, mode }: Interpolation,
  i: number,
  scale: number,
  input: number,
  output: number,
): number {
  const precision: Precision = mode === 'nearest' ? Math.fround : (x) => x
  if (typeof coordinates === 'string') {
    return COORDINATES[coordinates](i, precision(scale), input, output, precision)
  }
  const { start, end } = coordinates
  const along = output > 1 ? start + (i * (end - start)) / (output - 1) : (start + end) / 2
  return along * (input - 1)
}

/** Whether output elements are cut out of nothing: for which of them a crop reaches beyond the input. */
export function outsideOf(how: Interpolation, input: number, output: number): boolean[] {
  return Array.from({ length: output }, (_, i) => {
    const x = placeOf(how, i, output / input, input, output)
    return typeof how.coordinates !== 'string' && (x < 0 || x > input - 1)
  })
}

/** Weight of a sample at that distance. */
const KERNELS = {
  linear: { reach: 1, at: (d: number) => Math.max(0, 1 - Math.abs(d)) },
  cubic: {
    reach: 2,
    at(distance: number, a: number) {
      const d = Math.abs(distance)
      if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1
      return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0
    },
  },
}

/** The weights around place x, wider than one sample where the axis shrinks and `antialias` is set, on a row of the matrix. */
function weighAround(x: number, scale: number, how: Interpolation, row: Float32Array): void {
  const { mode, antialias = false, cubicCoefficient = -0.75, excludeOutside = false } = how
  const { reach, at } = KERNELS[mode === 'cubic' ? 'cubic' : 'linear']
  const narrow = antialias ? Math.min(scale, 1) : 1
  const first = Math.ceil(x - reach / narrow)
  const last = row.length - 1
  const taps: { readonly place: number; readonly weight: number }[] = []
  for (let place = first; place <= x + reach / narrow; place++) {
    if (excludeOutside && (place < 0 || place > last)) continue
    taps.push({ place: Math.min(Math.max(place, 0), last), weight: at((place - x) * narrow, cubicCoefficient) })
  }
  const total = taps.reduce((sum, { weight }) => sum + weight, 0)
  const sums = new Float64Array(row.length)
  for (const { place, weight } of taps) sums[place] += weight / total
  row.set(sums)
}

/** Whether the weights are those of the two neighbours. */
const isPlainLinear = ({ mode, antialias, excludeOutside }: Interpolation, scale: number): boolean =>
  mode === 'linear' && !excludeOutside && !(antialias && scale < 1)

/**
 * The weights of every output element as a matrix [output, input]. Coordinates beyond the ends take the end's value.
 * @param scale output / input unless the caller asked for another
 */
export function interpolationMatrix(
  input: number,
  output: number,
  how: Interpolation,
  scale = output / input,
): Tensor<'float32'> {
  const matrix = filled([output, input])
  for (let i = 0; i < output; i++) {
    const x = placeOf(how, i, scale, input, output)
    if (how.mode === 'nearest') {
      matrix.data[i * input + Math.min(Math.max(ROUNDING[how.rounding](x), 0), input - 1)] = 1
      continue
    }
    if (!isPlainLinear(how, scale)) {
      weighAround(x, scale, how, matrix.data.subarray(i * input, (i + 1) * input))
      continue
    }
    const inside = Math.min(Math.max(x, 0), input - 1)
    const left = Math.floor(inside)
    const right = Math.min(left + 1, input - 1)
    matrix.data[i * input + left] += 1 - (inside - left)
    matrix.data[i * input + right] += inside - left
  }
  return matrix
}

/** Multiplies along an axis by a matrix [out, in], or by its transpose (from out to in). */
export function alongAxis(
  x: SymbolicTensor,
  matrix: Tensor<'float32'>,
  axis: number,
  transposed: boolean,
): SymbolicTensor {
  const result = x.shape.with(axis, matrix.shape[transposed ? 1 : 0])
  const before = sizeOf(x.shape.slice(0, axis))
  const after = sizeOf(x.shape.slice(axis + 1))
  if (after === 1) {
    const right = constant(transposed ? matrix : transposeOf(matrix))
    return reshape(matmul(reshape(x, [before, x.shape[axis]]), right), result)
  }
  const left = constant(transposed ? transposeOf(matrix) : matrix)
  return reshape(matmul(left, reshape(x, [before, x.shape[axis], after])), result)
}

function transposeOf({ shape: [rows, columns], data }: Tensor<'float32'>): Tensor<'float32'> {
  const transposed = filled([columns, rows])
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) transposed.data[j * rows + i] = data[i * columns + j]
  return transposed
}

/**
 * Reference evaluation: from an array of shape `from` to one of shape `to`, axis by axis; `transposed` for the derivative, whose
 * matrices are those from `to` to `from`.
 */
export function interpolate(
  data: Float64Array,
  from: Shape,
  to: Shape,
  how: Interpolation,
  transposed: boolean,
  scales?: readonly number[],
): Float64Array {
  let values = data
  let shape = from
  from.forEach((extent, axis) => {
    if (extent === to[axis] && (scales?.[axis] ?? 1) === 1) return
    const [input, output] = transposed ? [to[axis], extent] : [extent, to[axis]]
    const matrix = interpolationMatrix(input, output, how, scales?.[axis])
    values = multiplyAxis(values, shape, axis, transposed ? transposeOf(matrix) : matrix)
    shape = shape.with(axis, to[axis])
  })
  return values
}

function multiplyAxis(
  x: Float64Array,
  shape: Shape,
  axis: number,
  { data: matrix, shape: [rows, columns] }: Tensor<'float32'>,
) {
  const before = sizeOf(shape.slice(0, axis))
  const after = sizeOf(shape.slice(axis + 1))
  const y = new Float64Array(before * rows * after)
  for (let b = 0; b < before; b++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const weight = matrix[i * columns + j]
        if (weight === 0) continue
        for (let a = 0; a < after; a++) y[(b * rows + i) * after + a] += weight * x[(b * columns + j) * after + a]
      }
    }
  }
  return y
}
