/**
 * The config of diffusers' `UNet2DModel`: its field names and defaults, so that `unet/config.json` is read and written as it is
 * there. A value that this project does not compute is refused, never ignored.
 */
import { z } from 'zod'
import { inputError } from '../base/index.ts'

const count = z.int().positive()
const downBlock = z.enum(['DownBlock2D', 'AttnDownBlock2D'])
const upBlock = z.enum(['UpBlock2D', 'AttnUpBlock2D'])

const schema = z.strictObject({
  sample_size: z.union([count, z.tuple([count, count])]),
  in_channels: count.default(3),
  out_channels: count.default(3),
  center_input_sample: z.boolean().default(false),
  time_embedding_type: z.literal('positional').default('positional'),
  time_embedding_dim: count.nullable().default(null),
  freq_shift: z.number().default(0),
  flip_sin_to_cos: z.boolean().default(true),
  down_block_types: z
    .array(downBlock)
    .default(['DownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D']),
  mid_block_type: z.literal('UNetMidBlock2D').default('UNetMidBlock2D'),
  up_block_types: z.array(upBlock).default(['AttnUpBlock2D', 'AttnUpBlock2D', 'AttnUpBlock2D', 'UpBlock2D']),
  block_out_channels: z.array(count).nonempty().default([224, 448, 672, 896]),
  layers_per_block: count.default(2),
  mid_block_scale_factor: z.literal(1).default(1),
  downsample_padding: z.union([z.literal(0), z.literal(1)]).default(1),
  downsample_type: z.literal('conv').default('conv'),
  upsample_type: z.literal('conv').default('conv'),
  dropout: z.literal(0).default(0),
  act_fn: z.enum(['silu', 'swish']).default('silu'),
  attention_head_dim: count.nullable().default(8),
  norm_num_groups: count.default(32),
  attn_norm_num_groups: count.nullable().default(null),
  norm_eps: z.number().positive().default(1e-5),
  resnet_time_scale_shift: z.literal('default').default('default'),
  add_attention: z.boolean().default(true),
  class_embed_type: z.null().default(null),
  num_class_embeds: z.int().min(2).nullable().default(null),
  num_train_timesteps: z.null().default(null),
})

/** Every field, resolved. `num_class_embeds` = classes + 1: the last row is the null class. */
export type UNet2DConfig = Readonly<z.output<typeof schema>>
/** What has to be given: `sample_size`; all else has diffusers' default. */
export type UNet2DOptions = z.input<typeof schema>

/**
 * Reads and checks a config; fields that begin with `_` (`_class_name`, ...) are set aside.
 * @throws `nn.config` naming each field that is unknown, of another type or not supported, and block lists of unequal lengths
 */
export function parseUNet2DConfig(config: Readonly<Record<string, unknown>>): UNet2DConfig {
  const fields = Object.fromEntries(Object.entries(config).filter(([key]) => !key.startsWith('_')))
  const parsed = schema.safeParse(fields)
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) =>
      path.length ? `${path.join('.')}: ${message}` : message,
    )
    throw inputError(
      'nn.config',
      `a UNet2DModel config must have the fields and values supported here; ${issues.join('; ')}. ` +
        'A model that needs another value can still be used through its ONNX file.',
    )
  }
  const { block_out_channels: channels, down_block_types: down, up_block_types: up } = parsed.data
  if (down.length !== channels.length || up.length !== channels.length) {
    throw inputError(
      'nn.config',
      'down_block_types, up_block_types and block_out_channels must have one entry per level, ' +
        `got ${down.length}, ${up.length} and ${channels.length}`,
    )
  }
  checkSize(parsed.data)
  return parsed.data
}

/** Height and width of the sample. */
export function sampleExtents({ sample_size: size }: UNet2DConfig): readonly [number, number] {
  return typeof size === 'number' ? [size, size] : size
}

function checkSize(config: UNet2DConfig): void {
  const unit = 2 ** (config.block_out_channels.length - 1)
  const [height, width] = sampleExtents(config)
  if (height % unit !== 0 || width % unit !== 0) {
    throw inputError(
      'nn.config',
      `sample_size must be a multiple of ${unit} with ${config.block_out_channels.length} levels, got ${height}x${width}; ` +
        'pad or resize the images, or use fewer levels',
    )
  }
}
