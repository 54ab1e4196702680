/** Images at the size that a network takes: separable interpolation, as torchvision's `Resize` and Pillow have it, without rounding to bytes. */
import type { Resampling, Shape, Tensor } from '../base/index.ts'
import { interpolationWindows, tensor } from '../base/index.ts'

/**
 * Images [n, c, height, width] as [n, c, high, wide], in float32; sums in float64. Bicubic overshoots at edges: values are cut to `bounds`.
 * @param bounds pixels of an image lie in it, default [-1, 1]
 */
export function resampledImages(
  { shape: [n, c, height, width], data }: Tensor<'float32'>,
  [high, wide]: Shape,
  kernel: Resampling,
  [low, top]: readonly [number, number] = [-1, 1],
): Tensor<'float32'> {
  const across = pass(data, { lines: n * c * height, blocks: 1, from: width, to: wide }, kernel)
  const both = pass(across, { lines: n * c, blocks: wide, from: height, to: high }, kernel)
  return tensor(
    'float32',
    [n, c, high, wide],
    Float32Array.from(both, (value) => Math.min(top, Math.max(low, value))),
  )
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
