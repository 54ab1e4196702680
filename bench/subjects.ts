/** The networks that are measured, and synthetic images: times do not depend on what is in them. */
import type { Shape } from '../src/base/index.ts'
import { randomStream, sizeOf } from '../src/base/index.ts'
import type { SamplingSchedule, TrainerOptions } from '../src/diffusion/index.ts'
import { noiseSchedule, samplingScheduleFrom } from '../src/diffusion/index.ts'
import type { DenoisingNetwork } from '../src/nn/index.ts'
import { networkFromConfig, shuffleUnet, unet } from '../src/nn/index.ts'
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

/** The architecture of google/ddpm-cifar10-32. */
export function realNetwork(settings: Pick<BenchSettings, 'tiny'>): DenoisingNetwork {
  const { realChannels, realSize } = fixedSizes(settings)
  return networkFromConfig({
    _class_name: 'UNet2DModel',
    sample_size: realSize,
    in_channels: 3,
    out_channels: 3,
    layers_per_block: 2,
    block_out_channels: [...realChannels],
    down_block_types: ['DownBlock2D', 'AttnDownBlock2D', 'DownBlock2D', 'DownBlock2D'],
    up_block_types: ['UpBlock2D', 'UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'],
    downsample_padding: 0,
    attention_head_dim: null,
    norm_num_groups: 32,
    norm_eps: 1e-6,
    flip_sin_to_cos: false,
    freq_shift: 1,
  })
}

/** The training schedule of all. */
export const trainingSchedule = noiseSchedule({ family: 'cosine' })

export const steppedSchedule = (steps: number): SamplingSchedule =>
  samplingScheduleFrom(trainingSchedule, 'trailing', steps)

/** Normal numbers in the place of images. */
export function syntheticImages(shape: Shape, count: number): TrainerOptions['data'] {
  const images = new Float32Array(count * sizeOf(shape))
  randomStream({ seed: 0, purpose: 'bench' }).normal(images)
  return { images, labels: null, count }
}
