/**
 * Images at the size that a network takes: separable interpolation, whose kernel is widened by the scale where an image shrinks, so that nothing aliases.
 * The sampling of Pillow, and of torchvision's `Resize` and `interpolate(..., antialias=True)`, without their rounding to bytes.
 */
import type { Shape, Tensor } from '../base/index.ts'
import { tensor } from '../base/index.ts'

/** Kernels by name, with their reach in pixels at scale 1. `bicubic`: Keys 1981, a = -1/2. */
const KERNELS = {
  bilinear: { reach: 1, at: (x: number) => Math.max(0, 1 - x) },
  bicubic: {
    reach: 2,
    at: (x: number) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0),
  },
} as const
export type Resampling = keyof typeof KERNELS
export const RESAMPLINGS = Object.keys(KERNELS) as readonly Resampling[] as readonly [Resampling, ...Resampling[]]

/** What one output line is made of: input lines from `first` on, with weights that sum to 1. */
interface Window {
  readonly first: number
  readonly weights: readonly number[]
}

function windowsOf(from: number, to: number, { reach, at }: (typeof KERNELS)[Resampling]): Window[] {
  const scale = from / to
  const spread = Math.max(1, scale)
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale
    const first = Math.max(0, Math.floor(centre - reach * spread + 0.5))
    const last = Math.min(from, Math.floor(centre + reach * spread + 0.5))
    const raw = Array.from({ length: last - first }, (_, j) => at(Math.abs((first + j - centre + 0.5) / spread)))
    const sum = raw.reduce((a, b) => a + b, 0)
    return { first, weights: raw.map((weight) => weight / sum) }
  })
}

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
  const windows = windowsOf(from, to, KERNELS[kernel])
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
