/**
 * The UNet of the bilevel paper (Xiao et al., ICML 2025, arXiv 2502.08808): ShuffleNet-v2 bottlenecks (Ma et al. 2018) under the
 * published parameter names, so that checkpoints trained elsewhere load. Strided bottlenecks go down, bilinear doubling goes up,
 * shortcuts are joined, and a learned embedding of the integer timestep enters after each level through a small perceptron.
 * diffusers has no class for it: share it as ONNX.
 */
import { z } from 'zod'
import { inputError, MOST } from '../base/index.ts'
import type { SymbolicTensor } from '../graph/index.ts'
import { add, concat, reshape, silu, split, transpose, upsampleBilinear } from '../graph/index.ts'
import type { Layer, Pass } from './layers.ts'
import { batchNormLayer, convLayer, embeddingLayer, gathered, linearLayer, sequence } from './layers.ts'
import type { DenoisingNetwork } from './network.ts'

const count = z.int().positive()
const side = count.max(MOST.side)
const channels = count.max(MOST.channels)

const schema = z.strictObject({
  /** Height and width, or one number for both. */
  sample_size: z.union([side, z.tuple([side, side])]),
  in_channels: channels.default(1),
  /** Rows of the time embedding: times are integers below it. */
  timesteps: count.max(MOST.timesteps).default(1000),
  time_embedding_dim: channels.default(256),
  /** Channels of the first level; even, as is every level's. */
  base_dim: channels.multipleOf(2).default(64),
  /** Channels of the further levels in units of base_dim. */
  dim_mults: z.array(channels).nonempty().max(MOST.levels).default([2, 4]),
})

export type ShuffleUNetConfig = Readonly<z.output<typeof schema>>
export type ShuffleUNetOptions = z.input<typeof schema>

const activation: Layer = { parameters: [], statistics: [], apply: (_, x) => silu(x) }

/** Convolution, batch norm, SiLU. The published names nest them under `module`. */
function convNormActivation(prefix: string, inputs: number, outputs: number, kernel = 1, padding = 0): Layer {
  const name = `${prefix}.module`
  return sequence(
    convLayer(`${name}.0`, { inputs, outputs, kernel, padding }),
    batchNormLayer(`${name}.1`, outputs),
    activation,
  )
}

/** Depthwise 3x3 and batch norm, two neighbouring entries of a branch. */
function depthwise(branch: string, index: number, channels: number, stride: number): Layer {
  const options = { inputs: channels, outputs: channels, kernel: 3, stride, padding: 1, groups: channels }
  return sequence(convLayer(`${branch}.${index}`, options), batchNormLayer(`${branch}.${index + 1}`, channels))
}

/** Interleaves the two halves of the channels. */
function shuffleChannels(x: SymbolicTensor): SymbolicTensor {
  const [batch, channels, height, width] = x.shape
  return reshape(transpose(reshape(x, [batch, 2, channels / 2, height, width]), [0, 2, 1, 3, 4]), x.shape)
}

/** Both branches on halves of the channels (or, going down, both on all of them at stride 2), joined and shuffled. */
function bottleneck(prefix: string, inputs: number, outputs: number, down = false): Layer {
  const stride = down ? 2 : 1
  const width = down ? inputs : inputs / 2
  const middle = down ? outputs / 2 : inputs / 2
  const [one, two] = [`${prefix}.branch1`, `${prefix}.branch2`]
  const branch1 = sequence(depthwise(one, 0, width, stride), convNormActivation(`${one}.2`, width, outputs / 2))
  const branch2 = sequence(
    convNormActivation(`${two}.0`, width, middle),
    depthwise(two, 1, middle, stride),
    convNormActivation(`${two}.3`, middle, outputs / 2),
  )
  return {
    ...gathered([branch1, branch2]),
    apply(pass, x) {
      const [a, b] = down ? [x, x] : split(x, [width, width], 1)
      return shuffleChannels(concat([branch1.apply(pass, a), branch2.apply(pass, b)], 1))
    },
  }
}

/** Bottlenecks under `prefix.0`, `prefix.1`, ... through the given channels. */
function bottlenecks(prefix: string, channels: readonly number[]): Layer {
  return sequence(...channels.slice(1).map((outputs, i) => bottleneck(`${prefix}.${i}`, channels[i], outputs)))
}

type TimedLayer = Layer<readonly [SymbolicTensor, SymbolicTensor]>

/** silu(x + perceptron(time)). */
function timeLayer(prefix: string, embedding: number, hidden: number, channels: number): TimedLayer {
  const perceptron = sequence(
    linearLayer(`${prefix}.mlp.0`, embedding, hidden),
    activation,
    linearLayer(`${prefix}.mlp.2`, hidden, channels),
  )
  return {
    ...gathered([perceptron]),
    apply: (pass, x, time) => silu(add(x, reshape(perceptron.apply(pass, time), [x.shape[0], channels, 1, 1]))),
  }
}

