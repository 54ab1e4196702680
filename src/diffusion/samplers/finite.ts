/** Images that are numbers: NaN spreads from one step to the last without a sign, and a PNG file shows it as black. */
import { failure } from '../../base/index.ts'
import type { ImageData } from '../denoiser.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'

/**
 * @param data  images, `count` of them
 * @param item  number of the first image
 * @param where `after step 3 of 10`
 * @throws `sampler.finite` naming the first image that is not finite
 */
export function requireFiniteImages(data: ImageData, count: number, item: number, where: string): void {
  // A loop: every step of a sampler asks.
  let at = 0
  while (at < data.length && Number.isFinite(data[at])) at++
  if (at === data.length) return
  const image = item + Math.floor((at * count) / data.length)
  throw failure(
    'sampler.finite',
    `sampled images must be finite, but image ${image} has ${data[at]} ${where}: the network gives no number there, or its numbers grow ` +
      'without end. Try another schedule or sampler (--schedule default, one that clips) and check that model, scheduler and what it predicts fit',
  )
}

/** The place behind `done` steps, in words. */
export const afterSteps = ({ levels, times }: SamplingSchedule, done: number): string =>
  done === 0 ? 'before the first step' : `after step ${done} of ${levels.length} (time ${times[done - 1]})`
