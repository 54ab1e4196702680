/** Built-in rewards of the pixels alone: ink and symmetry. */
import { neg, reduceMean, slice, square, sub } from '../graph/index.ts'
import type { Reward } from './reward.ts'
import type { TracedRewardOptions } from './traced.ts'
import { tracedReward } from './traced.ts'

/** What built-in rewards of pixels need to know. */
export type PixelRewardOptions = Pick<TracedRewardOptions, 'imageShape' | 'batch' | 'device'>

const PIXELS = [1, 2, 3]

/** Mean brightness: the mean pixel, -1 (black) to 1 (white). A reward without saturation, easily over-optimised. */
export function ink(options: PixelRewardOptions): Reward {
  return tracedReward({ ...options, name: 'ink', f: (images) => reduceMean(images, PIXELS) })
}

/** Left-right symmetry: minus the mean squared difference between an image and its mirror image, at most 0. */
export function symmetry(options: PixelRewardOptions): Reward {
  return tracedReward({
    ...options,
    name: 'symmetry',
    valueRange: [-Infinity, 0],
    f: (images) => neg(reduceMean(square(sub(images, slice(images, { axis: 3, step: -1 }))), PIXELS)),
  })
}
