/**
 * The group-norm UNet of Ho, Jain, Abbeel, "Denoising diffusion probabilistic models" (NeurIPS 2020), as diffusers'
 * `UNet2DModel`: the same parameter names, config and numerics, so that its safetensors load there and theirs load here.
 * Down: residual blocks (with attention where a level asks for it), then a strided convolution; up: the same on the joined
 * shortcuts, one block more per level, then nearest-neighbour doubling and a convolution.
 */
import { inputError } from '../base/index.ts'
import type { SymbolicTensor } from '../graph/index.ts'
import { add, attention, concat, mul, reshape, silu, split, sub, transpose, upsampleNearest } from '../graph/index.ts'
import type { Layer, Pass } from './layers.ts'
import { convLayer, embeddingLayer, gathered, groupNormLayer, linearLayer } from './layers.ts'
import type { DenoisingNetwork, NetworkInputs } from './network.ts'
import { sinusoidalFeatures } from './timeEmbedding.ts'
import type { UNet2DConfig, UNet2DOptions } from './unet2dConfig.ts'
import { learnsVariance, nullClassOf, parseUNet2DConfig, sampleExtents } from './unet2dConfig.ts'

/** A layer that also sees the time: SiLU of the time embedding [b, width]. */
type TimedLayer = Layer<readonly [SymbolicTensor, SymbolicTensor]>

/** x + conv(silu(norm(conv(silu(norm(x))) + time))), the shortcut through a 1x1 convolution where channels change. */
function resnetBlock(prefix: string, inputs: number, outputs: number, config: UNet2DConfig): TimedLayer {
  const { norm_num_groups: groups, norm_eps: epsilon } = config
  const norm1 = groupNormLayer(`${prefix}.norm1`, inputs, groups, epsilon)
  const conv1 = convLayer(`${prefix}.conv1`, { inputs, outputs, kernel: 3, padding: 1 })
  const time = linearLayer(`${prefix}.time_emb_proj`, timeWidth(config), outputs)
  const norm2 = groupNormLayer(`${prefix}.norm2`, outputs, groups, epsilon)
  const conv2 = convLayer(`${prefix}.conv2`, { inputs: outputs, outputs, kernel: 3, padding: 1 })
  const shortcut = inputs === outputs ? [] : [convLayer(`${prefix}.conv_shortcut`, { inputs, outputs, kernel: 1 })]
  return {
    ...gathered([norm1, conv1, time, norm2, conv2, ...shortcut]),
    apply(pass, x, activeTime) {
      const shift = reshape(time.apply(pass, activeTime), [x.shape[0], outputs, 1, 1])
      const middle = add(conv1.apply(pass, silu(norm1.apply(pass, x))), shift)
      const branch = conv2.apply(pass, silu(norm2.apply(pass, middle)))
      return add(
        shortcut.reduce((value, layer) => layer.apply(pass, value), x),
        branch,
      )
    },
  }
}

/** x + attention over all pixels of norm(x), `attention_head_dim` channels a head. */
function attentionBlock(prefix: string, channels: number, groups: number, config: UNet2DConfig): Layer {
  const headWidth = config.attention_head_dim ?? channels
  if (channels % headWidth !== 0) {
    throw inputError(
      'nn.config',
      `attention_head_dim must divide the channels of every level with attention: ${headWidth} does not divide ${channels}`,
    )
  }
  const norm = groupNormLayer(`${prefix}.group_norm`, channels, groups, config.norm_eps)
  const query = linearLayer(`${prefix}.to_q`, channels, channels)
  const key = linearLayer(`${prefix}.to_k`, channels, channels)
  const value = linearLayer(`${prefix}.to_v`, channels, channels)
  const out = linearLayer(`${prefix}.to_out.0`, channels, channels)
  return {
    ...gathered([norm, query, key, value, out]),
    apply(pass, x) {
      const [batch, , height, width] = x.shape
      const pixels = height * width
      const rows = transpose(reshape(norm.apply(pass, x), [batch, channels, pixels]), [0, 2, 1])
      const heads = (layer: Layer) =>
        transpose(reshape(layer.apply(pass, rows), [batch, pixels, channels / headWidth, headWidth]), [0, 2, 1, 3])
      const mixed = transpose(attention(heads(query), heads(key), heads(value)), [0, 2, 1, 3])
      const result = out.apply(pass, reshape(mixed, [batch, pixels, channels]))
      return add(reshape(transpose(result, [0, 2, 1]), x.shape), x)
    },
  }
}

