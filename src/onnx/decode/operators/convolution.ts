/** Convolutions and pooling: padding that a file leaves to the engine (`auto_pad`), windows that hang over the end (`ceil_mode`). */
import type { Attribute, SymbolicTensor } from '../../../graph/index.ts'
import { reduceMax } from '../../../graph/index.ts'
import type { Importer, ImporterTable, NodeCall } from '../importer.ts'
import { asWritten, refused, required } from '../importer.ts'

/** A window along the spatial axes of x. */
interface Window {
  readonly input: readonly number[]
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
}

/** The extent that a window covers along an axis. */
const reach = ({ kernel, dilations }: Window, axis: number) => dilations[axis] * (kernel[axis] - 1) + 1

function windowOf({ attributes }: NodeCall, x: SymbolicTensor, kernel: readonly number[]): Window {
  const input = x.shape.slice(2)
  const ones = input.map(() => 1)
  const window = {
    input,
    kernel,
    strides: attributes.ints('strides', ones),
    dilations: attributes.ints('dilations', ones),
  }
  for (const [name, values] of Object.entries({ kernel, strides: window.strides, dilations: window.dilations })) {
    if (values.length !== input.length) throw refused(`${name} must be ${input.length} numbers, got [${values}]`)
  }
  return window
}

/** Begins of all axes, then ends: the odd one at the end for SAME_UPPER, at the beginning for SAME_LOWER. */
function halves(totals: readonly number[], upper: boolean): number[] {
  const small = totals.map((total) => Math.floor(total / 2))
  const large = totals.map((total, axis) => total - small[axis])
  return upper ? [...small, ...large] : [...large, ...small]
}

/** Padding of the input: as given, or such that there is a result for every stride. */
function padsOf({ attributes }: NodeCall, window: Window): readonly number[] {
  const rule = attributes.string('auto_pad', 'NOTSET')
  const zeros = window.input.flatMap(() => [0, 0])
  const given = attributes.ints('pads', zeros)
  if (rule === 'NOTSET') return given
  if (rule === 'VALID') return zeros
  if (rule !== 'SAME_UPPER' && rule !== 'SAME_LOWER') throw refused(`its auto_pad '${rule}' is not known`)
  const totals = window.input.map((extent, axis) => {
    const stride = window.strides[axis]
    return Math.max(0, (Math.ceil(extent / stride) - 1) * stride + reach(window, axis) - extent)
  })
  return halves(totals, rule === 'SAME_UPPER')
}

const slidingAttributes = ({ strides, dilations }: Window, pads: readonly number[]): Record<string, Attribute> => ({
  strides,
  dilations,
  pads,
})

const convolution_: Importer = (call) => {
  const [x, w] = [required(call, 0, 'X'), required(call, 1, 'W')]
  const window = windowOf(call, x, w.shape.slice(2))
  return asWritten(call, { attributes: slidingAttributes(window, padsOf(call, window)) })
}

/** Padding of a transposed convolution: as given, or such that the output has the wanted extents. */
const transposed: Importer = (call) => {
  const { attributes } = call
  const [x, w] = [required(call, 0, 'X'), required(call, 1, 'W')]
  const window = windowOf(call, x, w.shape.slice(2))
  const rule = attributes.string('auto_pad', 'NOTSET')
  const extra = attributes.ints(
    'output_padding',
    window.input.map(() => 0),
  )
  const same = rule === 'SAME_UPPER' || rule === 'SAME_LOWER'
  const wanted = attributes.has('output_shape')
    ? attributes.ints('output_shape').slice(-window.input.length)
    : same
      ? window.input.map((extent, axis) => extent * window.strides[axis])
      : undefined
  const pads = wanted
    ? halves(
        window.input.map(
          (extent, axis) => window.strides[axis] * (extent - 1) + extra[axis] + reach(window, axis) - wanted[axis],
        ),
        rule === 'SAME_UPPER',
      )
    : padsOf(call, window)
  return asWritten(call, { attributes: { ...slidingAttributes(window, pads), output_padding: extra } })
}

/** How far the last window hangs over the padded input, along each axis; it must begin inside. */
function overhang(window: Window, pads: readonly number[]): number[] {
  const axes = window.input.length
  return window.input.map((extent, axis) => {
    const padded = extent + pads[axis] + pads[axes + axis]
    const steps = (padded - reach(window, axis)) / window.strides[axis]
    const begins = Math.ceil(steps) * window.strides[axis]
    const last = begins < extent + pads[axis] ? Math.ceil(steps) : Math.floor(steps)
    return Math.max(0, last * window.strides[axis] + reach(window, axis) - padded)
  })
}

const pooling: Importer = (call) => {
  const { attributes, operator } = call
  const x = required(call, 0, 'X')
  const window = windowOf(call, x, attributes.ints('kernel_shape'))
  const pads = padsOf(call, window)
  const over = attributes.int('ceil_mode', 0) !== 0 ? overhang(window, pads) : window.input.map(() => 0)
  const countsPadding = operator === 'AveragePool' && attributes.int('count_include_pad', 0) !== 0
  if (countsPadding && over.some((extent) => extent > 0)) {
    throw refused('an average that counts padding and hangs over the end (ceil_mode) is not offered')
  }
  if (call.outputs[1] && attributes.int('storage_order', 0) !== 0) throw refused('indices by columns are not offered')
  attributes.ignore('storage_order')
  const all = [...pads.slice(0, over.length), ...over.map((extent, axis) => extent + pads[over.length + axis])]
  const { dilations, ...rest } = slidingAttributes(window, all)
  const dilated = window.dilations.some((distance) => distance !== 1)
  return asWritten(call, {
    attributes: {
      ...rest,
      ...((dilated || operator === 'MaxPool') && { dilations }),
      kernel_shape: window.kernel,
      ...(operator === 'AveragePool' && { count_include_pad: Number(countsPadding) }),
    },
  })
}

const spatialAxes = (x: SymbolicTensor) => x.shape.slice(2).map((_, axis) => axis + 2)

export const convolution: ImporterTable = {
  Conv: convolution_,
  ConvTranspose: transposed,
  MaxPool: pooling,
  AveragePool: pooling,
  GlobalMaxPool: (call) => [reduceMax(required(call, 0, 'X'), spatialAxes(required(call, 0, 'X')), true)],
}
