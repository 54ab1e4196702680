/** The window of a pooling call, and what an average counts. */
import { sizeOf } from '../../base/index.ts'
import type { SlidingWindow, WindowAttributes } from './convWindow.ts'
import { slidingWindow, windowTaps } from './convWindow.ts'

/** The window of a pooling call on x [b, c, ...spatial]; its padding stays below the kernel, so that each window sees something. */
export function poolWindow(
  x: { shape: readonly number[] },
  kernel: readonly number[],
  attributes: WindowAttributes,
): SlidingWindow {
  if (x.shape.length < 3) throw new Error(`the input must be [batch, channels, ...spatial], got [${x.shape}]`)
  const window = slidingWindow(x.shape.slice(2), kernel, attributes)
  if (window.pads.some((extent, i) => extent >= kernel[i % kernel.length])) {
    throw new Error(`padding [${window.pads}] must be below the kernel [${kernel}]`)
  }
  return window
}

/** Calls `visit` for each plane (batch times channel), output position and tap inside the input, with flat offsets. */
export function forEachSeen(planes: number, window: SlidingWindow, visit: (x: number, y: number) => void): void {
  const taps = windowTaps(window)
  const inputSize = sizeOf(window.input)
  const outputSize = sizeOf(window.output)
  const kernelSize = sizeOf(window.kernel)
  for (let plane = 0; plane < planes; plane++) {
    for (let at = 0; at < taps.length; at++) {
      if (taps[at] < 0) continue
      visit(plane * inputSize + taps[at], plane * outputSize + Math.floor(at / kernelSize))
    }
  }
}

/** How many elements each output position averages: all taps if the padding counts, else those inside the input. */
export function averageCounts(window: SlidingWindow, countPadding: boolean): Float64Array {
  const counts = new Float64Array(sizeOf(window.output))
  if (countPadding) return counts.fill(sizeOf(window.kernel))
  forEachSeen(1, window, (_, y) => counts[y]++)
  return counts
}

/** ONNX attributes of AveragePool; dilations are always 1 (opset 17 has none). */
export type AveragePoolAttributes = {
  readonly kernel_shape: readonly number[]
  readonly strides: readonly number[]
  readonly pads: readonly number[]
  readonly count_include_pad: number
}

export function averageWindow(x: { shape: readonly number[] }, { kernel_shape, strides, pads }: AveragePoolAttributes) {
  return poolWindow(x, kernel_shape, { strides, pads, dilations: kernel_shape.map(() => 1) })
}