/** A residual block, and attention after it where the level has it. */
function timedBlock(
  level: string,
  index: number,
  inputs: number,
  outputs: number,
  attends: boolean,
  config: UNet2DConfig,
): TimedLayer {
  const resnet = resnetBlock(`${level}.resnets.${index}`, inputs, outputs, config)
  const attentions = attends
    ? [attentionBlock(`${level}.attentions.${index}`, outputs, config.norm_num_groups, config)]
    : []
  return {
    ...gathered([resnet, ...attentions]),
    apply: (pass, x, time) => attentions.reduce((h, layer) => layer.apply(pass, h), resnet.apply(pass, x, time)),
  }
}

interface Level {
  readonly blocks: readonly TimedLayer[]
  /** Halves (down) or doubles (up) the image; absent at the last level. */
  readonly resize?: Layer
}

function downLevels(config: UNet2DConfig): Level[] {
  const { block_out_channels: channels, down_block_types: types, layers_per_block: depth } = config
  return channels.map((outputs, level) => {
    const prefix = `down_blocks.${level}`
    const attends = types[level] === 'AttnDownBlock2D'
    const blocks = Array.from({ length: depth }, (_, i) =>
      timedBlock(prefix, i, i === 0 ? channels[Math.max(level - 1, 0)] : outputs, outputs, attends, config),
    )
    if (level === channels.length - 1) return { blocks }
    // Padding 0 means zeros on the right and at the bottom only.
    const padding = config.downsample_padding === 0 ? ([0, 0, 1, 1] as const) : 1
    const options = { inputs: outputs, outputs, kernel: 3, stride: 2, padding }
    return { blocks, resize: convLayer(`${prefix}.downsamplers.0.conv`, options) }
  })
}

function upLevels(config: UNet2DConfig): Level[] {
  const channels = config.block_out_channels.toReversed()
  const depth = config.layers_per_block + 1
  return channels.map((outputs, level) => {
    const prefix = `up_blocks.${level}`
    const attends = config.up_block_types[level] === 'AttnUpBlock2D'
    const shortcut = channels[Math.min(level + 1, channels.length - 1)]
    const blocks = Array.from({ length: depth }, (_, i) => {
      const carried = i === 0 ? channels[Math.max(level - 1, 0)] : outputs
      const joined = i === depth - 1 ? shortcut : outputs
      return timedBlock(prefix, i, carried + joined, outputs, attends, config)
    })
    if (level === channels.length - 1) return { blocks }
    const conv = convLayer(`${prefix}.upsamplers.0.conv`, { inputs: outputs, outputs, kernel: 3, padding: 1 })
    return { blocks, resize: { ...conv, apply: (pass, x) => conv.apply(pass, upsampleNearest(x, 2)) } }
  })
}

/** Two residual blocks with attention between them, or none. */
function midLayers(config: UNet2DConfig) {
  const channels = config.block_out_channels[config.block_out_channels.length - 1]
  const groups = config.attn_norm_num_groups ?? config.norm_num_groups
  const block = (i: number) => resnetBlock(`mid_block.resnets.${i}`, channels, channels, config)
  return {
    first: block(0),
    attentions: config.add_attention ? [attentionBlock('mid_block.attentions.0', channels, groups, config)] : [],
    last: block(1),
  }
}

const timeWidth = (config: UNet2DConfig) => config.time_embedding_dim ?? 4 * config.block_out_channels[0]

/** Sinusoids of the time through a two-layer perceptron, plus the class's row of the table. */
function timeLayers(config: UNet2DConfig) {
  const width = config.block_out_channels[0]
  if (width % 2 !== 0)
    throw inputError('nn.config', `block_out_channels[0] must be even for sinusoidal times, got ${width}`)
  const first = linearLayer('time_embedding.linear_1', width, timeWidth(config))
  const second = linearLayer('time_embedding.linear_2', timeWidth(config), timeWidth(config))
  const rows = config.num_class_embeds
  const table = rows === null ? undefined : embeddingLayer('class_embedding', rows, timeWidth(config))
  const options = { width, freqShift: config.freq_shift, cosineFirst: config.flip_sin_to_cos }
  return {
    ...gathered(table ? [first, second, table] : [first, second]),
    /** SiLU of the embedding: the form in which every residual block takes it. */
    apply(pass: Pass, { timestep, condition }: NetworkInputs): SymbolicTensor {
      const time = second.apply(pass, silu(first.apply(pass, sinusoidalFeatures(timestep, options))))
      checkCondition(table !== undefined, condition !== undefined)
      return silu(table && condition ? add(time, table.apply(pass, condition)) : time)
    },
  }
}

function checkCondition(wanted: boolean, came: boolean): void {
  if (wanted === came) return
  throw inputError(
    'nn.condition',
    wanted
      ? 'a class-conditional network needs a condition (a class per image, or the null class), got none'
      : 'an unconditional network takes no condition, got one; train with classes to use it',
  )
}