function encoderBlock(prefix: string, inputs: number, outputs: number, embedding: number) {
  const half = outputs / 2
  return {
    conv0: bottlenecks(`${prefix}.conv0`, [inputs, inputs, inputs, inputs, half]),
    time: timeLayer(`${prefix}.time_mlp`, embedding, outputs, half),
    conv1: bottleneck(`${prefix}.conv1`, half, outputs, true),
  }
}

function decoderBlock(prefix: string, inputs: number, outputs: number, embedding: number) {
  const half = inputs / 2
  return {
    conv0: bottlenecks(`${prefix}.conv0`, [inputs, inputs, inputs, inputs, half]),
    time: timeLayer(`${prefix}.time_mlp`, embedding, inputs, half),
    conv1: bottleneck(`${prefix}.conv1`, half, outputs / 2),
  }
}

type Block = ReturnType<typeof encoderBlock>

const blockLayers = (blocks: readonly Block[]) => blocks.flatMap(({ conv0, time, conv1 }) => [conv0, time, conv1])

/**
 * The paper's UNet. Sample [b, in_channels, h, w] and int64 times [b] to a prediction of the sample's shape. It has running statistics
 * (batch norm) and no derivative in the time.
 * @throws `nn.config` on an unknown or impossible field
 */
export function shuffleUnet(options: ShuffleUNetOptions): DenoisingNetwork {
  const config = parse(options)
  const { base_dim: base, time_embedding_dim: embedding, in_channels: imageChannels } = config
  const channels = [base, ...config.dim_mults.map((factor) => base * factor)]
  const last = channels[channels.length - 1]
  const steps = config.dim_mults.map((_, i) => [channels[i], channels[i + 1]] as const)
  const initConv = convNormActivation('init_conv', imageChannels, base, 3, 1)
  const table = embeddingLayer('time_embedding', config.timesteps, embedding)
  const encoder = steps.map(([i, o], level) => encoderBlock(`encoder_blocks.${level}`, i, o, embedding))
  const decoder = steps.toReversed().map(([i, o], level) => decoderBlock(`decoder_blocks.${level}`, o, i, embedding))
  const mid = bottlenecks('mid_block', [last, last, last, last / 2])
  const finalConv = convLayer('final_conv', { inputs: base / 2, outputs: imageChannels, kernel: 1 })
  return {
    kind: 'ShuffleUNet',
    config: { _class_name: 'ShuffleUNet', ...config },
    imageShape: [imageChannels, ...extents(config)],
    times: 'integer',
    ...gathered([initConv, table, ...blockLayers(encoder), ...blockLayers(decoder), mid, finalConv]),
    apply(weights, statistics, { sample, timestep, condition }, mode) {
      if (condition)
        throw inputError('nn.condition', 'this network takes no condition, got one; use UNet2DModel for classes')
      const pass: Pass = { weights, statistics, mode, updated: {} }
      const time = table.apply(pass, timestep)
      let h = initConv.apply(pass, sample)
      const shortcuts: SymbolicTensor[] = []
      for (const { conv0, time: timed, conv1 } of encoder) {
        const shortcut = conv0.apply(pass, h)
        shortcuts.push(shortcut)
        h = conv1.apply(pass, timed.apply(pass, shortcut, time))
      }
      h = mid.apply(pass, h)
      for (const { conv0, time: timed, conv1 } of decoder) {
        const joined = concat([upsampleBilinear(h, 2), shortcuts.pop()!], 1)
        h = conv1.apply(pass, timed.apply(pass, conv0.apply(pass, joined), time))
      }
      return { prediction: finalConv.apply(pass, h), statistics: pass.updated }
    },
  }
}

function extents({ sample_size: size }: ShuffleUNetConfig): readonly [number, number] {
  return typeof size === 'number' ? [size, size] : size
}

function parse(options: Readonly<Record<string, unknown>>): ShuffleUNetConfig {
  const fields = Object.fromEntries(Object.entries(options).filter(([key]) => !key.startsWith('_')))
  const parsed = schema.safeParse(fields)
  if (!parsed.success) {
    throw inputError('nn.config', `a ShuffleUNet config must be valid: ${z.prettifyError(parsed.error)}`)
  }
  const config = parsed.data
  const unit = 2 ** config.dim_mults.length
  const [height, width] = extents(config)
  if (height % unit !== 0 || width % unit !== 0) {
    throw inputError(
      'nn.config',
      `sample_size must be a multiple of ${unit} with ${config.dim_mults.length} levels, got ${height}x${width}; pad the images`,
    )
  }
  return config
}
