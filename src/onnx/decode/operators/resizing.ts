/** Resize and what it was called before. */
import type { Interpolation, SymbolicTensor } from '../../../graph/index.ts'
import { isCoordinates, isRounding, resample, resize } from '../../../graph/index.ts'
import type { ImporterTable, NodeCall } from '../importer.ts'
import { numbersOf, refused, required } from '../importer.ts'

/** Before operator set 11: corners of elements meet, and nearest is the one before when growing, the one after when shrinking. */
function early(call: NodeCall, scales: readonly number[]): SymbolicTensor[] {
  const mode = call.attributes.string('mode', 'nearest')
  if (mode !== 'nearest' && mode !== 'linear' && mode !== 'bilinear') throw refused(`its mode '${mode}' is not offered`)
  const [shrinks, grows] = [scales.some((scale) => scale < 1), scales.some((scale) => scale > 1)]
  if (shrinks && grows && mode === 'nearest') throw refused('nearest that both shrinks and grows is not offered')
  return [
    resize(required(call, 0, 'X'), {
      scales,
      mode: mode === 'nearest' ? 'nearest' : 'linear',
      coordinates: 'asymmetric',
      rounding: shrinks ? 'ceil' : 'floor',
    }),
  ]
}

/** The axes that are resized, with what the file gives for each of them. */
interface Request {
  readonly axes: readonly number[]
  readonly scales?: readonly number[]
  readonly sizes?: readonly number[]
  /** Starts of all these axes, then ends, in fractions of their extents. */
  readonly roi?: readonly number[]
}

const given = (values: readonly number[] | undefined) => (values && values.length > 0 ? values : undefined)

function requestOf({ inputs, attributes, opset }: NodeCall, rank: number): Request {
  const all = Array.from({ length: rank }, (_, axis) => axis)
  const axes = opset >= 18 ? attributes.ints('axes', all).map((axis) => (axis < 0 ? axis + rank : axis)) : all
  const [scales, sizes] = [given(numbersOf(inputs[2], 'scales')), given(numbersOf(inputs[3], 'sizes'))]
  if ((scales === undefined) === (sizes === undefined))
    throw refused('it must be given scales or sizes, one of the two')
  const values = scales ?? sizes ?? []
  if (values.length !== axes.length || !values.every((value) => value > 0)) {
    throw refused(`scales or sizes must be ${axes.length} positive numbers, one for each axis, got [${values}]`)
  }
  const roi = given(numbersOf(inputs[1], 'roi'))
  return { axes, ...(scales ? { scales } : { sizes: values }), ...(roi && { roi }) }
}

/** Extents and scales of the axes that are resized. */
interface Target {
  readonly sizes: readonly number[]
  readonly scales: readonly number[]
}

/** A shape that is not to be stretched is scaled by one number, so that it is as wanted along one axis and not larger, or not smaller, along the others. */
function targetOf({ axes, scales, sizes, roi }: Request, x: SymbolicTensor, policy: string): Target {
  const extents = axes.map((axis) => x.shape[axis])
  if (scales) {
    const covered = (i: number) => (roi ? roi[axes.length + i] - roi[i] : 1)
    return { scales, sizes: extents.map((extent, i) => Math.floor(extent * covered(i) * scales[i])) }
  }
  const wanted = sizes ?? []
  const ratios = wanted.map((size, i) => size / extents[i])
  if (policy === 'stretch') return { sizes: wanted, scales: ratios }
  if (policy !== 'not_larger' && policy !== 'not_smaller')
    throw refused(`its keep_aspect_ratio_policy '${policy}' is not known`)
  const scale = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios)
  return { sizes: extents.map((extent) => Math.round(extent * scale)), scales: ratios.map(() => scale) }
}

function resized(call: NodeCall): SymbolicTensor[] {
  const x = required(call, 0, 'X')
  const { attributes } = call
  const mode = attributes.string('mode', 'nearest')
  const coordinates = attributes.string('coordinate_transformation_mode', 'half_pixel')
  const rounding = attributes.string('nearest_mode', 'round_prefer_floor')
  if (mode !== 'nearest' && mode !== 'linear' && mode !== 'cubic') throw refused(`its mode '${mode}' is not known`)
  if (!isRounding(rounding)) throw refused(`its nearest_mode '${rounding}' is not known`)
  const crops = coordinates === 'tf_crop_and_resize'
  if (!crops && !isCoordinates(coordinates))
    throw refused(`its coordinate transformation '${coordinates}' is not known`)
  const request = requestOf(call, x.rank)
  const { axes, roi } = crops ? request : { ...request, roi: undefined }
  const { sizes, scales } = targetOf({ ...request, roi }, x, attributes.string('keep_aspect_ratio_policy', 'stretch'))
  const antialias = attributes.int('antialias', 0) !== 0 && mode !== 'nearest'
  const how = {
    mode,
    rounding,
    antialias,
    cubicCoefficient: attributes.float('cubic_coeff_a', -0.75),
    excludeOutside: attributes.int('exclude_outside', 0) !== 0 && mode !== 'nearest',
  } as const
  const beyond = attributes.float('extrapolation_value', 0)
  const spread = <T>(values: readonly T[], rest: (axis: number) => T): T[] =>
    x.shape.map((_, axis) => (axes.includes(axis) ? values[axes.indexOf(axis)] : rest(axis)))
  const shape = spread(sizes, (axis) => x.shape[axis])
  const shrinks = shape.some((extent, axis) => extent < x.shape[axis])
  if (
    mode !== 'cubic' &&
    !crops &&
    coordinates !== 'half_pixel_symmetric' &&
    !(antialias && shrinks) &&
    !how.excludeOutside
  ) {
    const exact = request.scales ? { scales: spread(scales, () => 1) } : { sizes: shape }
    if (request.scales || attributes.string('keep_aspect_ratio_policy', 'stretch') === 'stretch') {
      return [resize(x, { ...exact, mode, coordinates, rounding })]
    }
  }
  if (crops && roi?.length !== 2 * axes.length)
    throw refused(`its roi must be ${2 * axes.length} numbers, got [${roi ?? ''}]`)
  const along = axes.map((axis, i): Interpolation | undefined => {
    if (crops && roi) return { ...how, coordinates: { start: roi[i], end: roi[axes.length + i] } }
    if (!isCoordinates(coordinates) || (sizes[i] === x.shape[axis] && scales[i] === 1)) return undefined
    return { ...how, coordinates }
  })
  return [
    resample(x, {
      sizes: shape,
      scales: spread(scales, () => 1),
      along: spread<Interpolation | undefined>(along, () => undefined),
      beyond,
    }),
  ]
}

export const resizing: ImporterTable = {
  Upsample(call) {
    const scales = call.opset >= 9 ? numbersOf(required(call, 1, 'scales'), 'scales') : call.attributes.floats('scales')
    return early(call, scales ?? [])
  },

  Resize(call) {
    if (call.opset < 11) return early(call, numbersOf(required(call, 1, 'scales'), 'scales') ?? [])
    return resized(call)
  },
}
