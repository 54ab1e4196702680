/** Images at the size that a network takes: separable interpolation, as torchvision's `Resize` and Pillow have it, without rounding to bytes. */
import type { Resampling, Shape, Tensor } from '../base/index.ts'
import { interpolationWindows, tensor } from '../base/index.ts'

/** What rounding may put beyond the bounds, which must not cost a pixel its derivative. */
const ROUNDING = 1e-5

/** Images at another size, and the transpose of what was done to them. */
export interface Resampled {
  readonly images: Tensor<'float32'>
  /** Cotangent of what was resampled, of that of `images`; pixels that were cut to the bounds have none. */
  pullBack(cotangent: Tensor<'float32'>): Tensor<'float32'>
}

/**
 * Images [n, c, height, width] as [n, c, high, wide], in float32; sums in float64. Bicubic overshoots at edges: values are cut to `bounds`.
 * @param bounds pixels of an image lie in it, default [-1, 1]
 */
export function resampled(
  { shape: [n, c, height, width], data }: Tensor<'float32'>,
  [high, wide]: Shape,
  kernel: Resampling,
  [low, top]: readonly [number, number] = [-1, 1],
): Resampled {
  const [along, down]: readonly Pass[] = [
    { lines: n * c * height, blocks: 1, from: width, to: wide },
    { lines: n * c, blocks: wide, from: height, to: high },
  ]
  const both = pass(pass(data, along, kernel), down, kernel)
  const isCut = Uint8Array.from(both, (value) => Number(value < low - ROUNDING || value > top + ROUNDING))
  return {
    images: tensor(
      'float32',
      [n, c, high, wide],
      Float32Array.from(both, (value) => Math.min(top, Math.max(low, value))),
    ),
    pullBack(cotangent) {
      const inside = Float64Array.from(cotangent.data, (value, i) => (isCut[i] ? 0 : value))
      const back = passBack(passBack(inside, down, kernel), along, kernel)
      return tensor('float32', [n, c, height, width], Float32Array.from(back))
    },
  }
}

interface Pass {
  readonly lines: number
  /** Numbers that lie side by side and go together. */
  readonly blocks: number
  readonly from: number
  readonly to: number
}

/** [lines, from, blocks] as [lines, to, blocks]. */
function pass(values: ArrayLike<number>, { lines, blocks, from, to }: Pass, kernel: Resampling): ArrayLike<number> {
  if (from === to) return values
  const windows = interpolationWindows(from, to, kernel)
  const out = new Float64Array(lines * to * blocks)
  for (let line = 0; line < lines; line++) {
    for (const [i, { first, weights }] of windows.entries()) {
      const place = (line * to + i) * blocks
      for (const [j, weight] of weights.entries()) {
        const source = (line * from + first + j) * blocks
        for (let b = 0; b < blocks; b++) out[place + b] += weight * values[source + b]
      }
    }
  }
  return out
}

/** The transpose of `pass`: [lines, to, blocks] as [lines, from, blocks]. */
function passBack(values: Float64Array, { lines, blocks, from, to }: Pass, kernel: Resampling): Float64Array {
  if (from === to) return values
  const windows = interpolationWindows(from, to, kernel)
  const out = new Float64Array(lines * from * blocks)
  for (let line = 0; line < lines; line++) {
    for (const [i, { first, weights }] of windows.entries()) {
      const source = (line * to + i) * blocks
      for (const [j, weight] of weights.entries()) {
        const place = (line * from + first + j) * blocks
        for (let b = 0; b < blocks; b++) out[place + b] += weight * values[source + b]
      }
    }
  }
  return out
}
