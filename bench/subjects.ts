/** The two networks that are measured, and synthetic images: times do not depend on what is in them. */
import type { Shape } from '../src/base/index.ts'
import { randomStream, sizeOf } from '../src/base/index.ts'
import type { SamplingSchedule, TrainerOptions } from '../src/diffusion/index.ts'
import { noiseSchedule, samplingScheduleFrom } from '../src/diffusion/index.ts'
import type { DenoisingNetwork } from '../src/nn/index.ts'
import { shuffleUnet, unet } from '../src/nn/index.ts'
import type { BenchSettings } from './settings.ts'
import { fixedSizes } from './settings.ts'

/** The bilevel paper's UNet. */
export const paperNetwork = ({ base, size, tiny }: Pick<BenchSettings, 'base' | 'size' | 'tiny'>): DenoisingNetwork =>
  shuffleUnet({ sample_size: size, base_dim: base, dim_mults: [...fixedSizes({ tiny }).paperMultiples] })

/** The `UNet2DModel` of the `quick` preset. */
export function smallNetwork(settings: Pick<BenchSettings, 'tiny'>): DenoisingNetwork {
  const { smallChannels: channels, smallGroups: groups, smallSize: size } = fixedSizes(settings)
  return unet({ size, channels, groups })
}

/** The training schedule of both. */
export const trainingSchedule = noiseSchedule({ family: 'cosine' })

export const steppedSchedule = (steps: number): SamplingSchedule =>
  samplingScheduleFrom(trainingSchedule, 'trailing', steps)

/** Normal numbers in the place of images. */
export function syntheticImages(shape: Shape, count: number): TrainerOptions['data'] {
  const images = new Float32Array(count * sizeOf(shape))
  randomStream({ seed: 0, purpose: 'bench' }).normal(images)
  return { images, labels: null, count }
}
