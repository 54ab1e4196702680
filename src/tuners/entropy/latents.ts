/** A job on latents: rewards, judge and diversity are of the pictures that the decoder makes of them. */
import { inputError, sameShape } from '../../base/index.ts'
import type { PictureDecoder } from '../../diffusion/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import type { Reward } from '../../rewards/index.ts'
import type { EntropyOptions } from './job.ts'

/**
 * r(D(z)), with the derivative D'(z)^T r'(D(z)): by its hash it is the same reward.
 * @param latentShape [channels, height, width] of the latents
 * @example generateGuided({ ...options, guidance: { reward: rewardOfLatents(reward, denoiser.decoder, denoiser.imageShape).gradient, scale } })
 */
export function rewardOfLatents(reward: Reward, decoder: PictureDecoder, latentShape: readonly number[]): Reward {
  return {
    ...reward,
    imageShape: latentShape,
    differentiable: reward.differentiable && decoder.differentiable,
    values: async (latents, classes) => reward.values(await decoder.decode(latents), classes),
    async gradient(latents, classes) {
      const { values, gradient } = await reward.gradient(await decoder.decode(latents), classes)
      return { values, gradient: await decoder.vjp(latents, gradient) }
    },
  }
}

/** The job with everything that looks at images made to look at latents; where the denoiser makes pictures, as it is. @throws `entropy.imageShape` */
export function inLatents(options: EntropyOptions): EntropyOptions {
  const { denoiser, reward, judge, features } = options
  const { decoder, imageShape } = denoiser
  if (!decoder) return options
  requirePictures(decoder, options)
  return {
    ...options,
    reward: rewardOfLatents(reward, decoder, imageShape),
    judge: rewardOfLatents(judge, decoder, imageShape),
    features: features && featuresOfLatents(features, decoder, imageShape),
  }
}

/** @throws `entropy.imageShape` */
function requirePictures({ pictureShape }: PictureDecoder, { reward, judge, features }: EntropyOptions): void {
  for (const { name, imageShape } of [reward, judge, ...(features ? [features] : [])]) {
    if (imageShape === null || sameShape(imageShape, pictureShape)) continue
    throw inputError(
      'entropy.imageShape',
      `the decoder makes pictures [${pictureShape}], but '${name}' takes [${imageShape}]; choose one for this size`,
    )
  }
}

/** Features of the pictures of latents; diversity takes no derivative. */
const featuresOfLatents = (
  features: FeatureNetwork,
  decoder: PictureDecoder,
  imageShape: readonly number[],
): FeatureNetwork => {
  const { name, hash, dimensions, range, probabilities } = features
  return {
    name,
    hash,
    dimensions,
    range,
    imageShape,
    features: async (latents) => features.features(await decoder.decode(latents)),
    ...(probabilities && {
      probabilities: async (latents) => probabilities.call(features, await decoder.decode(latents)),
    }),
    dispose: () => features.dispose(),
  }
}
