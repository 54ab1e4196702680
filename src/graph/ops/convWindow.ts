/**
 * The geometry that convolutions and pooling share: a window of `kernel` taps slides over the spatial axes, and output position p
 * sees, along each axis, the input positions p * stride - padBegin + k * dilation. Any number of spatial axes.
 */
import type { Shape } from '../../base/index.ts'
import { sizeOf } from '../../base/index.ts'
import type { TensorType } from '../symbolic.ts'

/** ONNX attributes of a window, one number per spatial axis; `pads` holds all begins, then all ends. */
export type WindowAttributes = {
  readonly strides: readonly number[]
  readonly pads: readonly number[]
  readonly dilations: readonly number[]
}

/** A window with the extents it moves over. */
export interface SlidingWindow extends WindowAttributes {
  readonly input: Shape
  readonly kernel: Shape
  readonly output: Shape
}

/** One number for all spatial axes, or one for each. */
export type PerAxis = number | readonly number[]

/** What a caller says of a window. */
export interface WindowOptions {
  /** Step of the window, at least 1; default 1. */
  readonly strides?: PerAxis
  /** Zeros (for maxima: nothing) around the input: one number for all sides, or [begin..., end...]; default 0. */
  readonly padding?: PerAxis
  /** Distance between taps, at least 1; default 1. */
  readonly dilations?: PerAxis
}

const repeated = (value: PerAxis, count: number): readonly number[] =>
  typeof value === 'number' ? new Array<number>(count).fill(value) : value

type Inputs = readonly (TensorType | null)[]

/** One number for each spatial axis of the first input, [b, c, ...spatial]. */
const perAxis = ([x]: Inputs, value: number): number[] => (x?.shape.slice(2) ?? []).map(() => value)

/** What files mean that leave out strides or dilations; paddings of the output; pads, at the beginning and the end of each axis. */
export const onesPerAxis = (inputs: Inputs): number[] => perAxis(inputs, 1)
export const zerosPerAxis = (inputs: Inputs): number[] => perAxis(inputs, 0)
export const zerosPerSide = (inputs: Inputs): number[] => [...zerosPerAxis(inputs), ...zerosPerAxis(inputs)]

/** The kernel that the second input, a weight [o, i, ...kernel], has anyway. */
export const kernelOfWeight = ([, w]: Inputs): number[] => w?.shape.slice(2) ?? []

/** Options as attributes over `axes` spatial axes. Their lengths are checked by `slidingWindow`. */
export function windowAttributes({ strides = 1, padding = 0, dilations = 1 }: WindowOptions, axes: number) {
  return {
    strides: repeated(strides, axes),
    pads: repeated(padding, 2 * axes),
    dilations: repeated(dilations, axes),
  }
}

/** Extent along one axis of the input that a window at one position covers. */
export const reach = (kernel: number, dilation: number): number => dilation * (kernel - 1) + 1

/**
 * Checks attributes against extents and finds the output extents, floor((input + pads - reach) / stride) + 1.
 * @throws Error if an attribute has the wrong length or range, or the window does not fit once
 */
export function slidingWindow(input: Shape, kernel: Shape, attributes: WindowAttributes): SlidingWindow {
  const axes = input.length
  const { strides, pads, dilations } = attributes
  if (kernel.length !== axes) throw new Error(`the kernel needs ${axes} spatial extents, got [${kernel}]`)
  checkIntegers('kernel', kernel, axes, 1)
  checkIntegers('strides', strides, axes, 1)
  checkIntegers('dilations', dilations, axes, 1)
  checkIntegers('padding', pads, 2 * axes, 0)
  const output = input.map((extent, axis) => {
    const padded = extent + pads[axis] + pads[axes + axis]
    const covered = reach(kernel[axis], dilations[axis])
    if (covered > padded) {
      throw new Error(`a window of ${covered} does not fit the padded input of ${padded} along spatial axis ${axis}`)
    }
    return Math.floor((padded - covered) / strides[axis]) + 1
  })
  return { input, kernel, output, strides, pads, dilations }
}

export function checkIntegers(name: string, values: readonly number[], count: number, least: number): void {
  if (values.length === count && values.every((value) => Number.isInteger(value) && value >= least)) return
  throw new Error(`${name} must be ${count} integers of at least ${least} (one for all also does), got [${values}]`)
}

