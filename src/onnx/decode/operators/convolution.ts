/** Convolutions and pooling: padding that a file leaves to the engine (`auto_pad`), windows that hang over the end (`ceil_mode`). */
import { filled, sizeOf } from '../../../base/index.ts'
import type { Attribute, SymbolicTensor } from '../../../graph/index.ts'
import {
  abs,
  averagePool,
  constant,
  conv,
  div,
  mul,
  pow,
  reduceMax,
  reduceSum,
  reshape,
  sqrt,
  tensorOf,
} from '../../../graph/index.ts'
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
  if (!wanted)
    return asWritten(call, {
      attributes: { ...slidingAttributes(window, padsOf(call, window)), output_padding: extra },
    })
  const totals = window.input.map(
    (extent, axis) => window.strides[axis] * (extent - 1) + extra[axis] + reach(window, axis) - wanted[axis],
  )
  const pads = halves(
    totals.map((total) => Math.max(0, total)),
    rule === 'SAME_UPPER',
  )
  // Extents beyond what the windows reach are put at the end.
  const output_padding = extra.map((extent, axis) => extent + Math.max(0, -totals[axis]))
  return asWritten(call, { attributes: { ...slidingAttributes(window, pads), output_padding } })
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

/** The window of a pooling call with all its padding, and how much of that at the ends is there for `ceil_mode` alone. */
function pooledWindow(call: NodeCall) {
  const { attributes } = call
  const x = required(call, 0, 'X')
  const window = windowOf(call, x, attributes.ints('kernel_shape'))
  const given = padsOf(call, window)
  const over = attributes.int('ceil_mode', 0) !== 0 ? overhang(window, given) : window.input.map(() => 0)
  const axes = over.length
  const pads = [...given.slice(0, axes), ...over.map((extent, axis) => extent + given[axes + axis])]
  return { x, window, given, pads, over }
}

const maximum: Importer = (call) => {
  const { attributes, outputs } = call
  const { window, pads } = pooledWindow(call)
  if (outputs[1] && attributes.int('storage_order', 0) !== 0) throw refused('indices by columns are not offered')
  attributes.ignore('storage_order')
  return asWritten(call, { attributes: { ...slidingAttributes(window, pads), kernel_shape: window.kernel } })
}

/** How many of the taps of each window lie within the padded input, one after the other. */
function tapsWithin(
  { input, kernel, strides, dilations }: Window,
  padded: readonly number[],
  output: readonly number[],
): number[] {
  return input.reduce<number[]>(
    (counts, _, axis) =>
      counts.flatMap((count) =>
        Array.from({ length: output[axis] }, (_, at) => {
          const taps = Array.from({ length: kernel[axis] }, (_, tap) => at * strides[axis] + tap * dilations[axis])
          return count * taps.filter((place) => place < padded[axis]).length
        }),
      ),
    [1],
  )
}

/** A window's sum over a number for each of its places, one plane after the other. */
function windowSums(x: SymbolicTensor, window: Window, pads: readonly number[]): SymbolicTensor {
  const { input, kernel, strides, dilations } = window
  const planes = reshape(x, [sizeOf(x.shape.slice(0, 2)), 1, ...input])
  const ones = constant(filled([1, 1, ...kernel], 1))
  const sums = conv(planes, ones, { strides, dilations, padding: pads })
  return reshape(sums, [...x.shape.slice(0, 2), ...sums.shape.slice(2)])
}

/** An average counts what is real, or the padding too, but never what hangs over the end. */
const average: Importer = (call) => {
  const { x, window, given, pads, over } = pooledWindow(call)
  const countsPadding = call.attributes.int('count_include_pad', 0) !== 0
  const { kernel, strides, dilations, input } = window
  const isDilated = dilations.some((distance) => distance !== 1)
  const hangs = countsPadding && over.some((extent) => extent > 0)
  if (!isDilated && !hangs) return [averagePool(x, { kernel, strides, padding: pads, countPadding: countsPadding })]
  const sums = windowSums(x, window, pads)
  const axes = input.length
  const padded = input.map((extent, axis) => extent + given[axis] + given[axes + axis])
  const shape = sums.shape.slice(2)
  const counts = countsPadding
    ? constant(tensorOf('float32', [1, 1, ...shape], tapsWithin(window, padded, shape)))
    : windowSums(constant(filled([1, 1, ...input], 1)), window, pads)
  return [div(sums, counts)]
}

/** The p-norm of what each window sees. */
const norms: Importer = (call) => {
  const { x, window, pads } = pooledWindow(call)
  const p = call.attributes.int('p', 2)
  return [root(windowSums(power(x, p), window, pads), p)]
}

const power = (x: SymbolicTensor, p: number) => (p === 1 ? abs(x) : p === 2 ? mul(x, x) : pow(abs(x), p))
const root = (x: SymbolicTensor, p: number) => (p === 1 ? x : p === 2 ? sqrt(x) : pow(x, 1 / p))

const spatialAxes = (x: SymbolicTensor) => x.shape.slice(2).map((_, axis) => axis + 2)

export const convolution: ImporterTable = {
  Conv: convolution_,
  ConvTranspose: transposed,
  MaxPool: maximum,
  AveragePool: average,
  LpPool: norms,
  GlobalLpPool(call) {
    const [x, p] = [required(call, 0, 'X'), call.attributes.int('p', 2)]
    return [root(reduceSum(power(x, p), spatialAxes(x), true), p)]
  },
  GlobalMaxPool: (call) => [reduceMax(required(call, 0, 'X'), spatialAxes(required(call, 0, 'X')), true)],
}
