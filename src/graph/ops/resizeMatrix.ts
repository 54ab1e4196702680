/** Interpolation along one axis as a matrix [out, in], by ONNX's rules for Resize. */
import type { Shape, Tensor } from '../../base/index.ts'
import { filled, sizeOf } from '../../base/index.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { constant } from '../symbolic.ts'
import { matmul } from './matmul.ts'
import { reshape } from './shape.ts'

/** Which input coordinate belongs to an output coordinate; names as in ONNX. */
export type Coordinates = 'half_pixel' | 'pytorch_half_pixel' | 'asymmetric' | 'align_corners'
/** How `nearest` rounds a coordinate; names as in ONNX. */
export type Rounding = 'floor' | 'ceil' | 'round_prefer_floor' | 'round_prefer_ceil'

/** How values between samples are found. */
export interface Interpolation {
  readonly mode: 'nearest' | 'linear'
  readonly coordinates: Coordinates
  /** Used by `nearest` alone. */
  readonly rounding: Rounding
}

const COORDINATES: Record<Coordinates, (i: number, scale: number, input: number, output: number) => number> = {
  half_pixel: (i, scale) => (i + 0.5) / scale - 0.5,
  pytorch_half_pixel: (i, scale, _, output) => (output > 1 ? (i + 0.5) / scale - 0.5 : 0),
  asymmetric: (i, scale) => i / scale,
  align_corners: (i, _, input, output) => (output > 1 ? (i * (input - 1)) / (output - 1) : 0),
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
 * The weights of every output element as a matrix [output, input]. Coordinates beyond the ends take the end's value.
 * @param scale output / input unless the caller asked for another
 */
export function interpolationMatrix(
  input: number,
  output: number,
  { mode, coordinates, rounding }: Interpolation,
  scale = output / input,
): Tensor<'float32'> {
  const matrix = filled([output, input])
  for (let i = 0; i < output; i++) {
    const x = COORDINATES[coordinates](i, scale, input, output)
    if (mode === 'nearest') {
      matrix.data[i * input + Math.min(Math.max(ROUNDING[rounding](x), 0), input - 1)] = 1
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
