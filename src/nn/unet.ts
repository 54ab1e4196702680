/** The short way to ask for a `UNet2DModel`: widths, depth, and where attention goes; the rest follows. */
import { inputError } from '../base/index.ts'
import type { DenoisingNetwork } from './network.ts'
import { unet2d } from './unet2d.ts'

export interface UnetOptions {
  /** Height and width of the images; a multiple of 2^(levels - 1). */
  readonly size: number | readonly [number, number]
  /** Channels of each level, finest first; multiples of `groups`. Default [16, 32, 64]. */
  readonly channels?: readonly number[]
  /** 1 grey, 3 colour. Default 1. */
  readonly imageChannels?: number
  /** Residual blocks a level on the way down; one more on the way up. Default 1. */
  readonly layersPerBlock?: number
  /** Groups of the group norms. Default 8. */
  readonly groups?: number
  /** Attention in the middle and at the levels (0 finest) named here; default none at all. `[]`: in the middle only. */
  readonly attentionLevels?: readonly number[]
  /** Channels of one attention head. Default 8. */
  readonly headWidth?: number
  /** Number of classes; the null class is this number. Default: unconditional. */
  readonly classes?: number
}

/**
 * A diffusers `UNet2DModel` for images of one size.
 * @throws `nn.config`, `nn.groups` if the numbers do not fit together
 * @example unet({ size: 16, channels: [16, 32, 64] })
 */
export function unet(options: UnetOptions): DenoisingNetwork {
  const { size, channels = [16, 32, 64], imageChannels = 1, layersPerBlock = 1, groups = 8, headWidth = 8 } = options
  const { attentionLevels, classes } = options
  const attends = channels.map((_, level) => attentionLevels?.includes(level) ?? false)
  const unknown = attentionLevels?.find((level) => !(level in channels))
  if (unknown !== undefined) {
    throw inputError('nn.config', `attention levels must be 0 to ${channels.length - 1}, finest first, got ${unknown}`)
  }
  const [first, ...rest] = channels
  return unet2d({
    sample_size: typeof size === 'number' ? size : [...size],
    in_channels: imageChannels,
    out_channels: imageChannels,
    block_out_channels: [first, ...rest],
    layers_per_block: layersPerBlock,
    norm_num_groups: groups,
    add_attention: attentionLevels !== undefined,
    attention_head_dim: headWidth,
    down_block_types: attends.map((on) => (on ? 'AttnDownBlock2D' : 'DownBlock2D')),
    up_block_types: attends.toReversed().map((on) => (on ? 'AttnUpBlock2D' : 'UpBlock2D')),
    ...(classes !== undefined && { num_class_embeds: classes + 1, _null_class: classes }),
  })
}
