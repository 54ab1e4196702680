/** A reward of pictures as one of the latents that a decoder makes them of. */
import type { Shape } from '../base/index.ts'
import type { PictureDecoder } from '../diffusion/index.ts'
import type { Reward } from './reward.ts'

/**
 * r(D(z)), with the derivative D'(z)^T r'(D(z)): by its hash it is the same reward.
 * @param latentShape [channels, height, width] of the latents
 * @example generateGuided({ ...options, guidance: { reward: rewardOfLatents(reward, denoiser.decoder, denoiser.imageShape).gradient, scale } })
 */
export function rewardOfLatents(reward: Reward, decoder: PictureDecoder, latentShape: Shape): Reward {
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
