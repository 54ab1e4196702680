/**
 * The scale of latents: samplers see them at about unit variance, z; the autoencoder has them as z / scaling + shift or, with a mean and deviation by channel,
 * z deviation / scaling + mean (diffusers: `scaling_factor`, `shift_factor`, `latents_mean`, `latents_std` of the autoencoder's config).
 */
import type { Shape } from '../../base/index.ts'
import { sizeOf } from '../../base/index.ts'

export interface LatentScale {
  /** What the autoencoder's latents are multiplied with, above 0. */
  readonly scaling: number
  /** Default 0. */
  readonly shift?: number
  /** By channel; default 0. */
  readonly mean?: readonly number[]
  /** By channel; default 1. */
  readonly deviation?: readonly number[]
}

/** Factor and summand of each channel from the sampler's latents to the autoencoder's own. */
const affine = ({ scaling, shift = 0, mean, deviation }: LatentScale, channel: number) => ({
  factor: (deviation?.[channel] ?? 1) / scaling,
  summand: (mean?.[channel] ?? 0) + shift,
})

function mapped(
  data: Float32Array | Float64Array,
  [channels, ...sides]: Shape,
  scale: LatentScale,
  map: (value: number, of: ReturnType<typeof affine>) => number,
): Float32Array {
  const result = new Float32Array(data.length)
  const area = sizeOf(sides)
  for (let begin = 0; begin < data.length; begin += area) {
    const of = affine(scale, (begin / area) % channels)
    for (let i = begin; i < begin + area; i++) result[i] = map(data[i], of)
  }
  return result
}

/** The autoencoder's latents of the sampler's. @param shape [channels, height, width] */
export const ownLatents = (data: Float32Array | Float64Array, shape: Shape, scale: LatentScale): Float32Array =>
  mapped(data, shape, scale, (value, { factor, summand }) => factor * value + summand)

/** The sampler's latents of the autoencoder's. */
export const samplersLatents = (data: Float32Array, shape: Shape, scale: LatentScale): Float32Array =>
  mapped(data, shape, scale, (value, { factor, summand }) => (value - summand) / factor)

/** A derivative in the sampler's latents, of one in the autoencoder's. */
export const scaledBack = (data: Float32Array, shape: Shape, scale: LatentScale): Float32Array =>
  mapped(data, shape, scale, (value, { factor }) => factor * value)
