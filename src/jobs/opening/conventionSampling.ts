/** How a model's scheduler file samples where the model's images are in another range than those of the samplers. */
import { inputError } from '../../base/index.ts'
import type { OwnSampling } from '../../diffusion/files/index.ts'
import type { DenoiserConvention, ToldTimes } from '../../diffusion/index.ts'
import { roundHalfEven } from '../../diffusion/index.ts'

/** The sampling of the file: its times hold for any range, its levels and its own steps are of its own. */
export function samplingFor({ pixels }: DenoiserConvention, sampling: OwnSampling, times: ToldTimes): OwnSampling {
  if (pixels.join() === '-1,1') return sampling
  return {
    ...sampling,
    timesOf: (steps) => sampling.timesOf(steps).map((time) => (times === 'integer' ? roundHalfEven(time) : time)),
    levelsOf: null,
    planOf() {
      throw inputError(
        'scheduler.own',
        `a scheduler samples by itself only images in [-1, 1], this model's are in [${pixels.join(', ')}]; take one of the samplers`,
      )
    },
    notes: [
      ...sampling.notes,
      `the model's pixels are in [${pixels.join(', ')}]: it is sampled, and schedules are learned for it, as of images in [-1, 1] at the levels that this comes to`,
    ],
  }
}
