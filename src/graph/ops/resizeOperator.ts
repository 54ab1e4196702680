/** ONNX's Resize: nearest and linear interpolation to any size. Cubic interpolation, cropping and antialiasing: `resample.ts`. */
import type { Shape } from '../../base/index.ts'
import { float32, int64 } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { Reference } from '../symbolic.ts'
import { constant, SymbolicTensor } from '../symbolic.ts'
import { isFloat } from './elementwise.ts'
import type { Coordinates, Interpolation, Rounding } from './resizeMatrix.ts'
import { alongAxis, interpolate, interpolationMatrix, isCoordinates, isRounding } from './resizeMatrix.ts'

type ResizeAttributes = {
  readonly mode: string
  readonly coordinate_transformation_mode: string
  readonly nearest_mode: string
}

/** Options of `resize`: `scales` or `sizes`, one number per axis of the input, the batch and the channels included. */
export interface ResizeOptions {
  readonly scales?: readonly number[]
  readonly sizes?: readonly number[]
  readonly mode?: 'nearest' | 'linear'
  /** Default `half_pixel`. */
  readonly coordinates?: Exclude<Coordinates, 'half_pixel_symmetric'>
  /** Default `round_prefer_floor`. */
  readonly rounding?: Rounding
}

function interpolationOf(attributes: ResizeAttributes): Interpolation {
  const { mode, coordinate_transformation_mode: coordinates, nearest_mode: rounding } = attributes
  if (mode !== 'nearest' && mode !== 'linear') throw new Error(`mode must be nearest or linear, got ${mode}`)
  if (!isCoordinates(coordinates) || coordinates === 'half_pixel_symmetric') {
    throw new Error(`coordinate transformation '${coordinates}' is not offered`)
  }
  if (!isRounding(rounding)) throw new Error(`nearest mode '${rounding}' is not known`)
  return { mode, coordinates, rounding }
}

type Numbers = SymbolicTensor | Reference | null | undefined

function numbersOf(value: Numbers): number[] {
  const data = value instanceof SymbolicTensor ? value.constant?.data : value?.data
  if (value && !data) throw new Error('scales and sizes must be constant')
  return Array.from((data ?? []) as ArrayLike<number | bigint>, Number)
}

/** Output shape and the scale of each axis: as given, or output / input where sizes are given. */
function target(shape: Shape, scalesInput: Numbers, sizesInput: Numbers): { shape: Shape; scales: readonly number[] } {
  const scales = numbersOf(scalesInput)
  const sizes = numbersOf(sizesInput)
  if (scales.length > 0 === sizes.length > 0) throw new Error('give scales or sizes, one of the two')
  const given = scales.length > 0 ? scales : sizes
  if (given.length !== shape.length || !given.every((value) => value > 0)) {
    throw new Error(`scales or sizes must be ${shape.length} positive numbers, one per axis, got [${given}]`)
  }
  if (sizes.length > 0) return { shape: sizes, scales: sizes.map((size, axis) => size / shape[axis]) }
  return { shape: shape.map((extent, axis) => Math.floor(extent * scales[axis])), scales }
}

const resizeOperator = defineOperator<ResizeAttributes>({
  name: 'Resize',
  since: 11,
  inputs: ['X', 'roi?', 'scales?', 'sizes?'],
  attributes: {
    mode: { kind: 'string', default: 'nearest' },
    coordinate_transformation_mode: { kind: 'string', default: 'half_pixel' },
    nearest_mode: { kind: 'string', default: 'round_prefer_floor' },
  },
  assumed: {
    antialias: 0,
    axes: null,
    cubic_coeff_a: -0.75,
    exclude_outside: 0,
    extrapolation_value: 0,
    keep_aspect_ratio_policy: 'stretch',
  },
  infer([x, roi, scales, sizes], attributes) {
    if (!isFloat(x!)) throw new Error('the input must be float; use cast')
    if (roi && roi.size > 0) throw new Error('cropping (roi) is not offered')
    interpolationOf(attributes)
    return [{ dtype: x!.dtype, shape: target(x!.shape, scales, sizes).shape }]
  },
  evaluate([x, , scales, sizes], attributes) {
    const to = target(x!.shape, scales, sizes)
    return [interpolate(x!.data, x!.shape, to.shape, interpolationOf(attributes), false, to.scales)]
  },
  differentiate({ inputs: [x, , scalesInput, sizesInput], attributes, cotangents: [g] }) {
    const how = interpolationOf(attributes)
    const { shape, scales } = target(x!.shape, scalesInput, sizesInput)
    const back = x!.shape.reduce(
      (value, extent, axis) =>
        extent === shape[axis] && scales[axis] === 1
          ? value
          : alongAxis(value, interpolationMatrix(extent, shape[axis], how, scales[axis]), axis, true),
      g!,
    )
    return [back, null, null, null]
  },
})

/**
 * Resizes any axes of a tensor by interpolation.
 * @example resize(x, { sizes: [1, 3, 28, 28], mode: 'linear' })
 * @throws `graph.shape`
 */
export function resize(x: SymbolicTensor, options: ResizeOptions): SymbolicTensor {
  const { scales, sizes, mode = 'nearest', coordinates = 'half_pixel', rounding = 'round_prefer_floor' } = options
  const scalesInput = scales ? constant(float32(scales)) : null
  const inputs = sizes ? [x, null, scalesInput, constant(int64(sizes))] : [x, null, scalesInput]
  return apply(resizeOperator, inputs, {
    mode,
    coordinate_transformation_mode: coordinates,
    nearest_mode: rounding,
  })[0]
}

/** Repeats each element `scales` times along each spatial axis of x [b, c, ...spatial]: nearest interpolation for whole factors. */
export function repeatElements(x: SymbolicTensor, scales: readonly number[]): SymbolicTensor {
  return resize(x, { scales: [1, 1, ...scales], mode: 'nearest', coordinates: 'asymmetric', rounding: 'floor' })
}
