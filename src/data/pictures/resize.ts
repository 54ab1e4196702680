/**
 * The only resizing there is where nobody asks for another: average whole blocks of pixels. 28x28 images (digits) are first padded with zeros to 32x32,
 * so that 16 and 8 divide. Anything else blurs, borders or crops, and has to be asked for (`resample.ts`).
 */
import { inputError } from '../../base/index.ts'

/** Values 0 to 255. Bytes where the file had bytes; floats for 16-bit images and images with alpha; doubles where blocks were averaged. */
export type Pixels = Uint8Array | Float32Array | Float64Array

/** Pad `side` by `padding` zeros on each edge, then average blocks of `factor` x `factor` to `size`. */
export interface Resizing {
  readonly side: number
  readonly padding: number
  readonly factor: number
  readonly size: number
}

const PADDED: Readonly<Record<number, number>> = { 28: 32 }
const SMALLEST = 4

const WAYS = 'say --resize crop (the middle square) or --resize fit (the whole, with black borders), which interpolate'

const divisorsOf = (n: number): number[] =>
  Array.from({ length: n }, (_, i) => i + 1).filter((size) => size >= SMALLEST && n % size === 0)

/** Sides to which images of that side can be brought, ascending. */
export function possibleSizes(side: number): number[] {
  const padded = PADDED[side]
  const sizes = new Set([...divisorsOf(side), ...(padded ? divisorsOf(padded) : [])])
  return [...sizes].sort((a, b) => a - b)
}

/** How images of height x width become size x size. @throws `data.size` if they cannot, with the sizes that are possible */
export function resizing(height: number, width: number, size: number): Resizing {
  if (height !== width) {
    throw inputError(
      'data.size',
      `only square images can be averaged to ${size}x${size}, got ${height}x${width}; ${WAYS}`,
    )
  }
  if (!possibleSizes(height).includes(size)) {
    throw inputError(
      'data.size',
      `by averages of whole blocks images of ${height}x${width} can be brought to ${possibleSizes(height).join(', ')} pixels a side, got ${size}; ${WAYS}`,
    )
  }
  const padded = height % size === 0 ? height : PADDED[height]
  return { side: height, padding: (padded - height) / 2, factor: padded / size, size }
}

/** One planar image [channels, side, side] resized to [channels, size, size]; sums in float64. */
export function resized(pixels: Pixels, channels: number, { side, padding, factor, size }: Resizing): Float64Array {
  const sums = new Float64Array(channels * size * size)
  let from = 0
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < side; y++) {
      let to = (c * size + Math.floor((y + padding) / factor)) * size + Math.floor(padding / factor)
      // Pixels of the block that is being filled.
      let filled = padding % factor
      for (let x = 0; x < side; x++) {
        sums[to] += pixels[from++]
        if (++filled < factor) continue
        filled = 0
        to++
      }
    }
  }
  const area = factor * factor
  for (let i = 0; i < sums.length; i++) sums[i] /= area
  return sums
}
