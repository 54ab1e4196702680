/**
 * Pictures of any size brought to a square one, by bicubic interpolation (Keys 1981, a = -1/2) whose kernel is widened by the scale where a picture
 * shrinks, so that nothing aliases: Pillow's `resize` with `BICUBIC`. Bytes become the very bytes that Pillow gives, which rounds after each of its two
 * passes; other numbers are not rounded.
 */
import { interpolationWindows } from '../../base/index.ts'
import type { Pixels } from './resize.ts'

/** `fit`: the whole picture, with black borders where it is no square. `crop`: the middle square of it. */
export const RESIZE_WAYS = ['fit', 'crop'] as const
export type ResizeWay = (typeof RESIZE_WAYS)[number]

/** Values 0 to 255, planar [channels, height, width]. */
interface Plane {
  readonly height: number
  readonly width: number
  readonly pixels: Pixels
}

/** A planar picture [channels, height, width] as [channels, size, size]. */
export function resampled({ height, width, pixels }: Plane, size: number, way: ResizeWay): Pixels {
  if (height === size && width === size) return pixels
  if (way === 'crop') {
    const side = Math.min(height, width)
    const square = side === height && side === width ? pixels : middleOf({ height, width, pixels }, side)
    return scaled({ height: side, width: side, pixels: square }, size, size)
  }
  const longer = Math.max(height, width)
  const [high, wide] = [height, width].map((side) => Math.max(1, Math.round((side * size) / longer)))
  return bordered({ height: high, width: wide, pixels: scaled({ height, width, pixels }, high, wide) }, size)
}

const emptyLike = (pixels: Pixels, length: number): Pixels =>
  pixels instanceof Uint8Array ? new Uint8Array(length) : new Float64Array(length)

function middleOf({ height, width, pixels }: Plane, side: number): Pixels {
  const channels = pixels.length / (height * width)
  const [top, left] = [height - side, width - side].map((rest) => Math.floor(rest / 2))
  const out = emptyLike(pixels, channels * side * side)
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < side; y++) {
      const from = (c * height + top + y) * width + left
      out.set(pixels.subarray(from, from + side), (c * side + y) * side)
    }
  }
  return out
}

function bordered({ height, width, pixels }: Plane, size: number): Pixels {
  if (height === size && width === size) return pixels
  const channels = pixels.length / (height * width)
  const [top, left] = [size - height, size - width].map((rest) => Math.floor(rest / 2))
  const out = emptyLike(pixels, channels * size * size)
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      const from = (c * height + y) * width
      out.set(pixels.subarray(from, from + width), (c * size + top + y) * size + left)
    }
  }
  return out
}

/** Columns first, then rows, as Pillow does. */
function scaled({ height, width, pixels }: Plane, high: number, wide: number): Pixels {
  const rows = pixels.length / width
  const across = width === wide ? pixels : pass(pixels, { rows, from: width, to: wide, stride: 1, rowStride: width })
  if (height === high) return across
  const channels = rows / height
  const out = emptyLike(pixels, channels * high * wide)
  for (let c = 0; c < channels; c++) {
    const plane = across.subarray(c * height * wide, (c + 1) * height * wide)
    const columns = pass(plane, { rows: wide, from: height, to: high, stride: wide, rowStride: 1 })
    for (let x = 0; x < wide; x++) for (let y = 0; y < high; y++) out[(c * high + y) * wide + x] = columns[x * high + y]
  }
  return out
}

interface Pass {
  /** Lines, each of `from` values `stride` apart, the lines `rowStride` apart. */
  readonly rows: number
  readonly from: number
  readonly to: number
  readonly stride: number
  readonly rowStride: number
}

/** Bits of a weight after the point, for bytes. */
const WEIGHT_BITS = 22

/** All lines at another length, [rows, to]. */
function pass(values: Pixels, { rows, from, to, stride, rowStride }: Pass): Pixels {
  const bytes = values instanceof Uint8Array
  const windows = interpolationWindows(from, to, 'bicubic')
  const scale = bytes ? 2 ** WEIGHT_BITS : 1
  const whole = windows.map(({ weights }) => (bytes ? weights.map((weight) => Math.round(weight * scale)) : weights))
  const out = emptyLike(values, rows * to)
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < to; i++) {
      const weights = whole[i]
      let at = row * rowStride + windows[i].first * stride
      let sum = bytes ? scale / 2 : 0
      for (const weight of weights) {
        sum += weight * values[at]
        at += stride
      }
      const value = bytes ? Math.floor(sum / scale) : sum
      out[row * to + i] = Math.min(255, Math.max(0, value))
    }
  }
  return out
}