/** Attention layers in checkpoints saved before diffusers 0.15. */
const OLD_ATTENTION_NAMES: Readonly<Record<string, string>> = {
  query: 'to_q',
  key: 'to_k',
  value: 'to_v',
  proj_attn: 'to_out.0',
}

function currentName(name: string): string {
  return name.replace(
    /(\.attentions\.\d+)\.(query|key|value|proj_attn)\./,
    (_, block: string, old: string) => `${block}.${OLD_ATTENTION_NAMES[old]}.`,
  )
}

/**
 * diffusers' `UNet2DModel`. Sample [b, in_channels, h, w] and float32 times [b] to a prediction of the sample's shape: the first half of
 * the outputs where the second is a learned variance.
 * @param options diffusers' config fields; only `sample_size` has no default. `num_class_embeds` n: classes 0 to n - 1, or with
 *   `_null_class: n - 1` classes 0 to n - 2 and the null class
 * @throws `nn.config`, `nn.groups` on a config that is not supported or does not fit together
 * @example unet2d({ sample_size: 16, in_channels: 1, out_channels: 1, block_out_channels: [16, 32, 64], layers_per_block: 1,
 *   norm_num_groups: 8, add_attention: false, down_block_types: ['DownBlock2D', 'DownBlock2D', 'DownBlock2D'],
 *   up_block_types: ['UpBlock2D', 'UpBlock2D', 'UpBlock2D'] })
 */
export function unet2d(options: UNet2DOptions): DenoisingNetwork {
  const config = parseUNet2DConfig(options)
  const nullClass = nullClassOf(options, config)
  const { block_out_channels: channels, in_channels: inputs, out_channels: outputs } = config
  const time = timeLayers(config)
  const convIn = convLayer('conv_in', { inputs, outputs: channels[0], kernel: 3, padding: 1 })
  const down = downLevels(config)
  const mid = midLayers(config)
  const up = upLevels(config)
  const normOut = groupNormLayer('conv_norm_out', channels[0], config.norm_num_groups, config.norm_eps)
  const convOut = convLayer('conv_out', { inputs: channels[0], outputs, kernel: 3, padding: 1 })
  const levelLayers = (levels: readonly Level[]) =>
    levels.flatMap(({ blocks, resize }) => [...blocks, ...(resize ? [resize] : [])])
  const all = [
    convIn,
    time,
    ...levelLayers(down),
    mid.first,
    ...mid.attentions,
    mid.last,
    ...levelLayers(up),
    normOut,
    convOut,
  ]
  return {
    kind: 'UNet2DModel',
    config: {
      _class_name: 'UNet2DModel',
      _diffusers_version: '0.33.0',
      ...config,
      ...(nullClass !== undefined && { _null_class: nullClass }),
    },
    imageShape: [inputs, ...sampleExtents(config)],
    times: 'real',
    ...(config.num_class_embeds !== null && { classes: nullClass ?? config.num_class_embeds }),
    ...(nullClass !== undefined && { nullClass }),
    ...(learnsVariance(config) && { notes: [varianceNote(config)] }),
    ...gathered(all),
    currentName,
    apply(weights, statistics, networkInputs, mode) {
      const pass: Pass = { weights, statistics, mode, updated: {} }
      const { sample } = networkInputs
      const activeTime = time.apply(pass, networkInputs)
      let h = convIn.apply(pass, config.center_input_sample ? sub(mul(sample, 2), 1) : sample)
      const shortcuts = [h]
      for (const { blocks, resize } of down) {
        for (const block of blocks) {
          h = block.apply(pass, h, activeTime)
          shortcuts.push(h)
        }
        if (resize) {
          h = resize.apply(pass, h)
          shortcuts.push(h)
        }
      }
      h = mid.first.apply(pass, h, activeTime)
      for (const layer of mid.attentions) h = layer.apply(pass, h)
      h = mid.last.apply(pass, h, activeTime)
      for (const { blocks, resize } of up) {
        for (const block of blocks) h = block.apply(pass, concat([h, shortcuts.pop()!], 1), activeTime)
        if (resize) h = resize.apply(pass, h)
      }
      const out = convOut.apply(pass, silu(normOut.apply(pass, h)))
      return { prediction: learnsVariance(config) ? split(out, [inputs, inputs], 1)[0] : out, statistics: {} }
    },
  }
}

const varianceNote = ({ in_channels: inputs, out_channels: outputs }: UNet2DConfig): string =>
  `the network gives ${outputs} channels for images of ${inputs}: the first half is its prediction, the learned variance in the second is not used ` +
  '(in diffusers, give a scheduler without learned variance the first half alone)'
