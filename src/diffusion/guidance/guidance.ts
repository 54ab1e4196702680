/** What guides a chain: a reward with its derivative, and how much of it. */
import { inputError } from '../../base/index.ts'
import type { Denoiser, Images } from '../denoiser.ts'

/** A reward of n images and its derivative. */
export interface RewardGradient {
  /** [n], one value per image. */
  readonly values: Float64Array
  /** [n, ...imageShape]: d value_i / d image_i, per unit of images in [-1, 1]. */
  readonly gradient: Images
}

/**
 * The reward that guides, at x0Hat [n, ...imageShape] in the network's range, told the classes of those images where the
 * paths have any. An image's value depends on that image (and class) alone.
 */
export type GuidingReward = (x0Hat: Images, classes?: Int32Array) => Promise<RewardGradient>

/** What guidance is differentiated through: everything; the reward and the decoder of its latents; the reward alone. */
export const GUIDANCE_THROUGH = ['network', 'decoder', 'reward'] as const
export type GuidanceThrough = (typeof GUIDANCE_THROUGH)[number]

/**
 * That it leaves out the network, and of latents their decoder is not left out too: the gradient of a reward of pictures is none of latents.
 * @throws `guidance.through`
 */
export function checkThrough(through: GuidanceThrough, { decoder }: Pick<Denoiser, 'decoder'>): void {
  if (!GUIDANCE_THROUGH.includes(through)) {
    throw inputError('guidance.through', `guidance goes through ${GUIDANCE_THROUGH.join(', ')}, got ${through}`)
  }
  if (through === 'reward' && decoder) {
    throw inputError(
      'guidance.through',
      'this model makes latents, and the reward is of the pictures that its decoder makes of them, got through reward; take through decoder, which leaves out the network alone',
    )
  }
  if (through === 'decoder' && !decoder) {
    throw inputError(
      'guidance.through',
      'this model makes pictures and has no decoder, got through decoder; take through reward, which leaves out the network',
    )
  }
}

/** How a chain is guided. */
export interface Guidance {
  readonly reward: GuidingReward
  /** s = 1/lambda, at least 0. At 0 the images are the base sampler's, and A and B are still measured. */
  readonly scale: number
  /** Only steps with alphaBar above this are guided, in [0, 1). Default 2e-3. */
  readonly minimumAlphaBar?: number
  /**
   * What the gradient goes through. `network` (default): r(x0Hat(x)) in x, exactly. `reward`, and of latents `decoder`: all but the network, with
   * dx0Hat/dx = signal (on a flow signal/(signal^2 + noise^2)) in the network's place (right for data N(mean, 1) per element; leaving the network out of x0Hat =
   * (x - noise epsHat)/signal would give 1/signal, hundreds of times too much at the first steps). It needs no derivative
   * of the network, but is no gradient: good as a proposal that is weighted by A and B, biased without.
   */
  readonly through?: GuidanceThrough
  /** What an image is whose value is NaN: an error, or unguided at that step, its derivative then 0. Default `stop`. */
  readonly unrated?: 'stop' | 'drop'
}
