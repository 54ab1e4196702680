/**
 * Interpolation of lines of values to another length, by kernels that are widened by the scale where a line gets shorter, so that nothing aliases: the
 * sampling of Pillow's `resize` and of `interpolate(..., antialias=True)` of torch.
 */

/** Kernels by name, with their reach in values at scale 1. `bicubic`: Keys 1981, a = -1/2. */
const KERNELS = {
  bilinear: { reach: 1, at: (x: number) => Math.max(0, 1 - x) },
  bicubic: {
    reach: 2,
    at: (x: number) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0),
  },
} as const
export type Resampling = keyof typeof KERNELS
export const RESAMPLINGS = Object.keys(KERNELS) as readonly Resampling[] as readonly [Resampling, ...Resampling[]]

/** What one output value is made of: input values from `first` on, with weights that sum to 1. */
export interface InterpolationWindow {
  readonly first: number
  readonly weights: readonly number[]
}

/** Of each of `to` values, of a line of `from`. */
export function interpolationWindows(from: number, to: number, kernel: Resampling): InterpolationWindow[] {
  const { reach, at } = KERNELS[kernel]
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
