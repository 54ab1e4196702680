/**
 * The config of diffusers' `UNet2DModel`: its field names and defaults, so that `unet/config.json` is read and written as it is
 * there. A value that changes the network and is not computed here is refused, never ignored; what leaves a trained network as it is
 * (dropout, what its moving average was made with) is no reason to refuse.
 *
 * `num_class_embeds` counts classes there, and there is no null class in that convention. Where the last row stands for no class, a field
 * of our own says so: `_null_class`, which diffusers sets aside.
 */
import { z } from 'zod'
import { inputError, MOST } from '../base/index.ts'

const count = z.int().positive()
const side = count.max(MOST.side)
const channels = count.max(MOST.channels)
const downBlock = z.enum(['DownBlock2D', 'AttnDownBlock2D'])
const upBlock = z.enum(['UpBlock2D', 'AttnUpBlock2D'])

const schema = z.strictObject({
  sample_size: z.union([side, z.tuple([side, side])]),
  in_channels: channels.default(3),
  out_channels: channels.default(3),
  center_input_sample: z.boolean().default(false),
  time_embedding_type: z.literal('positional').default('positional'),
  time_embedding_dim: channels.nullable().default(null),
  freq_shift: z.number().default(0),
  flip_sin_to_cos: z.boolean().default(true),
  down_block_types: z
    .array(downBlock)
    .default(['DownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D']),
  mid_block_type: z.literal('UNetMidBlock2D').default('UNetMidBlock2D'),
  up_block_types: z.array(upBlock).default(['AttnUpBlock2D', 'AttnUpBlock2D', 'AttnUpBlock2D', 'UpBlock2D']),
  block_out_channels: z.array(channels).nonempty().max(MOST.levels).default([224, 448, 672, 896]),
  layers_per_block: count.max(MOST.layersPerBlock).default(2),
  mid_block_scale_factor: z.literal(1).default(1),
  downsample_padding: z.union([z.literal(0), z.literal(1)]).default(1),
  downsample_type: z.literal('conv').default('conv'),
  upsample_type: z.literal('conv').default('conv'),
  // Of training alone, and nothing is dropped while this project trains.
  dropout: z.number().min(0).lt(1).default(0),
  act_fn: z.enum(['silu', 'swish']).default('silu'),
  attention_head_dim: count.nullable().default(8),
  norm_num_groups: count.default(32),
  attn_norm_num_groups: count.nullable().default(null),
  norm_eps: z.number().positive().default(1e-5),
  resnet_time_scale_shift: z.literal('default').default('default'),
  add_attention: z.boolean().default(true),
  class_embed_type: z.null().default(null),
  num_class_embeds: count.max(MOST.classes).nullable().default(null),
  // Rows of a learned table of times, which a network with `time_embedding_type: positional` has none of.
  num_train_timesteps: z.number().nullable().default(null),
})

/** Every field, resolved. `num_class_embeds` counts the rows of the class table. */
export type UNet2DConfig = Readonly<z.output<typeof schema>>
/**
 * What has to be given: `sample_size`; all else has diffusers' default. `_null_class`: the row of the class table that stands for no
 * class, its last one; default: none does.
 */
export type UNet2DOptions = z.input<typeof schema> & { readonly _null_class?: number | null }

/** Fields of `EMAModel.save_pretrained`: how the moving average was made, which the weights are already. */
const EMA_FIELDS = [
  'decay',
  'min_decay',
  'optimization_step',
  'update_after_step',
  'use_ema_warmup',
  'inv_gamma',
  'power',
  'cur_decay_value',
] as const

/** Whether a field may change the network: not those with `_` (`_class_name`, ...), of a moving average, or unknown and null. */
function counts([key, value]: [string, unknown]): boolean {
  if (key.startsWith('_') || EMA_FIELDS.some((field) => field === key)) return false
  return value !== null || Object.hasOwn(schema.shape, key)
}

/**
 * Reads and checks a config.
 * @throws `nn.config` naming each field that is unknown, of another type or not supported with what it came as, block lists of unequal
 * lengths, and outputs that are no prediction
 */
export function parseUNet2DConfig(config: Readonly<Record<string, unknown>>): UNet2DConfig {
  const parsed = schema.safeParse(Object.fromEntries(Object.entries(config).filter(counts)))
  if (!parsed.success) {
    throw inputError(
      'nn.config',
      `a UNet2DModel config must have the fields and values supported here; ${parsed.error.issues.map((issue) => issueText(issue, config)).join('; ')}. ` +
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
  checkOutputs(parsed.data)
  return parsed.data
}

/** `act_fn: Invalid option: expected one of "silu"|"swish", got "mish"`. */
function issueText(issue: z.core.$ZodIssue, config: Readonly<Record<string, unknown>>): string {
  const { path, message } = issue
  if (issue.code === 'unrecognized_keys') {
    const came = issue.keys.map((key) => `${key} (${JSON.stringify(config[key])?.slice(0, 40)})`).join(', ')
    return `unknown: ${came}, supported: ${Object.keys(schema.shape).join(', ')}`
  }
  const value = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], config)
  return `${path.join('.')}: ${message}, got ${value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80)}`
}

/** Whether the second half of the outputs is a learned variance, which the prediction does without. */
export const learnsVariance = ({ in_channels: inputs, out_channels: outputs }: UNet2DConfig): boolean =>
  outputs === 2 * inputs

function checkOutputs(config: UNet2DConfig): void {
  const { in_channels: inputs, out_channels: outputs } = config
  if (outputs === inputs || learnsVariance(config)) return
  throw inputError(
    'nn.config',
    `out_channels must be in_channels, or twice as many where the second half is a learned variance, got in_channels ${inputs} and ` +
      `out_channels ${outputs}; a network that takes more than its image (a condition, a mask) is not supported`,
  )
}

/**
 * The row of the class table that stands for no class; undefined: none does.
 * @throws `nn.config` unless it is the last row
 */
export function nullClassOf(
  { _null_class: row }: Pick<UNet2DOptions, '_null_class'>,
  { num_class_embeds: rows }: UNet2DConfig,
): number | undefined {
  if (row === undefined || row === null) return undefined
  if (rows !== null && rows >= 2 && row === rows - 1) return row
  const wanted = rows === null ? 'left out without num_class_embeds' : `${rows - 1}, the last of ${rows} rows`
  throw inputError('nn.config', `_null_class must be ${wanted}, or null, got ${JSON.stringify(row)}`)
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
