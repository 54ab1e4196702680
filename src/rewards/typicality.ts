/**
 * Typicality: how usual an image is among those of the tuning split, in a network's features,
 *
 *     r = -(f - mu)^T (C + 1e-3 I)^-1 (f - mu) / d
 *
 * minus the squared Mahalanobis distance per feature: about -1 for images like the tuning ones, lower the odder they are; it notices
 * over-optimisation. mu and C (unbiased): of the tuning images; 1e-3 keeps directions in which they do not vary from deciding alone.
 */
import { inputError, tensor } from '../base/index.ts'
import type { Images } from '../diffusion/index.ts'
import { div, frozenWeights, linear, neg, reduceSum, square, sub } from '../graph/index.ts'
import type { FeatureNetwork } from '../metrics/index.ts'
import { covarianceOf, momentsOf, spectralFunction, symmetricEigen } from '../metrics/index.ts'
import type { NetworkRewardOptions } from './classifier.ts'
import { isTraceable, throughNetwork, withoutDerivative } from './classifier.ts'
import { hashOf } from './hash.ts'
import type { Reward } from './reward.ts'
import { defineReward } from './reward.ts'
import { tracedReward } from './traced.ts'

const RIDGE = 1e-3

export interface TypicalityOptions extends NetworkRewardOptions {
  /** Images [n, ...imageShape] of the tuning split, n >= 2. */
  readonly tuning: Images
}

/**
 * Typicality in a network's features, at most 0. Any feature network serves: traced where its graph is at hand, else through its `vjp`,
 * without which there is no derivative.
 * @throws `reward.tuning` below two images; what the network throws on images that are not its own
 */
export async function typicality(options: TypicalityOptions): Promise<Reward> {
  const { network, batch, device, tuning } = options
  if (!(tuning.shape[0] >= 2)) {
    throw inputError('reward.tuning', `typicality needs at least 2 tuning images, got ${tuning.shape[0]}`)
  }
  const { mean, whitening } = await usual(network, tuning)
  const d = network.dimensions
  const shared = {
    name: throughNetwork('typicality', network),
    imageShape: network.imageShape,
    valueRange: [-Infinity, 0] as const,
  }
  if (!isTraceable(network)) {
    const bytes = [mean, whitening].map(({ buffer }) => new Uint8Array(buffer))
    return defineReward({
      ...shared,
      hash: hashOf('typicality', network.hash, ...bytes),
      ...onHost(network, mean, whitening),
    })
  }
  const [centre, whiten] = [
    tensor('float32', [d], Float32Array.from(mean)),
    tensor('float32', [d, d], Float32Array.from(whitening)),
  ].map(frozenWeights)
  return tracedReward({
    ...shared,
    ...(batch && { batch }),
    ...(device && { device }),
    f(images) {
      const white = linear(sub(network.trace(images).features, centre), whiten)
      return neg(div(reduceSum(square(white), [1]), d))
    },
  })
}

/** mu and W = (C + 1e-3 I)^(-1/2): |W (f - mu)|^2 is a sum of squares, which float32 sums without cancellation. */
async function usual(network: FeatureNetwork, tuning: Images) {
  const moments = momentsOf(await network.features(tuning))
  const eigen = symmetricEigen(covarianceOf(moments), moments.dimensions)
  const whitening = spectralFunction(eigen, (variance) => 1 / Math.sqrt(Math.max(variance, 0) + RIDGE))
  return { mean: moments.mean, whitening }
}

/** Values and derivative in float64 from the network's features and its `vjp`. */
function onHost(network: FeatureNetwork, mean: Float64Array, whitening: Float64Array) {
  const d = network.dimensions
  /** Values and d value / d features. */
  const rate = async (images: Images) => {
    const { data, shape } = await network.features(images)
    const values = new Float64Array(shape[0])
    const dFeatures = new Float64Array(data.length)
    for (let i = 0; i < shape[0]; i++) {
      const white = timesSymmetric(
        whitening,
        mean.map((centre, j) => data[i * d + j] - centre),
      )
      values[i] = -white.reduce((sum, value) => sum + value * value, 0) / d
      dFeatures.set(
        timesSymmetric(whitening, white).map((value) => (-2 * value) / d),
        i * d,
      )
    }
    return { values, dFeatures: tensor('float64', shape, dFeatures) }
  }
  const pullBack = network.vjp?.bind(network)
  return {
    values: async (images: Images) => (await rate(images)).values,
    ...(pullBack && {
      async gradient(images: Images) {
        const { values, dFeatures } = await rate(images)
        return { values, gradient: (await pullBack(images, dFeatures)).data }
      },
    }),
    ...(!pullBack && withoutDerivative(network)),
  }
}

/** Symmetric matrix times vector. */
function timesSymmetric(matrix: Float64Array, vector: Float64Array): Float64Array {
  const d = vector.length
  return Float64Array.from(vector, (_, i) => vector.reduce((sum, value, j) => sum + matrix[i * d + j] * value, 0))
}
