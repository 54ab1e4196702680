/** Slices and padding: each is the derivative of the other. */
import type { Shape } from '../../base/index.ts'
import { sizeOf, stridesOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { Reference, SymbolicTensor } from '../symbolic.ts'
import { normalAxis, stridedOffsets } from './broadcast.ts'
import type { Operand } from './elementwise.ts'
import { lift, sub } from './elementwise.ts'
import { constantIntegers, integers, numbersOf, reshape } from './shape.ts'
import { reduceSum } from './sum.ts'

/** The elements start, start + step, ... before (for a negative step: after) `end`, along one axis. */
export interface SliceRange {
  readonly axis: number
  /** Default 0 (with a negative step the last). Negative: counted from the back. Beyond the ends: cut off. */
  readonly start?: number
  /** Default: to the end (with a negative step through 0). */
  readonly end?: number
  /** Not 0; default 1. */
  readonly step?: number
}

/** Start, step and number of elements along each axis of a sliced tensor. */
interface Cut {
  readonly start: number
  readonly step: number
  readonly count: number
}

/** ONNX's end for "through 0" with a negative step: far below any extent. */
const BEFORE_ALL = -(2 ** 31)
const AFTER_ALL = 2 ** 31 - 1

function cutOf(extent: number, start: number, end: number, step: number): Cut {
  if (!Number.isInteger(step) || step === 0) throw new Error(`a step must be an integer other than 0, got ${step}`)
  const fromFront = (index: number) => (index < 0 ? index + extent : index)
  const limit = (index: number, low: number, high: number) => Math.min(Math.max(fromFront(index), low), high)
  const first = step > 0 ? limit(start, 0, extent) : limit(start, 0, extent - 1)
  const last = step > 0 ? limit(end, 0, extent) : limit(end, -1, extent - 1)
  return { start: first, step, count: Math.max(0, Math.ceil((last - first) / step)) }
}

/** The cut of every axis, given the four integer inputs of ONNX's Slice. */
function cutsOf(shape: Shape, starts: number[], ends: number[], axes: number[], steps: number[]): Cut[] {
  const cuts = shape.map((extent): Cut => ({ start: 0, step: 1, count: extent }))
  starts.forEach((start, i) => {
    const axis = normalAxis(axes.length > 0 ? axes[i] : i, shape.length)
    cuts[axis] = cutOf(shape[axis], start, ends[i], steps.length > 0 ? steps[i] : 1)
  })
  return cuts
}

function symbolicCuts([x, starts, ends, axes, steps]: readonly (SymbolicTensor | null)[]): Cut[] {
  const optional = (value: SymbolicTensor | null, what: string) => (value ? constantIntegers(value, what) : [])
  return cutsOf(
    x!.shape,
    constantIntegers(starts, 'the starts'),
    constantIntegers(ends, 'the ends'),
    optional(axes, 'the axes'),
    optional(steps, 'the steps'),
  )
}

function referenceCuts([x, starts, ends, axes, steps]: readonly (Reference | null)[]): Cut[] {
  return cutsOf(x!.shape, numbersOf(starts), numbersOf(ends), numbersOf(axes), numbersOf(steps))
}

const sliceOperator = defineOperator<Record<string, never>>({
  name: 'Slice',
  since: 10,
  inputs: ['data', 'starts', 'ends', 'axes?', 'steps?'],
  infer: (inputs) => [{ dtype: inputs[0]!.dtype, shape: symbolicCuts(inputs).map(({ count }) => count) }],
  evaluate(inputs, _, [{ shape }]) {
    const x = inputs[0]!
    const cuts = referenceCuts(inputs)
    const strides = stridesOf(x.shape)
    const offsets = stridedOffsets(
      shape,
      cuts.map(({ step }, axis) => step * strides[axis]),
      cuts.reduce((offset, { start }, axis) => offset + start * strides[axis], 0),
    )
    return [Float64Array.from(offsets, (offset) => x.data[offset])]
  },
  differentiate({ inputs, cotangents: [g] }) {
    return [placeBack(g!, inputs[0]!.shape, symbolicCuts(inputs)), null, null, null, null]
  },
})

/** Puts a sliced tensor back where it came from, zeros elsewhere: reverse, spread by the step, pad. */
function placeBack(g: SymbolicTensor, shape: Shape, cuts: readonly Cut[]): SymbolicTensor {
  const reversed = cuts.flatMap(({ step, count }, axis) => (step < 0 && count > 1 ? [{ axis, step: -1 }] : []))
  const spread = cuts.reduce((value, { step }, axis) => spreadAxis(value, axis, Math.abs(step)), slice(g, reversed))
  const before = cuts.map(({ start, step, count }) => {
    if (count === 0) return 0
    return step < 0 ? start + step * (count - 1) : start
  })
  const after = shape.map((extent, axis) => extent - before[axis] - spread.shape[axis])
  return pad(spread, { before, after })
}

/** Puts `step` - 1 zeros between neighbours along an axis. */
function spreadAxis(x: SymbolicTensor, axis: number, step: number): SymbolicTensor {
  const extent = x.shape[axis]
  if (step === 1 || extent <= 1) return x
  const zeros = (at: number) => Array.from({ length: x.rank + 1 }, (_, i) => (i === at ? step - 1 : 0))
  const apart = pad(reshape(x, x.shape.toSpliced(axis + 1, 0, 1)), { before: zeros(-1), after: zeros(axis + 1) })
  const joined = reshape(apart, x.shape.with(axis, extent * step))
  return slice(joined, { axis, end: (extent - 1) * step + 1 })
}

/** Part of a tensor: every `step`-th element of a range, along one axis or several. */
export function slice(x: SymbolicTensor, ranges: SliceRange | readonly SliceRange[]): SymbolicTensor {
  const list = Array.isArray(ranges) ? (ranges as readonly SliceRange[]) : [ranges as SliceRange]
  if (list.length === 0) return x
  const steps = list.map(({ step = 1 }) => step)
  const starts = list.map(({ start }, i) => start ?? (steps[i] < 0 ? AFTER_ALL : 0))
  const ends = list.map(({ end }, i) => end ?? (steps[i] < 0 ? BEFORE_ALL : AFTER_ALL))
  const axes = list.map(({ axis }) => axis)
  return apply(sliceOperator, [x, integers(starts), integers(ends), integers(axes), integers(steps)], {})[0]
}

const padOperator = defineOperator<{ readonly mode: string }>({
  name: 'Pad',
  since: 11,
  inputs: ['data', 'pads', 'constant_value?'],
  attributes: { mode: { kind: 'string', default: 'constant' } },
  infer([x, pads, value], { mode }) {
    if (mode !== 'constant') throw new Error(`the only mode is constant, got ${mode}`)
    if (value && (value.rank !== 0 || value.dtype !== x!.dtype)) {
      throw new Error("the value must be a scalar of the input's element type")
    }
    const widths = constantIntegers(pads, 'the widths')
    if (widths.length !== 2 * x!.rank || widths.some((width) => !Number.isInteger(width) || width < 0)) {
      throw new Error(`before and after must hold ${x!.rank} integers of at least 0 each, got [${widths}]`)
    }
    return [{ dtype: x!.dtype, shape: x!.shape.map((extent, axis) => widths[axis] + extent + widths[axis + x!.rank]) }]
  },
  evaluate([x, pads, value], _, [{ shape }]) {
    const y = new Float64Array(sizeOf(shape)).fill(value?.data[0] ?? 0)
    const strides = stridesOf(shape)
    const start = strides.reduce((offset, stride, axis) => offset + stride * pads!.data[axis], 0)
    stridedOffsets(x!.shape, strides, start).forEach((offset, i) => {
      y[offset] = x!.data[i]
    })
    return [y]
  },
  differentiate({ inputs: [x, pads, value], cotangents: [g], wanted }) {
    const before = constantIntegers(pads, 'the widths')
    const ranges = x!.shape.flatMap((extent, axis) =>
      extent === g!.shape[axis] ? [] : [{ axis, start: before[axis], end: before[axis] + extent }],
    )
    const inside = slice(g!, ranges)
    return [inside, null, value && wanted[2] ? sub(reduceSum(g!), reduceSum(inside)) : null]
  },
})

/** How many elements are put before and after, one number per axis. */
export interface Padding {
  readonly before: readonly number[]
  readonly after: readonly number[]
}

/** Surrounds a tensor with a constant value. */
export function pad(x: SymbolicTensor, { before, after }: Padding, value: Operand = 0): SymbolicTensor {
  if (before.length === x.rank && after.length === x.rank && [...before, ...after].every((width) => width === 0))
    return x
  return apply(padOperator, [x, integers([...before, ...after]), lift(value, x.dtype)], { mode: 'constant' })[0]
}
