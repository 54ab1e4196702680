/**
 * What images are like, whatever is on them: the guards beside a reward. Where a reward rises while pictures darken, lose their colours or edges, empty, or
 * become alike, these say so before a judge does.
 */
import type { ImageBatch } from './featureNetwork.ts'
import type { MeanAndStandardError } from './standardError.ts'
import { meanAndStandardError } from './standardError.ts'

/** Of each image by itself, averaged; pixels are cut to the [0, 1] that they are shown in. */
export interface ImageStatistics {
  /** 1 - luma, 0 (white) to 1 (black). Luma is .299 red + .587 green + .114 blue (ITU-R BT.601), or the grey value. */
  readonly darkness: MeanAndStandardError
  /** (max - min) / max of a pixel's colours, 0 (grey, black) to 1; 0 for images of one channel. */
  readonly saturation: MeanAndStandardError
  /** Length of the difference to the right and lower neighbour's luma, 0 (flat) to sqrt 2. */
  readonly edges: MeanAndStandardError
  /** Entropy of the histogram of luma in 64 equal bins, bits, 0 (flat) to 6. */
  readonly entropy: MeanAndStandardError
  /** Root mean square difference of pixels between two images, over all pairs, 0 (all alike) to 1; null: there is one image. */
  readonly diversity: number | null
}

/** The names of the statistics, in the order that they are told. */
export const IMAGE_STATISTICS = ['darkness', 'saturation', 'edges', 'entropy', 'diversity'] as const

/** Statistics of images [n, c, h, w] in [-1, 1], c = 1 or 3 or more, of which the first three are red, green, blue. */
export function imageStatistics({ shape, data }: ImageBatch): ImageStatistics {
  const [count, channels, height, width] = shape
  const size = height * width
  const shown = Float64Array.from(data, (value) => Math.min(1, Math.max(0, (value + 1) / 2)))
  const images = Array.from({ length: count }, (_, i) => {
    const pixels = shown.subarray(i * channels * size, (i + 1) * channels * size)
    const colours =
      channels < 3 ? [pixels.subarray(0, size)] : [0, 1, 2].map((c) => pixels.subarray(c * size, (c + 1) * size))
    const luma = lumaOf(colours)
    return {
      darkness: 1 - mean(luma),
      saturation: mean(saturationOf(colours)),
      edges: edgesOf(luma, width),
      entropy: entropyOf(luma),
    }
  })
  const of = (name: 'darkness' | 'saturation' | 'edges' | 'entropy') =>
    meanAndStandardError(images.map((image) => image[name]))
  return {
    darkness: of('darkness'),
    saturation: of('saturation'),
    edges: of('edges'),
    entropy: of('entropy'),
    diversity: count < 2 ? null : spread(shown, count),
  }
}

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length

const LUMA = [0.299, 0.587, 0.114]

function lumaOf(colours: readonly Float64Array[]): Float64Array {
  if (colours.length === 1) return colours[0]
  return colours[0].map((_, i) => colours.reduce((sum, colour, c) => sum + LUMA[c] * colour[i], 0))
}

function saturationOf(colours: readonly Float64Array[]): Float64Array {
  return colours[0].map((_, i) => {
    const values = colours.map((colour) => colour[i])
    const most = Math.max(...values)
    return most === 0 ? 0 : (most - Math.min(...values)) / most
  })
}

/** Over the pixels that have both neighbours. */
function edgesOf(luma: Float64Array, width: number): number {
  const height = luma.length / width
  let sum = 0
  for (let y = 0; y + 1 < height; y++) {
    for (let x = 0; x + 1 < width; x++) {
      const at = y * width + x
      sum += Math.hypot(luma[at + 1] - luma[at], luma[at + width] - luma[at])
    }
  }
  const places = (height - 1) * (width - 1)
  return places === 0 ? 0 : sum / places
}

const BINS = 64

function entropyOf(luma: Float64Array): number {
  const counts = new Float64Array(BINS)
  for (const value of luma) counts[Math.min(BINS - 1, Math.floor(value * BINS))]++
  return -counts.reduce(
    (sum, count) => (count === 0 ? sum : sum + (count / luma.length) * Math.log2(count / luma.length)),
    0,
  )
}

/** By the variances of the pixels: the mean of (a - b)^2 over pairs of different images is twice the unbiased variance. */
function spread(shown: Float64Array, count: number): number {
  const size = shown.length / count
  let total = 0
  for (let at = 0; at < size; at++) {
    let sum = 0
    for (let i = 0; i < count; i++) sum += shown[i * size + at]
    const middle = sum / count
    for (let i = 0; i < count; i++) total += (shown[i * size + at] - middle) ** 2
  }
  return Math.sqrt((2 * total) / (count - 1) / size)
}
