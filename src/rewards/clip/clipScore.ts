/**
 * CLIP score (Hessel et al. 2021, arXiv 2104.08718): the cosine between an image and its prompt in the space of a CLIP model, with its derivative in the
 * image. PickScore and HPSv2 are the same on their own towers, times a number.
 */
import type { Shape } from '../../base/index.ts'
import { inputError } from '../../base/index.ts'
import { constant, gather, mul, reduceSum } from '../../graph/index.ts'
import type { Device } from '../../runtime/index.ts'
import { hashOf } from '../hash.ts'
import type { Reward } from '../reward.ts'
import { tracedReward } from '../traced.ts'
import type { ClipTowers } from './towers.ts'

export interface ClipRewardOptions {
  readonly towers: ClipTowers
  /** [channels, height, width] of the images to rate. */
  readonly imageShape: Shape
  /** Images per program run. Default 100, or what the tower's file says. */
  readonly batch?: number
  readonly device?: Device
}

export interface ClipScoreOptions extends ClipRewardOptions {
  /** One: every image is rated by it. More: image i by the prompt of its class, 0 to `prompts.length` - 1. */
  readonly prompts: readonly string[]
  /** What the cosine is multiplied by, such as the model's own logit scale. Default 1. */
  readonly scale?: number
}

/** @throws `reward.prompts` without a prompt; `reward.clip` where the tower does not take the images; `onnx.operators` */
export async function clipScore(options: ClipScoreOptions): Promise<Reward> {
  const { towers, prompts, scale = 1 } = options
  if (prompts.length === 0)
    throw inputError('reward.prompts', 'clip-score rates images by a prompt, there is none; give one')
  const { embeds } = await towers.embedTexts(prompts)
  const text = constant(embeds)
  return tracedReward({
    ...sharedOptions(options),
    name: `clip-score[${towers.name}]`,
    hash: hashOf('clip-score', towers.hash, String(scale), String(options.imageShape), ...prompts),
    valueRange: rangeOf(scale),
    ...(prompts.length > 1 && { classes: prompts.length }),
    f(images, classes) {
      const cosine = reduceSum(mul(towers.embedImages(images), classes ? gather(text, classes) : text), [1])
      return scale === 1 ? cosine : mul(cosine, scale)
    },
  })
}

/** What rewards through the image tower have in common. */
export function sharedOptions({ towers, imageShape, batch, device }: ClipRewardOptions) {
  const images = towers.batch ?? batch
  return { imageShape, imageRange: [0, 1] as const, ...(images && { batch: images }), ...(device && { device }) }
}

/** A cosine in float32 may be beyond 1 by rounding. */
const ROUNDING = 1e-5
const rangeOf = (scale: number): [number, number] => {
  const most = Math.abs(scale) * (1 + ROUNDING)
  return [-most, most]
}