/**
 * For each output position and tap (row-major [...output, ...kernel]) the offset of the input element seen there, -1 in the padding.
 */
export function windowTaps({ input, kernel, output, strides, pads, dilations }: SlidingWindow): Int32Array {
  let table = Int32Array.of(0)
  let positions = 1
  let taps = 1
  input.forEach((extent, axis) => {
    const next = new Int32Array(positions * output[axis] * taps * kernel[axis])
    let at = 0
    for (let before = 0; before < positions; before++) {
      for (let p = 0; p < output[axis]; p++) {
        for (let tap = 0; tap < taps; tap++) {
          const offset = table[before * taps + tap]
          for (let k = 0; k < kernel[axis]; k++) {
            const i = p * strides[axis] - pads[axis] + k * dilations[axis]
            next[at++] = offset < 0 || i < 0 || i >= extent ? -1 : offset * extent + i
          }
        }
      }
    }
    table = next
    positions *= output[axis]
    taps *= kernel[axis]
  })
  return table
}

/** A convolution's window with its channels: x [batch, channels, ...], w [filters, channels / groups, ...kernel]. */
export interface ConvLayout {
  readonly batch: number
  readonly channels: number
  readonly filters: number
  readonly groups: number
  readonly window: SlidingWindow
}

/** ONNX attributes of a convolution. */
export type ConvAttributes = WindowAttributes & { readonly group: number }

export const CONV_ATTRIBUTES = {
  strides: { kind: 'ints', default: onesPerAxis },
  pads: { kind: 'ints', default: zerosPerSide },
  dilations: { kind: 'ints', default: onesPerAxis },
  group: { kind: 'int', default: 1 },
} as const

/** Checks the shapes of a convolution. @throws Error with what must hold */
export function convLayout(x: Shape, w: Shape, attributes: ConvAttributes): ConvLayout {
  const { group } = attributes
  if (x.length < 3) throw new Error(`the input must be [batch, channels, ...spatial], got [${x}]`)
  if (w.length !== x.length) throw new Error(`the weight must have ${x.length} axes as the input has, got [${w}]`)
  const [batch, channels, ...input] = x
  const [filters, perGroup, ...kernel] = w
  checkIntegers('groups', [group], 1, 1)
  if (channels % group !== 0 || filters % group !== 0) {
    throw new Error(`${group} groups must divide the ${channels} input and the ${filters} output channels`)
  }
  if (perGroup !== channels / group) {
    throw new Error(
      `the weight needs ${channels / group} channels per filter (${channels} / ${group} groups), got ${perGroup}`,
    )
  }
  return { batch, channels, filters, groups: group, window: slidingWindow(input, kernel, attributes) }
}

/** Shape of the convolution's output. */
export function convOutput({ batch, filters, window }: ConvLayout): Shape {
  return [batch, filters, ...window.output]
}

/** Checks that g has the shape of the convolution's output. */
export function checkCotangent(g: TensorType, layout: ConvLayout): void {
  const wanted = convOutput(layout)
  if (g.shape.join() !== wanted.join()) throw new Error(`the cotangent must be [${wanted}], got [${g.shape}]`)
}

/** Visits each (input plane, kernel plane, output plane) triple that a convolution joins, by the offsets of their first elements. */
export function forEachPlane(layout: ConvLayout, visit: (x: number, w: number, y: number) => void): void {
  const { batch, channels, filters, groups, window } = layout
  const inputSize = sizeOf(window.input)
  const kernelSize = sizeOf(window.kernel)
  const outputSize = sizeOf(window.output)
  const perGroup = channels / groups
  for (let b = 0; b < batch; b++) {
    for (let filter = 0; filter < filters; filter++) {
      const first = Math.floor(filter / (filters / groups)) * perGroup
      for (let c = 0; c < perGroup; c++) {
        visit(
          (b * channels + first + c) * inputSize,
          (filter * perGroup + c) * kernelSize,
          (b * filters + filter) * outputSize,
        )
      }
    }
  }
}

/** Whether a window's kernel is one tap that moves over every element: a plain matrix product. */
export function isPointwise({ kernel, strides, pads }: SlidingWindow): boolean {
  return kernel.every((k) => k === 1) && strides.every((s) => s === 1) && pads.every((p) => p === 0)
}
