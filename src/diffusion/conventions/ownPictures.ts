/**
 * What can be told of a convention without pictures: a network that is used by another convention than its own draws what it does not itself take for
 * pictures. A few are drawn by DDIM as stated, and the convention is measured on them as on real ones. (Pixels in [0, 1] taken for [-1, 1] are consistent with
 * themselves; then what is drawn has no dark half.)
 */
import { tensor } from '../../base/index.ts'
import { generate } from '../samplers/generate.ts'
import { samplerSettings } from '../samplers/settings.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import { samplingScheduleFrom } from '../schedules/samplingSchedule.ts'
import type { StepListName } from '../schedules/stepList.ts'
import type { Candidate } from './candidates.ts'
import type { ToldNetwork } from './conventionDenoiser.ts'
import { conventionDenoiser, scheduleFor } from './conventionDenoiser.ts'
import type { MeasuringPictures } from './measureConvention.ts'

/** Pictures, and steps of each: enough to be like those of more. */
export const OWN_PICTURES = { count: 4, steps: 12 }

/** Steps of each, of a schedule that has so many. */
export const ownSteps = ({ timesteps }: Pick<NoiseSchedule, 'timesteps'>): number =>
  Math.min(OWN_PICTURES.steps, timesteps - 1 || 1)

/** Pictures that a network draws by a candidate, all of class 0 where it takes a class. */
export async function ownPictures(
  network: ToldNetwork,
  { convention, trained }: Candidate,
  list: StepListName,
): Promise<MeasuringPictures> {
  const { count } = OWN_PICTURES
  const schedule = scheduleFor(convention, trained)
  const classes = network.conditional ? new Int32Array(count) : undefined
  const { images } = await generate({
    denoiser: conventionDenoiser(network, convention, trained),
    schedule: samplingScheduleFrom(schedule, list, ownSteps(schedule), network.times),
    // The raw noise of clipped pictures is what a wrong convention shows by.
    settings: samplerSettings({
      sampler: 'ddim',
      clip: [-1, 1],
      clippedNoise: schedule.path === 'flow' ? 'recompute' : 'keep',
    }),
    count,
    seed: 0,
    ...(classes && { condition: classes }),
  })
  return {
    images: tensor('float32', images.shape, Float32Array.from(images.data)),
    ...(classes && { classes }),
  }
}

/** Below this is the dark half of [-1, 1], and this share of pixels is nothing. */
const DARK = { below: -0.1, share: 0.01 }

/** Whether pictures have no dark pixel, as those of [0, 1] have none where they are taken for [-1, 1]. */
export function hasNoDarkHalf({ images: { data } }: MeasuringPictures): boolean {
  let dark = 0
  for (const value of data) if (value < DARK.below) dark++
  return dark < DARK.share * data.length
}
