/**
 * A small image classifier in the manner of LeNet-5 (LeCun et al. 1998): convolution, SiLU and 2x2 averages, twice; a dense layer with SiLU, whose
 * outputs are the features; logits. Smooth everywhere, so that a distance in its features has a usable derivative in the pixels.
 */
import type { Shape } from '../base/index.ts'
import { sizeOf } from '../base/index.ts'
import type { Named, SymbolicTensor } from '../graph/index.ts'
import { add, averagePool, conv, linear, mul, reshape, silu } from '../graph/index.ts'
import type { ParameterSpec } from '../nn/index.ts'

/** What a classifier looks like: JSON data, kept beside its weights. */
export interface ClassifierConfig {
  /** [channels, height, width], height and width divisible by 4. */
  readonly imageShape: Shape
  /** Channels after the first and the second convolution. */
  readonly widths: readonly [number, number]
  /** Odd kernel sides of the two convolutions; zero padding keeps the size. */
  readonly kernels: readonly [number, number]
  /** Length of a feature row. */
  readonly features: number
  readonly classes: number
}

/** Parameters in the order of the flat weights. Weights and biases start uniform in ±1/sqrt(fan-in). */
export function classifierParameters(config: ClassifierConfig): readonly ParameterSpec[] {
  const [channels, height, width] = config.imageShape
  const [first, second] = config.widths
  const [k1, k2] = config.kernels
  const flat = (second * height * width) / 16
  return [
    ...layer('conv1', [first, channels, k1, k1]),
    ...layer('conv2', [second, first, k2, k2]),
    ...layer('features', [config.features, flat]),
    ...layer('logits', [config.classes, config.features]),
  ]
}

function layer(name: string, shape: Shape): ParameterSpec[] {
  const bound = 1 / Math.sqrt(sizeOf(shape.slice(1)))
  const parameter = (part: string, extents: Shape): ParameterSpec => ({
    name: `${name}.${part}`,
    shape: extents,
    initial: (random) => Float32Array.from({ length: sizeOf(extents) }, () => bound * (2 * random.uniform() - 1)),
  })
  return [parameter('weight', shape), parameter('bias', [shape[0]])]
}

/**
 * Traced forward pass on images [b,c,h,w] in [-1, 1], shifted to [0, 2] so that the zeros of padding continue a black background.
 * @param dropout factors on the features [b, features], 0 or 1/(1 - rate), in training
 * @returns features [b, features] (before dropout) and logits [b, classes]
 */
export function applyClassifier(
  config: ClassifierConfig,
  weights: Named,
  images: SymbolicTensor,
  dropout?: SymbolicTensor,
): { readonly features: SymbolicTensor; readonly logits: SymbolicTensor } {
  const convolve = (x: SymbolicTensor, name: string, kernel: number) => {
    const padding = (kernel - 1) / 2
    const y = conv(x, weights[`${name}.weight`], {
      bias: weights[`${name}.bias`],
      padding: [padding, padding, padding, padding],
    })
    return averagePool(silu(y), { kernel: 2 })
  }
  const [k1, k2] = config.kernels
  const maps = convolve(convolve(add(images, 1), 'conv1', k1), 'conv2', k2)
  const flat = reshape(maps, [maps.shape[0], maps.size / maps.shape[0]])
  const features = silu(linear(flat, weights['features.weight'], weights['features.bias']))
  const kept = dropout ? mul(features, dropout) : features
  return { features, logits: linear(kept, weights['logits.weight'], weights['logits.bias']) }
}
